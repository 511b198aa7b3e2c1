"""Check 2: what was acknowledged survives a power cut, on a disk that keeps only what was synced.

`kill -9` can't tell ``synchronous=NORMAL`` from ``FULL``; this can.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
from contextlib import closing
from pathlib import Path

from collab.storage import DatabaseStore, chain
from collab.storage.migrate import upgrade
from collab.storage.port import Append, Snapshot
from collab.storage.sqlite import SqliteDatabase, migration_engine
from collab.storage.sqlite.connection import Durability
from tests.storage.disk import Disk
from tests.storage.making import EMPTY, document, operation

DOCUMENTS = [f"d{number}" for number in range(5)]
CUTS = 200
WRITES = 5000
"""How many writes and syncs are waited for; the moments to cut at are drawn from these."""

Commit = list[tuple[str, int, str]]
"""The operations of one transaction: document, revision, delta."""


async def work(
    folder: Path, disk: Disk, durability: Durability, chance: random.Random
) -> tuple[list[Commit], list[tuple[Path, int]]]:
    """Commit for a while, the power cut again and again (each cut is of a copy).

    Every commit that was begun, and for each cut its folder and how many were acknowledged.
    """
    path = folder / "log.sqlite3"
    await upgrade(migration_engine(path, durability, disk.connect))
    store = DatabaseStore(await SqliteDatabase.open(path, durability, disk.connect))
    for id in DOCUMENTS:
        await store.create(document(id), EMPTY)
    begun: list[Commit] = []
    acknowledged = 0
    cuts: list[tuple[Path, int]] = []
    started = disk.events

    moments = sorted(chance.sample(range(started, started + WRITES), CUTS))

    def cut() -> None:
        if len(cuts) == CUTS or disk.events < moments[len(cuts)]:
            return
        left = folder / f"cut{len(cuts)}"
        left.mkdir()
        disk.cut(left, chance if len(cuts) % 2 else None)
        cuts.append((left, acknowledged))

    disk.at_event = cut
    heads = dict.fromkeys(DOCUMENTS, 0)
    hashes = dict.fromkeys(DOCUMENTS, chain.origin("text", 0, EMPTY))
    while len(cuts) < CUTS:
        appends: list[Append] = []
        for id in chance.sample(DOCUMENTS, chance.randint(1, len(DOCUMENTS))):
            # Long ones make checkpoints of the write-ahead log happen in the midst of it all.
            text = "x" * chance.choice([1, 10, 100, 3000, 9000])
            first = heads[id] + 1
            count = chance.choice([1, 1, 1, 4])
            made = [operation(first + index, text=text) for index in range(count)]
            stored = list(chain.chained(hashes[id], made))
            heads[id], hashes[id] = stored[-1].revision, stored[-1].hash
            appends.append(Append(id, stored))
        begun.append(
            [
                (part.document, stored.revision, stored.delta.decode())
                for part in appends
                for stored in part.operations
            ]
        )
        await store.append(appends)
        acknowledged += 1
        if acknowledged % 50 == 0:
            await store.save_snapshot("d0", Snapshot(heads["d0"], b"[]", hashes["d0"]))
    disk.at_event = None
    await store.close()
    return begun, cuts


def survivors(folder: Path, begun: list[Commit]) -> int:
    """How many commits the database has; fails unless it is whole, and they the first ones."""
    with closing(sqlite3.connect(folder / "log.sqlite3")) as connection:
        assert connection.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
        assert connection.execute("PRAGMA foreign_key_check").fetchall() == []
        found = set(connection.execute("SELECT document, revision, delta FROM operations"))
        dedup = set(connection.execute("SELECT document, sequence, revision FROM clients"))
        heads = set(
            connection.execute(
                "SELECT document, max(sequence), max(revision) FROM operations GROUP BY document"
            )
        )
    assert dedup == heads, "the log and the deduplication record are of one moment"
    kept = 0
    expected: set[tuple[str, int, str]] = set()
    for commit in begun:
        if expected == found:
            break
        expected.update(commit)
        kept += 1
    assert expected == found, "the commits that are left are the first ones, and whole"
    return kept


async def lost(folder: Path, durability: Durability, seed: int) -> list[int]:
    """For each power cut, how many acknowledged commits were gone."""
    disk = Disk()
    begun, cuts = await work(folder, disk, durability, random.Random(seed))
    disk.close()
    assert len(cuts) == CUTS
    return [
        max(0, acknowledged - await asyncio.to_thread(survivors, left, begun))
        for left, acknowledged in cuts
    ]


async def test_nothing_acknowledged_is_lost_in_200_power_cuts(tmp_path: Path) -> None:
    assert sum(await lost(tmp_path, "full", seed=1)) == 0


async def test_control_synchronous_normal_loses_what_was_acknowledged(tmp_path: Path) -> None:
    """Were this to lose nothing, the test above would prove nothing."""
    losses = await lost(tmp_path, "normal", seed=2)
    assert sum(loss > 0 for loss in losses) > CUTS / 2
