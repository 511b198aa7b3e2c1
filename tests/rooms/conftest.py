"""Rooms over the memory store, and sessions that keep what they are sent."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import msgspec
import pytest

from collab.protocol import messages
from collab.protocol.errors import ErrorCode
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.rooms import Room, Rooms
from collab.storage.memory import MemoryStore
from collab.storage.port import DocumentRecord, Store


class Reader:
    """A session that remembers."""

    def __init__(self, client: str, permissions: frozenset[str] | None = None) -> None:
        self.id = f"session-{client}"
        self.client = client
        self.user = User(f"user-{client}", client, "#000000")
        self.permissions = permissions or frozenset({"read", "write"})
        self.received: list[Any] = []
        self.ended: ErrorCode | None = None
        self._news = asyncio.Event()

    def send(self, frame: Frame) -> None:
        self.received += messages.decode_server(frame.text)
        self._news.set()

    def rename(self, user: User) -> None:
        self.user = user

    def allow(self, permissions: frozenset[str]) -> None:
        self.permissions = permissions

    def end(
        self, code: ErrorCode, sentence: str | None = None, retry_after: float | None = None
    ) -> None:
        self.ended = code
        self._news.set()

    async def until(self, condition: Callable[[Reader], Any]) -> Any:
        """Wait until ``condition`` of this reader is true; returns what it gave."""
        async with asyncio.timeout(20):
            while not (found := condition(self)):
                self._news.clear()
                await self._news.wait()
        return found

    @property
    def operations(self) -> list[messages.Committed]:
        return [
            operation
            for message in self.received
            if isinstance(message, messages.Operations)
            for operation in message.operations
        ]

    @property
    def errors(self) -> list[messages.Error]:
        return [message for message in self.received if isinstance(message, messages.Error)]


async def make_document(store: Store, id: str = "doc", text: str = "") -> None:
    record = DocumentRecord(id, "A title", "text", "epoch", 0, 1.0, 1.0)
    content = [{"insert": text}] if text else []
    await store.create(record, msgspec.json.encode(content))


@pytest.fixture
def settings() -> Settings:
    return Settings(idle_close=0.001, checksum_interval=60.0)


@pytest.fixture
async def store() -> AsyncIterator[MemoryStore]:
    store = MemoryStore()
    await make_document(store)
    yield store
    await store.close()


@pytest.fixture
async def rooms(store: MemoryStore, settings: Settings) -> AsyncIterator[Rooms]:
    rooms = Rooms(store, settings)
    yield rooms
    await rooms.stop(1.0)


@pytest.fixture
async def room(rooms: Rooms) -> AsyncIterator[Room]:
    async with rooms.use("doc") as room:
        yield room


async def enter(room: Room, client: str) -> Reader:
    """A new reader in ``room``."""
    reader = Reader(client)
    await room.resume(client)
    room.join(reader)
    return reader


def typed(revision: int, sequence: int, position: int, text: str) -> messages.Operation:
    """An operation that inserts ``text``."""
    retain = [{"retain": position}] if position else []
    return messages.Operation(revision, sequence, [*retain, {"insert": text}])
