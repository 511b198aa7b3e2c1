"""The list of documents says nothing of those that the visitor may not read."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web import documents


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    settings = Settings(data_dir=tmp_path, plugins={"members": {"operators": ["ada"]}})
    async with serve(settings) as server:
        yield server


async def closed(server: Server, title: str) -> str:
    document = await server.create_document(title)
    async with server.http.put(
        f"{server.url}/plugins/members/api/documents/{document}",
        json={"guests": "nothing"}, headers=server.operator,
    ) as response:
        assert response.status == 200
    return document


async def listed(server: Server, **query: str) -> dict[str, Any]:
    async with server.http.get(f"{server.url}/api/documents", params=query) as response:
        assert response.status == 200
        page: dict[str, Any] = await response.json()
        return page


async def test_a_search_that_finds_closed_documents_finds_nothing(server: Server) -> None:
    for number in range(3):
        await closed(server, f"Merger {number}")
    for limit in ("1", "2", "3", "50"):
        nothing = await listed(server, search="no such title", limit=limit)
        assert await listed(server, search="merger", limit=limit) == nothing
        assert await listed(server, limit=limit) == nothing == {"documents": [], "next": None}


async def test_closed_documents_are_passed_over_as_if_they_were_not_there(server: Server) -> None:
    titles: list[str] = []
    for number in range(4):
        titles.insert(0, f"Open {number}")
        await server.create_document(titles[0])
        await closed(server, f"Secret {number} open")
    pages: list[list[str]] = []
    cursor: dict[str, str] = {}
    while True:
        page = await listed(server, search="open", limit="2", **cursor)
        pages.append([one["title"] for one in page["documents"]])
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert pages == [titles[:2], titles[2:]]


async def test_a_page_ends_after_many_that_may_not_be_read(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(documents, "LOOKED_AT", 2)
    await server.create_document("At the end")
    for number in range(3):
        await closed(server, f"Secret {number}")
    first = await listed(server, limit="1")
    assert first["documents"] == [] and first["next"] is not None
    second = await listed(server, limit="1", cursor=first["next"])
    assert [one["title"] for one in second["documents"]] == ["At the end"]
    assert second["next"] is None
