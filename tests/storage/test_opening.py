"""Opening is bounded by snapshots: it does not cost the length of the history."""

from __future__ import annotations

import json
import time
from pathlib import Path

from collab.protocol.settings import Settings
from collab.storage import open_store
from collab.storage.port import Append, Snapshot
from tests.storage.making import EMPTY, document, operation


async def test_a_long_history_opens_in_milliseconds(tmp_path: Path) -> None:
    """100 KB of text, 100,000 operations, the last 300 of them after the snapshot."""
    store = await open_store(Settings(data_dir=tmp_path, durability="normal"))
    await store.create(document(), EMPTY)
    for first in range(1, 100_001, 5000):
        stored = [operation(revision) for revision in range(first, first + 5000)]
        await store.append([Append("notes", stored)])
    content = json.dumps([{"insert": "All work and no play. " * 4600}]).encode()
    snapshot = Snapshot(99_700, content, operation(99_700).hash)
    await store.save_snapshot("notes", snapshot)
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        loaded = await store.load("notes")
        times.append(time.perf_counter() - begun)
        assert loaded is not None
        assert loaded.snapshot == snapshot
        assert len(loaded.operations) == 300
    assert min(times) < 0.02, f"best of ten: {min(times) * 1000:.1f} ms"
    begun = time.perf_counter()
    assert (await store.documents()).documents[0].revision == 100_000
    assert time.perf_counter() - begun < 0.1
    await store.close()


async def test_the_list_uses_its_index(tmp_path: Path) -> None:
    """A page of the list costs a page, however many documents there are."""
    store = await open_store(Settings(data_dir=tmp_path, durability="normal"))
    for number in range(2000):
        await store.create(document(f"d{number:04}", updated=float(number)), EMPTY)
    times = []
    for _ in range(10):
        begun = time.perf_counter()
        page = await store.documents()
        times.append(time.perf_counter() - begun)
        assert page.documents[0].id == "d1999"
    assert min(times) < 0.02, f"best of ten: {min(times) * 1000:.1f} ms"
    await store.close()
