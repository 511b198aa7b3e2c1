"""Plugins with tables of their own: at the start, live, on the command line, in every store."""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Sequence
from contextlib import closing
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from sqlalchemy import column, insert, select, table, update

from collab import StorageError, Violation
from collab.cli import main
from collab.plugins.loading import Loaded
from collab.plugins.manager import PluginManager
from collab.plugins.tables import Tables
from collab.protocol.settings import Settings
from collab.storage import MemoryStore, open_store, runs
from collab.storage.port import Store
from collab.testing.raw import RawSession
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import make_manager, the, write_plugin
from tests.storage.making import EMPTY, document
from tests.storage.plugin_steps import FIRST, endless, pages, write_step

NOTES = """
from sqlalchemy import insert, select

from collab import Command, Format, Violation
from tests.storage.plugin_steps import pages


class Notes(Plugin):
    '''Keep pages.'''

    @hookimpl
    async def server_started(self):
        self.found = len(await self.tables.read(select(pages)))

    @hookimpl
    async def message_received(self, document, session, data):
        row = {"document": document.id, "number": data, "text": "by " + session.user.name}
        try:
            changed = await self.tables.write((insert(pages), [row]))
        except Violation:
            changed = None
        await self.send(document, session, changed)

    @hookimpl
    def exporters(self):
        return [Format("pages", "Pages", "txt", "text/plain", self.export)]

    async def export(self, document):
        rows = await self.tables.read(select(pages).where(pages.c.document == document.id))
        return f"{len(rows)} pages"

    @hookimpl
    def commands(self):
        return [Command("pages", "count pages", self.count)]

    async def count(self, server, arguments):
        print(len(await self.tables.read(select(pages))))
"""
WRONG = 'op.create_table("pages", sa.Column("id", sa.Integer))'


@pytest.fixture
def notes(tmp_path: Path) -> Path:
    folder = write_plugin(tmp_path / "plugins", "notes", NOTES)
    write_step(folder, 1, FIRST)
    write_plugin(tmp_path / "plugins", "other", "class Other(Plugin): ...\n")
    return folder


@pytest.fixture
def settings(tmp_path: Path, notes: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data", plugins_dir=notes.parent, plugins_on=("notes", "other")
    )


async def switch(server: Server, state: str) -> tuple[int, Any]:
    url = f"{server.url}/api/plugins/notes"
    async with server.http.post(url, json={"state": state}, headers=server.operator) as response:
        return response.status, await response.json()


async def say(session: RawSession, number: int) -> Any:
    await session.send({"type": "message", "plugin": "notes", "data": number})
    async with asyncio.timeout(20):
        return (await session.expect("message", plugin="notes"))["data"]


def problem(server: Server) -> str:
    [found] = [one for one in server.app[PLUGINS].listing() if one.name == "notes"]
    assert found.state == "problem"
    return found.description


def rows(settings: Settings, sql: str = "SELECT number FROM notes_pages") -> list[Any]:
    with closing(sqlite3.connect(settings.data_dir / "collab.sqlite3")) as connection:
        return connection.execute(sql).fetchall()


async def test_tables_are_there_when_the_server_starts(settings: Settings) -> None:
    async with serve(settings) as server:
        plugin = the(server.app[PLUGINS], "notes")
        assert plugin.found == 0
        id = await server.create_document("Plans")
        async with aiohttp.ClientSession() as http:
            session = await RawSession.open(http, server.socket(id))
            assert await say(session, 1) == [1]
            assert await say(session, 1) is None, "the key is taken"
            await session.close()
        other = await server.create_document("Other")
        await plugin.tables.write(insert(pages).values(document=other, number=2, text=""))
    async with serve(settings) as server:
        assert the(server.app[PLUGINS], "notes").found == 2
        async with server.http.delete(f"{server.url}/api/documents/{id}") as response:
            assert response.status == 204
    assert rows(settings) == [(2,)]


async def test_a_plugin_is_switched_on_live_while_people_write(settings: Settings) -> None:
    async with serve(settings) as server:
        await switch(server, "off")
        write_step(settings.plugins_dir / "notes", 2, 'op.drop_table("notes_words")')
        id = await server.create_document("Plans", "one")
        async with server.connect(id) as writer:
            (status, shown), revision = await asyncio.gather(
                switch(server, "on"), writer.insert(0, "zero ")
            )
            assert (status, shown["state"], revision) == (200, "on", 1)
        assert the(server.app[PLUGINS], "notes").found == 0
    assert rows(settings, "SELECT version_num FROM notes_migrations") == [("0002",)]


async def test_a_reload_that_can_not_be_migrated_leaves_the_plugin_as_it_was(
    settings: Settings, notes: Path
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        write_step(notes, 2, WRONG)
        status, answer = await switch(server, "reload")
        assert (status, answer["error"]["code"]) == (422, "plugin_unusable")
        assert "would change the table pages" in answer["error"]["message"]
        plugin = the(server.app[PLUGINS], "notes")
        assert await plugin.tables.write(
            insert(pages).values(document=id, number=1, text="")
        ) == [1]
        write_step(notes, 2, 'op.drop_table("notes_words")')
        assert (await switch(server, "reload"))[0] == 200
        assert the(server.app[PLUGINS], "notes").found == 1


async def test_one_that_can_not_be_migrated_is_a_problem_until_it_is_mended(
    settings: Settings, notes: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_step(notes, 1, WRONG)
    async with serve(settings) as server:
        manager = server.app[PLUGINS]
        assert list(manager.plugins) == ["other"]
        assert "was undone: it would change the table pages" in problem(server)
        assert "would change the table pages" in caplog.text
        id = await server.create_document("Plans", "one")
        async with server.connect(id) as writer:
            assert await writer.insert(0, "zero ") == 1
        url = f"{server.url}/api/plugins"
        async with server.http.get(url, headers=server.operator) as response:
            listed = {one["name"]: one["state"] for one in (await response.json())["plugins"]}
        assert listed["notes"] == "problem"
        export = f"{server.url}/api/documents/{id}/export/pages"
        async with server.http.get(export) as response:
            assert response.status >= 400
        assert (await switch(server, "on"))[0] == 422
        assert "would change the table pages" in problem(server)
        write_step(notes, 1, FIRST)
        assert (await switch(server, "on"))[0] == 200
        assert list(manager.plugins) == ["notes", "other"]
        assert manager.problems == []
        async with server.http.get(export) as response:
            assert await response.text() == "0 pages"


async def test_one_from_before_leaves_what_a_later_one_has_made(
    settings: Settings, notes: Path
) -> None:
    later = write_step(notes, 2, 'op.drop_table("notes_words")') / "0002_step.py"
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        plugin = the(server.app[PLUGINS], "notes")
        await plugin.tables.write(insert(pages).values(document=id, number=1, text="kept"))
    later.unlink()
    async with serve(settings) as server:
        assert "install the later version again, or restore a backup" in problem(server)
    assert rows(settings) == [(1,)]


async def test_an_installed_package_has_tables(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = write_plugin(tmp_path / "site", "installed_notes", NOTES)
    write_step(package, 1, FIRST)
    monkeypatch.syspath_prepend(str(tmp_path / "site"))
    point = EntryPoint("notes", "installed_notes", "collab.plugins")
    manager = PluginManager(Settings(plugins_on=("notes",)), installed=[point])
    manager.load()
    await manager.start(store=MemoryStore())
    assert manager.problems == []
    assert the(manager, "notes").found == 0
    await manager.stop()


async def test_the_tables_of_a_plugin_in_memory(tmp_path: Path, notes: Path) -> None:
    store = MemoryStore()
    await store.create(document("a"), EMPTY)
    manager = make_manager(notes.parent)
    tables: Tables = the(manager, "notes").tables
    with pytest.raises(LookupError, match="from server_started on"):
        await tables.read(select(pages))
    await manager.start(store=store)
    await store.create(document("b"), EMPTY)
    for id in "ab":
        await tables.write(insert(pages).values(document=id, number=1, text=""))
    await store.delete("a")
    [row] = await tables.read(select(pages))
    assert (row.document, row.tags) == ("b", None)
    await manager.stop()
    # What was stored stays, as everything in this store.
    again = make_manager(notes.parent)
    await again.start(store=store)
    assert the(again, "notes").found == 1
    await again.stop()


@pytest.fixture(params=["memory", "sqlite"])
async def store(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    settings = Settings(data_dir=tmp_path / "data")
    made: Store = MemoryStore() if request.param == "memory" else await open_store(settings)
    await made.create(document("a"), EMPTY)
    yield made
    await made.close()


async def test_what_tables_raise(
    store: Store, notes: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await store.tables.migrate("notes", notes / "migrations")
    tables = Tables("notes", store)
    row = {"document": "a", "number": 1, "text": ""}
    other = update(pages).values(text="other")
    assert await tables.write((insert(pages), [row]), other) == [1, 1]
    with pytest.raises(Violation, match=r"Nothing was written: UNIQUE.*notes_pages"):
        await tables.write(update(pages).values(text="lost"), (insert(pages), [row]))
    with pytest.raises(Violation, match="NOT NULL"):
        await tables.write(insert(pages).values(document="a", number=2))
    assert [one.text for one in await tables.read(select(pages))] == ["other"]
    with pytest.raises(ValueError, match="documents is not one of notes"):
        await tables.write(insert(table("documents", column("id"))).values(id="x"))
    for half in ("\ud800", 2**70):
        with pytest.raises(StorageError):
            await tables.write(insert(pages).values(document="a", number=half, text=half))
    monkeypatch.setattr(runs, "READ_LIMIT", 0.2)
    with pytest.raises(StorageError, match=r"took longer than 0\.2 seconds, and was stopped"):
        await tables.read(endless())


def test_commands_migrate_first(
    settings: Settings, notes: Path, monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str], tmp_path: Path,
) -> None:  # fmt: skip
    monkeypatch.chdir(tmp_path)
    for name in ("COLLAB_URL", "COLLAB_TOKEN"):
        monkeypatch.delenv(name, raising=False)

    def run(*words: str) -> tuple[int, Sequence[str]]:
        code = main([*words, "--plugins-dir", "plugins", "--data-dir", "data"])
        return code, capsys.readouterr().out.splitlines()

    assert run("pages") == (0, ["0"])
    write_step(notes, 2, 'op.add_column("notes_pages", sa.Column("mood", sa.Text))')
    code, [id] = run("documents", "create", "Plans")
    assert run("export", id, "--format", "pages") == (0, ["0 pages"])
    write_step(notes, 3, 'op.drop_table("notes_words")')
    write_step(notes, 4, 'op.drop_column("notes_pages", "mood")')
    code, told = run("migrate")
    assert (code, told[0]) == (0, "The database is up to date.")
    assert "The tables of the plugin notes were migrated: 0003, 0004." in told
    assert run("migrate") == (0, ["The database is up to date."])
    write_step(notes, 5, WRONG)
    assert run("migrate")[0] == 0
    assert main(["pages", "--plugins-dir", "plugins", "--data-dir", "data"]) == 1
    assert "can't be used: plugin notes: a migration of its tables" in capsys.readouterr().err
    assert rows(settings, "SELECT version_num FROM notes_migrations") == [("0004",)]


def test_where_the_migrations_of_a_plugin_are(notes: Path) -> None:
    manager = make_manager(notes.parent)
    loaded: Loaded = manager.loaded["notes"]
    assert loaded.subfolder("migrations") == notes / "migrations"
    loaded.folder = notes / "migrations"
    assert loaded.subfolder("migrations") is None
