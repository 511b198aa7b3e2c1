"""Where the database is, and every way in which it can't be there: a sentence for each."""

from __future__ import annotations

import logging
import os
import sqlite3
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from collab.protocol.settings import Settings
from collab.storage import open_store
from collab.storage.port import DatabaseUnusable
from collab.storage.sqlite.neighbours import has_reset_bug
from tests.storage.making import EMPTY, document


async def test_the_data_directory_is_made(tmp_path: Path) -> None:
    store = await open_store(Settings(data_dir=tmp_path / "new" / "folder"))
    await store.create(document(), EMPTY)
    await store.close()
    assert (tmp_path / "new" / "folder" / "collab.sqlite3").is_file()


@pytest.mark.parametrize("scheme", ["sqlite", "sqlite+aiosqlite"])
async def test_a_database_that_is_named(tmp_path: Path, scheme: str) -> None:
    store = await open_store(Settings(database=f"{scheme}:///{tmp_path / 'named.db'}"))
    await store.close()
    assert (tmp_path / "named.db").is_file()


async def test_a_strange_name_of_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "what? 100% #1 é"
    store = await open_store(Settings(data_dir=folder))
    await store.create(document(), EMPTY)
    await store.close()
    assert os.listdir(folder) == ["collab.sqlite3"]


@pytest.mark.parametrize(
    ("url", "message"),
    [
        ("notes.db", "'notes.db' is not the URL of a database: write sqlite:///"),
        ("", "'' is not the URL of a database"),
        ("postgresql://server/notes", "A postgresql database can't be used yet, only SQLite"),
        ("sqlite://", "does not name a database file alone"),
        ("sqlite:///:memory:", "does not name a database file alone"),
        ("sqlite:///a.db?mode=ro", "does not name a database file alone"),
        ("sqlite:////no/such/folder/a.db", "There is no folder /no/such/folder for"),
        ("sqlite:////tmp", "/tmp is a folder; name the database file in it"),
    ],
)
async def test_a_name_that_can_not_be(url: str, message: str) -> None:
    with pytest.raises(DatabaseUnusable) as caught:
        await open_store(Settings(database=url))
    assert message in str(caught.value)


async def test_a_data_directory_that_is_a_file(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(DatabaseUnusable, match="file can't be made: File exists"):
        await open_store(Settings(data_dir=tmp_path / "file"))
    with pytest.raises(DatabaseUnusable, match="can't be made: Not a directory"):
        await open_store(Settings(data_dir=tmp_path / "file" / "data"))


async def test_a_file_that_is_no_database(tmp_path: Path) -> None:
    path = tmp_path / "collab.sqlite3"
    path.write_text("Dear diary, this is not a database at all. " * 50)
    before = path.read_bytes()
    with pytest.raises(DatabaseUnusable, match="is not a SQLite database"):
        await open_store(Settings(data_dir=tmp_path))
    assert path.read_bytes() == before


async def test_a_database_that_is_cut_short(tmp_path: Path) -> None:
    store = await open_store(Settings(data_dir=tmp_path))
    await store.close()
    path = tmp_path / "collab.sqlite3"
    path.write_bytes(path.read_bytes()[:6000])
    with pytest.raises(DatabaseUnusable, match="is damaged"):
        await open_store(Settings(data_dir=tmp_path))


@pytest.fixture
def powerless() -> Iterator[Path]:
    """A folder of somebody else's, and no longer the rights of root."""
    folder = Path(tempfile.mkdtemp())
    folder.chmod(0o755)
    root = os.geteuid() == 0
    if root:
        os.seteuid(65534)
    else:
        folder.chmod(0o555)
    yield folder
    if root:
        os.seteuid(0)
    folder.chmod(0o755)
    for file in folder.iterdir():
        file.unlink()
    folder.rmdir()


async def test_a_folder_without_the_right_to_write(powerless: Path) -> None:
    with pytest.raises(DatabaseUnusable, match="can't be opened: check that its folder exists"):
        await open_store(Settings(data_dir=powerless))
    with pytest.raises(DatabaseUnusable, match="data can't be made: Permission denied"):
        await open_store(Settings(data_dir=powerless / "data"))


async def test_a_second_store_is_warned_of_an_old_sqlite(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite3, "sqlite_version_info", (3, 51, 2))
    with caplog.at_level(logging.WARNING, "collab"):
        first = await open_store(Settings(data_dir=tmp_path))
        assert caplog.messages == []
        second = await open_store(Settings(data_dir=tmp_path))
    assert [message[:33] for message in caplog.messages] == ["Another Collab uses a database in"]
    await first.create(document("a"), EMPTY)
    await second.create(document("b"), EMPTY)
    assert len((await first.documents()).documents) == 2
    await second.close()
    await first.close()
    caplog.clear()
    await (await open_store(Settings(data_dir=tmp_path))).close()
    assert caplog.messages == []


@pytest.mark.parametrize(
    ("version", "bug"),
    [
        ((3, 40, 1), True),
        ((3, 44, 5), True),
        ((3, 44, 6), False),
        ((3, 45, 0), True),
        ((3, 50, 6), True),
        ((3, 50, 7), False),
        ((3, 51, 2), True),
        ((3, 51, 3), False),
        ((3, 52, 0), False),
        ((4, 0, 0), False),
    ],
)
def test_which_sqlite_has_the_fault(version: tuple[int, int, int], bug: bool) -> None:
    assert has_reset_bug(version) is bug
