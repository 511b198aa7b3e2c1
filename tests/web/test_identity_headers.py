"""Headers that say who somebody is reach the server from a login in front, never from a visitor."""

from __future__ import annotations

import os
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, get_args

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler
from collab.plugins.members import Header

from collab.protocol.settings import Settings
from collab.web import create_app
from collab.web.listening import listen
from collab.web.proxies import Peer, peer
from tests.plugins.fake import BUNDLED, make_manager
from tests.web.as_written import get
from tests.web.fronts import DEPLOY, NAMES, run_front

pytestmark = [
    pytest.mark.bundled("members"),
    pytest.mark.nginx,
    pytest.mark.proxies,
]

BASE = "/team/docs"
HEADERS: tuple[str, ...] = get_args(Header)
"""All that a bundled plugin can be told to believe."""


class Behind:
    """A server behind one of the proxies."""

    def __init__(self, socket: Path) -> None:
        self.socket = str(socket)
        self.seen: list[list[str]] = []
        """The names of each request's headers."""
        self.peers: list[Peer] = []
        self.url = ""

    @web.middleware
    async def notice(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if not request.path.endswith("/readyz"):  # which HAProxy asks by itself
            self.seen.append(list(request.headers.keys()))
            self.peers.append(peer(request))
        return await handler(request)

    async def ask(self, path: str, *headers: tuple[str, str]) -> tuple[int, Any]:
        return await get(self.url + path, *headers)


@pytest.fixture
def folder() -> Any:
    """A folder that every user may enter: a proxy may change to another one."""
    with tempfile.TemporaryDirectory(prefix="collab-front-") as made:
        os.chmod(made, 0o755)
        yield Path(made)


@pytest.fixture(params=NAMES)
async def behind(request: pytest.FixtureRequest, folder: Path) -> AsyncIterator[Behind]:
    settings = Settings(
        unix_socket=folder / "collab.sock",
        data_dir=folder / "data",
        base_path=BASE,
        trusted_proxies=("unix",),
        plugins_on=("members",),
        plugins={"members": {"header": "Remote-User", "operators": ["root-op"]}},
    )
    assert settings.unix_socket is not None
    app = create_app(settings)
    behind = Behind(settings.unix_socket)
    app.middlewares.append(behind.notice)
    async with listen(app, settings):
        settings.unix_socket.chmod(0o666)
        async with run_front(request.param, folder, settings.unix_socket) as address:
            behind.url = address + BASE
            yield behind


def test_no_other_bundled_plugin_says_who_somebody_is() -> None:
    """What the list above rests on."""
    manager = make_manager(None, off=())
    for name in set(BUNDLED) - {"members"}:
        assert "authenticate" not in manager.loader.registry.hooks(name)


@pytest.mark.parametrize(
    "file", ["nginx.conf", "nginx-login.conf", "haproxy.cfg", "apache.conf", "Caddyfile"]
)
def test_every_configuration_names_them_all(file: str) -> None:
    text = (DEPLOY / file).read_text("utf-8")
    assert [header for header in HEADERS if header not in text] == []


async def test_no_proxy_lets_such_a_header_pass(behind: Behind) -> None:
    """The first line of this file, for each of the headers in each way of writing it."""
    known = {name.lower() for name in HEADERS}
    for header in HEADERS:
        for written in (header, header.lower(), header.upper(), header.replace("-", "_")):
            before = len(behind.seen)
            status, me = await behind.ask("/api/me", (written, "root-op"))
            assert (status, me["id"].partition(":")[0]) == (200, "guest"), written
            assert len(behind.seen) == before + 1
            assert not known & {name.lower() for name in behind.seen[-1]}, written
    # Twice, with another between, and named as what belongs to one connection only.
    twice = (("Remote-User", "root-op"), ("Accept", "*/*"), ("remote-user", "root-op"))
    for more in ((), (("Connection", "close, Remote-User"),)):
        status, me = await behind.ask("/api/me", *more, *twice)
        assert (status, me["id"].partition(":")[0]) == (200, "guest")
        assert not known & {name.lower() for name in behind.seen[-1]}
    # Where a configuration has a place of its own for WebSockets.
    upgrade = (
        ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Version", "13"),
        ("Sec-WebSocket-Key", "dGhlIHNhbXBsZSBub25jZQ=="),
    )
    everything = [(header, "root-op") for header in HEADERS]
    await behind.ask("/api/documents/none/socket", *upgrade, *everything)
    assert not known & {name.lower() for name in behind.seen[-1]}
    for path in ("/api/plugins", "/plugins/members/api/documents/x"):
        assert (await behind.ask(path, ("Remote-User", "root-op")))[0] == 403


async def test_what_a_visitor_says_of_proxies_does_not_pass(behind: Behind) -> None:
    claims = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Proto": "gopher",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=6.6.6.6;host=evil.example",
    }
    for path in ("/api/me", "/api/documents/none/socket"):
        await behind.ask(path, *claims.items())
        assert behind.peers[-1].address == "127.0.0.1"
        assert "evil" not in behind.peers[-1].host + behind.peers[-1].base_path
        assert not {"Forwarded", "X-Forwarded-Prefix"} & set(behind.seen[-1])


async def test_the_header_would_count_if_it_passed(behind: Behind) -> None:
    """The negative control: the same server believes what comes through its socket."""
    async with aiohttp.ClientSession(connector=aiohttp.UnixConnector(behind.socket)) as http:
        address = f"http://docs.example{BASE}/api/plugins"
        async with http.get(address, headers={"Remote-User": "root-op"}) as response:
            assert response.status == 200
