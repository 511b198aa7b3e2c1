"""What it costs an edit that plugins are asked about it: without sockets, journal or store.

Measured is the way from a room that has an edit to the answer whether to take it. ``none`` is a
server on which no plugin asks to be asked.
"""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path

import msgspec

from benchmarks.load import Row
from collab.ot import Delta
from collab.plugins.manager import PluginManager
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.rooms import Room, Rooms
from collab.storage.memory import MemoryStore
from collab.storage.port import DocumentRecord

PLUGINS = {
    "none": "",
    "def, passes it": "def before_operation(self, delta): return None",
    "def, fail_closed": "def before_operation(self, delta): return None",
    "def, fail_closed, looks": "def before_operation(self, document, delta): document.length",
    "async def, passes it": "async def before_operation(self, delta): return None",
    "async def, fail_closed, asks for a range": (
        "async def before_operation(self, document, delta):"
        " await self.ranges(document).all()"
    ),
}
"""What the hook does."""

LENGTH = 10_000
"""Characters of the document."""


def _source(name: str, body: str) -> str:
    mark = "fail_closed=True" if "fail_closed" in name else ""
    lines = ["from collab import Plugin, hookimpl", "", "", "class Asked(Plugin):"]
    lines += [f"    @hookimpl({mark})", f"    {body}"] if body else ["    pass"]
    return "\n".join(lines) + "\n"


async def _one(name: str, body: str, edits: int, rounds: int) -> Row:
    with tempfile.TemporaryDirectory(prefix="collab-benchmark-vetting-") as folder:
        plugin = Path(folder) / "asked"
        plugin.mkdir()
        (plugin / "__init__.py").write_text(_source(name, body), encoding="utf-8")
        settings = Settings(plugins_dir=Path(folder), plugins_on=("asked",))
        manager, store = PluginManager(settings, installed=()), MemoryStore()
        manager.load()
        rooms = Rooms(store, settings, manager.observer)
        await manager.start(rooms, store)
        record = DocumentRecord("doc", "A title", "text", "epoch", 0, 1.0, 1.0)
        await store.create(record, msgspec.json.encode([{"insert": "x" * LENGTH}]))
        async with rooms.use("doc") as room:
            ranges = manager.plugins["asked"].ranges(manager.house.document_of(room))
            await ranges.add("one", 100, 200)
            found = [await _round(manager, room, edits) for _ in range(rounds)]
        await rooms.stop(1.0)
        await manager.stop()
    return {"plugin": name, "µs an edit": round(statistics.median(found) * 1e6, 2)}


async def _round(manager: PluginManager, room: Room, edits: int) -> float:
    """Seconds of this thread for one edit."""
    observer, user = manager.observer, User("somebody", "", "")
    delta = Delta().retain(LENGTH // 2).insert("a")
    began = time.thread_time()
    for number in range(edits):
        if number % 100 == 0:
            await asyncio.sleep(0)  # or the watchdog takes the plugin to be what blocks the loop
        if observer.vets:
            room.ordering.check(delta)
            await observer.before(room, None, user.id, delta)
    return (time.thread_time() - began) / edits


def measure(edits: int = 5000, rounds: int = 7) -> list[Row]:
    """Microseconds of the processor an edit, the median of the rounds."""
    return [
        asyncio.run(_one(name, body, edits, rounds)) for name, body in PLUGINS.items()
    ]
