"""The store that fails where a test says so does it there, and only there."""

from __future__ import annotations

import asyncio

import pytest

from collab.storage import MemoryStore
from collab.storage.port import StorageError
from collab.testing.faults import Fault, FaultyStore
from tests.storage.making import EMPTY, append, document


@pytest.fixture
async def faulty() -> FaultyStore:
    store = FaultyStore(MemoryStore())
    await store.create(document(), EMPTY)
    return store


async def test_failing_before_and_after(faulty: FaultyStore) -> None:
    faulty.inject("append", Fault("fail", "before"))
    with pytest.raises(StorageError, match="before it was done"):
        await faulty.append(append(1))
    assert await faulty.last_sequence("notes", "ann") == (0, 0)
    faulty.inject("append", Fault("fail", "after", OSError("gone")))
    with pytest.raises(OSError, match="gone"):
        await faulty.append(append(1))
    assert await faulty.last_sequence("notes", "ann") == (1, 1)
    await faulty.append(append(2))
    assert faulty.calls["append"] == 3


async def test_hanging(faulty: FaultyStore) -> None:
    fault = faulty.inject("append", Fault("hang", "after"), skip=1)
    await faulty.append(append(1))
    writing = asyncio.create_task(faulty.append(append(2)))
    await fault.reached.wait()
    assert not writing.done()
    assert await faulty.last_sequence("notes", "ann") == (2, 2)
    fault.release()
    await writing


async def test_hanging_then_failing(faulty: FaultyStore) -> None:
    fault = faulty.inject("load", Fault("hang", error=StorageError("late")))
    loading = asyncio.create_task(faulty.load("notes"))
    await fault.reached.wait()
    fault.release()
    with pytest.raises(StorageError, match="late"):
        await loading


@pytest.mark.parametrize(("moment", "saved"), [("before", (0, 0)), ("after", (1, 1))])
async def test_cancelling(faulty: FaultyStore, moment: str, saved: tuple[int, int]) -> None:
    faulty.inject("append", Fault("cancel", "before" if moment == "before" else "after"))
    writing = asyncio.create_task(faulty.append(append(1)))
    with pytest.raises(asyncio.CancelledError):
        await writing
    assert await faulty.last_sequence("notes", "ann") == saved


async def test_everything_else_goes_through(faulty: FaultyStore) -> None:
    await faulty.append(append(1, 3))
    assert [found.revision async for found in faulty.operations("notes", 1)] == [2, 3]
    await faulty.touch({"notes": 5000.0})
    await faulty.set_state("chat", None, "key", b"value")
    assert await faulty.get_state("chat", None, "key") == b"value"
    assert await faulty.list_state("chat", None) == {"key": b"value"}
    assert (await faulty.documents(search="notes")).next is None
    renamed = await faulty.rename("notes", "New")
    assert renamed == await faulty.document("notes")
    loaded = await faulty.load("notes", 2)
    assert loaded is not None
    await faulty.save_snapshot("notes", loaded.snapshot)
    assert await faulty.delete("notes")
    await faulty.close()
