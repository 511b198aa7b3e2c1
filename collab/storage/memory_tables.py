"""The tables of plugins for the store in memory: SQLite in memory, made when it is wanted."""

from __future__ import annotations

import asyncio
import sqlite3
import threading
import weakref
from collections.abc import Callable, Iterable
from functools import partial
from pathlib import Path
from typing import TypeVar

from msgspec.structs import asdict
from sqlalchemy import Connection, delete, insert

from collab.storage import runs
from collab.storage.port import DocumentRecord
from collab.storage.sqlite.lent import Lent, migrate
from collab.storage.tables import documents

T = TypeVar("T")

_PATH = Path(":memory:")


class MemoryRuns:
    """A `collab.storage.runs.Runs`. Beside the plugins' tables there is only ``documents``,
    which is told of every document that comes and goes."""

    def __init__(self, there: Callable[[], Iterable[DocumentRecord]]) -> None:
        """``there``: the documents that are there when the first plugin wants a table."""
        self._there = there
        self._connection: sqlite3.Connection | None = None
        self._turn = threading.Lock()
        self._lent = Lent(_PATH, "BEGIN IMMEDIATE")

    async def reading(self, plugin: str, work: Callable[[Connection], T]) -> T:
        return await self._run(partial(self._lent.run, work, runs.READ_LIMIT))

    async def writing(self, plugin: str, work: Callable[[Connection], T]) -> T:
        return await self._run(partial(self._lent.run, work, runs.WRITE_LIMIT))

    async def migrating(
        self, work: Callable[[Connection], T], owns: Callable[[str], bool]
    ) -> T:
        limit = runs.MIGRATION_LIMIT
        return await self._run(partial(migrate, _PATH, work, owns, limit, lambda: False))

    async def created(self, record: DocumentRecord) -> None:
        """There is another document."""
        if self._connection is not None:
            await self.writing("", partial(_insert, [record]))

    async def deleted(self, id: str) -> None:
        """A document is gone, and what belongs to it goes."""
        if self._connection is not None:
            await self.writing("", partial(_delete, id))

    async def _run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None:
            self._connection = self._open(list(self._there()))
        return await asyncio.to_thread(self._in_turn, function, self._connection)

    def _in_turn(
        self, function: Callable[[sqlite3.Connection], T], connection: sqlite3.Connection
    ) -> T:
        with self._turn:
            return function(connection)

    def _open(self, there: list[DocumentRecord]) -> sqlite3.Connection:
        connection = sqlite3.connect(_PATH, isolation_level=None, check_same_thread=False)
        weakref.finalize(self, connection.close)
        connection.execute("PRAGMA foreign_keys = 1")
        self._lent.run(documents.create, runs.WRITE_LIMIT, connection)
        self._lent.run(partial(_insert, there), runs.WRITE_LIMIT, connection)
        return connection


def _insert(records: Iterable[DocumentRecord], connection: Connection) -> None:
    for record in records:
        row = asdict(record) | {"title_folded": record.title.casefold()}
        del row["revision"]
        connection.execute(insert(documents).values(row))


def _delete(id: str, connection: Connection) -> None:
    connection.execute(delete(documents).where(documents.c.id == id))
