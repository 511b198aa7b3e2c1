"""markdown: the preview of a document, on a running server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collab.client import connect
from collab.protocol.settings import Settings
from collab.testing import ServerProcess
from collab.testing.fixtures import server, server_settings
from collab.testing.server import Server, serve
from collab.web.administration import SWITCHBOARD
from tests.plugins.test_formats_markup import MARKDOWN, judge

__all__ = ["server", "server_settings"]


async def preview(server: Server, id: str, status: int = 200) -> Any:
    url = f"{server.url}/plugins/markdown/api/documents/{id}/preview"
    async with server.http.get(url) as response:
        assert response.status == status, await response.text()
        assert response.content_type == "application/json"
        return await response.json()


async def test_the_preview_follows_the_text(server: Server) -> None:
    id = await server.create_document("Notes", "# One\n")
    assert await preview(server, id) == {
        "revision": 0, "html": '<h1 data-line="0">One</h1>\n', "problem": None,
    }
    async with server.connect(id) as one:
        await one.insert(0, "*new*\n\n")
        answer = await preview(server, id)
    assert answer["revision"] == 1
    assert answer["html"] == '<p data-line="0"><em>new</em></p>\n<h1 data-line="2">One</h1>\n'


async def test_nothing_in_a_preview_runs_or_loads(server: Server) -> None:
    for start in range(0, len(MARKDOWN), 20):
        id = await server.create_document("x", "\n\n".join(MARKDOWN[start : start + 20]))
        judge((await preview(server, id))["html"])


async def test_those_who_look_at_once_share_one_preview(
    server: Server, monkeypatch: Any
) -> None:
    jobs = []
    from collab.plugins.formats.workshop import Workshop

    do = Workshop.do

    async def counted(self: Workshop, job: str, *arguments: Any) -> Any:
        jobs.append(job)
        return await do(self, job, *arguments)

    monkeypatch.setattr(Workshop, "do", counted)
    id = await server.create_document("Notes", "# One\n")
    async with server.connect(id):  # it stays open
        answers = await asyncio.gather(*(preview(server, id) for _ in range(20)))
        assert all(answer == answers[0] for answer in answers)
        assert jobs == ["preview"]


async def test_what_is_too_long_or_too_intricate_is_said(tmp_path: Path) -> None:
    settings = Settings(
        data_dir=tmp_path, plugins={"markdown": {"longest": 200_000, "seconds": 1.0}}
    )
    async with serve(settings) as server:
        long = await server.create_document("Long", "x" * 200_001)
        intricate = await server.create_document("Intricate", "[" * 199_000)
        simple = await server.create_document("Simple", "x")
        assert (await preview(server, long))["problem"].startswith("The text is too long")
        await preview(server, simple)
        told = await preview(server, intricate)
        assert told["html"] == "" and told["problem"].startswith("The text is too intricate")
        async with server.connect(intricate) as one:
            await one.insert(0, "x")
            assert await preview(server, intricate) == told, "it is left alone for a while"
        assert (await preview(server, simple))["html"] == '<p data-line="0">x</p>\n'


async def test_a_document_that_is_not_there_has_no_preview(server: Server) -> None:
    answer = await preview(server, "nothing", status=404)
    assert answer["error"]["code"] == "no_document"


@pytest.mark.bundled("formats")
async def test_its_type_is_text_by_another_name(server: Server) -> None:
    async with server.http.get(f"{server.url}/api/types") as response:
        types = {one.pop("name"): one for one in (await response.json())["types"]}
    assert types["markdown"] == {"title": "Markdown", "like": "text", "extension": "md"}
    id = await server.create_document("Notes", "# One\n", "markdown")
    raw = await server.raw(id)
    assert raw.welcome["document"] == {
        "id": id, "title": "Notes", "type": "markdown", "like": "text",
    }
    await raw.close()
    async with server.connect(id) as one:
        assert one.type == "markdown"
        await one.insert(0, "*new*\n\n")
        await one.saved()
    assert (await preview(server, id))["html"].startswith('<p data-line="0"><em>new</em></p>')
    assert await server.text(id) == "*new*\n\n# One\n"
    api = f"{server.url}/api/documents"
    async with server.http.get(f"{api}/{id}/export/html") as response:
        assert "<em>new</em>" in await response.text()
    rich = [{"insert": "bold", "attributes": {"bold": True}}]
    async with server.http.post(api, json={"type": "markdown", "content": rich}) as response:
        assert response.status == 422


async def test_without_the_plugin_its_documents_wait_and_say_so(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path) as server, aiohttp.ClientSession() as http:
        body = {"title": "Notes", "type": "markdown", "content": "# One"}
        async with http.post(f"{server.url}/api/documents", json=body) as response:
            id = (await response.json())["id"]
        async with connect(f"{server.url}/d/{id}") as one:
            await one.insert(0, "#")
            await one.saved()
    path = f"/api/documents/{id}"
    async with (
        ServerProcess(tmp_path, "--plugins-off", "markdown") as server,
        aiohttp.ClientSession() as http,
    ):
        page = http.get(f"{server.url}/d/{id}", headers={"Accept": "text/html"})
        async with page as response:
            assert response.status == 409
            assert "of the type markdown" in await response.text()
        for ending in ("/content", "/export/html", "/socket"):
            async with http.get(f"{server.url}{path}{ending}") as response:
                error = (await response.json())["error"]
                assert (response.status, error["code"]) == (409, "no_type")
        async with http.get(f"{server.url}{path}") as response:
            assert (await response.json())["title"] == "Notes"
        # Files in Markdown become what there is.
        async with http.post(f"{server.url}/api/import/markdown", data=b"# One") as response:
            assert (await response.json())["type"] == "text"
    async with ServerProcess(tmp_path) as server, connect(f"{server.url}/d/{id}") as one:
        assert (one.text, one.revision, one.type) == ("## One", 1, "markdown")


async def test_who_has_a_document_open_goes_on_when_the_plugin_is_switched_off(
    server: Server,
) -> None:
    id = await server.create_document("Notes", "# One\n", "markdown")
    async with server.connect(id) as one:
        await server.app[SWITCHBOARD].off("markdown")
        await one.insert(0, "#")
        await one.saved()
    await server.app[SWITCHBOARD].on("markdown")
    assert await server.text(id) == "## One\n"
