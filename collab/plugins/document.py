"""What a hook is handed: a document as plugins see it, and an operation."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING, Protocol

from collab.ot import Delta
from collab.protocol.frames import Frame
from collab.rooms.port import Session
from collab.storage.port import DocumentRecord, StoredOperation

if TYPE_CHECKING:
    from collab.ot import Content


class OpenRoom(Protocol):
    """What plugins need of an open document; `collab.rooms.room.Room` has it."""

    @property
    def document(self) -> DocumentRecord: ...
    @property
    def revision(self) -> int: ...
    @property
    def content(self) -> Content: ...
    @property
    def sessions(self) -> Mapping[str, Session]: ...

    async def edit(self, delta: Delta, *, author: str, revision: int | None = None) -> int: ...
    def broadcast(self, frame: Frame, except_: Session | None = None) -> None: ...


class NotOpen(LookupError):
    """The content of a document was asked for that nobody has open."""

    def __init__(self, id: str) -> None:
        super().__init__(
            f"Document {id} is not open here:"
            " read it in `async with server.document(id) as document`."
        )


class Document:
    """A document as plugins see it. What is read from it is committed, and of this moment.

    Lengths and positions are UTF-16 code units.
    """

    __slots__ = ("_record", "_room")

    def __init__(self, record: DocumentRecord, room: OpenRoom | None = None) -> None:
        self._record = record
        self._room = room

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
    def open(self) -> bool:
        """Whether there is content to read; only a document that nobody uses has none."""
        return self._room is not None

    @property
    def revision(self) -> int:
        """The last committed revision."""
        return self._room.revision if self._room is not None else self._record.revision

    @property
    def text(self) -> str:
        """The plain text. Costs the size of the document. Raises `NotOpen`."""
        return self._opened().content.text()

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

    async def edit(self, delta: Delta, *, author: str, revision: int | None = None) -> int:
        """Apply an edit made on ``revision`` (default: the newest), in the name of ``author``.

        Returns its revision once it is on disk. Raises `NotOpen`, or `CollabError` when it
        can't be taken.
        """
        return await self._opened().edit(delta, author=author, revision=revision)

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
        return self._room

    def __repr__(self) -> str:
        return f"<Document {self.id} {self.title!r} at revision {self.revision}>"


class Operation:
    """A committed operation: what changed, who did it, when."""

    __slots__ = ("_delta", "_stored")

    def __init__(self, stored: StoredOperation, delta: Delta) -> None:
        self._stored = stored
        self._delta = delta

    @property
    def revision(self) -> int:
        """The revision it made; its delta applies to the one before."""
        return self._stored.revision

    @property
    def client(self) -> str:
        """The id of the client that made it; a session's is ``session.client``."""
        return self._stored.client

    @property
    def sequence(self) -> int:
        """Its number among the client's own."""
        return self._stored.sequence

    @property
    def author(self) -> str:
        """The id of the user who made it, as the server knows them."""
        return self._stored.author

    @property
    def time(self) -> float:
        """Seconds since 1970 (UTC)."""
        return self._stored.time

    @property
    def delta(self) -> Delta:
        """A copy, yours to change."""
        return self._delta.slice()

    def __repr__(self) -> str:
        return f"<Operation {self.revision} by {self.author}>"
