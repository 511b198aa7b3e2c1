"""What a hook is handed: a document as plugins see it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from threading import get_ident
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from collab.ot import Delta, content_like
from collab.plugins.archive import Archive, Contents, Operation
from collab.plugins.edit import Edit
from collab.plugins.frozen import FrozenRoom
from collab.plugins.ordered import OrderedRoom
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.rooms.ordering import Ordering
from collab.rooms.port import Session
from collab.storage.port import Author, DocumentRecord, Kept

if TYPE_CHECKING:
    from collab.ot import Content, DocumentType


class OpenRoom(Protocol):
    """What plugins need of an open document; `collab.rooms.room.Room` has it."""

    @property
    def document(self) -> DocumentRecord: ...
    @property
    def type(self) -> DocumentType: ...
    @property
    def revision(self) -> int: ...
    @property
    def content(self) -> Content: ...
    @property
    def sessions(self) -> Mapping[str, Session]: ...
    @property
    def ordering(self) -> Ordering: ...

    async def edit(
        self,
        delta: Delta,
        *,
        author: User,
        revision: int | None = None,
        keep: Sequence[Kept] = (),
    ) -> int: ...
    def broadcast(self, frame: Frame, except_: Session | None = None) -> None: ...


class NotOpen(LookupError):
    """The content of a document was asked for that nobody has open."""

    def __init__(self, id: str) -> None:
        super().__init__(
            f"Document {id} is not open here:"
            " read it in `async with server.document(id) as document`."
        )


class Document:
    """A document as plugins see it. What is read from it is committed, and of this moment; in
    ``before_operation`` it is what the edit in question applies to.

    Lengths and positions are UTF-16 code units.
    """

    __slots__ = ("_archive", "_record", "_room", "_thread")

    def __init__(
        self,
        record: DocumentRecord,
        room: OpenRoom | None = None,
        archive: Archive | None = None,
    ) -> None:
        self._record = record
        self._room = room
        self._archive = archive or Archive()
        self._thread = get_ident()

    @property
    def record(self) -> DocumentRecord:
        """Everything the store says of it beside its content, as of when it was looked up."""
        return self._record if self._room is None else self._room.document

    @property
    def id(self) -> str:
        return self._record.id

    @property
    def title(self) -> str:
        return self._room.document.title if self._room is not None else self._record.title

    @property
    def type(self) -> str:
        """``text``, ``richtext``, or one that a plugin brought."""
        return self._record.type

    @property
    def like(self) -> str:
        """The built-in type whose content it has: ``text`` for all that is plain text, whatever
        its type is called, ``richtext``, or empty for an algebra of a plugin's own."""
        return content_like(self._record.type) if self._room is None else self._room.type.like

    @property
    def created(self) -> float:
        """Seconds since 1970 (UTC)."""
        return self._record.created

    @property
    def open(self) -> bool:
        """Whether there is content to read; only a document that nobody uses has none."""
        return self._room is not None

    @property
    def frozen(self) -> bool:
        """Whether it is what the document was at a revision, as exporters get it: for reading."""
        return isinstance(self._room, FrozenRoom)

    @property
    def ordered(self) -> OrderedRoom | None:
        """What it is read from when ``before_operation`` was handed it; else None."""
        return self._room if isinstance(self._room, OrderedRoom) else None

    @property
    def revision(self) -> int:
        """The last committed revision; in ``before_operation``, the one that the edit is for."""
        return self._room.revision if self._room is not None else self._record.revision

    @property
    def text(self) -> str:
        """The plain text. Costs the size of the document. Raises `NotOpen`."""
        return self._opened().content.text()

    def pieces(self) -> Iterator[str]:
        """The plain text in pieces that never cut a character: for a long document. Raises
        `NotOpen`."""
        return self._opened().content.pieces()

    @property
    def delta(self) -> Delta:
        """The content as the Delta that makes it. Costs its size. Raises `NotOpen`."""
        return self._opened().content.delta()

    @property
    def length(self) -> int:
        """Raises `NotOpen`."""
        return self._opened().content.length

    @property
    def sessions(self) -> Mapping[str, Session]:
        """Who has the document open, by session id: the truth, whatever hooks were missed."""
        return MappingProxyType(dict(self._room.sessions)) if self._room is not None else {}

    def session_of(self, client: str) -> Session | None:
        """Whose operations carry the client id ``client``; None when they are not here."""
        sessions = self._room.sessions.values() if self._room is not None else ()
        return next((one for one in sessions if one.client == client), None)

    async def history(self, since: int = 0, until: int | None = None) -> list[Operation]:
        """The committed operations ``since + 1 …`` up to and with ``until`` (default: the newest).

        Read from the store, also for a document that is not open: ask for a long log in parts.
        """
        return await self._archive.history(self.id, since, until)

    async def content_at(self, revision: int) -> Contents:
        """What the document held at a revision: ``.text``, ``.delta``, ``.length``.

        Costs the size of the document. Raises `CollabError` when there is no such revision.
        """
        return await self._archive.contents(self.id, revision)

    async def authors(self) -> list[Author]:
        """Who wrote in it: ids, and what they were called when they last did.

        In the order in which they first wrote; of more than `AUTHORS`, the first ones. Whom the
        server was never told a name of is not among them. For a document that is not open, too.
        Of a document as it was at a revision: who had written in it by then.
        """
        authors = await self._archive.authors(self.id)
        if self.frozen:
            return [one for one in authors if one.since <= self.revision]
        return authors

    async def apply(
        self,
        delta: Delta,
        *,
        author: str | User,
        revision: int | None = None,
        keep: Sequence[Kept] = (),
    ) -> int:
        """Make an edit, worked out for ``revision`` (default: the newest), in somebody's name.

        ``author`` is a user, or the id of one whose name is not known. ``keep`` is for
        `State.transaction`. Returns the edit's revision once it is on disk. Raises `NotOpen`, or
        `CollabError` when it can't be taken.
        """
        room = self._opened()
        if not isinstance(delta, Delta):
            raise TypeError(f"An edit is a Delta, not {type(delta).__name__}.")
        # A copy: the document goes on with it, and so may who made it.
        own = Delta(delta.ops)
        return await room.edit(own, author=_user(author), revision=revision, keep=keep)

    def edit(self, *, author: str | User) -> Edit:
        """``async with document.edit(author=user) as edit: edit.insert(0, "x")``.

        It is committed when the block ends, as one operation, or as several that are taken all or
        none if it is larger than one may be; see `apply` for what it raises.
        """
        self._opened()
        return Edit(self, author)

    def broadcast(self, frame: Frame, except_: Session | None = None) -> None:
        """Send an encoded frame to everybody who has it open, save one session.

        Plugins use `Plugin.broadcast`, which names the channel and minds the flow.
        """
        if self._room is not None:
            self._room.broadcast(frame, except_)

    def is_of(self, room: OpenRoom) -> bool:
        """Whether this is the document of that very room."""
        return self._room is room

    def _opened(self) -> OpenRoom:
        if self._room is None:
            raise NotOpen(self.id)
        if get_ident() != self._thread and not self.frozen:
            # Its content is brought up to date by who reads it: two at once would do that twice.
            raise RuntimeError(
                "An open document is read and edited in the event loop, not in a thread:"
                " hand the thread its text."
            )
        return self._room

    def __repr__(self) -> str:
        return f"<Document {self.id} {self.title!r} at revision {self.revision}>"


def _user(author: str | User) -> User:
    return User(author, "", "") if isinstance(author, str) else author
