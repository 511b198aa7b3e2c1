"""mirror: documents are files in a folder, and files there are documents."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from collab.cli import main
from collab.protocol.settings import Settings
from collab.testing.server import serve
from collab.web.keys import PLUGINS


def settings(folder: Path, **mirror: Any) -> Settings:
    return Settings(
        data_dir=folder / "data",
        plugins_on=("mirror",),
        plugins={"mirror": {"folder": str(folder / "files"), **mirror}},
    )


async def test_what_is_written_is_in_the_folder_once_everybody_has_left(tmp_path: Path) -> None:
    async with serve(settings(tmp_path)) as server:
        id = await server.create_document("Notes", "one")
        unchanged = await server.create_document("Other", "two")
        async with server.connect(id) as notes, server.connect(unchanged):
            for _ in range(80):
                await notes.insert(0, "é")
                await notes.saved()
        gone = await server.create_document("Gone", "x")
        async with server.connect(gone) as notes:
            await notes.insert(0, "y")
            await notes.saved()
        assert (await server.http.delete(f"{server.url}/api/documents/{gone}")).status == 204
    assert (tmp_path / "files" / f"{id}.txt").read_text("utf-8") == "é" * 80 + "one"
    assert [file.name for file in (tmp_path / "files").iterdir()] == [f"{id}.txt"]


async def test_what_was_typed_while_the_plugin_was_left_alone_is_written_too(
    tmp_path: Path,
) -> None:
    async with serve(settings(tmp_path)) as server:
        plugins = server.app[PLUGINS]
        id = await server.create_document("Notes", "one")
        async with server.connect(id) as notes:
            await plugins.told()
            plugins.loaded["mirror"].services.guard.breaker.open()
            await notes.insert(0, "twenty-")
            await notes.saved()
            plugins.close_breaker("mirror")
            await plugins.told()
    assert (tmp_path / "files" / f"{id}.txt").read_text("utf-8") == "twenty-one"


async def test_a_file_in_the_folder_is_opened(tmp_path: Path) -> None:
    (tmp_path / "files").mkdir()
    (tmp_path / "files" / "minutes.txt").write_text("We met.", encoding="utf-8")
    async with serve(settings(tmp_path)) as server:
        async with server.connect("minutes") as minutes:
            assert minutes.text == "We met."
            await minutes.insert(0, "Today: ")
            await minutes.saved()
        async with server.http.get(f"{server.url}/d/nothing") as response:
            assert response.status == 404
    assert (tmp_path / "files" / "minutes.txt").read_text("utf-8") == "Today: We met."


async def test_a_new_document_begins_with_the_template(tmp_path: Path) -> None:
    (tmp_path / "letter.txt").write_text("Dear", encoding="utf-8")
    async with serve(settings(tmp_path, template=str(tmp_path / "letter.txt"))) as server:
        assert await server.text(await server.create_document("Letter", None)) == "Dear"
        rich = await server.create_document("Letter", None, "richtext")
        assert await server.text(rich) == ""


def test_the_command_writes_everything(tmp_path: Path, capsys: Any, monkeypatch: Any) -> None:
    monkeypatch.chdir(tmp_path)
    Path("notes.txt").write_text("hello")
    assert main(["import", "notes.txt"]) == 0
    id = capsys.readouterr().out.split()[0]
    assert main(["mirror", "--set", "plugins.mirror.folder=files"]) == 0
    assert capsys.readouterr().out == f"{Path('files') / (id + '.txt')}\n"
    assert (tmp_path / "files" / f"{id}.txt").read_text() == "hello"
    assert main(["mirror"]) == 1
    assert "plugins.mirror.folder says where to" in capsys.readouterr().err
