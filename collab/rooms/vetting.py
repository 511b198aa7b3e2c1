"""Asking before an edit is taken: one operation of a document after the other, in order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import TYPE_CHECKING

from collab.ot import Delta
from collab.protocol import errors, messages
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.rooms.ordering import Ordering
from collab.rooms.pieces import in_pieces, moved
from collab.rooms.port import RoomObserver, Session
from collab.rooms.telling import refuse
from collab.rooms.turns import aside
from collab.storage.port import Kept

if TYPE_CHECKING:
    from collab.rooms.room import Room

log = logging.getLogger(__name__)


class Vetting:
    """Waits for the observer; rooms go this way only where somebody wants to be asked."""

    def __init__(self, room: Room, ordering: Ordering, observer: RoomObserver) -> None:
        self._room = room
        self._ordering = ordering
        self._observer = observer
        self._turn = asyncio.Lock()

    @property
    def needed(self) -> bool:
        """Whether an operation that comes now has to go this way."""
        return self._observer.vets or self._turn.locked()

    async def submit(
        self, session: Session, operation: messages.Operation, delta: Delta
    ) -> None:
        """Ask about a session's operation, then order it or tell the session why not."""
        room, client = self._room, session.client
        async with self._turn:
            try:
                room.check_alive()
                if session.id not in room.sessions:
                    return  # its client sends it again, and is then known or not
                last, _ = self._ordering.last(client)
                if operation.sequence != last + 1:
                    return  # the same operation, sent twice, was taken while this one waited
                author = session.user
                base, delta = await self._ask(
                    session, client, author, operation.revision, delta
                )
                if "write" not in session.permissions:
                    return  # taken from them meanwhile: it comes again, and is refused
                room.order(base, client, operation.sequence, author, delta)
            except CollabError as error:
                refuse(session, error, operation.sequence)
            except Exception:
                log.exception("document %s: an operation could not be looked at", room.id)
                refuse(session, CollabError(errors.INTERNAL), operation.sequence)

    async def edit(
        self,
        client: str,
        author: User,
        revision: int | None,
        delta: Delta,
        keep: Sequence[Kept],
        unchanged: bool,
    ) -> int:
        """Ask about an edit made on the server; its revision. Raises `CollabError`.

        ``unchanged``: only while ``revision`` is the newest.
        """
        async with self._turn:
            if unchanged:
                self._ordering.check_newest(revision)
            base, delta = await self._ask(None, client, author, revision, delta)
            return self._room.order_own(base, author, delta, keep)

    async def edit_large(
        self,
        client: str,
        author: User,
        revision: int | None,
        delta: Delta,
        keep: Sequence[Kept],
        unchanged: bool,
    ) -> int:
        """`edit` for one that is larger than an operation may be; the revision of its last piece.

        It is checked and asked about whole, and nothing else is ordered until all of it is: so it
        is taken whole or not at all, and nobody sees half of it. Raises `CollabError`.
        """
        room, ordering = self._room, self._ordering
        base = ordering.revision if revision is None else revision
        if not unchanged:
            # Most of what was written since, before others have to wait for it.
            base, delta = await self._moved(base, delta, client)
        async with self._turn:
            if unchanged:
                ordering.check_newest(revision)
            base, delta = await self._moved(base, delta, client)
            content = ordering.content.copy()
            await aside(lambda: ordering.check_large(delta, content))
            delta = await self._observer.before(room, None, author.id, delta)
            room.check_alive()
            pieces = await aside(lambda: in_pieces(delta, room.limits)) or [delta]
            return await room.order_pieces(pieces, author, keep)

    async def _moved(self, revision: int, delta: Delta, client: str) -> tuple[int, Delta]:
        """The newest revision, and an edit made on ``revision`` as it applies there."""
        theirs = self._ordering.history(revision)
        if not theirs:
            return revision, delta
        return revision + len(theirs), await aside(lambda: moved(delta, theirs, client))

    async def _ask(
        self,
        session: Session | None,
        client: str,
        author: User,
        revision: int | None,
        delta: Delta,
    ) -> tuple[int, Delta]:
        """What is to be taken in the place of ``delta``, and the revision it applies to.

        Nothing is ordered while the observer is asked, since everything that comes meanwhile
        waits for its turn: what it is shown is what the edit is applied to.
        """
        newest = self._ordering.revision
        if revision is not None and revision != newest:
            delta = self._ordering.transform(revision, client, delta)
        # An edit that does not fit is its author's fault, and no observer's business.
        self._ordering.check(delta)
        vetted = await self._observer.before(self._room, session, author.id, delta)
        self._room.check_alive()
        return newest, vetted
