"""One connection to SQLite: how it is set up, and the thread that it lives on."""

from __future__ import annotations

import asyncio
import sqlite3
import time
from collections.abc import Awaitable, Callable
from functools import partial
from pathlib import Path
from typing import Literal, TypeVar, cast
from urllib.parse import quote

import aiosqlite

from collab.storage.port import DatabaseUnusable, StorageError, Violation
from collab.storage.sqlite.database_file import DatabaseFile
from collab.storage.sqlite.sentences import error_name, sentence

T = TypeVar("T")

Durability = Literal["full", "normal"]
Role = Literal["writer", "reader", "migration"]

Connect = Callable[..., sqlite3.Connection]
"""`sqlite3.connect`, or in tests something that behaves like it on a treacherous disk."""

BUSY_TIMEOUT = 5000
"""Milliseconds that a writer waits for another program's transaction."""

_SYNCHRONOUS = {"full": 2, "normal": 1}


def pragmas(role: Role, durability: Durability) -> dict[str, int | str]:
    """The settings of a connection, in the order in which they are made.

    All of them are read back: a SQLite that was built to ignore one must not pass unnoticed.
    """
    settings: dict[str, int | str] = {
        "busy_timeout": BUSY_TIMEOUT,
        # A migration rebuilds tables: with foreign keys on, dropping the old one would delete
        # every row that refers to it. What it leaves is checked instead.
        "foreign_keys": int(role != "migration"),
        # Whatever a doctored database file has in its schema does not get to call functions.
        "trusted_schema": 0,
        # A memory map has let errors of the disk corrupt databases.
        "mmap_size": 0,
        # Statement journals need no disk, so a full one can't surprise them.
        "temp_store": 2,
    }
    if role == "reader":
        return settings | {"query_only": 1}
    return settings | {
        "journal_mode": "wal",
        "synchronous": _SYNCHRONOUS[durability],
        # On macOS fsync alone leaves the data in the disk's own cache.
        "fullfsync": int(durability == "full"),
        "checkpoint_fullfsync": int(durability == "full"),
        "wal_autocheckpoint": 1000,
        "journal_size_limit": 64 * 1024 * 1024,
    }


def open_connection(
    path: Path, role: Role, durability: Durability, connect: Connect = sqlite3.connect
) -> sqlite3.Connection:
    """Connect and set up. Raises `DatabaseUnusable` with a sentence."""
    mode = "ro" if role == "reader" else "rwc"
    try:
        connection = connect(
            f"file:{quote(str(path))}?mode={mode}",
            uri=True,
            isolation_level=None,
            check_same_thread=False,
        )
    except sqlite3.Error as error:
        raise DatabaseUnusable(sentence(error, path)) from error
    try:
        for name, wanted in pragmas(role, durability).items():
            _set(connection, name, wanted)
            [found] = connection.execute(f"PRAGMA {name}").fetchone()
            if found != wanted:
                raise DatabaseUnusable(
                    f"This SQLite ({sqlite3.sqlite_version}) does not do what Collab needs for"
                    f" {path}: it answers {found!r} where {name} was set to {wanted!r}."
                )
        # Opens the file in earnest. And as long as a reader is attached to the write-ahead log,
        # nobody recovers it: a transaction that failed to sync, and may not be on disk, can't
        # come back from there and be taken for saved.
        connection.execute("SELECT count(*) FROM sqlite_schema").fetchall()
    except sqlite3.Error as error:
        connection.close()
        raise DatabaseUnusable(sentence(error, path)) from error
    except BaseException:
        connection.close()
        raise
    return connection


def _set(connection: sqlite3.Connection, name: str, value: int | str) -> None:
    """Set a pragma; entering WAL mode does not wait for other programs by itself."""
    deadline = time.monotonic() + BUSY_TIMEOUT / 1000
    while True:
        try:
            connection.execute(f"PRAGMA {name} = {value}").fetchall()
            return
        except sqlite3.OperationalError as error:
            if not error_name(error).startswith("SQLITE_BUSY") or time.monotonic() > deadline:
                raise
            time.sleep(0.01)


class ConnectionThread(aiosqlite.Connection):
    """A connection that runs whole functions on its thread.

    A function is a whole transaction: nothing comes in between, and once it is queued, it runs
    to its end even when whoever waits for it is cancelled. One that fails leaves a connection
    whose state nobody can vouch for ("fsync gate": asking a disk again that has failed to
    write may be told that all is well). It is closed there and then, and the next function
    begins with a new one.
    """

    def __init__(
        self,
        opener: Callable[[], sqlite3.Connection],
        file: DatabaseFile | None = None,
        role: Role = "migration",
    ) -> None:
        """``file`` is told of every connection and of what goes wrong on it. It has a say in
        each transaction of the ``role`` of a writer.
        """
        self._file = file
        self._checked = file if role == "writer" else None
        self._opener = opener
        super().__init__(self._open, iter_chunk_size=64)
        self._discarded = False
        self._closing = False
        self._stopping: asyncio.Future[object] | None = None
        # Should the process die without closing, the thread does not keep it from ending.
        self._thread.daemon = True

    async def start(self) -> None:
        """Connect. Raises what the opener raises, the thread then being gone."""
        try:
            await self
        except BaseException:
            # The thread was told to stop; nobody but us waits until it has.
            if self._stopping is not None:
                await self._stopping
            raise

    def stop(self) -> asyncio.Future[object] | None:
        self._stopping = super().stop()
        return self._stopping

    async def close(self) -> None:
        """Close the connection, after what was queued before."""
        self._closing = True
        open_until_now = self._connection is not None and not self._discarded
        await super().close()
        if open_until_now and self._file is not None:
            self._file.closed()

    async def run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        """What ``function`` returns for the connection. Raises what it raises.

        A function that raises sqlite3.IntegrityError, or `Violation`, has rolled back; any other
        exception costs the connection. Raises `DatabaseUnusable` when there is no making a new one.
        """
        if not self._running or self._connection is None:
            raise StorageError("The database is closed.")
        execute = cast(Callable[[Callable[[], T]], Awaitable[T]], self._execute)
        return await execute(partial(self._run, function))

    async def settle(self) -> None:
        """Wait for every function that was queued before, its caller waiting or not."""
        execute = cast(Callable[[Callable[[], None]], Awaitable[None]], self._execute)
        await execute(lambda: None)

    def _open(self) -> sqlite3.Connection:
        if self._file is None:
            return self._opener()
        self._file.opening()
        connection = self._opener()
        try:
            self._file.opened()
        except BaseException:
            connection.close()
            raise
        return connection

    def _run(self, function: Callable[[sqlite3.Connection], T]) -> T:
        if self._connection is None or (self._discarded and self._closing):
            # Closed after the function was queued: nobody would close a new one.
            raise StorageError("The database is closed.")
        if self._discarded:
            self._connection = self._open()
            self._discarded = False
        if self._checked is not None:
            self._checked.check(self._conn)
        try:
            return function(self._conn)
        except (sqlite3.IntegrityError, Violation):
            raise
        except BaseException as error:
            self._discarded = True
            self._conn.close()
            if self._file is not None:
                self._file.noticed(error)
                self._file.closed()
            raise
