"""How what plugins want is run on SQLite: a connection for each that reads, and the one writer."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from sqlalchemy import Connection

from collab.storage import runs
from collab.storage.port import StorageError
from collab.storage.sqlite.connection import ConnectionThread
from collab.storage.sqlite.engines import Held
from collab.storage.sqlite.lent import Lent, migrate

T = TypeVar("T")


class SqliteRuns:
    """Plugins read over connections of their own, one each, so that a slow query holds up
    nobody's documents and no other plugin. They write over the only connection that writes: two
    that do can damage the file (`collab.storage.sqlite.neighbours`), migrations included.

    However much they want to write, no more than one transaction of theirs waits for the writer
    at a time: edits come between. It is the turn of one plugin after the other.
    """

    def __init__(
        self, path: Path, writer: ConnectionThread, reader: Callable[[], Awaitable[Held]]
    ) -> None:
        self._path = path
        self._writer = writer
        self._writing = Lent(path, "BEGIN IMMEDIATE")
        self._open_reader = reader
        self._opening = asyncio.Lock()
        self._readers: dict[str, tuple[Held, Lent]] = {}
        self._closed = False
        self._turns: dict[str, asyncio.Lock] = {}
        self._turn = asyncio.Lock()
        self._abandoned: dict[str, asyncio.Future[Any]] = {}
        """By plugin, a transaction whose caller was cancelled."""

    async def close(self) -> None:
        """Let go of the connections for reading; what runs is broken off, and undone."""
        async with self._opening:
            self._closed = True
            self._writing.stop()
            for _, lent in self._readers.values():
                lent.stop()
            for held, _ in self._readers.values():
                await held.close()
            self._readers.clear()

    async def reading(self, plugin: str, work: Callable[[Connection], T]) -> T:
        abandoned = self._abandoned.get(plugin)
        if abandoned is not None and not abandoned.done():
            await asyncio.wait((abandoned,))
        held, lent = self._readers.get(plugin) or await self._reader(plugin)
        return await held.thread.run(partial(lent.run, work, runs.READ_LIMIT))

    async def _reader(self, plugin: str) -> tuple[Held, Lent]:
        async with self._opening:
            if self._closed:
                raise StorageError("The database is closed.")
            if plugin not in self._readers:
                self._readers[plugin] = (await self._open_reader(), Lent(self._path, "BEGIN"))
            return self._readers[plugin]

    async def writing(self, plugin: str, work: Callable[[Connection], T]) -> T:
        async with self._turns.setdefault(plugin, asyncio.Lock()):
            await self._turn.acquire()
            running = asyncio.ensure_future(
                self._writer.run(partial(self._writing.run, work, runs.WRITE_LIMIT))
            )
            # Not before it has ended: nothing takes it out of the writer's queue again.
            running.add_done_callback(self._ended)
            try:
                return await asyncio.shield(running)
            except asyncio.CancelledError:
                self._abandoned[plugin] = running
                raise

    def _ended(self, running: asyncio.Future[Any]) -> None:
        self._turn.release()
        if not running.cancelled():
            running.exception()  # Seen: nobody may be left to whom it matters.

    async def migrating(
        self, work: Callable[[Connection], T], owns: Callable[[str], bool]
    ) -> T:
        return await self._writer.run(
            partial(migrate, self._path, work, owns, runs.MIGRATION_LIMIT, lambda: self._closed)
        )
