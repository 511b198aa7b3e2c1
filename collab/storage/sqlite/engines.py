"""SQLAlchemy's engines, each with the connections of ours: to keep one, or to migrate."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any, NamedTuple, cast

from sqlalchemy import URL, event
from sqlalchemy.engine import Connection as SyncConnection
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine, create_async_engine
from sqlalchemy.pool import NullPool

from collab.storage.port import StorageError
from collab.storage.sqlite.connection import (
    Connect,
    ConnectionThread,
    Durability,
    Role,
    open_connection,
)
from collab.storage.sqlite.database_file import DatabaseFile


class Held(NamedTuple):
    """An engine, its only connection, and the thread that this lives on."""

    engine: AsyncEngine
    connection: AsyncConnection
    thread: ConnectionThread

    async def close(self) -> None:
        await self.connection.close()
        await self.engine.dispose()


async def hold(
    path: Path, opener: Callable[[], sqlite3.Connection], file: DatabaseFile, role: Role
) -> Held:
    """Connect, and keep the connection out of its pool. Raises what ``opener`` raises, and
    `DatabaseUnusable` when ``file`` says that this is another database by now."""
    engine = _engine(path, opener, file, role, pool_size=1, max_overflow=0)
    try:
        connection = await engine.connect()
        raw = await connection.get_raw_connection()
    except BaseException:
        await engine.dispose()
        raise
    return Held(engine, connection, cast(ConnectionThread, raw.driver_connection))


def reading_engine(path: Path) -> AsyncEngine:
    """An engine for a look at a database, also while a server uses it."""
    return _engine(
        path, partial(open_connection, path, "reader", "full"), role="reader", poolclass=NullPool
    )


def migration_engine(
    path: Path, durability: Durability = "full", connect: Connect = sqlite3.connect
) -> AsyncEngine:
    """An engine whose transactions are for migrating: alone, and checked before they commit."""
    engine = _engine(
        path, partial(open_connection, path, "migration", durability, connect), poolclass=NullPool
    )

    @event.listens_for(engine.sync_engine, "begin")
    def begin(connection: SyncConnection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    @event.listens_for(engine.sync_engine, "commit")
    def check(connection: SyncConnection) -> None:
        orphans = connection.exec_driver_sql("PRAGMA foreign_key_check").all()
        if orphans:
            tables = ", ".join(sorted({row[0] for row in orphans}))
            raise StorageError(
                f"The migration of {path} was undone: it would leave {len(orphans)} rows in"
                f" {tables} without the rows that they belong to."
            )

    return engine


def _engine(
    path: Path,
    opener: Callable[[], sqlite3.Connection],
    file: DatabaseFile | None = None,
    role: Role = "migration",
    **options: Any,
) -> AsyncEngine:
    async def create() -> ConnectionThread:
        connection = ConnectionThread(opener, file, role)
        await connection.start()
        return connection

    return create_async_engine(
        URL.create("sqlite+aiosqlite", database=str(path)),
        async_creator=create,
        pool_reset_on_return=None,
        **options,
    )
