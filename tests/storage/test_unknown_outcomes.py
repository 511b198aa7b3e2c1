"""Checks 8 and 9 at this floor: an append that fails, hangs or is cancelled.

Whether it happened, only the store knows; and it goes on as if nothing had been.
"""

from __future__ import annotations

import asyncio
import gc
import random
import sqlite3
import threading
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path

import apsw
import pytest

from collab.protocol.settings import Settings
from collab.storage import DatabaseStore, open_store
from collab.storage.migrate import upgrade
from collab.storage.port import Conflict, StorageError, Store
from collab.storage.sqlite import SqliteDatabase, migration_engine
from tests.storage.conftest import portable_store
from tests.storage.disk import Disk
from tests.storage.making import EMPTY, append, document

CASES = 600


@pytest.fixture(params=["sqlite", "portable"])
async def database_store(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    if request.param == "sqlite":
        store = await open_store(Settings(data_dir=tmp_path))
    else:
        store = await portable_store(tmp_path)
    yield store
    await store.close()


async def test_cancel_storm(database_store: Store) -> None:
    """Every cancelled append is resolved by `last_sequence`, and none cuts a transaction in two."""
    store = database_store
    threads = threading.active_count()
    chance = random.Random(9)
    await store.create(document(), EMPTY)
    head = 0
    cancelled_but_saved = 0
    for case in range(CASES):
        count = chance.randint(1, 3)
        writing = asyncio.create_task(store.append(append(head + 1, count)))
        # A transaction takes some turns of the loop and some of another thread's time: cancel
        # after so many turns, or once the thread has had a chance to come far.
        for _ in range(chance.randint(0, 40) if case % 2 else chance.randint(0, 3)):
            await asyncio.sleep(0)
        writing.cancel()
        was_cancelled = False
        try:
            await writing
        except asyncio.CancelledError:
            was_cancelled = True
        sequence, revision = await store.last_sequence("notes", "ann")
        assert (sequence, revision) in {(head, head), (head + count, head + count)}
        if not was_cancelled:
            assert revision == head + count
        elif revision > head:
            cancelled_but_saved += 1
        head = revision
    # The control: had "cancelled" been taken for "not saved", these would have come twice.
    assert cancelled_but_saved > 0
    loaded = await store.load("notes")
    assert loaded is not None
    assert [found.revision for found in loaded.operations] == list(range(1, head + 1))
    await store.append(append(head + 1))
    assert threading.active_count() <= threads + 1, "connections were leaked"
    gc.collect()  # A connection that was forgotten warns now.


async def test_what_is_read_after_a_cancelled_append_knows_its_end(tmp_path: Path) -> None:
    """Lost commit: asked too early, the store would say "not saved" of what is then saved."""
    disk = Disk()
    store = await store_on(disk, tmp_path)
    await store.create(document(), EMPTY)
    stuck, go_on = threading.Event(), threading.Event()

    def hang(what: str, name: str) -> None:
        stuck.set()
        go_on.wait()

    disk.broken = hang
    writing = asyncio.create_task(store.append(append(1)))
    await asyncio.to_thread(stuck.wait)
    writing.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writing
    asking = asyncio.create_task(store.last_sequence("notes", "ann"))
    loading = asyncio.create_task(store.load("notes"))
    # What does not depend on it is answered meanwhile.
    assert await store.document("notes") == document()
    assert len((await store.documents()).documents) == 1
    assert not asking.done() and not loading.done()
    disk.broken = None
    go_on.set()
    assert await asking == (1, 1)
    loaded = await loading
    assert loaded is not None and loaded.document.revision == 1
    await store.close()
    disk.close()


@pytest.mark.parametrize(
    "code", [apsw.SQLITE_FULL, apsw.SQLITE_IOERR_WRITE, apsw.SQLITE_IOERR_FSYNC]
)
async def test_failing_at_each_write_and_each_sync(tmp_path: Path, code: int) -> None:
    """Wherever the disk fails, the append fails, the log stays whole, and the next one works."""
    disk = Disk()
    store = await store_on(disk, tmp_path)
    await store.create(document(), EMPTY)
    head = 0
    failures = 0
    for countdown in range(40):
        left = countdown

        def fail(what: str, name: str) -> Exception | None:
            nonlocal left
            left -= 1
            return apsw.exception_for(code) if left < 0 else None

        disk.broken = fail
        # Large ones take several pages, each of them a chance to fail.
        try:
            await store.append(append(head + 1, 1 + countdown * 8))
        except Conflict:
            raise
        except StorageError:
            failures += 1
        disk.broken = None
        sequence, revision = await store.last_sequence("notes", "ann")
        assert sequence == revision
        assert revision in {head, head + 1 + countdown * 8}
        loaded = await store.load("notes")
        assert loaded is not None
        assert [found.revision for found in loaded.operations] == list(range(1, revision + 1))
        await store.append(append(revision + 1))
        head = revision + 1
    assert failures > 5
    await store.close()
    disk.close()
    with closing(sqlite3.connect(tmp_path / "log.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]


async def test_a_connection_that_failed_is_not_used_again(tmp_path: Path) -> None:
    """The fsync gate: asked again, a disk that failed to sync may say that all is well."""
    disk = Disk()
    store = await store_on(disk, tmp_path)
    await store.create(document(), EMPTY)
    database = store._database
    assert isinstance(database, SqliteDatabase)
    before = database._writing.thread._conn
    disk.broken = lambda what, name: (
        apsw.exception_for(apsw.SQLITE_IOERR_FSYNC) if what == "sync" else None
    )
    with pytest.raises(StorageError):
        await store.append(append(1))
    disk.broken = None
    assert await store.last_sequence("notes", "ann") == (0, 0)
    await store.append(append(1))
    assert database._writing.thread._conn is not before
    await store.close()
    disk.close()


async def store_on(disk: Disk, folder: Path) -> DatabaseStore:
    path = folder / "log.sqlite3"
    await upgrade(migration_engine(path, "full", disk.connect))
    return DatabaseStore(await SqliteDatabase.open(path, "full", disk.connect))
