"""Forwarded headers: every header set from every kind of peer, and what is believed of it."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import msgspec
import pytest
from aiohttp import ClientSession, TCPConnector, UnixConnector, web
from multidict import CIMultiDict

from collab.protocol.settings import Settings
from collab.web.proxies import Peer, Trust, base_path, clean_prefix, middleware, peer

SPOOF = [
    ("X-Forwarded-For", "6.6.6.6"),
    ("X-Forwarded-Proto", "https"),
    ("X-Forwarded-Host", "evil.example"),
    ("X-Forwarded-Prefix", "/evil"),
    ("Remote-User", "admin"),
]

Headers = list[tuple[str, str]]

TABLE: list[tuple[str, Headers, dict[str, str]]] = [
    ("nothing", [], {}),
    ("all of them", SPOOF, {
        "address": "6.6.6.6", "scheme": "https", "host": "evil.example", "base_path": "/evil",
    }),
    ("one address", [("X-Forwarded-For", "203.0.113.7")], {"address": "203.0.113.7"}),
    ("nginx appends", [("X-Forwarded-For", "6.6.6.6, 203.0.113.7")], {"address": "203.0.113.7"}),
    (
        "HAProxy adds a line",
        [("X-Forwarded-For", "6.6.6.6"), ("X-Forwarded-For", "203.0.113.7")],
        {"address": "203.0.113.7"},
    ),
    (
        "two proxies of ours",
        [("X-Forwarded-For", "6.6.6.6, 203.0.113.7, 10.1.2.3")],
        {"address": "203.0.113.7"},
    ),
    ("only proxies of ours", [("X-Forwarded-For", "10.9.9.9, 10.1.2.3")], {"address": "10.9.9.9"}),
    ("IPv4 with port", [("X-Forwarded-For", "203.0.113.7:4711")], {"address": "203.0.113.7"}),
    ("IPv6", [("X-Forwarded-For", "2001:DB8::7")], {"address": "2001:db8::7"}),
    ("IPv6 in brackets", [("X-Forwarded-For", "[2001:db8::7]")], {"address": "2001:db8::7"}),
    ("IPv6 with port", [("X-Forwarded-For", "[2001:db8::7]:4711")], {"address": "2001:db8::7"}),
    (
        "IPv4 in IPv6, one of ours",
        [("X-Forwarded-For", "203.0.113.7, ::ffff:10.1.2.3")],
        {"address": "203.0.113.7"},
    ),
    ("unknown", [("X-Forwarded-For", "6.6.6.6, unknown")], {}),
    ("unknown before ours", [("X-Forwarded-For", "unknown, 10.1.2.3")], {"address": "10.1.2.3"}),
    ("empty", [("X-Forwarded-For", "")], {}),
    ("commas", [("X-Forwarded-For", ",,,")], {}),
    ("rubbish", [("X-Forwarded-For", "<script>"), ("X-Forwarded-Proto", "gopher")], {}),
    ("https", [("X-Forwarded-Proto", "HTTPS")], {"scheme": "https"}),
    ("the nearest scheme", [("X-Forwarded-Proto", "http, https")], {"scheme": "https"}),
    ("a socket's scheme", [("X-Forwarded-Proto", "wss")], {"scheme": "https"}),
    ("host and port", [("X-Forwarded-Host", "docs.example:8443")], {"host": "docs.example:8443"}),
    ("Apache's hosts", [("X-Forwarded-Host", "evil, docs.example")], {"host": "docs.example"}),
    ("IPv6 host", [("X-Forwarded-Host", "[::1]:8443")], {"host": "[::1]:8443"}),
    ("no host", [("X-Forwarded-Host", 'x"><script>')], {}),
    ("host with a path", [("X-Forwarded-Host", "docs.example/evil")], {}),
    ("host with a user", [("X-Forwarded-Host", "me@docs.example")], {}),
    ("prefix", [("X-Forwarded-Prefix", "/team/docs/")], {"base_path": "/team/docs"}),
    ("prefix at the top", [("X-Forwarded-Prefix", "/")], {}),
    ("prefix that is a host", [("X-Forwarded-Prefix", "//evil.example")], {}),
    ("prefix upwards", [("X-Forwarded-Prefix", "/team/../admin")], {}),
    ("prefix with a quote", [("X-Forwarded-Prefix", '/team"onload=')], {}),
    ("prefix with a scheme", [("X-Forwarded-Prefix", "javascript:alert(1)")], {}),
]


async def answer(request: web.Request) -> web.Response:
    assert base_path(request) == peer(request).base_path
    return web.Response(body=msgspec.json.encode(peer(request)))


class Harness:
    """A server on a TCP port and on a unix socket; asks it and tells whom it sees."""

    def __init__(self, runner: web.AppRunner, sessions: dict[str, ClientSession], url: str):
        self.runner, self.sessions, self.url = runner, sessions, url

    async def ask(self, way: str, headers: Headers) -> Peer:
        url = self.url if way == "tcp" else "http://unix.example/"
        async with self.sessions[way].get(url, headers=CIMultiDict(headers)) as response:
            assert response.status == 200
            return msgspec.json.decode(await response.read(), type=Peer)


async def start(settings: Settings, folder: Path) -> Harness:
    app = web.Application(middlewares=[middleware(settings)])
    app.router.add_get("/{tail:.*}", answer)
    runner = web.AppRunner(app)
    await runner.setup()
    tcp = web.TCPSite(runner, "127.0.0.1", 0)
    await tcp.start()
    await web.UnixSite(runner, folder / "socket").start()
    port = runner.addresses[0][1]
    sessions = {
        "tcp": ClientSession(connector=TCPConnector()),
        "unix": ClientSession(connector=UnixConnector(str(folder / "socket"))),
    }
    return Harness(runner, sessions, f"http://127.0.0.1:{port}/")


@pytest.fixture
async def harness(tmp_path: Path, request: pytest.FixtureRequest) -> AsyncIterator[Harness]:
    harness = await start(request.param, tmp_path)
    yield harness
    for session in harness.sessions.values():
        await session.close()
    await harness.runner.cleanup()


TRUSTING = Settings(trusted_proxies=("127.0.0.0/8", "10.0.0.0/8", "unix"))
UNIX_ONLY = Settings(trusted_proxies=("unix", "10.0.0.0/8"))
ELSEWHERE = Settings(trusted_proxies=("10.0.0.0/8", "::1"))
NOBODY = Settings()


def direct(harness: Harness, way: str) -> Peer:
    if way == "unix":
        return Peer("unix", "http", "unix.example", "")
    return Peer("127.0.0.1", "http", harness.url[len("http://") : -1], "")


@pytest.mark.parametrize("harness", [TRUSTING], indirect=True)
@pytest.mark.parametrize("way", ["tcp", "unix"])
async def test_a_trusted_proxy_is_believed(harness: Harness, way: str) -> None:
    for name, headers, expected in TABLE:
        seen = await harness.ask(way, headers)
        assert seen == replace(direct(harness, way), **expected), name


@pytest.mark.parametrize("harness", [ELSEWHERE, NOBODY], indirect=True)
@pytest.mark.parametrize("way", ["tcp", "unix"])
async def test_anybody_else_is_not(harness: Harness, way: str) -> None:
    for name, headers, _ in TABLE:
        assert await harness.ask(way, headers) == direct(harness, way), name


@pytest.mark.parametrize("harness", [UNIX_ONLY], indirect=True)
async def test_the_unix_socket_is_trusted_by_itself(harness: Harness) -> None:
    assert (await harness.ask("unix", SPOOF)).address == "6.6.6.6"
    assert await harness.ask("tcp", SPOOF) == direct(harness, "tcp")


@pytest.mark.parametrize(
    "harness",
    [Settings(base_path="/team/docs/", trusted_proxies=("127.0.0.1",))],
    indirect=True,
)
async def test_a_kept_prefix_wins_over_a_stripped_one(harness: Harness) -> None:
    assert (await harness.ask("tcp", SPOOF)).base_path == "/team/docs"


@pytest.mark.parametrize(
    ("text", "path"),
    [("", ""), ("/", ""), ("/a", "/a"), ("a/b", "/a/b"), ("/a/b/", "/a/b"), (" /a.b-c ", "/a.b-c")],
)
def test_a_base_path_is_brought_into_form(text: str, path: str) -> None:
    assert clean_prefix(text) == path


@pytest.mark.parametrize(
    "text", ["//a", "/a//b", "/..", "/a/../b", "/a/./b", "/a b", "/ä", "/a?b", "/a\nb", "/a%2e"]
)
def test_what_is_no_base_path_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="no path such as /team/docs"):
        clean_prefix(text)


@pytest.mark.parametrize("network", ["proxy.example", "10.0.0.0/33", "", "10.0.0", "UNIX"])
def test_what_is_no_network_is_refused(network: str) -> None:
    with pytest.raises(ValueError, match="neither a network"):
        Trust([network])
