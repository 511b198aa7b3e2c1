"""Whether who is here may still do what they came for: open sessions are asked about anew."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterable

from collab.plugins.document import Document
from collab.plugins.gate import Gate
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.rooms.port import Session

AT_ONCE = 20
"""Sessions that plugins are asked about at the same time."""

COME_BACK = 0.1
"""Seconds after which who was let go may come back; each is told up to twice that."""

Recognize = Callable[[Session], Awaitable[bool]]
"""Whether plugins still say the same of who a session is. Raises `CollabError` when one fails."""


async def recognize_everybody(session: Session) -> bool:
    """Where nobody can be asked who a session is, it is who it was."""
    return True


class Standing:
    """What open sessions may do."""

    def __init__(self, gate: Gate, documents: Callable[[], Iterable[Document]]) -> None:
        """``documents`` gives those that are open."""
        self.turn = 0
        """How often it was asked to `reconsider`. When it went on since somebody who is about to
        join was asked about, they have to be asked about again: nobody saw them."""
        self.recognize: Recognize = recognize_everybody
        self._gate = gate
        self._documents = documents
        # One after the other: a plugin that asks for it in `authorize` waits for itself, and is
        # cut off.
        self._asking = asyncio.Lock()

    async def reconsider(self, user: str | None = None, document: str | None = None) -> int:
        """Ask anew about open sessions, of this user or document, and let go whom the answer
        is another for: they come back with what they may do now. Returns how many those are.
        """
        self.turn += 1
        async with self._asking:
            crowd = asyncio.Semaphore(AT_ONCE)

            async def changed(document: Document, session: Session) -> bool:
                async with crowd:
                    return await self._changed(document, session)

            found = await asyncio.gather(
                *(
                    changed(one, session)
                    for one in self._documents()
                    if document in (None, one.id)
                    for session in one.sessions.values()
                    if user in (None, session.user.id)
                )
            )
        return sum(found)

    async def holds(self, document: Document, session: Session) -> bool:
        """Whether a session may still do just what it could, and is who it was."""
        return await self._allowed(document, session) == session.permissions

    async def _allowed(self, document: Document, session: Session) -> frozenset[str]:
        try:
            if not await self.recognize(session):
                return frozenset()
            return await self._gate.permissions(session.user, document)
        except CollabError:
            # A plugin failed that has to answer: they are asked about again when they come back.
            return frozenset()

    async def _changed(self, document: Document, session: Session) -> bool:
        allowed = await self._allowed(document, session)
        if allowed == session.permissions or session.id not in document.sessions:
            return False
        # At once, for what is on its way here: it comes again, and is then taken or refused.
        session.allow(allowed)
        session.end(errors.PERMISSIONS_CHANGED, retry_after=COME_BACK * (1 + random.random()))
        return True
