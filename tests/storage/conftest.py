"""Stores to test: every one of them must hold the same contract."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event
from sqlalchemy.ext.asyncio import create_async_engine

from collab.protocol.settings import Settings
from collab.storage import DatabaseStore, MemoryStore, open_store
from collab.storage.database import Database
from collab.storage.migrate import migrate
from collab.storage.place import DATABASE_FILE
from collab.storage.port import Store
from tests.storage.making import chaining


async def portable_store(folder: Path) -> Store:
    """The store through SQLAlchemy's engines alone, as it would run on PostgreSQL."""
    await migrate(Settings(data_dir=folder))
    engine = create_async_engine(f"sqlite+aiosqlite:///{folder / DATABASE_FILE}")

    @event.listens_for(engine.sync_engine, "connect")
    def connected(connection: Any, record: Any) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA foreign_keys=ON")

    @event.listens_for(engine.sync_engine, "begin")
    def begun(connection: Any) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    return DatabaseStore(Database(engine, engine))


@pytest.fixture(params=["memory", "sqlite", "portable"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    made: Store
    if request.param == "memory":
        made = MemoryStore()
    elif request.param == "sqlite":
        made = await open_store(Settings(data_dir=tmp_path))
    else:
        made = await portable_store(tmp_path)
    yield chaining(made)
    await made.close()


@pytest.fixture
async def sqlite_store(tmp_path: Path) -> AsyncIterator[DatabaseStore]:
    made = await open_store(Settings(data_dir=tmp_path))
    assert isinstance(made, DatabaseStore)
    yield chaining(made)
    await made.close()
