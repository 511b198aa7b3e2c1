"""A bearer token that nobody knows is refused on every route, also on those for everybody."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
from aiohttp import web

from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import write_plugin

TOKEN = "a-token-that-nobody-guesses"
OWN = "a-token-of-the-plugin-itself"

ODD = """
from aiohttp import web
from collab import own_tokens

class Odd(Plugin):
    @hookimpl
    def routes(self):
        return [web.get("/own/{what}", self.own), web.post("/open", self.open)]

    @own_tokens
    async def own(self, request):
        if request.headers.get("Authorization") != "Bearer OWN":
            await self.allowed(request, "create")
        return web.Response(text="own")

    async def open(self, request):
        return web.Response(text="open")
""".replace("OWN", OWN)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    write_plugin(tmp_path / "mine", "odd", ODD, static__odd_dot_js="")
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "mine", base_path="/team",
        tokens={"ops": TOKEN}, plugins={"metrics": {"token": OWN}},
    )  # fmt: skip
    async with serve(settings) as running:
        yield running


def routes(server: Server) -> list[tuple[str, str]]:
    """Every route that the router has, and those of plugins, with something filled in."""
    plugins = server.app[PLUGINS]
    found = [
        (route.method, route.resource.canonical)
        for route in server.app.router.routes()
        if route.resource is not None and not isinstance(route.resource, web.StaticResource)
    ]
    found += [(route.method, f"/team{route.path}") for route in plugins.routes()]
    found += [
        ("GET", "/team/static/style.css"), ("GET", "/team/plugins/odd/static/odd.js"),
        ("GET", "/team/nothing"), ("GET", "/elsewhere"), ("PUT", "/team/livez"),
    ]  # fmt: skip
    return [(method.replace("*", "GET"), re.sub(r"\{\w+(:[^}]*)?\}", "x", path))
            for method, path in found]


async def test_every_route_refuses_it(server: Server) -> None:
    found = routes(server)
    assert len(found) > 40 and {("GET", "/team/livez"), ("POST", "/team/operator")} < set(found)
    for header in ("Bearer wrong", "bearer wrong", "Bearer", "Bearer é", f"Bearer {TOKEN}x"):
        for method, path in found:
            async with server.http.request(
                method, server.url.removesuffix("/team") + path, headers={"Authorization": header},
                allow_redirects=False,
            ) as response:
                said = await response.text()
                assert response.status == 401, (method, path, header)
                assert response.headers["WWW-Authenticate"] == "Bearer"
                assert method == "HEAD" or "bad_token" in said
    id = await server.create_document("Notes", "one")
    for path in (f"/api/documents/{id}/content", f"/d/{id}"):
        headers = {"Authorization": "Bearer wrong"}
        async with server.http.get(server.url + path, headers=headers) as response:
            assert response.status == 401 and "one" not in await response.text()
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.http.ws_connect(server.socket(id), headers=headers)
    assert refused.value.status == 401


async def test_a_known_one_and_none_are_served(server: Server) -> None:
    for headers in ({}, {"Authorization": f"Bearer {TOKEN}"}, {"Authorization": "Basic wrong"}):
        for path in ("/livez", "/static/style.css", "/api/documents", "/", "/api/me"):
            async with server.http.get(server.url + path, headers=headers) as response:
                assert response.status == 200, (path, headers)
        async with server.http.post(
            f"{server.url}/plugins/odd/api/open", headers=headers
        ) as response:
            assert response.status == 200


async def test_a_route_may_take_tokens_of_the_plugins_own(server: Server) -> None:
    headers = {"Authorization": f"Bearer {OWN}"}
    for path in ("/plugins/odd/api/own/x", "/plugins/metrics/api"):
        async with server.http.get(server.url + path, headers=headers) as response:
            assert response.status == 200, path
    for path in ("/livez", "/plugins/chat/static/chat.js", "/api/documents"):
        async with server.http.get(server.url + path, headers=headers) as response:
            assert response.status == 401, path
