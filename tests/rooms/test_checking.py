"""`collab check` at its floor: whatever is changed is found, and the first revision is named.

``COLLAB_CHANGES=100000 pytest -m campaign tests/rooms/test_checking.py`` tries more.
"""

from __future__ import annotations

import json
import os
import sqlite3
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from random import Random
from typing import Any

import pytest
from msgspec.structs import replace

from collab.protocol.contents import Bounds
from collab.protocol.settings import Settings
from collab.rooms.checking import check
from collab.rooms.restoring import checked
from collab.storage import DatabaseStore, chain, open_store
from collab.storage.backup import BadBackup
from collab.storage.port import Append, Damaged, Snapshot, StoredOperation
from tests.storage.files import exported
from tests.storage.making import EMPTY, append, document, operation

LENGTH = 40
SNAPSHOTS = (10, 25, 40)
BOUNDS = Bounds(10_000, 10_000)
Row = dict[str, Any]
Rows = dict[int, Row]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[DatabaseStore]:
    made = await open_store(Settings(data_dir=tmp_path, durability="normal"))
    assert isinstance(made, DatabaseStore)
    yield made
    await made.close()


async def fill(store: DatabaseStore, id: str, text: str) -> None:
    """A log of three clients, with a snapshot now and then."""
    await store.create(document(id), EMPTY)
    operations = [
        operation(revision, f"client-{revision % 3}", text=f"{text}{revision}")
        for revision in range(1, LENGTH + 1)
    ]
    whole = list(chain.chained(chain.origin("text", 0, EMPTY), operations))
    await store.append([Append(id, whole)])
    content = ""
    for one in whole:
        content = f"{text}{one.revision}{content}"
        if one.revision in SNAPSHOTS:
            encoded = json.dumps([{"insert": content}], separators=(",", ":")).encode()
            await store.save_snapshot(id, Snapshot(one.revision, encoded, one.hash))


@pytest.fixture
async def filled(store: DatabaseStore) -> DatabaseStore:
    await fill(store, "notes", "né")
    await fill(store, "other", "ox")
    return store


class Table:
    """A table of the database, as another program changes it and puts it back."""

    def __init__(self, connection: sqlite3.Connection, name: str, key: str) -> None:
        self.connection, self.name, self.key = connection, name, key
        self.rows = self.read("notes")

    def read(self, document: str) -> Rows:
        cursor = self.connection.execute(
            f"SELECT * FROM {self.name} WHERE document = ?", (document,)
        )
        names = [column[0] for column in cursor.description]
        found = [dict(zip(names, row, strict=True)) for row in cursor]
        return {row[self.key]: row for row in found}

    def write(self, rows: list[Row]) -> None:
        self.connection.execute(f"DELETE FROM {self.name} WHERE document = 'notes'")
        marks = ", ".join("?" * len(next(iter(self.rows.values()))))
        self.connection.executemany(
            f"INSERT INTO {self.name} VALUES ({marks})", [list(row.values()) for row in rows]
        )
        self.connection.commit()

    def restore(self) -> None:
        self.write(list(self.rows.values()))


def another(value: Any, chance: Random) -> Any:
    """One byte, character or number of a value changed, or one more or less."""
    while True:
        changed = _another(value, chance)
        if changed != value:
            return changed


def _another(value: Any, chance: Random) -> Any:
    if isinstance(value, int):
        return value + chance.choice([-7, -1, 1, 1000])
    if isinstance(value, float):
        return value + chance.choice([-1e-6, 1e-6, 1.0, 1e9])
    place = chance.randrange(len(value) + 1)
    if isinstance(value, str):
        put = chance.choice(["", "x", "7", "é", '"', " "])
    else:
        put = chance.choice([b"", chance.randbytes(1)])
    return value[:place] + put + value[place + chance.choice([0, 1]) :]


def change_operations(rows: Rows, chance: Random, other: Rows) -> list[Row]:
    """One change of a log: in a row, of rows, or of its length."""
    kept = {revision: dict(row) for revision, row in rows.items()}
    one, two = chance.sample(range(1, LENGTH + 1), 2)
    match chance.randrange(9):
        case 0:
            del kept[one]
        case 1:  # cut off
            return [row for revision, row in kept.items() if revision < one]
        case 2:  # a part of it is gone
            return [row for revision, row in kept.items() if not one <= revision <= one + 3]
        case 3:  # swapped
            kept[one]["revision"], kept[two]["revision"] = two, one
        case 4:  # the same twice
            kept[one] = {**kept[two], "revision": one}
        case 5:  # another document's; its first one would continue ours as well
            one = max(one, 2)
            kept[one] = {**other[one], "document": "notes"}
        case 6:  # one more at the end
            kept[LENGTH + 1] = {
                **kept[one], "revision": LENGTH + 1, "sequence": LENGTH + 1,
            }
        case _:
            name = chance.choice([name for name in kept[one] if name != "document"])
            kept[one][name] = another(kept[one][name], chance)
            if name == "revision":
                kept.pop(kept[one]["revision"], None)
    return list(kept.values())


def change_snapshots(rows: Rows, chance: Random, other: Rows) -> list[Row]:
    kept = {revision: dict(row) for revision, row in rows.items()}
    one, two = chance.sample([0, *SNAPSHOTS], 2)
    match chance.randrange(5):
        case 0:
            del kept[0]
        case 1:
            kept[one] = {**kept[two], "revision": one}
        case 2:
            kept[one] = {**other[one], "document": "notes"}
        case _:
            name = chance.choice([name for name in kept[one] if name != "document"])
            kept[one][name] = another(kept[one][name], chance)
            if name == "revision":
                kept.pop(kept[one]["revision"], None)
    return list(kept.values())


def change_clients(rows: Rows, chance: Random, other: Rows) -> list[Row]:
    kept = {revision: dict(row) for revision, row in rows.items()}
    one = chance.choice(list(kept))
    if chance.random() < 0.2:
        del kept[one]
    else:
        name = chance.choice(["client", "sequence", "revision"])
        kept[one][name] = another(kept[one][name], chance)
    return list(kept.values())


CHANGES: list[tuple[str, Callable[[Rows, Random, Rows], list[Row]], int]] = [
    ("operations", change_operations, 6),
    ("snapshots", change_snapshots, 2),
    ("clients", change_clients, 1),
]


def first_changed(before: Rows, after: list[Row]) -> int:
    now = {row["revision"]: row for row in after}
    return max(min(one for one in {*before, *now} if before.get(one) != now.get(one)), 0)


async def try_changes(store: DatabaseStore, path: Path, count: int, seed: int) -> None:
    chance = Random(seed)
    connection = sqlite3.connect(path)
    connection.execute("PRAGMA synchronous = 0")
    try:
        tables = {name: Table(connection, name, "revision") for name, _, _ in CHANGES}
        others = {name: table.read("other") for name, table in tables.items()}
        picked = chance.choices(CHANGES, [weight for *_, weight in CHANGES], k=count)
        for number, (name, change, _) in enumerate(picked):
            table = tables[name]
            try:
                after = change(table.rows, chance, others[name])
                table.write(after)
            except sqlite3.IntegrityError:  # the database itself refuses it
                connection.rollback()
                continue
            told = f"change {number} of seed {seed}, in {name}"
            try:
                await check(store, "notes")
            except Damaged as damaged:
                if name == "operations":
                    assert damaged.revision == first_changed(table.rows, after), told
            else:
                pytest.fail(f"not found: {told}: {after}")
            table.restore()
        assert await check(store, "notes") == await check(store, "other") == LENGTH
    finally:
        connection.close()


async def test_random_single_changes_of_a_log_are_all_found(
    filled: DatabaseStore, tmp_path: Path
) -> None:
    assert await check(filled, "notes") == LENGTH
    await try_changes(filled, tmp_path / "collab.sqlite3", 600, seed=1)


@pytest.mark.campaign
@pytest.mark.timeout(3600)
async def test_ten_thousand_random_changes_of_a_log_are_all_found(
    filled: DatabaseStore, tmp_path: Path
) -> None:
    count = int(os.environ.get("COLLAB_CHANGES", "10000"))
    await try_changes(filled, tmp_path / "collab.sqlite3", count, seed=time.time_ns())


async def test_random_single_changes_of_a_backup_are_all_found(filled: DatabaseStore) -> None:
    """Those of a revision are named, and so they are when the file's checksum was made anew."""
    data = await exported(filled, "notes")
    checked(data, BOUNDS)
    lines = data.splitlines(keepends=True)
    chance = Random(2)
    for number in range(10_000):
        changed = [*lines]
        index = chance.randrange(len(lines))
        first: int | None = index - 1 if 1 <= index <= LENGTH + 1 else None
        match chance.randrange(6):
            case 0:
                del changed[index]
            case 1:
                other = chance.randrange(len(lines))
                if lines[other] == lines[index]:
                    continue
                changed[index], changed[other] = changed[other], changed[index]
                first = min(index, other) - 1 if 1 <= min(index, other) <= LENGTH + 1 else None
            case 2:
                whole = b"".join(lines)
                changed = [whole[: chance.randrange(len(whole) - 1)]]
                first = None
            case _:
                line = lines[index]
                place = chance.randrange(len(line) - 1)
                put = chance.choice([b"", chance.randbytes(1)])
                changed[index] = line[:place] + put + line[place + 1 :]
                if changed[index] == line or b"\n" in put:
                    continue
        with pytest.raises(BadBackup) as caught:
            checked(b"".join(changed), BOUNDS)
        if first is not None and "cut off" not in str(caught.value):
            assert caught.value.revision == first, (number, str(caught.value))


async def test_what_is_whole(filled: DatabaseStore) -> None:
    told: list[int] = []
    await fill_long(filled)
    assert await check(filled, "long", advanced=told.append) == 2500
    assert sum(told) == 2000
    assert await check(filled, "gone") is None
    await filled.create(document("empty"), EMPTY)
    assert await check(filled, "empty") == 0


async def fill_long(store: DatabaseStore) -> None:
    await store.create(document("long"), EMPTY)
    await store.append(append(1, 2500, document="long"))


async def test_a_snapshot_that_the_log_does_not_give(filled: DatabaseStore) -> None:
    """Sealed, and with the right hash: only the edits tell."""
    hash = await filled.hash_at("notes", 25)
    assert hash is not None
    await filled.save_snapshot("notes", Snapshot(25, b'[{"insert":"forged"}]', hash))
    with pytest.raises(Damaged, match="its snapshot is not what the log gives") as caught:
        await check(filled, "notes")
    assert caught.value.revision == 25


async def test_an_edit_that_never_fitted(store: DatabaseStore) -> None:
    await store.create(document(), EMPTY)
    past = replace(operation(2), delta=b'[{"retain":90},{"insert":"x"}]')
    whole = list(chain.chained(chain.origin("text", 0, EMPTY), [operation(1), past]))
    await store.append([Append("notes", whole)])
    with pytest.raises(Damaged, match="does not fit the content before it") as caught:
        await check(store, "notes")
    assert caught.value.revision == 2


async def test_a_type_that_nobody_knows_is_checked_as_far_as_it_goes(store: DatabaseStore) -> None:
    await store.create(replace(document(), type="sheet"), EMPTY)
    made = StoredOperation(1, "ann", 1, "Ann", 1.5, b'[{"cells":1}]', b"")
    whole = list(chain.chained(chain.origin("sheet", 0, EMPTY), [made]))
    await store.append([Append("notes", whole)])
    assert await check(store, "notes") == 1


async def test_another_type_is_found(filled: DatabaseStore, tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "collab.sqlite3")
    connection.execute("UPDATE documents SET type = 'richtext' WHERE id = 'notes'")
    connection.commit()
    connection.close()
    with pytest.raises(Damaged) as caught:
        await check(filled, "notes")
    assert caught.value.revision == 0


async def test_what_is_written_meanwhile_is_no_damage(filled: DatabaseStore) -> None:
    await fill_long(filled)
    wrote = False

    async def write() -> None:
        await filled.append(append(2501, 50, document="long"))
        hash = await filled.hash_at("long", 2550)
        assert hash is not None
        content = json.dumps([{"insert": "x" * 2550}]).encode()
        await filled.save_snapshot("long", Snapshot(2550, content, hash))

    read = filled.operations

    async def slowly(id: str, since: int, until: int | None = None) -> Any:
        nonlocal wrote
        async for one in read(id, since, until):
            yield one
            if not wrote:
                wrote = True
                await write()

    vars(filled)["operations"] = slowly
    assert await check(filled, "long") == 2500
    assert wrote
