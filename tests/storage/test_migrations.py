"""Migrations: made at start, each whole or not at all, by one server at a time, never backwards."""

from __future__ import annotations

import asyncio
import shutil
import sqlite3
import sys
from contextlib import closing
from pathlib import Path
from textwrap import dedent

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import create_engine

from collab.protocol.settings import Settings
from collab.storage import DatabaseStore, open_store
from collab.storage import migrate as migrate_module
from collab.storage.migrate import migrate, migrations_folder, upgrade
from collab.storage.port import Author, DatabaseTooNew, DatabaseUnusable, StorageError
from collab.storage.sqlite import connection as sqlite_connection
from collab.storage.sqlite import migration_engine
from collab.storage.tables import metadata
from tests.storage.making import EMPTY, append, document

NEWEST = "0003"
STEPS = ["0001", "0002", NEWEST]


def scalar(path: Path, sql: str) -> object:
    with closing(sqlite3.connect(path)) as connection:
        return connection.execute(sql).fetchone()[0]


async def test_a_new_database_gets_every_step_and_then_none(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path / "a" / "b")
    assert await migrate(settings) == STEPS
    assert await migrate(settings) == []
    path = tmp_path / "a" / "b" / "collab.sqlite3"
    assert scalar(path, "SELECT version_num FROM alembic_version") == NEWEST


async def test_migrations_make_the_tables_that_the_code_means(tmp_path: Path) -> None:
    await migrate(Settings(data_dir=tmp_path))
    engine = create_engine(f"sqlite:///{tmp_path / 'collab.sqlite3'}")
    with engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True})
        assert compare_metadata(context, metadata) == []
        migrated = set(
            connection.exec_driver_sql("SELECT name, wr FROM pragma_table_list WHERE schema='main'")
        )
    engine.dispose()
    made = create_engine("sqlite://")
    with made.connect() as connection:
        metadata.create_all(connection)
        meant = set(
            connection.exec_driver_sql("SELECT name, wr FROM pragma_table_list WHERE schema='main'")
        )
    made.dispose()
    assert migrated - meant == {("alembic_version", 0)}
    assert meant <= migrated


async def test_a_database_of_a_newer_version_is_refused(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path)
    await migrate(settings)
    path = tmp_path / "collab.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = '9000'")
        connection.commit()
    for start in (migrate, open_store):
        with pytest.raises(DatabaseTooNew) as caught:
            await start(settings)
        assert str(caught.value) == (
            f"The database {path} is newer than this version of Collab: it was migrated to 9000,"
            f" and this version knows {NEWEST} at most. Upgrade Collab, or restore a backup from"
            " before."
        )
    assert scalar(path, "SELECT version_num FROM alembic_version") == "9000"


async def test_a_database_of_another_program_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "collab.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE recipes (name)")
    with pytest.raises(DatabaseUnusable, match="holds tables of another program"):
        await open_store(Settings(data_dir=tmp_path))
    assert scalar(path, "SELECT count(*) FROM sqlite_schema") == 1


STEP = """
    import sqlalchemy as sa
    from alembic import op

    revision = "0004"
    down_revision = "0003"

    def upgrade():
        with op.batch_alter_table("documents", recreate="always") as batch:
            batch.add_column(sa.Column("language", sa.Text))
"""


@pytest.fixture
def steps(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy of the migrations, to which a test adds."""
    copy = tmp_path / "migrations with % in its name"
    shutil.copytree(migrations_folder(), copy, ignore=shutil.ignore_patterns("__pycache__"))
    monkeypatch.setattr(migrate_module, "migrations_folder", lambda: copy)
    return copy / "versions"


async def with_content(settings: Settings) -> None:
    store = await open_store(settings)
    for id in ("a", "b"):
        await store.create(document(id), EMPTY)
        await store.append(append(1, 50, document=id))
    await store.close()


async def test_rebuilding_a_table_keeps_what_refers_to_it(tmp_path: Path, steps: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    await with_content(settings)
    (steps / "0004_language.py").write_text(dedent(STEP))
    assert await migrate(settings) == ["0004"]
    path = tmp_path / "data" / "collab.sqlite3"
    assert scalar(path, "SELECT count(*) FROM operations") == 100
    assert scalar(path, "SELECT count(language IS NULL) FROM documents") == 2
    store = await open_store(settings)
    await store.append(append(51, document="a"))
    await store.close()


async def test_control_with_foreign_keys_on_the_log_is_deleted(
    tmp_path: Path, steps: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    await with_content(settings)
    (steps / "0004_language.py").write_text(dedent(STEP))
    pragmas = sqlite_connection.pragmas
    monkeypatch.setattr(
        sqlite_connection,
        "pragmas",
        lambda role, durability: pragmas(role, durability) | {"foreign_keys": 1},
    )
    assert await migrate(settings) == ["0004"]
    assert scalar(tmp_path / "data" / "collab.sqlite3", "SELECT count(*) FROM operations") == 0


@pytest.mark.parametrize(
    ("line", "error", "message"),
    [
        ("op.execute('DELETE FROM documents')", StorageError, "leave 104 rows in clients"),
        ("op.execute('UPDATE absent SET a = 1')", DatabaseUnusable, "no such table: absent"),
        ("raise RuntimeError('power')", RuntimeError, "power"),
    ],
)
async def test_a_step_that_fails_leaves_nothing_behind(
    tmp_path: Path, steps: Path, line: str, error: type[Exception], message: str
) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    await with_content(settings)
    (steps / "0004_language.py").write_text(dedent(STEP) + f"    {line}\n")
    with pytest.raises(error, match=message):
        await migrate(settings)
    path = tmp_path / "data" / "collab.sqlite3"
    assert scalar(path, "SELECT version_num FROM alembic_version") == NEWEST
    assert scalar(path, "SELECT count(*) FROM operations") == 100
    schema = str(scalar(path, "SELECT sql FROM sqlite_schema WHERE name = 'documents'"))
    assert "language" not in schema
    (steps / "0004_language.py").write_text(dedent(STEP))
    assert await migrate(settings) == ["0004"]


async def test_each_step_is_a_transaction_of_its_own(tmp_path: Path, steps: Path) -> None:
    (steps / "0004_language.py").write_text(dedent(STEP))
    fifth = """
        revision = "0005"
        down_revision = "0004"

        def upgrade():
            raise RuntimeError("fifth")
    """
    (steps / "0005_fifth.py").write_text(dedent(fifth))
    with pytest.raises(RuntimeError, match="fifth"):
        await upgrade(migration_engine(tmp_path / "log.sqlite3"))
    assert scalar(tmp_path / "log.sqlite3", "SELECT version_num FROM alembic_version") == "0004"


AT_THAT_TIME = [
    ("a", "authorship", "authors", '{"Ann": ["Ann as she was", "#0b6e4f"], "Bob": ["Bob", "red"]}'),
    ("a", "history", "authors", '{"Ann": ["Ann \\u00c9", "#be123c"], "gone": ["Gone", "#1d4ed8"]}'),
    ("a", "history", "versions", "[]"),
    ("a", "tags", "authors", '{"Eve": ["Eve", "#0b6e4f"]}'),
    ("b", "history", "authors", "[1]"),
    ("b", "authorship", "authors", '{"": ["x", ""], "x": 1, "y": ["\\u0000", ""], "z": [1, 2]}'),
]


async def test_names_that_plugins_had_noted_are_the_authors(tmp_path: Path, steps: Path) -> None:
    settings = Settings(data_dir=tmp_path / "data")
    later = [steps / "0002_authors.py", steps / "0003_hashes.py"]
    for step in later:
        step.rename(tmp_path / step.name)
    assert await migrate(settings) == ["0001"]
    path = tmp_path / "data" / "collab.sqlite3"
    with closing(sqlite3.connect(path)) as connection:
        connection.executemany(
            "INSERT INTO documents VALUES (?, 'Notes', 'notes', 'text', 'e', 1, 1)",
            [("a",), ("b",)],
        )
        connection.executemany(
            "INSERT INTO operations VALUES ('a', ?, 'c', ?, ?, 1, '[]')",
            [(5, 5, "Bob"), (6, 6, "Ann"), (7, 7, "Bob")],
        )
        connection.executemany(
            "INSERT INTO plugin_document_state VALUES (?, ?, ?, CAST(? AS BLOB))", AT_THAT_TIME
        )
        connection.commit()
    for step in later:
        (tmp_path / step.name).rename(step)
    assert await migrate(settings) == ["0002", "0003"]
    store = await open_store(settings)
    assert await store.authors("a", 10) == [
        Author("gone", "Gone", "#1d4ed8", 1),
        Author("Bob", "Bob", "", 5),
        Author("Ann", "Ann É", "#be123c", 6),
    ]
    assert await store.authors("b", 10) == []
    await store.close()
    with closing(sqlite3.connect(path)) as connection:
        left = connection.execute("SELECT document, plugin, key FROM plugin_document_state")
        assert sorted(left) == [
            ("a", "history", "versions"), ("a", "tags", "authors"), ("b", "history", "authors"),
        ]


START = """
import asyncio, sys
from pathlib import Path
from collab.protocol.settings import Settings
from collab.storage import open_store
from collab.storage.migrate import migrate
from tests.storage.making import document

async def main():
    settings = Settings(data_dir=Path(sys.argv[1]))
    steps = await migrate(settings)
    store = await open_store(settings)
    await store.create(document(sys.argv[2]), b"[]")
    await store.close()
    print(len(steps))

asyncio.run(main())
"""


async def test_of_servers_that_start_at_once_one_takes_each_step(tmp_path: Path) -> None:
    processes = [
        await asyncio.create_subprocess_exec(
            sys.executable,
            "-c",
            START,
            str(tmp_path / "data"),
            f"d{number}",
            cwd=Path(__file__).parents[2],
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        for number in range(4)
    ]
    results = await asyncio.gather(*(process.communicate() for process in processes))
    assert [process.returncode for process in processes] == [0] * 4, results
    # Each step was taken once; of two, others may take the second.
    assert sum(int(output) for output, _ in results) == len(STEPS)
    store = await open_store(Settings(data_dir=tmp_path / "data"))
    assert isinstance(store, DatabaseStore)
    assert len((await store.documents()).documents) == 4
    await store.close()
