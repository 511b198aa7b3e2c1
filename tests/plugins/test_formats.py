"""formats: files out and in, on a running server, and what is done with bad ones."""

from __future__ import annotations

import asyncio
import io
import os
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from collab.plugins.formats import Formats, decoded, pandoc
from collab.plugins.formats.pandoc import Pandoc, check_archive
from collab.plugins.formats.workshop import EACH, PROCESSES, Workshop

from collab.ot import Delta
from collab.protocol.errors import CollabError
from collab.rooms.turns import charged
from collab.testing.fixtures import server, server_settings
from collab.testing.server import Server
from tests.plugins.test_formats_markup import ATTACKS, judge

__all__ = ["server", "server_settings"]

PROGRAM = pandoc.find()
needs_pandoc = pytest.mark.skipif(PROGRAM is None, reason="pandoc is not installed.")


async def export(server: Server, id: str, name: str) -> tuple[bytes, dict[str, str]]:
    async with server.http.get(f"{server.url}/api/documents/{id}/export/{name}") as response:
        assert response.status == 200, await response.text()
        return await response.read(), dict(response.headers)


async def bring(server: Server, name: str, data: bytes, status: int = 201) -> Any:
    url = f"{server.url}/api/import/{name}?filename=My%20notes.x"
    async with server.http.post(url, data=io.BytesIO(data)) as response:
        assert response.status == status, await response.text()
        return await response.json()


async def content(server: Server, id: str) -> list[dict[str, Any]]:
    url = f"{server.url}/api/documents/{id}/content"
    async with server.http.get(url, headers={"Accept": "application/json"}) as response:
        found: list[dict[str, Any]] = await response.json()
    return found


async def test_a_text_goes_out(server: Server) -> None:
    id = await server.create_document('A/"title"', "# Hello\n\n<script>alert(1)</script> é👩\n")
    for name, ending in (("text", "txt"), ("markdown", "md")):
        data, headers = await export(server, id, name)
        assert data.decode() == "# Hello\n\n<script>alert(1)</script> é👩\n"
        assert ending in headers["Content-Disposition"]
    data, headers = await export(server, id, "html")
    assert b"<h1>Hello</h1>" in data and b"<script" not in data
    assert headers["Content-Type"] == "text/html; charset=utf-8"


@pytest.mark.parametrize("name", ["text", "markdown", "html"])
async def test_what_goes_out_is_a_file_and_no_page(server: Server, name: str) -> None:
    id = await server.create_document("Title", "text")
    _, headers = await export(server, id, name)
    assert headers["Content-Disposition"].startswith("attachment;")
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Content-Security-Policy"] == "sandbox; default-src 'none'"


async def test_rich_text_goes_out_and_comes_back(server: Server) -> None:
    ops = Delta([
        {"insert": "Title"}, {"insert": "\n", "attributes": {"header": 1}},
        {"insert": "bold", "attributes": {"bold": True}}, {"insert": " and "},
        {"insert": "link", "attributes": {"link": "https://example.org/?a&b"}},
        {"insert": "\n"},
        {"insert": "item"}, {"insert": "\n", "attributes": {"list": "bullet"}},
    ]).ops
    id = await server.create_document("Rich", ops, type="richtext")
    page, _ = await export(server, id, "html")
    again = await bring(server, "html-rich", page)
    assert again["type"] == "richtext"
    assert await content(server, again["id"]) == ops
    written, _ = await export(server, id, "markdown")
    assert written.decode() == (
        "# Title\n\n**bold** and [link](https://example.org/?a&b)\n\n- item\n"
    )
    again = await bring(server, "markdown-rich", written)
    assert await content(server, again["id"]) == ops
    text, _ = await export(server, id, "text")
    assert text == b"Title\nbold and link\nitem\n"


async def test_files_come_in(server: Server, pytestconfig: pytest.Config) -> None:
    made = await bring(server, "markdown", b"\xef\xbb\xbf# One\r\ntwo\r")
    # The type is of another plugin, and its files are text without it.
    type = "text" if pytestconfig.getoption("--without") == "markdown" else "markdown"
    assert (made["title"], made["type"]) == ("My notes", type)
    assert await server.text(made["id"]) == "# One\ntwo\n"
    assert (await bring(server, "text", b"# One"))["type"] == "text"
    made = await bring(server, "html", b"<h1>One</h1><p onclick=x>two <b>three</b></p>")
    assert await server.text(made["id"]) == "# One\n\ntwo **three**\n"


async def test_attacks_come_in_as_text_and_go_out_as_text(server: Server) -> None:
    made = await bring(server, "html", "\n".join(ATTACKS).encode())
    data, _ = await export(server, made["id"], "html")
    body = data.decode().partition("<body>")[2].partition("</body>")[0]
    judge(body, images=True)


@pytest.mark.parametrize("data", [b"\xff\xfe\xfd", b"\x89PNG\r\n\x1a\n\0\0", b"a\0b"])
async def test_what_is_no_text_is_refused_in_a_sentence(server: Server, data: bytes) -> None:
    for name in ("text", "markdown", "html"):
        answer = await bring(server, name, data, status=422)
        assert answer["error"]["message"].startswith("The file is no text")


def test_text_is_read_in_the_encodings_it_has() -> None:
    assert decoded("é\r\n".encode("utf-16")) == "é\n"
    assert decoded("é".encode()) == "é"


@pytest.fixture
async def workshop() -> AsyncIterator[Workshop]:
    workshop = Workshop(seconds=1)
    yield workshop
    await workshop.close()


BOMBS = {
    "deep": "<div>" * 1_000_000,
    "quotes": "<blockquote>" * 200_000 + "x",
    "lists": "<ul><li>" * 100_000,
    "attributes": "<p " + " ".join(f"a{n}=x" for n in range(1_000_000)) + ">x",
    "long": f"<p title={'x' * 5_000_000}>y",
    "formatting": "<b><i>" * 20_000 + "x",
    "open": "<" * 1_000_000,
}


@pytest.mark.parametrize("name", BOMBS)
async def test_a_bomb_harms_nobody(workshop: Workshop, name: str) -> None:
    """It is read within its time, or refused; the next file is read in any case."""
    await workshop.do("read_html", "warm")
    try:
        async with asyncio.timeout(20):
            await workshop.do("read_html", BOMBS[name])
    except ValueError as refused:
        assert str(refused).startswith(("It takes too long", "It can't be"))
    assert await workshop.do("read_html", "<p>next") == [{"insert": "next\n"}]


@pytest.mark.parametrize(
    "markdown",
    ["[" * 100_000, "*a " * 100_000, "> " * 100_000, "`" * 100_000, "![a](" * 50_000,
     "|a" * 50_000 + "\n" + "|-" * 50_000, "<!--" * 100_000, "- " * 50_000, "&" * 300_000],
)
async def test_markdown_made_to_be_slow_is_stopped(workshop: Workshop, markdown: str) -> None:
    await workshop.do("preview", "warm")
    try:
        async with asyncio.timeout(20):
            await workshop.do("preview", markdown)
    except ValueError as refused:
        assert str(refused).startswith(("It takes too long", "It can't be"))
    assert await workshop.do("preview", "next") == '<p data-line="0">next</p>\n'


async def test_a_job_that_is_given_up_does_not_answer_the_next(workshop: Workshop) -> None:
    await workshop.do("preview", "warm")
    slow = asyncio.create_task(workshop.do("preview", "*a " * 100_000))
    while len(workshop._free) == PROCESSES:
        await asyncio.sleep(0)
    slow.cancel()
    with pytest.raises(asyncio.CancelledError):
        await slow
    assert await workshop.do("preview", "next") == '<p data-line="0">next</p>\n'


async def test_an_honest_job_is_next_however_many_hostile_ones_wait(workshop: Workshop) -> None:
    """On one process and one line, it waited for the time limit of each of them."""
    done: list[str] = []

    async def ask(who: str, markdown: str) -> None:
        charged.set(who)
        try:
            await workshop.do("preview", markdown)
        except ValueError:  # it took too long
            pass
        finally:
            done.append(who)

    await workshop.do("preview", "warm")
    hostile = [asyncio.create_task(ask("hostile", "*a " * 100_000)) for _ in range(EACH)]
    await asyncio.sleep(0)
    charged.set("hostile")
    with pytest.raises(CollabError) as refused:
        await workshop.do("preview", "one more")
    assert refused.value.code.code == "slow_down"
    async with asyncio.timeout(60):
        await asyncio.gather(*(asyncio.create_task(ask("honest", "*a*")) for _ in range(2)))
    assert done.count("hostile") <= 1
    for task in hostile:
        task.cancel()
    await asyncio.wait(hostile)


async def test_what_a_job_raises_is_told(workshop: Workshop) -> None:
    with pytest.raises(ValueError, match="It can't be read: KeyError"):
        await workshop.do("no_such_job")
    assert await workshop.do("rich_markdown", [{"insert": "x"}]) == "x\n"


async def test_secrets_are_not_handed_on(
    workshop: Workshop, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLLAB_TOKENS", "secret")
    await workshop.do("preview", "x")
    process = workshop._free[-1]._process
    assert process is not None
    assert b"secret" not in environment_of(process.pid)


def environment_of(process: int) -> bytes:
    file = Path(f"/proc/{process}/environ")
    if not file.exists():
        pytest.skip("This system does not show a process's environment.")
    return file.read_bytes()


def zipped(*entries: tuple[str, bytes]) -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in entries:
            archive.writestr(name, data)
    return file.getvalue()


@pytest.mark.parametrize(
    ("data", "sentence"),
    [
        (b"no archive", "damaged"),
        (zipped(("a", os.urandom(1000)))[:-30], "damaged"),
        (zipped(("a", bytes(20_000_000))), "unpacks to too much"),
        (zipped(*((str(n), b"") for n in range(1001))), "more than 1000 files"),
    ],
)
def test_archives_that_are_bombs_are_refused(data: bytes, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        check_archive(data)


@needs_pandoc
async def test_word_and_others_go_out_and_come_in(server: Server) -> None:
    id = await server.create_document("Title", "# Hello\n\nThis is **bold**.\n\n- one\n- two\n")
    for name in ("docx", "odt", "epub", "rtf", "rst", "latex", "org"):
        data, headers = await export(server, id, name)
        assert headers["Content-Disposition"].startswith("attachment;")
        if name == "docx":
            made = await bring(server, name, data)
            text = await server.text(made["id"])
            assert "# Hello" in text and "This is **bold**." in text and "- one\n- two" in text
    answer = await bring(server, "docx", b"no archive", status=422)
    assert "damaged" in answer["error"]["message"]


@needs_pandoc
async def test_pandoc_reads_no_files_and_takes_no_longer_than_it_may() -> None:
    assert PROGRAM is not None
    kind = next(kind for kind in pandoc.KINDS if kind.name == "rst")
    program = Pandoc(PROGRAM)
    assert "root:" not in await program.read(kind, b".. include:: /etc/passwd\n")
    with pytest.raises(ValueError, match="too long"):
        await Pandoc(PROGRAM, seconds=0.001).read(kind, b"x")


async def test_a_pandoc_without_its_files_is_named(tmp_path: Path) -> None:
    program = tmp_path / "pandoc"
    program.write_text(
        "#!/bin/sh\ncat > /dev/null\necho 'Could not find data file data/docx/x' >&2\nexit 97\n"
    )
    program.chmod(0o755)
    with pytest.raises(ValueError, match=r"pip install 'collab\[pandoc\]'"):
        await Pandoc(str(program)).write(pandoc.KINDS[0], "<p>Hello</p>")


def test_without_pandoc_there_are_the_formats_that_need_none(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("collab.plugins.formats.find", lambda: None)
    plugin = Formats()
    assert [one.name for one in plugin.exporters()] == ["text", "markdown", "html"]
    assert len(plugin.importers()) == 5
