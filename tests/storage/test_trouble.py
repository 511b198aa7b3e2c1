"""Check 38: a disk that is full, broken or read-only, and a database that is locked.

Nothing is acknowledged, reading goes on, the message says what to do, and it heals by itself.
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from collab.protocol.settings import Settings
from collab.storage import DatabaseStore, open_store
from collab.storage.port import StorageError
from collab.storage.sqlite import SqliteDatabase
from collab.storage.sqlite import connection as sqlite_connection
from tests.storage.disk import Disk
from tests.storage.making import EMPTY, append, document, snapshot
from tests.storage.test_unknown_outcomes import store_on


@pytest.fixture
async def disk() -> AsyncIterator[Disk]:
    made = Disk()
    yield made
    made.close()


@pytest.fixture
async def store(disk: Disk, tmp_path: Path) -> AsyncIterator[DatabaseStore]:
    made = await store_on(disk, tmp_path)
    await made.create(document(), EMPTY)
    await made.append(append(1, 3))
    yield made
    await made.close()


@pytest.mark.parametrize(
    ("code", "what", "message"),
    [
        (apsw.SQLITE_FULL, "write", "is full: nothing was saved. Free some space"),
        (apsw.SQLITE_IOERR_WRITE, "write", "reported an error"),
        (apsw.SQLITE_IOERR_FSYNC, "sync", "reported an error"),
        (apsw.SQLITE_READONLY, "write", "can't be written to: check the rights"),
    ],
)
async def test_a_disk_in_trouble(
    store: DatabaseStore, disk: Disk, code: int, what: str, message: str
) -> None:
    disk.broken = lambda at, name: apsw.exception_for(code) if at == what else None
    for _ in range(3):
        with pytest.raises(StorageError, match=message):
            await store.append(append(4))
        with pytest.raises(StorageError, match=message):
            await store.save_snapshot("notes", snapshot(3, b"[]"))
        with pytest.raises(StorageError, match=message):
            await store.create(document("another"), EMPTY)
        loaded = await store.load("notes")
        assert loaded is not None and loaded.document.revision == 3
        assert await store.last_sequence("notes", "ann") == (3, 3)
        assert [found.id for found in (await store.documents()).documents] == ["notes"]
    disk.broken = None
    await store.append(append(4))
    await store.create(document("another"), EMPTY)
    assert await store.last_sequence("notes", "ann") == (4, 4)


async def test_a_database_that_can_not_be_opened_again_yet(
    store: DatabaseStore, disk: Disk, tmp_path: Path
) -> None:
    """The connection that failed is gone, and making another one fails too, until it doesn't."""
    disk.broken = lambda at, name: apsw.exception_for(apsw.SQLITE_IOERR_WRITE)
    with pytest.raises(StorageError):
        await store.append(append(4))
    path = tmp_path / "log.sqlite3"
    away = tmp_path / "away.sqlite3"
    path.rename(away)
    path.mkdir()
    with pytest.raises(StorageError, match="was replaced"):
        await store.append(append(4))
    path.rmdir()
    away.rename(path)
    disk.broken = None
    await store.append(append(4))
    assert await store.last_sequence("notes", "ann") == (4, 4)


async def test_a_full_database_file(tmp_path: Path) -> None:
    """The same with Python's own SQLite, its file kept from growing."""

    class Full(sqlite3.Connection):
        full = False

        def execute(self, sql: str, *arguments: object) -> sqlite3.Cursor:
            pages = super().execute("PRAGMA page_count").fetchone()[0]
            super().execute(f"PRAGMA max_page_count = {pages if Full.full else 10**6}")
            return super().execute(sql, *arguments)  # Passed on.

    await (await open_store(Settings(data_dir=tmp_path))).close()
    store = DatabaseStore(
        await SqliteDatabase.open(
            tmp_path / "collab.sqlite3",
            "full",
            lambda name, **options: sqlite3.connect(name, factory=Full, **options),
        )
    )
    await store.create(document(), EMPTY)
    Full.full = True
    with pytest.raises(StorageError, match="is full: nothing was saved"):
        await store.append(append(1, 1000))
    assert await store.last_sequence("notes", "ann") == (0, 0)
    Full.full = False
    await store.append(append(1, 1000))
    assert await store.last_sequence("notes", "ann") == (1000, 1000)
    await store.close()


async def test_a_database_that_another_program_has_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_connection, "BUSY_TIMEOUT", 50)
    store = await open_store(Settings(data_dir=tmp_path))
    await store.create(document(), EMPTY)
    with closing(sqlite3.connect(tmp_path / "collab.sqlite3", isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="is locked by another program"):
            await store.append(append(1))
        with pytest.raises(StorageError, match="is locked by another program"):
            await store.rename("notes", "New")
        loaded = await store.load("notes")
        assert loaded is not None and loaded.document.revision == 0
        other.execute("ROLLBACK")
    await store.append(append(1))
    assert await store.last_sequence("notes", "ann") == (1, 1)
    await store.close()


async def test_a_lock_that_ends_in_time_is_waited_for(tmp_path: Path) -> None:
    store = await open_store(Settings(data_dir=tmp_path))
    await store.create(document(), EMPTY)
    path = tmp_path / "collab.sqlite3"
    with closing(sqlite3.connect(path, isolation_level=None, check_same_thread=False)) as other:
        other.execute("BEGIN IMMEDIATE")
        writing = asyncio.create_task(store.append(append(1)))
        assert await store.document("notes") == document()
        assert not writing.done()
        other.execute("ROLLBACK")
        await writing
    assert await store.last_sequence("notes", "ann") == (1, 1)
    await store.close()


async def test_a_log_with_a_hole_is_not_opened(tmp_path: Path) -> None:
    """A load that fails, fails: it never becomes a shorter document."""
    store = await open_store(Settings(data_dir=tmp_path))
    await store.create(document(), EMPTY)
    await store.append(append(1, 5))
    with closing(sqlite3.connect(tmp_path / "collab.sqlite3")) as other:
        other.execute("DELETE FROM operations WHERE revision = 3")
        other.commit()
    with pytest.raises(StorageError, match="notes is damaged at revision 3: it is missing"):
        await store.load("notes")
    loaded = await store.load("notes", 2)
    assert loaded is not None and len(loaded.operations) == 2
    await store.close()


@pytest.mark.parametrize(
    ("encoding", "message"),
    [("zlib", "a damaged snapshot"), ("brotli", "a snapshot in the unknown encoding 'brotli'")],
)
async def test_a_damaged_snapshot(tmp_path: Path, encoding: str, message: str) -> None:
    store = await open_store(Settings(data_dir=tmp_path))
    await store.create(document(), EMPTY)
    with closing(sqlite3.connect(tmp_path / "collab.sqlite3")) as other:
        other.execute("UPDATE snapshots SET encoding = ?, content = x'00ff'", (encoding,))
        other.commit()
    with pytest.raises(StorageError, match=f"notes is damaged at revision 0: it has {message}"):
        await store.load("notes")
    await store.close()
