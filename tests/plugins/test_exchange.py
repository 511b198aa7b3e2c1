"""Documents as files, in and out, in the formats that plugins bring; types that they bring."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from collab.cli import main
from collab.ot import document_type
from collab.plugins.offers import Command, Format
from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import make_manager, write_plugin

FILES = """
from collab import Format, Imported

class Files(Plugin):
    @hookimpl
    def exporters(self):
        return [
            Format("shout", "Capitals", "caps", "text/html", self.shout),
            Format("raw", "Bytes", "bin", "application/octet-stream", self.raw),
        ]

    async def shout(self, document):
        if document.text == "boom":
            raise RuntimeError("boom")
        if document.text == "empty":
            raise ValueError("There is nothing to shout.")
        assert not document.sessions and document.open
        return f"{document.revision} {document.text.upper()}"

    async def raw(self, document):
        return 7 if document.text == "boom" else b"\\x00\\xff"

    @hookimpl
    def importers(self):
        return [Format("whisper", "Small letters", "txt", "text/plain", self.whisper)]

    async def whisper(self, data, filename):
        if not data:
            raise ValueError("There is nothing in that file.")
        return Imported(delta=data.decode().lower(), state={"from": filename})
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_plugin(tmp_path / "plugins", "files", FILES)
    return Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("files",)
    )


async def export(server: Server, id: str, name: str, query: str = "") -> tuple[int, Any, Any]:
    path = f"{server.url}/api/documents/{id}/export/{name}{query}"
    async with server.http.get(path) as response:
        body = await response.read()
        return response.status, response.headers, body


async def test_a_document_is_exported_at_any_revision(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Größe: 1/2", "one")
        async with server.connect(id) as notes:
            await notes.insert(3, " two")
            await notes.saved()
            status, headers, body = await export(server, id, "shout")
            assert (status, body) == (200, b"1 ONE TWO")
        assert headers["Content-Type"] == "text/html; charset=utf-8"
        assert headers["X-Content-Type-Options"] == "nosniff"
        assert headers["Content-Security-Policy"].startswith("sandbox; default-src 'none'")
        assert headers["Content-Disposition"] == (
            'attachment; filename="Gr__e  1 2.caps";'
            " filename*=UTF-8''Gr%C3%B6%C3%9Fe%20%201%202.caps"
        )
        assert headers["X-Collab-Revision"] == "1"
        assert (await export(server, id, "shout", "?revision=0"))[2] == b"0 ONE"
        assert (await export(server, id, "raw"))[2] == b"\x00\xff"
        assert (await export(server, id, "shout", "?revision=9"))[0] == 404
        assert (await export(server, id, "sing"))[0] == 404
        assert (await export(server, "nowhere", "shout"))[0] == 404


async def test_what_can_t_be_converted_is_said_and_what_fails_is_logged(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(settings) as server:
        boom = await server.create_document("Boom", "boom")
        empty = await server.create_document("Empty", "empty")
        status, _, body = await export(server, empty, "shout")
        assert status == 422 and b"There is nothing to shout." in body
        health = server.app[PLUGINS].health
        assert health()["files"].failures == 0
        status, _, body = await export(server, boom, "shout")
        assert status == 500 and b"plugin files" in body
        assert (await export(server, boom, "raw"))[0] == 500
        assert health()["files"].failures == 2
        assert "plugin files failed in export shout: RuntimeError: boom" in caplog.text
        for _ in range(9):
            await export(server, boom, "raw")
        assert health()["files"].state == "closed", "visitors can't switch a plugin off"
        assert (await export(server, empty, "raw"))[0] == 200
        server.app[PLUGINS].loaded["files"].services.guard.breaker.open()
        status, _, body = await export(server, empty, "raw")
        assert status == 404 and b"switched off for a while" in body


async def test_a_file_is_imported_with_what_belongs_to_it(settings: Settings) -> None:
    async with serve(settings) as server:

        async def send(query: str, data: bytes) -> tuple[int, Any]:
            path = f"{server.url}/api/import/{query}"
            async with server.http.post(path, data=data) as response:
                return response.status, await response.json()

        status, made = await send("whisper?filename=Loud.txt", b"HELLO")
        assert (status, made["title"]) == (201, "Loud")
        assert await server.text(made["id"]) == "hello"
        plugin = server.app[PLUGINS].plugins["files"]
        assert await plugin.state.list(document=made["id"]) == {"from": "Loud.txt"}
        assert (await send("whisper?title=Quiet", b"X"))[1]["title"] == "Quiet"
        assert (await send("whisper", b"X"))[1]["title"] == "Untitled"
        status, answer = await send("whisper", b"")
        assert status == 422 and answer["error"]["code"] == "unconvertible"
        assert (await send("whisper", b"\xff"))[0] == 422, "UnicodeDecodeError is a ValueError"
        assert (await send("sing", b"X"))[0] == 404


@pytest.mark.parametrize(
    "made",
    ["Imported(title=5)", "Imported(type=[])", "Imported(state=None)", "Imported(state=deep())",
     "Imported(title='half \\ud800')"],
)
async def test_what_an_importer_makes_is_checked_where_it_is_the_plugins_failure(
    tmp_path: Path, made: str
) -> None:
    source = f"""
        from collab import Format, Imported

        def deep():
            around = {{}}
            around["self"] = around
            return around

        class Odd(Plugin):
            @hookimpl
            def importers(self):
                return [Format("odd", "Odd", "txt", "text/plain", self.read)]

            @hookimpl
            def exporters(self):
                return [Format("odd", "Odd", "txt", "text/plain", self.write)]

            async def read(self, data, filename):
                return {made}

            async def write(self, document):
                return "half \\ud800 of it"
        """
    write_plugin(tmp_path / "plugins", "odd", source)
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("odd",)
    )
    async with serve(settings) as server:
        async with server.http.post(f"{server.url}/api/import/odd", data=b"x") as answer:
            told = (await answer.json())["error"]["message"]
            assert answer.status in (422, 500) and "Something went wrong" not in told
        id = await server.create_document("Notes", "one")
        status, _, body = await export(server, id, "odd")
        assert status == 422 and b"Something went wrong" not in body


async def test_the_formats_are_listed(settings: Settings) -> None:
    async with (
        serve(settings) as server,
        server.http.get(f"{server.url}/api/formats") as response,
    ):
        formats = await response.json()
    assert formats["importers"] == [
        {
            "name": "whisper",
            "title": "Small letters",
            "extension": "txt",
            "media_type": "text/plain",
            "plugin": "files",
        }
    ]
    assert [one["name"] for one in formats["exporters"]] == ["shout", "raw"]


async def test_the_command_line_asks_the_server_for_formats(
    settings: Settings, tmp_path: Path, capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "Loud.txt").write_text("HELLO")
    async with serve(settings) as server:

        async def collab(*words: str) -> tuple[int, str, str]:
            code = await asyncio.to_thread(main, [*words, "--url", server.url])
            return code, *capsys.readouterr()

        code, out, _ = await collab("import", "Loud.txt", "--format", "whisper")
        id, title = out.split()
        assert (code, title) == (0, "Loud") and await server.text(id) == "hello"
        assert await collab("export", id, "--format", "shout") == (0, "0 HELLO", "")
        assert (await collab("export", "--all", "-o", "out", "--format", "raw"))[0] == 0
        assert [file.name for file in (tmp_path / "out").iterdir()] == [f"Loud {id}.bin"]
        code, _, error = await collab("export", id, "--format", "sing")
        assert code == 2 and "exports: text, delta, backup, shout, raw" in error


def test_of_two_of_a_name_the_first_is_taken(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "files", FILES)
    write_plugin(tmp_path, "more", FILES.replace("Files", "More"))
    manager = make_manager(tmp_path)
    assert manager.exchange.exporters["shout"].guard.plugin == "files"
    assert "plugin more: the exporter shout is plugin files's" in caplog.text


def test_a_plugin_can_t_bring_a_format_that_is_collab_s_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "files", FILES.replace('"shout"', '"backup"'))
    manager = make_manager(tmp_path)
    assert list(manager.exchange.exporters) == ["raw"]
    assert "plugin files: the exporter backup is Collab's own" in caplog.text


async def _convert(document: Any) -> str:
    return ""


@pytest.mark.parametrize(
    ("name", "extension", "media"),
    [("Shout", "txt", "text/plain"), ("shout", "a/b", "text/plain"), ("shout", "txt", "text")],
)
def test_a_format_is_checked_when_it_is_made(name: str, extension: str, media: str) -> None:
    with pytest.raises(ValueError, match=r"can't be|no media type"):
        Format(name, "Title", extension, media, _convert)
    with pytest.raises(ValueError, match="can't be a command's name"):
        Command("No Name", "", _convert)  # only the name matters


async def test_a_plugin_brings_a_type_of_document(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "plugins",
        "lines",
        """
        from collab.ot import DocumentType, InvalidOperation
        from collab.ot.text import TextContent

        def admit(delta):
            if any("!" in str(op.get("insert", "")) for op in delta.ops):
                raise InvalidOperation("No shouting.")

        class Lines(Plugin):
            @hookimpl
            def document_types(self):
                return [DocumentType("calm", TextContent, admit)]
        """,
    )
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("lines",)
    )
    async with serve(settings) as server:
        id = await server.create_document("Calm", "hello", "calm")
        api = f"{server.url}/api/documents"
        async with server.http.put(f"{api}/{id}/content", json="hello!") as response:
            assert response.status == 422
    with pytest.raises(LookupError):
        document_type("calm")


def test_a_type_that_is_taken_and_what_is_no_offer_are_failures(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(
        tmp_path,
        "bad",
        """
        from collab.ot import DocumentType

        class Bad(Plugin):
            @hookimpl
            def document_types(self):
                return [DocumentType("mine", print, print), DocumentType("text", print, print)]

            @hookimpl
            def exporters(self): return ["markdown"]

            @hookimpl
            def commands(self): return 5

            @hookimpl
            def schedules(self): return [(0, self.commands)]
        """,
    )
    manager = make_manager(tmp_path)
    assert manager.health()["bad"].failures == 4
    assert "There is a document type 'text' already" in caplog.text
    assert "'markdown' is no Format" in caplog.text
    with pytest.raises(LookupError):
        document_type("mine")
