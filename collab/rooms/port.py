"""What a room needs from the floors above it: readers to send to, and somebody to tell."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Protocol

from collab.ot import Delta
from collab.protocol.errors import ErrorCode
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.storage.port import DocumentRecord, StoredOperation

if TYPE_CHECKING:
    from collab.rooms.room import Room


class Session(Protocol):
    """One connection to one document. The web floor implements it over a WebSocket.

    Who it is and what it may do can't be assigned: plugins are handed sessions, too.
    """

    @property
    def id(self) -> str: ...

    @property
    def client(self) -> str:
        """The client id its operations carry; it decides ties and names the sender."""

    @property
    def user(self) -> User: ...

    @property
    def permissions(self) -> frozenset[str]:
        """What it may do: ``read``, ``write``. Another once it was decided anew, and is let go."""

    @property
    def source(self) -> str:
        """The same for all sessions that come from one network address (in IPv6: one /64).

        For limits: whoever drops their cookie is somebody new, from the same source. It does
        not tell the address, and is another one after the server has started again.
        """

    def rename(self, user: User) -> None:
        """Its user goes by another name or colour."""

    def allow(self, permissions: frozenset[str]) -> None:
        """It was decided anew what it may do."""

    def send(self, frame: Frame) -> None:
        """Put a frame on its way. Never waits and never raises; who can't keep up is let go."""

    def end(
        self, code: ErrorCode, sentence: str | None = None, retry_after: float | None = None
    ) -> None:
        """Say goodbye and close. ``retry_after`` seconds: when to come back; None: don't."""


class RoomObserver(Protocol):
    """What happens to rooms. Nothing here may block or raise, save `before`; `missing` may wait."""

    @property
    def vets(self) -> bool:
        """Whether `before` has to be asked about every operation."""

    async def before(
        self, room: Room, session: Session | None, author: str, delta: Delta
    ) -> Delta:
        """An operation about to be ordered; returns what to take instead.

        ``author`` is the id of the user whose edit it will be; ``session`` is None when it was
        made on the server. ``delta`` applies to ``room.ordering``, which stays as it is until
        this returns. What is returned has to fit it, too (`Ordering.check`). Raises
        `CollabError` to refuse it.
        """

    async def missing(self, id: str) -> tuple[DocumentRecord, bytes] | None:
        """There is no document ``id`` in the store: is there one elsewhere, to be stored now?"""

    def created(self, document: DocumentRecord) -> None:
        """A document that was `missing` is in the store now."""

    def opened(self, room: Room) -> None: ...
    def closed(self, room: Room) -> None: ...
    def joined(self, room: Room, session: Session) -> None: ...
    def changed(self, room: Room, session: Session) -> None: ...
    def left(self, room: Room, session: Session) -> None: ...

    def message(
        self, room: Room, session: Session, plugin: str, data: Any, size: int = 0
    ) -> asyncio.Event | None:
        """A client sent something to a plugin, as JSON of ``size`` bytes.

        Returns what to wait for before more is taken from this session; None: nothing.
        """

    def saved(self, room: Room, revision: int) -> None:
        """A snapshot of the content at ``revision`` is in the store."""

    def committed(
        self, room: Room, operations: Sequence[StoredOperation], deltas: Sequence[Delta]
    ) -> None:
        """Consecutive operations are on disk and were sent; ``deltas`` are their values."""


class Quiet:
    """The observer that does nothing: rooms without plugins."""

    vets = False

    async def before(
        self, room: Room, session: Session | None, author: str, delta: Delta
    ) -> Delta:
        return delta

    async def missing(self, id: str) -> tuple[DocumentRecord, bytes] | None:
        return None

    def created(self, document: DocumentRecord) -> None: ...
    def saved(self, room: Room, revision: int) -> None: ...
    def opened(self, room: Room) -> None: ...
    def closed(self, room: Room) -> None: ...
    def joined(self, room: Room, session: Session) -> None: ...
    def changed(self, room: Room, session: Session) -> None: ...
    def left(self, room: Room, session: Session) -> None: ...
    def message(
        self, room: Room, session: Session, plugin: str, data: Any, size: int = 0
    ) -> None: ...

    def committed(
        self, room: Room, operations: Sequence[StoredOperation], deltas: Sequence[Delta]
    ) -> None: ...
