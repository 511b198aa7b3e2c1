"""Every revision carries a hash chained from the one before, and what is changed is found."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from collab.protocol.settings import Settings
from collab.storage import DatabaseStore, chain, open_store
from collab.storage.backup import BadBackup, read, written
from collab.storage.port import Append, Damaged, Store, StoredOperation
from tests.storage.files import exported
from tests.storage.making import EMPTY, append, document, operation, snapshot

FIRST = StoredOperation(1, "ann", 1, "Ann", 1700000000.125, b'[{"insert":"x"}]', b"")


async def filled(store: Store) -> None:
    await store.create(document(), EMPTY)
    mixed = [operation(1), operation(2, "bob", 7), operation(3), operation(4, "bob", 8)]
    await store.append([Append("notes", mixed)])
    await store.save_snapshot("notes", snapshot(2, b'[{"insert":"xx"}]'))
    await store.append(append(5, 300))


@pytest.mark.parametrize(
    "other",
    [
        replace(FIRST, revision=2),
        replace(FIRST, client="anna"),
        replace(FIRST, client="annA", author="nn"),
        replace(FIRST, client="", author="annAnn"),
        replace(FIRST, sequence=2),
        replace(FIRST, author="Bob"),
        replace(FIRST, author="", delta=b"Ann" + FIRST.delta),
        replace(FIRST, time=1700000000.126),
        replace(FIRST, delta=b'[{"insert":"y"}]'),
    ],
)
def test_a_hash_is_of_everything_that_a_revision_is(other: StoredOperation) -> None:
    before = chain.origin("text", 0, EMPTY)
    assert chain.followed(before, FIRST) != chain.followed(before, other)
    assert len(chain.followed(before, FIRST)) == chain.SIZE


def test_a_hash_is_of_everything_before() -> None:
    origins = {
        chain.origin(*begun)
        for begun in [("text", 0, EMPTY), ("richtext", 0, EMPTY), ("text", 1, EMPTY),
                      ("text", 0, b'[{"insert":"x"}]'), ("text[", 0, b"]"), ("", 0, b"text[]")]
    }
    assert len(origins) == 6
    assert len({chain.followed(origin, FIRST) for origin in origins}) == 6


def test_the_hashes_are_those_that_the_page_describes() -> None:
    """Stored hashes outlive versions of Collab: these must never change."""
    begun = chain.origin("text", 0, b'[{"insert":"one"}]')
    assert begun.hex() == "0a1e795cede091361146b6992835a0fd"
    assert chain.followed(begun, FIRST).hex() == "4c5514606c25826c307e851a8a034acd"


async def test_a_log_is_a_chain(store: Store) -> None:
    await filled(store)
    hash = chain.origin("text", 0, EMPTY)
    assert await store.hash_at("notes", 0) == hash
    async for one in store.operations("notes", 0):
        hash = chain.followed(hash, one)
        assert one.hash == hash == await store.hash_at("notes", one.revision)
    loaded = await store.load("notes")
    assert loaded is not None
    assert (loaded.revision, loaded.hash) == (304, hash)
    early = await store.load("notes", 2)
    assert early is not None
    assert (early.revision, early.hash) == (2, await store.hash_at("notes", 2))
    assert [one.hash async for one in store.snapshots("notes")] == [
        await store.hash_at("notes", 0), await store.hash_at("notes", 2)
    ]
    assert await store.hash_at("notes", 305) is await store.hash_at("notes", -1) is None
    assert await store.hash_at("gone", 0) is None
    assert [one async for one in store.snapshots("gone")] == []


async def test_what_does_not_continue_the_chain_is_not_read(store: Store) -> None:
    """What an append brings is written as it is; it is looked at when it is read."""
    await store.create(document(), EMPTY)
    await store.append(append(1, 2))
    await type(store).append(store, [Append("notes", [replace(operation(3), hash=b"x" * 16)])])
    with pytest.raises(Damaged, match="notes is damaged at revision 3: it is not what was written"):
        await store.load("notes")
    with pytest.raises(Damaged) as caught:
        _ = [one async for one in store.operations("notes", 1)]
    assert caught.value.revision == 3
    assert [one.revision async for one in store.operations("notes", 0, 2)] == [1, 2]


SET = "UPDATE operations SET"
AT = "WHERE document = 'notes' AND revision"

CHANGES: dict[str, tuple[str, int]] = {
    "client": (f"{SET} client = 'eve' {AT} = 3", 3),
    "sequence": (f"{SET} sequence = 30 {AT} = 3", 3),
    "author": (f"{SET} author = 'Eve' {AT} = 3", 3),
    "time": (f"{SET} time = time + 0.001 {AT} = 3", 3),
    "delta": (SET + " delta = '[]' " + AT + " = 3", 3),
    "bytes": (f"{SET} delta = CAST(delta AS BLOB) {AT} = 3", 3),
    "another type": (f"{SET} client = x'00' {AT} = 3", 3),
    "hash": (f"{SET} hash = zeroblob(16) {AT} = 3", 3),
    "the last hash": (f"{SET} hash = zeroblob(16) {AT} = 304", 304),
    "removed": (f"DELETE FROM operations {AT} = 4", 4),
    "cut off": (f"DELETE FROM operations {AT} > 300", 301),
    "all of it cut off": ("DELETE FROM operations WHERE document = 'notes'", 3),
    "swapped": (
        "UPDATE operations SET revision = CASE revision WHEN 5 THEN -6 ELSE -5 END"
        " WHERE document = 'notes' AND revision IN (5, 6);"
        "UPDATE operations SET revision = -revision WHERE document = 'notes' AND revision < 0", 5,
    ),
    "from another document": (
        "INSERT OR REPLACE INTO operations SELECT 'notes', revision, client, sequence, author,"
        " time, delta, hash FROM operations WHERE document = 'other' AND revision = 4", 4,
    ),
}


@pytest.mark.parametrize("what", CHANGES)
async def test_a_changed_log_is_found_when_it_is_read(
    sqlite_store: DatabaseStore, tmp_path: Path, what: str
) -> None:
    """Load, catch-up and export alike; what came before can be read."""
    store = sqlite_store
    await filled(store)
    await store.create(document("other"), EMPTY)
    await store.append(append(1, 5, document="other"))
    statement, revision = CHANGES[what]
    with closing(sqlite3.connect(tmp_path / "collab.sqlite3")) as connection:
        connection.executescript(statement)
    with pytest.raises(Damaged) as caught:
        await store.load("notes")
    assert caught.value.revision == revision
    if "cut off" not in what:
        with pytest.raises(Damaged) as caught:
            _ = [one async for one in store.operations("notes", 2)]
        assert caught.value.revision == revision
        pieces = await written(store, "notes")
        assert pieces is not None
        with pytest.raises(Damaged):
            _ = [piece async for piece in pieces]
    assert await store.load("other") is not None


@pytest.mark.parametrize(
    "change",
    [
        "content = CAST('[{\"insert\":\"yy\"}]' AS BLOB)",
        "content = '[{\"insert\":\"xx\"}]'",
        "hash = zeroblob(16)",
        "seal = zeroblob(16)",
        "encoding = 'zlib'",
        "(content, hash, seal) = (SELECT content, hash, seal FROM snapshots"
        " WHERE document = 'other' AND revision = 2)",
    ],
)
async def test_a_changed_snapshot_is_found_when_it_is_read(
    sqlite_store: DatabaseStore, tmp_path: Path, change: str
) -> None:
    store = sqlite_store
    await filled(store)
    await store.create(document("other"), EMPTY)
    await store.append(append(1, 5, document="other"))
    await store.save_snapshot("other", snapshot(2, b'[{"insert":"zz"}]'))
    with closing(sqlite3.connect(tmp_path / "collab.sqlite3")) as connection:
        connection.execute(
            f"UPDATE snapshots SET {change} WHERE document = 'notes' AND revision = 2"
        )
        connection.commit()
    with pytest.raises(Damaged) as caught:
        await store.load("notes")
    assert caught.value.revision == 2
    with pytest.raises(Damaged):
        _ = [one async for one in store.snapshots("notes")]
    assert await store.load("notes", 1) is not None


async def test_a_restored_document_keeps_its_hashes(store: Store) -> None:
    await filled(store)
    backup = read(await exported(store, "notes"))
    told = replace(backup.belongings, document=replace(backup.belongings.document, id="again"))
    await store.restore(told, backup.operations, [])
    for revision in (0, 2, 304):
        assert await store.hash_at("again", revision) == await store.hash_at("notes", revision)


async def test_a_changed_backup_names_the_first_revision_that_differs(store: Store) -> None:
    await filled(store)
    data = await exported(store, "notes")
    lines = data.splitlines(keepends=True)

    def refused(*changed: bytes) -> tuple[int | None, str]:
        with pytest.raises(BadBackup) as caught:
            read(b"".join(changed))
        return caught.value.revision, str(caught.value)

    for revision in (1, 2, 150, 304):
        line = lines[revision + 1]
        other = line.replace(b'"x"', b'"y"')
        assert other != line
        found, sentence = refused(*lines[: revision + 1], other, *lines[revision + 2 :])
        assert found == revision
        assert f"The first revision that differs is {revision}." in sentence
        assert refused(*lines[: revision + 1], *lines[revision + 2 :])[0] == revision
    swapped = [*lines[:7], lines[8], lines[7], *lines[9:]]
    assert refused(*swapped)[0] == 6
    assert refused(lines[0], lines[1].replace(b"[]", b'[{"insert":"x"}]'), *lines[2:])[0] == 0
    assert refused(lines[0].replace(b'"text"', b'"rich"'), *lines[1:])[0] == 0
    # What is no revision: the file is refused, and the history is whole.
    assert refused(lines[0].replace(b"Notes", b"Motes"), *lines[1:])[0] is None
    assert refused(*lines[:-2], lines[-2].replace(b"bob", b"eve"), lines[-1])[0] is None
    assert len(read(data).operations) == 304


async def test_an_older_database_gets_its_hashes(tmp_path: Path) -> None:
    """As it was before there were any: with what is damaged, and with what begins later."""
    path = tmp_path / "collab.sqlite3"
    await older_database(path)
    store = await open_store(Settings(data_dir=tmp_path))
    try:
        hash = chain.origin("text", 0, EMPTY)
        async for one in store.operations("long", 0):
            hash = chain.followed(hash, one)
            assert one.hash == hash
        loaded = await store.load("long")
        assert loaded is not None
        assert (loaded.snapshot.revision, loaded.revision, loaded.hash) == (2000, 2500, hash)
        assert [one.revision async for one in store.snapshots("long")] == [0, 2000]
        begins_later = await store.load("later")
        assert begins_later is not None
        assert [one.revision for one in begins_later.operations] == [71, 72]
        with pytest.raises(Damaged, match="short is damaged at revision 2: it is missing"):
            await store.load("short")
        with pytest.raises(Damaged, match="bad is damaged at revision 0: it has a damaged"):
            await store.load("bad")
        # And it goes on from there.
        after = replace(operation(2501), hash=b"")
        [after] = chain.chained(hash, [after])
        await store.append([Append("long", [after])])
        assert (await store.load("long")) is not None
    finally:
        await store.close()


async def older_database(path: Path) -> None:
    """A database of before there were hashes, as that version left it."""
    store = await open_store(Settings(data_dir=path.parent))
    for id in ("long", "later", "short", "bad"):
        await store.create(document(id), EMPTY)
    await store.append([*append(1, 2500, document="long"), *append(1, 3, document="short")])
    await store.close()
    rows: list[tuple[Any, ...]]
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute("SELECT * FROM operations").fetchall()
        kept = connection.execute("SELECT * FROM snapshots").fetchall()
        connection.executescript(
            """
            DROP TABLE operations; DROP TABLE snapshots;
            CREATE TABLE operations (document TEXT NOT NULL, revision BIGINT NOT NULL,
                client TEXT NOT NULL, sequence BIGINT NOT NULL, author TEXT NOT NULL,
                time DOUBLE NOT NULL, delta TEXT NOT NULL, PRIMARY KEY (document, revision),
                FOREIGN KEY(document) REFERENCES documents (id) ON DELETE CASCADE) WITHOUT ROWID;
            CREATE TABLE snapshots (document TEXT NOT NULL, revision BIGINT NOT NULL,
                encoding TEXT NOT NULL, content BLOB NOT NULL, PRIMARY KEY (document, revision),
                FOREIGN KEY(document) REFERENCES documents (id) ON DELETE CASCADE);
            UPDATE alembic_version SET version_num = '0002';
            """
        )
        connection.executemany(
            "INSERT INTO operations VALUES (?, ?, ?, ?, ?, ?, ?)", [row[:-1] for row in rows]
        )
        connection.executemany(
            "INSERT INTO operations VALUES ('later', ?, 'c', ?, 'Ann', 1.5, '[]')",
            [(71, 1), (72, 2)],
        )
        connection.execute("DELETE FROM operations WHERE document = 'short' AND revision = 2")
        connection.executemany("INSERT INTO snapshots VALUES (?, ?, ?, ?)", [
            row[:-2] for row in kept
        ])
        connection.execute("INSERT INTO snapshots VALUES ('long', 2000, 'plain', x'5b5d')")
        connection.execute("UPDATE snapshots SET revision = 70 WHERE document = 'later'")
        connection.execute("UPDATE snapshots SET encoding = 'zlib' WHERE document = 'bad'")
        connection.commit()
