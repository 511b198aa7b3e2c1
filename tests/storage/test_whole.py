"""A document read whole and made again: in memory, on SQLite, and the portable way of databases."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from msgspec.structs import replace

from collab.storage.port import (
    Append,
    Author,
    Belongings,
    Conflict,
    Kept,
    Rows,
    Sent,
    Store,
    StoredOperation,
    Unfit,
)
from tests.storage.making import EMPTY, append, bare, document, operation, snapshot

STEP = '''
import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def of_document():
    return sa.Column("document", sa.Text, sa.ForeignKey("documents.id", ondelete="CASCADE"))


def upgrade():
    op.create_table(
        "tags_reply",
        of_document(),
        sa.Column("id", sa.Integer),
        sa.Column("parent", sa.Integer),
        sa.Column("tag", sa.Text),
        sa.Column("thread", sa.Integer),
        sa.PrimaryKeyConstraint("document", "id"),
        sa.ForeignKeyConstraint(["document", "parent"], ["tags_reply.document", "tags_reply.id"]),
        sa.ForeignKeyConstraint(["document", "thread"], ["tags_reply.document", "tags_reply.id"]),
        sa.ForeignKeyConstraint(["document", "tag"], ["tags_tag.document", "tags_tag.name"]),
    )
    op.create_table(
        "tags_tag",
        of_document(),
        sa.Column("name", sa.Text),
        sa.Column("picture", sa.LargeBinary),
        sa.Column("weight", sa.Double),
        sa.Column("made", sa.DateTime),
        sa.Column("size", sa.Integer, sa.Computed("length(name)")),
        sa.PrimaryKeyConstraint("document", "name"),
    )
    op.create_table("tags_number", sa.Column("id", sa.Integer, primary_key=True), of_document())
    op.create_table("tags_seen", of_document())
    op.create_table("tags_colour", sa.Column("name", sa.Text, primary_key=True))
'''

TAGS = Rows(
    "tags", "tags_tag", ["name", "picture", "weight", "made"],
    [("blue", b"\x00\xff", 1.5, "2026-01-02 03:04:05.000000"), ("red", None, None, None)],
)
REPLIES = Rows(
    "tags", "tags_reply", ["id", "parent", "tag", "thread"],
    # 1 needs 6, which needs 4, which needs 5: by one column and the other.
    [
        (1, None, "red", 6), (2, 1, None, None), (3, None, "blue", 3), (4, 5, None, None),
        (5, None, None, None), (6, 4, None, None),
    ],
)


async def make_tables(store: Store, folder: Path) -> None:
    (folder / "steps").mkdir()
    (folder / "steps" / "0001_tags.py").write_text(STEP)
    assert await store.tables.migrate("tags", folder / "steps")


def belongings(*tables: Rows, first: int = 0) -> Belongings:
    return Belongings(
        replace(document(), revision=first + 3),
        snapshot(first, b'[{"insert":"hello"}]'),
        [Sent("ann", first + 2, first + 2), Sent("bob", 9, first + 3), Sent("eve", 4, first)],
        [Author("Ann", "Ann", "#0b6e4f", first + 1), Author("Bob", "Bobby", "", first + 3)],
        [Kept("gone", "key", b"[1]"), Kept("tags", "a", b'"x"'), Kept("tags", "b", b"null")],
        list(tables),
    )


def log(first: int = 0) -> list[StoredOperation]:
    return [operation(first + 1), operation(first + 2), operation(first + 3, "bob", 9)]


async def test_there_is_nothing_of_a_document_that_is_not_there(store: Store) -> None:
    assert await store.belongings("notes") is None


async def test_what_was_given_is_there_again(store: Store) -> None:
    given = replace(belongings(), clients=[Sent("ann", 2, 2), Sent("bob", 9, 3)])
    await store.restore(given, log(), [snapshot(2, b'[{"insert":"xxhello"}]')])
    assert await store.belongings("notes") == given
    assert await store.document("notes") == given.document
    assert bare([one async for one in store.operations("notes", 0)]) == bare(log())
    loaded = await store.load("notes")
    assert loaded is not None
    assert (loaded.snapshot.revision, bare(loaded.operations)) == (2, bare(log()[2:]))
    assert await store.last_sequence("notes", "bob") == (9, 3)
    assert await store.list_state("tags", "notes") == {"a": b'"x"', "b": b"null"}
    assert await store.list_state("gone", "notes") == {"key": b"[1]"}
    # And it goes on from there.
    with pytest.raises(Conflict):
        await store.append([Append("notes", [operation(4, "bob", 9)])])
    await store.append([Append("notes", [operation(4, "bob", 10)])])
    assert (await store.documents(search="NOTES")).documents == [replace(document(), revision=4)]


async def test_what_belongs_to_a_document_that_was_edited(store: Store) -> None:
    await store.create(document(), EMPTY)
    await store.create(document("other"), EMPTY)
    await store.append([*append(1, 3), *append(1, 1, document="other")])
    await store.save_snapshot("notes", snapshot(2, b'[{"insert":"xx"}]'))
    await store.set_state("tags", "other", "a", b"2")
    await store.set_state("tags", None, "a", b"3")
    await store.set_state("tags", "notes", "b", b"1")
    assert await store.belongings("notes") == Belongings(
        replace(document(), revision=3),
        snapshot(0, EMPTY),
        [Sent("ann", 3, 3)],
        [],
        [Kept("tags", "b", b"1")],
        [],
    )


async def test_a_log_may_begin_later(store: Store) -> None:
    given = belongings(first=70)
    await store.restore(given, log(70), [])
    assert await store.belongings("notes") == given
    assert await store.document("notes") == replace(document(), revision=73)
    assert await store.last_sequence("notes", "eve") == (4, 70)
    loaded = await store.load("notes", 71)
    assert loaded is not None
    assert (loaded.snapshot, bare(loaded.operations)) == (given.snapshot, bare(log(70)[:1]))
    with pytest.raises(ValueError, match="no revision 69"):
        await store.load("notes", 69)
    read = [one async for one in store.operations("notes", 71, 72)]
    assert bare(read) == bare([operation(72)])
    assert bare([one async for one in store.operations("notes", 0)]) == bare(log(70))
    await store.append([Append("notes", [operation(74)])])
    assert [one.revision async for one in store.operations("notes", 72)] == [73, 74]


async def test_a_log_may_be_empty(store: Store) -> None:
    given = Belongings(replace(document(), revision=5), snapshot(5, EMPTY), [], [], [], [])
    await store.restore(given, [], [])
    assert await store.belongings("notes") == given
    await store.append(append(6))


async def test_an_id_that_is_taken(store: Store, tmp_path: Path) -> None:
    await make_tables(store, tmp_path)
    await store.create(document(title="First"), EMPTY)
    with pytest.raises(Conflict, match="notes already"):
        await store.restore(belongings(TAGS), log(), [])
    found = await store.belongings("notes")
    assert found == Belongings(document(title="First"), snapshot(0, EMPTY), [], [], [], [])


async def test_rows_of_plugins_come_back_under_any_id(store: Store, tmp_path: Path) -> None:
    await make_tables(store, tmp_path)
    # Whatever the order in the file, rows are written after those that they refer to.
    await store.restore(belongings(REPLIES, TAGS), log(), [])
    found = await store.belongings("notes")
    assert found is not None and found.tables == [TAGS, REPLIES]
    copy = replace(found, document=document("copy"))
    await store.restore(copy, log(), [])
    copied = await store.belongings("copy")
    assert copied is not None and copied.tables == [TAGS, REPLIES]
    assert await store.delete("copy")
    kept = await store.belongings("notes")
    assert kept == found


async def test_two_that_bring_the_same_document_back_at_once(
    store: Store, tmp_path: Path
) -> None:
    await make_tables(store, tmp_path)
    done = await asyncio.gather(
        *(store.restore(belongings(TAGS), log(), []) for _ in range(3)), return_exceptions=True
    )
    assert sorted(type(one).__name__ for one in done) == ["Conflict", "Conflict", "NoneType"]
    found = await store.belongings("notes")
    assert found is not None and found.tables == [TAGS]


async def test_a_table_that_has_got_a_column_more_takes_rows_without_it(
    store: Store, tmp_path: Path
) -> None:
    await make_tables(store, tmp_path)
    few = Rows("tags", "tags_tag", ["name"], [("red",)])
    await store.restore(belongings(few), log(), [])
    found = await store.belongings("notes")
    assert found is not None
    assert found.tables == [Rows("tags", "tags_tag", TAGS.columns, [("red", None, None, None)])]


@pytest.mark.parametrize(
    ("rows", "why"),
    [
        (Rows("tags", "tags_shape", ["a"], [(1,)]), "the table tags_shape .* is not there"),
        (Rows("tags", "tags_tag", ["shape"], [(1,)]), "has no column shape"),
        (Rows("tags", "tags_colour", ["name"], [("red",)]), "is not there"),
        (Rows("tags", "tags_migrations", ["version_num"], [("9",)]), "is not there"),
        (Rows("tags", "snapshots", ["revision"], [(1,)]), "is not there"),
        (Rows("other", "tags_tag", ["name"], [("red",)]), "is not there"),
        (Rows("tags", "tags_reply", ["id", "tag"], [(1, "red")]), "beside those that are there"),
        (Rows("tags", "tags_tag", ["name"], [("red",), ("red",)]), "beside those"),
    ],
    ids=["table", "column", "not-of-documents", "versions", "ours", "plugin", "refers", "twice"],
)
async def test_rows_that_do_not_fit(store: Store, tmp_path: Path, rows: Rows, why: str) -> None:
    await make_tables(store, tmp_path)
    with pytest.raises(Unfit, match=why):
        await store.restore(belongings(rows), log(), [])
    assert await store.document("notes") is None
    assert [one async for one in store.operations("notes", 0)] == []
    assert await store.list_state("tags", "notes") == {}
    # Nothing is left in the way.
    await store.restore(belongings(TAGS), log(), [])


async def test_no_rows_need_no_table(store: Store) -> None:
    await store.restore(belongings(Rows("tags", "tags_shape", ["a"], [])), log(), [])


async def test_a_table_of_nothing_but_documents(store: Store, tmp_path: Path) -> None:
    await make_tables(store, tmp_path)
    seen = Rows("tags", "tags_seen", [], [(), ()])
    await store.restore(belongings(seen), log(), [])
    found = await store.belongings("notes")
    assert found is not None and found.tables == [seen]


async def test_keys_that_another_document_has(store: Store, tmp_path: Path) -> None:
    await make_tables(store, tmp_path)
    numbers = Rows("tags", "tags_number", ["id"], [(1,), (2,)])
    await store.restore(belongings(numbers), log(), [])
    found = await store.belongings("notes")
    assert found is not None and found.tables == [numbers]
    with pytest.raises(Unfit, match="tags_number"):
        await store.restore(replace(found, document=document("copy")), log(), [])
    assert await store.document("copy") is None
