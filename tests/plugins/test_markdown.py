"""markdown: the preview of a document, on a running server."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

from collab.protocol.settings import Settings
from collab.testing.fixtures import server, server_settings
from collab.testing.server import Server, serve
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
