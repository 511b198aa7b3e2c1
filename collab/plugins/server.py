"""The server as plugins see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from typing import Protocol

from collab import __version__
from collab.plugins.document import Document, OpenRoom


class Opens(Protocol):
    """Who opens documents; `collab.rooms.rooms.Rooms` does."""

    def use(self, id: str) -> AbstractAsyncContextManager[OpenRoom]: ...


class Server:
    """What ``server_started`` and ``server_stopping`` are handed."""

    version = __version__
    """Of Collab."""

    def __init__(
        self, base_path: str, rooms: Opens | None, document: Callable[[OpenRoom], Document]
    ) -> None:
        self.base_path = base_path
        """The path a reverse proxy serves Collab under; empty when there is none."""
        self._rooms = rooms
        self._document = document

    @asynccontextmanager
    async def document(self, id: str) -> AsyncIterator[Document]:
        """Open a document, to read or edit it though nobody else has it open.

        Raises `CollabError`: there is no such document, it can't be read, or the server stops.
        """
        if self._rooms is None:
            raise LookupError("This server has no documents.")
        async with self._rooms.use(id) as room:
            yield self._document(room)
