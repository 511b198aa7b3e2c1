"""Asking plugins for an answer that somebody waits for: who it is, may they, what is there."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from functools import partial
from typing import Any, TypeVar

from collab.ot import Delta
from collab.plugins.access import Action, Request
from collab.plugins.caller import Broken, Implementation
from collab.plugins.document import Document
from collab.plugins.guard import HARMLESS
from collab.plugins.offers import Contribution, NewDocument
from collab.protocol import errors
from collab.protocol.contents import Bounds, is_large
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.rooms.new import DOCUMENT_ID, new_document, new_names
from collab.rooms.port import Session
from collab.rooms.turns import aside
from collab.storage.port import DocumentRecord

T = TypeVar("T")

Ask = Callable[[str], Sequence[Implementation]]
"""Who implements a hook, in order."""

_OPERATOR = (
    " When that lasts, switch it off on the server's machine (collab plugins off {plugin}) or with"
    " the operator's link (collab open), or start the server with --plugins-off {plugin}."
)
"""For who would switch it off, and may not either."""


PATIENCE = 5.0
"""Seconds that a question waits for a plugin which is being loaded anew."""

COME_BACK = 30
"""Seconds after which a visitor may ask again whether the server serves everybody."""


@dataclass(frozen=True, slots=True)
class _Exchange:
    """A plugin is being exchanged for a fresh one, and can't be asked meanwhile."""

    questions: frozenset[str]
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    began: float = field(default_factory=time.monotonic)


class Gate:
    """The questions that are put to plugins, one after the other."""

    def __init__(self, ask: Ask, bounds: Bounds) -> None:
        """``bounds`` are those of a document that a plugin brings."""
        self._ask = ask
        self._bounds = bounds
        self.exchanged: dict[str, _Exchange] = {}
        """By name, the plugins that are being loaded again, or were lost while they were."""
        self.missing: dict[str, str] = {}
        """By name, the plugins that decide and do not run, and in words why not. While there is
        one, no other is asked: only the operator is served."""

    @property
    def guards(self) -> bool:
        """Whether a plugin has a say in who may do what."""
        return bool(self.missing or self._ask("authorize")) or self.lacks("authorize")

    @contextmanager
    def exchanging(self, plugin: str, hooks: Collection[str]) -> Iterator[None]:
        """A plugin is taken out and its successor taken in: what it decides by its ``hooks``
        waits for that.

        Until `settled` is called, also when the block fails, nobody may do what it decides.
        """
        exchange = self.exchanged[plugin] = _Exchange(frozenset(hooks))
        try:
            yield
        finally:
            exchange.ended.set()

    def lacks(self, question: str) -> bool:
        """Whether a plugin can't be asked now, and may not be passed over."""
        return any(question in one.questions for one in self.exchanged.values())

    async def lacking(self, question: str) -> str | None:
        """Wait, though not for long, for plugins that are being loaded; the name of one that may
        not be passed over and still can't be asked."""
        for plugin, exchange in list(self.exchanged.items()):
            if question not in exchange.questions:
                continue
            wait = exchange.began + PATIENCE - time.monotonic()
            with suppress(TimeoutError):
                await asyncio.wait_for(exchange.ended.wait(), max(wait, 0))
            if self.exchanged.get(plugin) is exchange:
                return plugin
        return None

    def settled(self, plugin: str) -> None:
        """A plugin is in again, or shall be off: it is not waited for any more."""
        self.exchanged.pop(plugin, None)
        self.missing.pop(plugin, None)

    def check_complete(self) -> None:
        """Raises `CollabError` OPERATOR_ONLY while a plugin that decides does not run."""
        if self.missing:
            raise CollabError(
                errors.OPERATOR_ONLY,
                f"The plugin {next(iter(self.missing))} decides who may do what here, and is not"
                " running: until it is, this server serves its operator only. If you are the"
                " operator, `collab open` on the server's machine prints a link that lets you in,"
                " and the log says why the plugin does not run and what to do.",
                retry_after=COME_BACK,
            )

    async def authenticate(self, make: Callable[[], Request]) -> User | None:
        """Who sends a request, if a plugin knows; ``make`` is called when there is one to ask.

        Raises `CollabError` FORBIDDEN when one failed.
        """
        if self.missing:
            return None
        await self._all_there("authenticate")
        asked = self._ask("authenticate")
        if not asked:
            return None
        request = make()
        for one in asked:
            user: User | None = await self._strictly(one, (request,), User)
            if user is not None:
                return user
        return None

    async def allows(
        self, user: User, action: Action, document: Document | None, *, otherwise: bool = True
    ) -> bool:
        """Whether somebody may do something; ``otherwise`` when no plugin says.

        Raises `CollabError` FORBIDDEN when a plugin failed, OPERATOR_ONLY when one is missing.
        """
        self.check_complete()
        await self._all_there("authorize")
        said = None
        for one in self._ask("authorize"):
            advice = _OPERATOR if action == "administer" else ""
            answer: bool | None = await self._strictly(one, (user, action, document), bool, advice)
            if answer is False:
                return False
            said = said or answer
        return otherwise if said is None else said

    async def may(self, session: Session, action: Action, document: Document | None) -> bool:
        """Whether a session's person may do something, where no web server is asked: there
        nobody is the operator."""
        try:
            return await self.allows(
                session.user, action, document, otherwise=action != "administer"
            )
        except CollabError:
            return False

    async def permissions(self, user: User, document: Document) -> frozenset[str]:
        """What a session of somebody may do: nothing, ``read``, or ``read`` and ``write``.

        Raises `CollabError` FORBIDDEN when a plugin failed, OPERATOR_ONLY when one is missing.
        """
        if not await self.allows(user, "read", document):
            return frozenset()
        write = await self.allows(user, "write", document)
        return frozenset({"read", "write"}) if write else frozenset({"read"})

    async def contributions(self, page: str, document: Document | None) -> list[Contribution]:
        """What plugins add to a page."""
        found = []
        for one in self._ask("page_contributions"):
            answer = await one.ask((page, document), Contribution)
            if answer is not None:
                found.append(answer)
        return found

    async def initial_content(
        self, document: Document, check: Callable[[str | Delta], Awaitable[T]]
    ) -> T | None:
        """What a new document begins with, if a plugin says, as ``check`` makes it.

        ``check`` raises for what can't be the content of the document.
        """
        for one in self._ask("initial_content"):
            answer = await one.ask((document,), (str, Delta))
            if answer is None:
                continue
            try:
                return await check(answer)
            except HARMLESS as error:
                one.guard.failed("initial_content", error)
        return None

    async def find_document(self, id: str) -> tuple[DocumentRecord, bytes] | None:
        """A document from elsewhere and its content in JSON, if a plugin has one by that id."""
        asked = self._ask("find_document")
        if not asked or not DOCUMENT_ID.fullmatch(id):
            return None
        for one in asked:
            found = await one.ask((id,), NewDocument)
            if found is None:
                continue
            try:
                make = partial(
                    new_document, found.title, found.type, found.content, self._bounds,
                    names=new_names(id),
                )
                return await aside(make) if is_large(found.content) else make()
            except HARMLESS as error:
                one.guard.failed("find_document", error)
        return None

    async def _all_there(self, question: str) -> None:
        """Wait for plugins that decide, and are being loaded anew. Raises `CollabError`."""
        plugin = await self.lacking(question)
        if plugin is not None:
            sentence = f"The plugin {plugin} decides about that, and is being loaded anew."
            raise CollabError(errors.FORBIDDEN, sentence)

    async def _strictly(
        self, one: Implementation, arguments: tuple[Any, ...], expected: type, advice: str = ""
    ) -> Any:
        try:
            return await one.ask(arguments, expected)
        except Broken:
            sentence = "The plugin {plugin} decides about that, and does not answer now." + advice
            raise CollabError(
                errors.FORBIDDEN, sentence.format(plugin=one.guard.plugin)
            ) from None
