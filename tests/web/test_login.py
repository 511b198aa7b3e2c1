"""A login in front, as ``deploy/nginx-login.conf`` has it: a real nginx, and a tiny service."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web

from collab.cli.arguments import make_parser
from collab.cli.loading import load
from collab.protocol.settings import Settings
from collab.testing.raw import RawSession
from collab.web import create_app
from collab.web.listening import listen
from tests.web.fronts import DEPLOY
from tests.web.nginx import free_port, run_nginx

pytestmark = [pytest.mark.nginx, pytest.mark.bundled("members")]

FILE = DEPLOY / "nginx-login.conf"

SIGNED_IN = {"ada-secret": "ada", "bob-secret": "bob", "nameless": ""}
"""What the login service gave to whom, as the cookie ``session``."""


class Login:
    """A login service: it knows people by a cookie."""

    def __init__(self) -> None:
        self.asked: list[dict[str, str]] = []

    async def verify(self, request: web.Request) -> web.Response:
        self.asked.append(dict(request.headers))
        name = SIGNED_IN.get(request.cookies.get("session", ""))
        if name is None:
            return web.Response(status=401)
        return web.Response(headers={"Remote-User": name})

    async def form(self, request: web.Request) -> web.Response:
        return web.Response(text="Who are you?")


@asynccontextmanager
async def login_service(login: Login, port: int) -> AsyncIterator[None]:
    app = web.Application()
    app.router.add_get("/login/verify", login.verify)
    app.router.add_get("/login/", login.form)
    runner = web.AppRunner(app)
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", port).start()
    try:
        yield
    finally:
        await runner.cleanup()


def example_settings(socket: Path, data: Path) -> Settings:
    """The settings that the file's comment starts the server with."""
    comment = FILE.read_text("utf-8").partition("upstream")[0]
    words = comment.replace("\\\n#", " ").partition("collab serve ")[2].partition("\n")[0]
    # As a shell would: only the quotes around one of them.
    given = words.replace("'", "").replace("/run/collab/collab.sock", str(socket)).split()
    parsed = vars(make_parser().parse_args(["serve", *given, "--data-dir", str(data)]))
    return load(parsed, {}, data.parent).settings


class Site:
    def __init__(self, url: str, login: Login) -> None:
        self.url = url
        self.login = login

    @asynccontextmanager
    async def visitor(self, cookie: str | None) -> AsyncIterator[aiohttp.ClientSession]:
        cookies = {} if cookie is None else {"session": cookie}
        async with aiohttp.ClientSession(
            self.url, cookies=cookies, cookie_jar=aiohttp.CookieJar(unsafe=True)
        ) as http:
            yield http


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    settings = example_settings(tmp_path / "collab.sock", tmp_path / "data")
    assert settings.unix_socket is not None
    port, login = free_port(), Login()
    snippet = FILE.read_text("utf-8")
    assert snippet.count("127.0.0.1:9091") == 1
    snippet = snippet.replace("127.0.0.1:9091", f"127.0.0.1:{port}")
    async with (
        login_service(login, port),
        listen(create_app(settings), settings),
        run_nginx(tmp_path, settings.unix_socket, snippet) as address,
    ):
        yield Site(address, login)


async def test_nobody_comes_past_the_login(site: Site) -> None:
    forged = {"Remote-User": "ada", "X-Remote-User": "ada"}
    async with site.visitor(None) as http:
        for path in ("/", "/api/me", "/api/documents", "/d/x", "/api/documents/x/socket"):
            async with http.get(path, headers=forged, allow_redirects=False) as response:
                assert response.status == 302, path
                assert response.headers["Location"].startswith(f"{site.url}/login/?to=http://")
        async with http.get("/") as response:
            assert await response.text() == "Who are you?"
        # What nginx asks, nobody else can.
        async with http.get("/login/verify", headers=forged) as response:
            assert response.status == 404
    assert not any("Remote-User" in headers for headers in site.login.asked)


async def test_the_login_says_who_somebody_is_and_nothing_else_does(site: Site) -> None:
    for headers in ({}, {"Remote-User": "bob"}, {"remote-user": "bob", "X-Remote-User": "bob"}):
        async with site.visitor("ada-secret") as http:
            async with http.get("/api/me", headers=headers) as response:
                me: dict[str, Any] = await response.json()
            assert me["id"] == "member:ada"
            async with http.get("/api/plugins", headers=headers) as response:
                assert response.status == 200
    async with site.visitor("bob-secret") as http:
        async with http.get("/api/plugins", headers={"Remote-User": "ada"}) as response:
            assert response.status == 403
        async with http.post("/api/documents", json={}) as response:
            assert response.status == 201
    # Somebody whom the login lets in without a name is a guest, and guests may nothing.
    async with site.visitor("nameless") as http:
        for headers in ({}, {"Remote-User": "ada"}):
            async with http.post("/api/documents", json={}, headers=headers) as response:
                assert response.status == 403


async def test_the_name_holds_on_a_websocket_too(site: Site) -> None:
    async with site.visitor("ada-secret") as http:
        async with http.post("/api/documents", json={"content": "x"}) as response:
            id = (await response.json())["id"]
        session = RawSession(
            await http.ws_connect(
                f"/api/documents/{id}/socket", origin=site.url, headers={"Remote-User": "bob"}
            )
        )
        welcome = await session.hello()
        assert welcome["user"]["id"] == "member:ada"
        await session.operate(0, 1, [{"retain": 1}, {"insert": "y"}])
        assert (await session.expect("operations"))["operations"][0]["author"] == "member:ada"
        await session.close()


def test_the_example_sets_what_it_says(tmp_path: Path) -> None:
    settings = example_settings(tmp_path / "collab.sock", tmp_path)
    assert settings.plugins == {
        "members": {"header": "Remote-User", "guests": "nothing", "operators": ["ada"]}
    }
    assert settings.trusted_proxies == ("unix",)
