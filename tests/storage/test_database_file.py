"""A database that is deleted, replaced, cut off or damaged while a server has it open.

SQLite alone goes on: it reads from the open file and acknowledges into it. Here nothing more is
saved, with a sentence, and what was saved stays readable.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from collab.protocol.settings import Settings
from collab.storage import DatabaseStore, open_store
from collab.storage.port import Snapshot, StorageError
from collab.storage.sqlite import SqliteDatabase, database_file
from tests.storage.making import EMPTY, append, document, operation


@pytest.fixture(autouse=True)
def _look_each_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(database_file, "INTERVAL", 0.0)


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "collab.sqlite3"


@pytest.fixture
async def store(sqlite_store: DatabaseStore) -> DatabaseStore:
    await sqlite_store.create(document(), EMPTY)
    await sqlite_store.append(append(1, 50))
    return sqlite_store


def _log(path: Path) -> Path:
    return path.with_name(path.name + "-wal")


def _delete(path: Path) -> None:
    path.unlink()


def _replace(path: Path) -> None:
    copy = path.with_name("copy")
    copy.write_bytes(path.read_bytes())
    copy.replace(path)


def _delete_log(path: Path) -> None:
    _log(path).unlink()


def _move_folder(path: Path) -> None:
    path.parent.rename(path.parent.with_name(path.parent.name + "-away"))


@pytest.mark.parametrize(
    ("harm", "message"),
    [
        (_delete, "moved or deleted while the server runs"),
        (_replace, "replaced while the server runs"),
        (_delete_log, "moved or deleted while the server runs"),
        (_move_folder, "moved or deleted while the server runs"),
    ],
)
async def test_nothing_is_saved_in_files_that_nobody_will_find(
    store: DatabaseStore, path: Path, harm: Callable[[Path], None], message: str
) -> None:
    harm(path)
    for _ in range(2):
        with pytest.raises(StorageError, match=message):
            await store.append(append(51))
        with pytest.raises(StorageError, match=message):
            await store.create(document("another"), EMPTY)
        with pytest.raises(StorageError, match=message):
            await store.prove()
        loaded = await store.load("notes")
        assert loaded is not None and loaded.document.revision == 50


async def test_a_file_that_is_put_back_is_written_to_again(
    store: DatabaseStore, path: Path
) -> None:
    away = path.with_name("away")
    os.rename(path, away)
    with pytest.raises(StorageError, match="moved or deleted"):
        await store.append(append(51))
    assert path.name not in os.listdir(path.parent), "no new one was made in its place"
    os.rename(away, path)
    await store.append(append(51))
    await store.prove()


def _cut_log(path: Path) -> None:
    os.truncate(_log(path), _log(path).stat().st_size // 2)


def _empty_log(path: Path) -> None:
    os.truncate(_log(path), 0)


def _cut_database(path: Path) -> None:
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(FULL)")
    os.truncate(path, 4096)


@pytest.mark.parametrize("harm", [_cut_log, _empty_log, _cut_database])
@pytest.mark.parametrize("seen_by", ["writer", "reader"])
async def test_a_file_that_was_cut_off_takes_nothing_more(
    store: DatabaseStore, path: Path, harm: Callable[[Path], None], seen_by: str
) -> None:
    await store.prove()
    harm(path)
    if seen_by == "reader" and harm is not _cut_database:  # That one lies in the reader's cache.
        with pytest.raises(StorageError, match="is damaged"):
            await store.load("notes")
    for revision in (51, 51, 52):
        with pytest.raises(StorageError, match=r"is damaged\. Stop the server"):
            await store.append(append(revision))
    with pytest.raises(StorageError, match="is damaged"):
        await store.prove()


def _scribble(path: Path) -> None:
    with path.open("r+b") as file:
        file.seek(4096)
        file.write(os.urandom(path.stat().st_size - 4096))


async def test_damage_that_a_reader_met_stops_the_writer(
    store: DatabaseStore, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also before it is time to look again: the writer alone sees nothing of it."""
    await store.close()
    monkeypatch.setattr(database_file, "INTERVAL", 1e9)
    _scribble(path)
    damaged = DatabaseStore(await SqliteDatabase.open(path))  # Without looks at the start.
    try:
        with pytest.raises(StorageError, match="is damaged"):
            await damaged.load("notes")
        with pytest.raises(StorageError, match="is damaged"):
            await damaged.set_state("plugin", None, "key", b"value")
    finally:
        await damaged.close()


@pytest.mark.parametrize("statement", ["PRAGMA wal_checkpoint(TRUNCATE)", "VACUUM"])
async def test_what_other_programs_may_do_is_no_damage(
    store: DatabaseStore, path: Path, statement: str
) -> None:
    """A control: files that become shorter by SQLite's own doing."""
    await store.create(document("long"), b'[{"insert":"%s"}]' % os.urandom(300_000).hex().encode())
    await store.delete("long")
    await store.prove()
    with closing(sqlite3.connect(path)) as other:
        other.execute(statement)
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    await store.append(append(51))
    await store.prove()
    await store.save_snapshot("notes", Snapshot(51, EMPTY, operation(51).hash))
    assert await store.last_sequence("notes", "ann") == (51, 51)


async def test_to_prove_is_to_commit(store: DatabaseStore, path: Path) -> None:
    """Another program that holds the lock is met, and so is a file that can't be written to."""
    before = _log(path).stat().st_size
    await store.prove()
    assert _log(path).stat().st_size > before
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        with pytest.raises(StorageError, match="locked by another program"):
            await store.prove()
        other.execute("ROLLBACK")
    await store.prove()


async def test_a_server_that_starts_elsewhere_is_not_confused(tmp_path: Path) -> None:
    """A control: opened twice, one after the other, each time with files of its own."""
    for _ in range(2):
        store = await open_store(Settings(data_dir=tmp_path))
        await store.prove()
        await store.close()
