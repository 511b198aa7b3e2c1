"""What a long log costs while it goes out and comes back: a page of it, and once all of it."""

from __future__ import annotations

import tracemalloc

from collab.protocol.contents import Bounds
from collab.rooms.restoring import restore
from collab.storage import DatabaseStore
from collab.storage.backup import written
from collab.storage.port import Append
from tests.storage.files import exported
from tests.storage.making import EMPTY, document, operation

COUNT = 10_000


async def fill(store: DatabaseStore) -> None:
    await store.create(document(), EMPTY)
    for first in range(1, COUNT + 1, 1000):
        log = [operation(revision, text="x" * 300) for revision in range(first, first + 1000)]
        await store.append([Append("notes", log)])


async def test_a_long_log_goes_out_in_pages(sqlite_store: DatabaseStore) -> None:
    await fill(sqlite_store)
    tracemalloc.start()
    try:
        pieces = await written(sqlite_store, "notes")
        assert pieces is not None
        size = 0
        async for piece in pieces:
            size += len(piece)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert size > COUNT * 400
    assert peak < size / 4, f"{peak} bytes for a file of {size}"


async def test_a_long_log_comes_back_in_little_more_than_its_size(
    sqlite_store: DatabaseStore,
) -> None:
    await fill(sqlite_store)
    data = await exported(sqlite_store, "notes")
    await sqlite_store.delete("notes")
    tracemalloc.start()
    try:
        await restore(sqlite_store, data, Bounds(COUNT * 1000, COUNT))
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    # Besides the file itself: the operations, the content and what is under way.
    assert peak < 3 * len(data), f"{peak} bytes for a file of {len(data)}"
