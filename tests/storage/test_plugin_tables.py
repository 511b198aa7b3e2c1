"""Tables of plugins: what every store promises of them, and what SQLite refuses besides."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import AsyncIterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import bindparam, column, delete, func, insert, select, table, text, update

from collab.protocol.settings import Settings
from collab.storage import DatabaseStore, MemoryStore, open_store, plugin_tables, runs
from collab.storage.port import (
    Conflict,
    StorageError,
    Store,
    TableStep,
    TablesUnusable,
    Violation,
)
from tests.storage.making import EMPTY, append, document
from tests.storage.plugin_steps import FIRST, endless, pages, words, write_step

COUNT = select(func.count()).select_from(pages)
ENDLESS_STEP = """
op.execute(
    "WITH RECURSIVE numbers(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM numbers)"
    " INSERT INTO notes_words SELECT count(*) FROM numbers"
)
"""


@pytest.fixture
def steps(tmp_path: Path) -> Path:
    """The plugin's folder, with the first of its migrations."""
    folder = tmp_path / "plugin with % in its name"
    write_step(folder, 1, FIRST)
    return folder


@pytest.fixture(params=["memory", "sqlite"])
async def strict(request: pytest.FixtureRequest, tmp_path: Path) -> AsyncIterator[Store]:
    """A store that sees to it that plugins change their own tables only, and end in time."""
    store: Store = (
        MemoryStore()
        if request.param == "memory"
        else await open_store(Settings(data_dir=tmp_path / "data"))
    )
    yield store
    await store.close()


async def migrated(store: Store, steps: Path) -> None:
    await store.create(document("a"), EMPTY)
    await store.create(document("b"), EMPTY)
    assert await store.tables.migrate("notes", steps / "migrations") == ["0001"]


def page(number: int, document: str = "a", **more: Any) -> dict[str, Any]:
    return {"document": document, "number": number, "text": f"page {number}"} | more


async def write(store: Store, *rows: dict[str, Any]) -> list[int]:
    return await store.tables.write("notes", [TableStep(insert(pages), rows)])


async def numbers(store: Store) -> list[tuple[str, int]]:
    rows = await store.tables.read(
        "notes", select(pages.c.document, pages.c.number).order_by(*pages.primary_key), {}
    )
    return [tuple(row) for row in rows]


# Every store.


async def test_migrations_are_taken_once_each(store: Store, steps: Path) -> None:
    await migrated(store, steps)
    assert await store.tables.migrate("notes", steps / "migrations") == []
    await write(store, page(1))
    write_step(steps, 2, 'op.add_column("notes_pages", sa.Column("mood", sa.Text))')
    write_step(steps, 3, 'op.drop_table("notes_words")')
    assert await store.tables.migrate("notes", steps / "migrations") == ["0002", "0003"]
    mood = table("notes_pages", column("mood"))
    assert await store.tables.read("notes", select(mood), {}) == [(None,)]


async def test_rows_are_read_as_they_were_written(store: Store, steps: Path) -> None:
    await migrated(store, steps)
    tags = {"é😀": [1, None, True]}
    assert await write(store, page(1, tags=tags), page(2, tags=None)) == [2]
    query = select(pages).where(pages.c.number.in_([1, 5]), pages.c.document == bindparam("of"))
    [row] = await store.tables.read("notes", query, {"of": "a"})
    assert (row.document, row.number, row.text, row.tags) == ("a", 1, "page 1", tags)
    assert await store.tables.read("notes", query, {"of": "b"}) == []


async def test_several_statements_are_one_transaction(store: Store, steps: Path) -> None:
    await migrated(store, steps)
    await write(store, page(1), page(2), page(3))
    changed = await store.tables.write(
        "notes",
        [
            TableStep(update(pages).where(pages.c.number > 1).values(text="new")),
            TableStep(insert(words), []),
            TableStep(delete(pages).where(pages.c.number == bindparam("n")), [{"n": 1}, {"n": 9}]),
            TableStep(insert(pages), [page(number) for number in range(10, 1510)]),
        ],
    )
    assert changed == [2, 0, 1, 1500]
    steps_that_fail = [
        TableStep(delete(pages)),
        TableStep(insert(words), [{"word": "one"}, {"word": "one"}]),
    ]
    with pytest.raises(Violation):
        await store.tables.write("notes", steps_that_fail)
    [(count,)] = await store.tables.read("notes", COUNT, {})
    assert count == 1502
    assert await store.tables.write("notes", []) == []


async def test_rows_go_with_their_document(store: Store, steps: Path) -> None:
    await migrated(store, steps)
    await store.create(document("c"), EMPTY)
    await write(store, page(1), page(2, "b"), page(3, "c"))
    await store.delete("a")
    await store.delete("absent")
    assert await numbers(store) == [("b", 2), ("c", 3)]
    with pytest.raises(Violation, match="FOREIGN KEY"):
        await write(store, page(1))
    with pytest.raises(Conflict):
        await store.append(append(1, document="a"))


async def test_whose_tables_belong_to_documents(store: Store, steps: Path, tmp_path: Path) -> None:
    assert await store.tables.of_documents() == {}
    await migrated(store, steps)
    write_step(tmp_path / "more", 1, FIRST.replace("notes_", "notes_more_"))
    assert await store.tables.migrate("notes_more", tmp_path / "more" / "migrations") == ["0001"]
    # One that refers to another comes after it, whatever they are called.
    children = """
        op.create_table(
            "notes_comments",
            sa.Column("document", sa.Text, sa.ForeignKey("documents.id", ondelete="CASCADE")),
            sa.Column("page", sa.Integer),
            sa.ForeignKeyConstraint(
                ["document", "page"], ["notes_pages.document", "notes_pages.number"]
            ),
        )
    """
    write_step(steps, 2, "\n".join(line[8:] for line in children.splitlines()))
    await store.tables.migrate("notes", steps / "migrations")
    found = await store.tables.of_documents()
    assert {plugin: [one.name for one in tables] for plugin, tables in found.items()} == {
        "notes": ["notes_pages", "notes_comments"],
        "notes_more": ["notes_more_pages"],
    }
    await write(store, page(1, tags=["x"]))
    [mirrored] = [one for one in found["notes"] if one.name == "notes_pages"]
    [row] = await store.tables.read("notes", select(mirrored), {})
    assert row._mapping == page(1, tags=["x"])


async def test_a_step_that_fails_is_undone(store: Store, steps: Path) -> None:
    await migrated(store, steps)
    await write(store, page(1))
    write_step(steps, 2, 'op.execute("DELETE FROM notes_pages")\nraise KeyError("power")')
    with pytest.raises(TablesUnusable, match=r"failed, and was undone \(KeyError: 'power'\)"):
        await store.tables.migrate("notes", steps / "migrations")
    assert await numbers(store) == [("a", 1)]
    write_step(steps, 2, 'op.drop_table("notes_words")')
    assert await store.tables.migrate("notes", steps / "migrations") == ["0002"]
    await store.append(append(1, document="a"))


async def test_what_a_later_version_has_migrated_is_left_alone(store: Store, steps: Path) -> None:
    await migrated(store, steps)
    later = write_step(steps, 2, 'op.drop_table("notes_words")') / "0002_step.py"
    await store.tables.migrate("notes", steps / "migrations")
    later.unlink()
    with pytest.raises(TablesUnusable, match="to 0002, and this version knows 0001 at most"):
        await store.tables.migrate("notes", steps / "migrations")


@pytest.mark.parametrize("broken", ["syntax (", "down_revision = '0007'", "revision = '0001'"])
async def test_migrations_that_make_no_sense(store: Store, steps: Path, broken: str) -> None:
    await migrated(store, steps)
    file = write_step(steps, 2, "pass") / "0002_step.py"
    file.write_text(file.read_text() + broken)
    with pytest.raises(TablesUnusable, match="mend the plugin"):
        await store.tables.migrate("notes", steps / "migrations")
    await write(store, page(1))


@pytest.mark.parametrize("name", ["documents", "plugin_state", "other_pages", "notes_migrations2"])
async def test_a_plugin_writes_to_its_own_tables(store: Store, steps: Path, name: str) -> None:
    await migrated(store, steps)
    if name == "notes_migrations2":
        name = "notes_more_migrations"
    with pytest.raises(ValueError, match=f"{name} is not one of"):
        await store.tables.write("notes", [TableStep(delete(table(name)))])
    with pytest.raises(ValueError, match="plugin_state is not one of"):
        await store.tables.write("plugin", [TableStep(delete(table("plugin_state")))])
    assert await store.document("a") is not None


async def test_what_is_no_statement_for_it(store: Store, steps: Path) -> None:
    await migrated(store, steps)
    for wrong in (select(pages), text("DELETE FROM notes_pages"), "DELETE FROM notes_pages"):
        with pytest.raises(TypeError, match="INSERT, UPDATE or DELETE"):
            await store.tables.write("notes", [TableStep(wrong)])
    for wrong in (delete(pages), text("DELETE FROM notes_pages"), "SELECT 1"):
        with pytest.raises(TypeError, match="SELECT"):
            await store.tables.read("notes", wrong, {})
    absent = table("notes_absent", column("x"))
    with pytest.raises(StorageError, match="no such table: notes_absent"):
        await store.tables.read("notes", select(absent), {})
    with pytest.raises(StorageError, match="no such table: notes_absent"):
        await store.tables.write("notes", [TableStep(insert(absent).values(x=1))])
    with pytest.raises(StorageError, match="not JSON serializable") as caught:
        await write(store, page(1, text="secret", tags=object()))
    assert "secret" not in str(caught.value), "no words of anybody's get into the log"
    await write(store, page(1))
    await store.append(append(1, document="a"))


async def test_results_are_bounded(
    store: Store, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrated(store, steps)
    await write(store, *(page(number) for number in range(11)))
    monkeypatch.setattr(plugin_tables, "ROWS", 10)
    with pytest.raises(StorageError, match="more than 10 rows"):
        await store.tables.read("notes", select(pages), {})
    assert len(await store.tables.read("notes", select(pages).limit(10), {})) == 10


# Those that see to it.


@pytest.mark.parametrize(
    ("body", "touched"),
    [
        ('op.create_table("pages", sa.Column("id", sa.Integer))', "pages"),
        ('op.create_table("other_pages", sa.Column("id", sa.Integer))', "other_pages"),
        ('op.create_table("notes_x_migrations", sa.Column("id", sa.Text))', "notes_x_migrations"),
        ('op.add_column("documents", sa.Column("mood", sa.Text))', "documents"),
        ('op.create_index("notes_titles", "documents", ["title"])', "documents"),
        ('op.execute("CREATE TRIGGER notes_t AFTER INSERT ON documents BEGIN SELECT 1; END")',
         "documents"),
        ('op.execute("CREATE VIEW all_notes AS SELECT * FROM notes_pages")', "all_notes"),
        ('op.rename_table("notes_words", "words")', "words"),
        ('op.drop_table("documents")', "documents"),
        ('op.execute("UPDATE documents SET title = \'mine\'")', "documents"),
        ('try:\n    op.execute("DELETE FROM documents")\nexcept Exception:\n    pass', "documents"),
    ],
)
async def test_a_step_that_touches_a_table_of_others_is_undone(
    strict: Store, steps: Path, body: str, touched: str
) -> None:
    await migrated(strict, steps)
    await write(strict, page(1))
    write_step(steps, 2, 'op.execute("DELETE FROM notes_pages")\n' + body)
    with pytest.raises(TablesUnusable, match=f"was undone: it would change the table {touched},"):
        await strict.tables.migrate("notes", steps / "migrations")
    assert await numbers(strict) == [("a", 1)]
    await strict.append(append(1, document="a"))
    assert (await strict.documents(search="mine")).documents == []


async def test_a_step_that_leaves_rows_without_their_document_is_undone(
    strict: Store, steps: Path
) -> None:
    await migrated(strict, steps)
    orphan = "INSERT INTO notes_pages VALUES ('absent', 1, '', NULL)"
    write_step(steps, 2, f'op.execute("{orphan}")')
    with pytest.raises(TablesUnusable, match="would leave rows in notes_pages without"):
        await strict.tables.migrate("notes", steps / "migrations")
    assert await numbers(strict) == []


async def test_rebuilding_a_table_keeps_what_refers_to_it(strict: Store, steps: Path) -> None:
    await migrated(strict, steps)
    child = """
op.create_table(
    "notes_lines",
    sa.Column("page", sa.Integer, sa.ForeignKey("notes_words.word", ondelete="CASCADE")),
)
op.execute("INSERT INTO notes_words VALUES ('one')")
op.execute("INSERT INTO notes_lines VALUES ('one')")
"""
    write_step(steps, 2, child)
    rebuilt = """
with op.batch_alter_table("notes_words", recreate="always") as batch:
    batch.add_column(sa.Column("language", sa.Text))
"""
    write_step(steps, 3, rebuilt)
    assert await strict.tables.migrate("notes", steps / "migrations") == ["0002", "0003"]
    lines = table("notes_lines", column("page"))
    assert len(await strict.tables.read("notes", select(lines), {})) == 1
    # Foreign keys are on again.
    await strict.tables.write("notes", [TableStep(delete(words))])
    assert await strict.tables.read("notes", select(lines), {}) == []


async def test_a_table_that_two_names_fit_is_that_of_the_longer(
    strict: Store, steps: Path, tmp_path: Path
) -> None:
    await migrated(strict, steps)
    write_step(tmp_path / "more", 1, FIRST.replace("notes_", "notes_more_"))
    await strict.tables.migrate("notes_more", tmp_path / "more" / "migrations")
    write_step(steps, 2, 'op.drop_table("notes_more_words")')
    with pytest.raises(TablesUnusable, match="change the table notes_more_words"):
        await strict.tables.migrate("notes", steps / "migrations")


async def test_what_takes_too_long_is_stopped_while_edits_go_on(
    strict: Store, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await migrated(strict, steps)
    await write(strict, page(1))
    monkeypatch.setattr(runs, "READ_LIMIT", 1.0)
    monkeypatch.setattr(runs, "WRITE_LIMIT", 0.5)
    reading = asyncio.create_task(strict.tables.read("notes", endless(), {}))
    await asyncio.sleep(0)
    await strict.append(append(1, document="a"))
    assert await strict.load("a") is not None
    assert not reading.done()
    with pytest.raises(StorageError, match="took longer than 1 seconds, and was stopped"):
        await reading
    slow = update(pages).values(number=endless().scalar_subquery())
    writing = asyncio.create_task(strict.tables.write("notes", [TableStep(slow)]))
    await asyncio.sleep(0)
    await strict.append(append(2, document="a"))
    with pytest.raises(StorageError, match=r"took longer than 0\.5 seconds, and was stopped"):
        await writing
    assert await numbers(strict) == [("a", 1)]
    monkeypatch.setattr(runs, "MIGRATION_LIMIT", 0.5)
    write_step(steps, 2, ENDLESS_STEP)
    with pytest.raises(TablesUnusable, match=r"took longer than 0\.5 seconds, and was undone"):
        await strict.tables.migrate("notes", steps / "migrations")
    await strict.append(append(3, document="a"))


async def test_a_slow_plugin_holds_up_no_other(
    tmp_path: Path, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = await open_store(Settings(data_dir=tmp_path / "data"))
    await migrated(store, steps)
    monkeypatch.setattr(runs, "READ_LIMIT", 1.0)
    slow = asyncio.create_task(store.tables.read("slow", endless(), {}))
    await asyncio.sleep(0)
    assert await numbers(store) == []
    assert not slow.done()
    with pytest.raises(StorageError, match="stopped"):
        await slow
    await store.close()
    with pytest.raises(StorageError, match="closed"):
        await store.tables.read("another", select(pages), {})


async def test_a_plugin_that_floods_its_tables_holds_up_neither_edits_nor_others(
    sqlite_store: DatabaseStore, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = sqlite_store
    await migrated(store, steps)
    monkeypatch.setattr(runs, "WRITE_LIMIT", 0.2)
    slow = TableStep(update(words).values(word=endless().scalar_subquery()))
    await store.tables.write("notes", [TableStep(insert(words), [{"word": "one"}])])
    flood = [asyncio.create_task(store.tables.write("notes", [slow])) for _ in range(30)]
    await asyncio.sleep(0)
    absent = TableStep(insert(table("other_absent", column("x"))).values(x=1))
    others = asyncio.create_task(store.tables.write("other", [absent]))
    await store.append(append(1, document="a"))
    assert sum(one.done() for one in flood) <= 2
    with pytest.raises(StorageError, match="no such table"):
        await others
    assert sum(one.done() for one in flood) <= 3
    for one in flood:
        one.cancel()
    await asyncio.gather(*flood, return_exceptions=True)
    # Those whose turn had not come are not written any more.
    await store.append(append(2, document="a"))


async def test_what_was_cancelled_is_written_before_the_next_read_or_never(
    sqlite_store: DatabaseStore, steps: Path
) -> None:
    store = sqlite_store
    await migrated(store, steps)
    for turns in range(8):
        rows = [page(1000 * turns + number) for number in range(500)]
        writing = asyncio.create_task(write(store, *rows))
        for _ in range(turns):
            await asyncio.sleep(0)
        writing.cancel()
        await asyncio.gather(writing, return_exceptions=True)
        found = await numbers(store)
        await store.append(append(turns + 1, document="a"))  # comes after what waits
        assert await numbers(store) == found


async def test_a_store_that_is_closed_waits_for_no_plugin(
    sqlite_store: DatabaseStore, steps: Path
) -> None:
    await migrated(sqlite_store, steps)
    slow = [
        asyncio.create_task(sqlite_store.tables.read(plugin, endless(), {}))
        for plugin in ("notes", "notes", "notes", "other")
    ]
    await sqlite_store.tables.read("third", select(pages), {})
    async with asyncio.timeout(runs.READ_LIMIT / 2):
        await sqlite_store.close()
    for one in slow:
        with pytest.raises(StorageError, match="The database is closed"):
            await one


async def test_a_migration_ends_when_the_store_is_closed(
    sqlite_store: DatabaseStore, steps: Path
) -> None:
    await migrated(sqlite_store, steps)
    write_step(steps, 2, ENDLESS_STEP)
    migrating = asyncio.create_task(sqlite_store.tables.migrate("notes", steps / "migrations"))
    async with asyncio.timeout(runs.MIGRATION_LIMIT / 2):
        while not sqlite_store.tables._running and not migrating.done():
            await asyncio.sleep(0)
        await sqlite_store.close()
    with pytest.raises(TablesUnusable, match="The database is closed"):
        await migrating


async def test_rows_go_with_their_document_while_the_plugin_is_off(
    tmp_path: Path, steps: Path
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    store = await open_store(settings)
    await migrated(store, steps)
    await write(store, page(1), page(2, "b"))
    await store.close()
    store = await open_store(settings)
    await store.delete("a")
    await store.close()
    with closing(sqlite3.connect(tmp_path / "data" / "collab.sqlite3")) as connection:
        assert connection.execute("SELECT document FROM notes_pages").fetchall() == [("b",)]


async def test_databases_that_are_migrated_at_once_are_not_mixed_up(
    tmp_path: Path, steps: Path
) -> None:
    async def begin(number: int) -> None:
        store = await open_store(Settings(data_dir=tmp_path / str(number)))
        await migrated(store, steps)
        await write(store, page(number))
        assert await numbers(store) == [("a", number)]
        await store.close()

    await asyncio.gather(*(begin(number) for number in range(5)))


async def test_a_migration_that_nobody_waits_for_comes_to_its_end(
    tmp_path: Path, steps: Path
) -> None:
    store = await open_store(Settings(data_dir=tmp_path / "data"))
    await store.create(document("a"), EMPTY)
    migrating = asyncio.create_task(store.tables.migrate("notes", steps / "migrations"))
    async with asyncio.timeout(20):
        while not store.tables._running and not migrating.done():
            await asyncio.sleep(0)
    migrating.cancel()
    with pytest.raises(asyncio.CancelledError):
        await migrating
    assert await store.tables.migrate("notes", steps / "migrations") == []
    await write(store, page(1))
    await store.close()
