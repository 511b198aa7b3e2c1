"""A document with a long log made again: others save meanwhile, and see it whole or not at all."""

from __future__ import annotations

import asyncio
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest
from msgspec.structs import replace

from collab.protocol.settings import Settings
from collab.storage import DatabaseStore, open_store, whole
from collab.storage.place import DATABASE_FILE
from collab.storage.port import Belongings, Conflict, Sent, StorageError, StoredOperation
from tests.storage.making import EMPTY, append, document, operation, snapshot

LENGTH = 200
BELONGINGS = Belongings(
    replace(document(), revision=LENGTH),
    snapshot(0, EMPTY),
    [Sent("ann", LENGTH, LENGTH)],
    [],
    [],
    [],
)
LOG: list[StoredOperation] = [operation(revision) for revision in range(1, LENGTH + 1)]


@pytest.fixture(autouse=True)
def one_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(whole, "OPERATIONS", 1)


async def begin(store: DatabaseStore) -> asyncio.Task[None]:
    """A document that is being written, and not there yet."""
    restoring = asyncio.create_task(store.restore(BELONGINGS, LOG, [snapshot(30, b"[]")]))
    async with asyncio.timeout(20):
        while not [one async for one in store.operations("notes", 0)]:
            assert not restoring.done()
    return restoring


def left(folder: Path) -> list[tuple[str]]:
    with closing(sqlite3.connect(folder / DATABASE_FILE)) as connection:
        return connection.execute("SELECT epoch FROM documents").fetchall()


async def test_others_save_meanwhile_and_see_nothing_of_it(sqlite_store: DatabaseStore) -> None:
    store = sqlite_store
    await store.create(document("other"), EMPTY)
    restoring = await begin(store)
    saved = 0
    while not restoring.done():
        saved += 1
        await store.append(append(saved, document="other"))
        assert await store.document("notes") in (None, BELONGINGS.document)
        listed = (await store.documents(search="notes")).documents
        assert [one for one in listed if one.id != "other"] in ([], [BELONGINGS.document])
    await restoring
    assert saved > 5, "nobody had to wait for all of it"
    assert await store.belongings("notes") == BELONGINGS
    assert [one async for one in store.operations("notes", 0)] == LOG


async def test_what_is_not_there_yet_is_nobodys(sqlite_store: DatabaseStore) -> None:
    store = sqlite_store
    restoring = await begin(store)
    assert await store.load("notes") is None
    assert not await store.delete("notes")
    with pytest.raises(Conflict):
        await store.create(document(), EMPTY)
    await restoring
    assert await store.document("notes") == BELONGINGS.document


async def test_one_that_nobody_waits_for_leaves_nothing(
    sqlite_store: DatabaseStore, tmp_path: Path
) -> None:
    restoring = await begin(sqlite_store)
    restoring.cancel()
    with pytest.raises(asyncio.CancelledError):
        await restoring
    assert left(tmp_path) == []
    await sqlite_store.restore(BELONGINGS, LOG, [])
    assert await sqlite_store.belongings("notes") == BELONGINGS


async def test_whenever_it_is_cancelled_it_is_there_whole_or_not_at_all(
    sqlite_store: DatabaseStore, tmp_path: Path
) -> None:
    few = replace(BELONGINGS, document=replace(document(), revision=2), clients=[Sent("ann", 2, 2)])
    for turns in range(25):
        restoring = asyncio.create_task(sqlite_store.restore(few, LOG[:2], []))
        for _ in range(turns):
            await asyncio.sleep(0)
        restoring.cancel()
        await asyncio.gather(restoring, return_exceptions=True)
        assert await sqlite_store.belongings("notes") in (None, few)
        await sqlite_store.delete("notes")
        assert left(tmp_path) == []


async def test_what_a_server_left_half_done_is_removed_at_the_next_start(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data_dir=tmp_path)
    store = await open_store(settings)
    assert isinstance(store, DatabaseStore)
    await store.create(document("other"), EMPTY)
    restoring = await begin(store)
    await store.close()
    with pytest.raises(StorageError, match="closed"):
        await restoring
    assert "document notes, whose import broke off, is not removed yet" in caplog.text
    assert sorted(left(tmp_path)) == [("",), ("epoch-1",)]
    store = await open_store(settings)
    assert "removed what was left of imports that broke off (1)" in caplog.text
    assert left(tmp_path) == [("epoch-1",)]
    assert [one async for one in store.operations("notes", 0)] == []
    await store.close()


async def test_another_server_that_starts_meanwhile(
    sqlite_store: DatabaseStore, tmp_path: Path
) -> None:
    restoring = await begin(sqlite_store)
    await sqlite_store.recover()
    with pytest.raises(StorageError):
        await restoring
    assert await sqlite_store.document("notes") is None
    assert left(tmp_path) == []
