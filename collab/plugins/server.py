"""The server as plugins see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import TYPE_CHECKING, NamedTuple, Protocol

from collab import __version__
from collab.plugins.access import Action
from collab.plugins.document import Document, OpenRoom
from collab.rooms.port import Session

if TYPE_CHECKING:
    from collab.ot import Delta
    from collab.plugins.guard import Health
    from collab.plugins.house import House
    from collab.plugins.standing import Standing
    from collab.rooms.journal import Journal


class Opens(Protocol):
    """Who opens documents; `collab.rooms.rooms.Rooms` does."""

    def use(self, id: str) -> AbstractAsyncContextManager[OpenRoom]: ...

    @property
    def journal(self) -> Journal: ...


class Commits(NamedTuple):
    """Transactions with edits since the server started."""

    committed: int
    failed: int
    """Those that failed, or whose outcome is not known: the edits in them come again."""


May = Callable[[Session, Action, Document | None], Awaitable[bool]]
"""Whether a session's person may do something. Raises nothing."""


class Server:
    """What ``server_started`` and ``server_stopping`` are handed, and ``self.server`` is."""

    version = __version__
    """Of Collab."""

    def __init__(
        self,
        base_path: str,
        rooms: Opens | None,
        house: House,
        standing: Standing,
        health: Callable[[], Mapping[str, Health]],
        may: May,
    ) -> None:
        self.base_path = base_path
        """The path a reverse proxy serves Collab under; empty when there is none."""
        self._rooms = rooms
        self._house = house
        self._standing = standing
        self._health = health
        self._may = may

    @asynccontextmanager
    async def document(self, id: str) -> AsyncIterator[Document]:
        """Open a document, to read or edit it though nobody else has it open.

        Raises `CollabError`: there is no such document, it can't be read, or the server stops.
        """
        if self._rooms is None:
            raise LookupError("This server has no documents.")
        async with self._rooms.use(id) as room:
            yield self._house.document_of(room)

    def open_documents(self) -> list[Document]:
        """The documents that are open now."""
        return self._house.open_documents()

    async def documents(
        self, *, search: str = "", limit: int = 50, cursor: str | None = None
    ) -> tuple[list[Document], str | None]:
        """Documents whose title contains ``search``, last changed first, and where to go on.

        They are not opened for it. Raises ValueError for a cursor that is not one of ours.
        """
        return await self._house.list_documents(search, limit, cursor)

    async def create_document(
        self, title: str, *, type: str = "text", content: Delta | str | None = None
    ) -> Document:
        """Make a document; without ``content``, with what plugins have it begin with.

        Raises `CollabError` that says what is wrong with it.
        """
        return await self._house.make_document(title, type, content)

    async def may(
        self, session: Session, action: Action, document: Document | None = None
    ) -> bool:
        """Whether the person of a session may do something.

        The same is asked as for their requests: first ``authorize``, and where no plugin says
        anything, ``administer`` is for the operator. ``document`` is what it is about, None for
        ``create`` and ``administer``. False also while a plugin that decides does not answer.
        Ask when it is done, and not only when a button for it is shown.
        """
        return await self._may(session, action, document)

    async def reconsider(
        self, *, user: str | None = None, document: str | None = None
    ) -> int:
        """Ask ``authorize``, and who they are ``authenticate``, anew for the sessions that are
        open: of the user of that id, of the document of that id, or all.

        Whoever may do less or more than when they came is let go, and comes straight back with
        what they may do now; who may not even read gets what a newcomer gets. Returns how many
        were let go. Call it when an answer of yours has changed, from a route or a task, never
        in ``authorize`` itself. Takes as long as plugins take to answer.
        """
        return await self._standing.reconsider(user, document)

    def health(self) -> Mapping[str, Health]:
        """How each plugin is doing, by its name."""
        return self._health()

    def commits(self) -> Commits:
        """How many transactions with edits were committed, and how many failed."""
        if self._rooms is None:
            return Commits(0, 0)
        journal = self._rooms.journal
        return Commits(journal.commits, journal.failures)
