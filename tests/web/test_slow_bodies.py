"""Whoever sends a body slowly keeps nothing that is taken from them meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.bodies import BODIES
from collab.web.operator import OPERATOR


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    settings = Settings(data_dir=tmp_path, plugins={"members": {"operators": ["ada"]}})
    async with serve(settings) as server:
        yield server


class Slow:
    """A request whose body is half sent until `finish`."""

    def __init__(self, server: Server, method: str, path: str, body: bytes, **how: Any) -> None:
        self._server = server
        self._rest = asyncio.Event()
        self._body = body
        self._answer = asyncio.create_task(self._ask(method, path, how))

    async def _pieces(self) -> AsyncIterator[bytes]:
        yield self._body[:3]
        await self._rest.wait()
        yield self._body[3:]

    async def _ask(self, method: str, path: str, how: dict[str, Any]) -> int:
        async with self._server.http.request(
            method, self._server.url + path, data=self._pieces(), **how
        ) as response:
            await response.read()
            return response.status

    async def begun(self) -> None:
        """The server has read its first bytes: it was admitted."""
        async with asyncio.timeout(20):
            while self._server.app[BODIES].used < 3:
                await asyncio.sleep(0)

    async def finish(self) -> int:
        self._rest.set()
        async with asyncio.timeout(20):
            return await self._answer


async def close(server: Server, document: str, guests: str) -> None:
    async with server.http.put(
        f"{server.url}/plugins/members/api/documents/{document}",
        json={"guests": guests}, headers=server.operator,
    ) as response:
        assert response.status == 200, await response.text()


@pytest.mark.parametrize(("guests", "status"), [("nothing", 403), ("read", 403), ("write", 200)])
async def test_a_text_on_its_way_is_refused_once_the_document_is_closed(
    server: Server, guests: str, status: int
) -> None:
    document = await server.create_document(content="before\n")
    slow = Slow(
        server, "PUT", f"/api/documents/{document}/content", b"afterwards\n",
        headers={"Content-Type": "text/plain"},
    )
    await slow.begun()
    await close(server, document, guests)
    assert await slow.finish() == status
    await close(server, document, "write")
    expected = "afterwards\n" if status == 200 else "before\n"
    assert await server.text(document) == expected


@pytest.mark.parametrize(("method", "path", "body"), [
    ("POST", "/api/plugins/wordcount", b'{"state":"off"}'),
    ("PUT", "/plugins/members/api/documents/{id}", b'{"guests":"read"}'),
])
@pytest.mark.parametrize("signs_out", [True, False])
async def test_who_signs_out_meanwhile_administers_nothing(
    server: Server, method: str, path: str, body: bytes, signs_out: bool
) -> None:
    document = await server.create_document()
    operator = server.app[OPERATOR]
    cookies = {operator.cookie: operator.session()}
    own = {"Origin": server.url, "Content-Type": "application/json"}
    asked = path.format(id=document)
    slow = Slow(server, method, asked, body, headers=own, cookies=cookies)
    await slow.begun()
    if signs_out:
        async with aiohttp.ClientSession(cookies=cookies) as other, other.post(
            server.url + "/operator/sign-out", headers={"Origin": server.url}, allow_redirects=False
        ) as response:
            assert response.status == 303
    assert await slow.finish() == (403 if signs_out else 200)


async def test_who_may_make_nothing_sends_no_body(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, plugins={"members": {"guests": "nothing"}})
    async with serve(settings) as server:
        for path, type in (
            ("/api/documents", "application/json"), ("/api/import/text", "text/plain")
        ):
            slow = Slow(server, "POST", path, b"never to the end", headers={"Content-Type": type})
            async with asyncio.timeout(20):
                assert await asyncio.shield(slow._answer) == 403
            assert server.app[BODIES].used == 0
