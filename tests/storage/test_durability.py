"""Check 3: an acknowledged group of edits was synced, and the connections are what they claim."""

from __future__ import annotations

import asyncio
import os
import sqlite3
from pathlib import Path
from typing import Any

import pytest

from collab.protocol.settings import Settings
from collab.storage import DatabaseStore, open_store
from collab.storage.migrate import upgrade
from collab.storage.port import DatabaseUnusable, StorageError
from collab.storage.sqlite import SqliteDatabase, migration_engine
from collab.storage.sqlite.connection import Durability, open_connection, pragmas
from tests.storage.disk import Disk
from tests.storage.making import EMPTY, append, document


async def syncs_of_50_commits(folder: Path, durability: Durability) -> list[int]:
    disk = Disk()
    path = folder / "log.sqlite3"
    await upgrade(migration_engine(path, durability, disk.connect))
    store = DatabaseStore(await SqliteDatabase.open(path, durability, disk.connect))
    await store.create(document(), EMPTY)
    syncs = []
    for number in range(50):
        before = disk.syncs
        await store.append(append(number * 3 + 1, 3))
        syncs.append(disk.syncs - before)
    await store.close()
    disk.close()
    return syncs


async def test_every_acknowledged_group_was_synced_once(tmp_path: Path) -> None:
    assert await syncs_of_50_commits(tmp_path, "full") == [1] * 50


async def test_control_normal_syncs_nothing(tmp_path: Path) -> None:
    assert sum(await syncs_of_50_commits(tmp_path, "normal")) == 0


@pytest.mark.parametrize(("durability", "synchronous"), [("full", 2), ("normal", 1)])
async def test_the_connections_of_an_open_store(
    tmp_path: Path, durability: Durability, synchronous: int
) -> None:
    store = await open_store(Settings(data_dir=tmp_path, durability=durability))
    assert isinstance(store, DatabaseStore)
    database = store._database
    assert isinstance(database, SqliteDatabase)

    def ask(connection: sqlite3.Connection) -> dict[str, Any]:
        return {
            name: connection.execute(f"PRAGMA {name}").fetchone()[0]
            for name in ("journal_mode", "synchronous", "foreign_keys", "query_only", "mmap_size")
        }

    writer = await database._writing.thread.run(ask)
    assert writer == {
        "journal_mode": "wal",
        "synchronous": synchronous,
        "foreign_keys": 1,
        "query_only": 0,
        "mmap_size": 0,
    }
    reader = await database._reading.thread.run(ask)
    assert reader["query_only"] == 1
    assert reader["journal_mode"] == "wal"
    await store.close()


class Stubborn(sqlite3.Connection):
    """A SQLite that was built to sync less than it is told."""

    def execute(self, sql: str, *arguments: Any) -> sqlite3.Cursor:
        return super().execute("SELECT 1" if sql == "PRAGMA synchronous" else sql, *arguments)


async def test_a_start_is_refused_when_a_pragma_reads_back_differently(tmp_path: Path) -> None:
    def connect(database: str, **options: Any) -> sqlite3.Connection:
        return sqlite3.connect(database, factory=Stubborn, **options)

    with pytest.raises(DatabaseUnusable, match="answers 1 where synchronous was set to 2"):
        await SqliteDatabase.open(tmp_path / "log.sqlite3", "full", connect)


def test_a_reader_does_not_write(tmp_path: Path) -> None:
    path = tmp_path / "log.sqlite3"
    writer = open_connection(path, "writer", "full")
    writer.execute("CREATE TABLE one (number)")
    reader = open_connection(path, "reader", "full")
    with pytest.raises(sqlite3.OperationalError, match="readonly"):
        reader.execute("INSERT INTO one VALUES (1)")
    reader.close()
    writer.close()


@pytest.mark.parametrize("role", ["writer", "reader", "migration"])
def test_every_pragma_is_one_that_sqlite_knows(tmp_path: Path, role: Any) -> None:
    """An unknown pragma is silently ignored, and answers nothing."""
    writer = open_connection(tmp_path / "log.sqlite3", "writer", "full")
    connection = open_connection(tmp_path / "log.sqlite3", role, "full")
    for name in pragmas(role, "full"):
        assert connection.execute(f"PRAGMA {name}").fetchone() is not None
    connection.close()
    writer.close()


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await open_store(Settings(data_dir=tmp_path))
    await store.create(document(), EMPTY)
    await store.close()
    with pytest.raises(StorageError, match="The database is closed"):
        await store.append(append(1))
    with pytest.raises(StorageError, match="The database is closed"):
        await store.load("notes")
    await store.close()


async def test_what_comes_while_a_store_is_closed_is_saved_or_refused(tmp_path: Path) -> None:
    store = await open_store(Settings(data_dir=tmp_path))
    names = [f"document-{number}" for number in range(100)]
    closing: asyncio.Task[None] | None = None
    saving = []
    for number, name in enumerate(names):
        saving.append(asyncio.create_task(store.create(document(name), EMPTY)))
        if number == 50:
            closing = asyncio.create_task(store.close())
        await asyncio.sleep(0)
    results = await asyncio.gather(*saving, return_exceptions=True)
    assert closing is not None
    await closing
    assert all(result is None or isinstance(result, StorageError) for result in results), results
    store = await open_store(Settings(data_dir=tmp_path))
    for name, result in zip(names, results, strict=True):
        assert result is not None or await store.document(name) is not None
    await store.close()


async def test_the_log_is_written_back_on_closing(tmp_path: Path) -> None:
    """Whoever copies the file of a stopped server has everything."""
    store = await open_store(Settings(data_dir=tmp_path))
    await store.create(document(), EMPTY)
    await store.append(append(1))
    await store.close()
    assert sorted(os.listdir(tmp_path)) == ["collab.sqlite3"]
