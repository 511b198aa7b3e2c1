"""A request that is hidden in the body of an upgrade request is never dispatched.

aiohttp up to 3.14.1 did (CVE-2026-69243), through nginx too, and even when the upgrade was
refused; so the versions we take start above it, and this holds them to it.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from collab.protocol.settings import Limits, Settings
from collab.web.listening import listen
from tests.web.nginx import run_nginx
from tests.web.test_nginx import BASE, Site

Open = Callable[[], Awaitable[tuple[asyncio.StreamReader, asyncio.StreamWriter]]]

DOCUMENT = "0123456789abcdef"
HIDDEN = (
    f"DELETE {BASE}/api/documents/{DOCUMENT} HTTP/1.1\r\nHost: docs.example\r\n"
    "Content-Length: 0\r\n\r\n"
).encode()
LAST = (
    f"GET {BASE}/livez HTTP/1.1\r\nHost: docs.example\r\nConnection: close\r\n\r\n"
).encode()


@pytest.fixture(params=["direct", pytest.param("nginx", marks=pytest.mark.nginx)])
async def way(
    request: pytest.FixtureRequest, tmp_path: Path
) -> AsyncIterator[tuple[Site, Open, str]]:
    """A server, a way to it, and the origin of its own pages."""
    path = tmp_path / "collab.sock"
    settings = Settings(
        unix_socket=path,
        data_dir=tmp_path / "data",
        base_path=BASE,
        trusted_proxies=("unix",),
        limits=Limits(hello_timeout=0.2),
    )
    site = Site(settings)
    async with listen(site.app, settings):
        if request.param == "direct":
            yield site, lambda: asyncio.open_unix_connection(path), "http://docs.example"
            return
        async with run_nginx(tmp_path, path) as address:
            port = int(address.rpartition(":")[2])
            yield (
                site,
                lambda: asyncio.open_connection("127.0.0.1", port),
                "http://docs.example",
            )


async def send(connect: Open, *parts: bytes) -> bytes:
    """Send on one connection, the parts together; everything that comes back until its end."""
    reader, writer = await connect()
    writer.write(b"".join(parts))
    async with asyncio.timeout(20):
        answer = await reader.read()
    writer.close()
    await writer.wait_closed()
    return answer


def upgrade(path: str, origin: str, body: bytes, chunked: bool) -> bytes:
    framing = "Transfer-Encoding: chunked" if chunked else f"Content-Length: {len(body)}"
    head = (
        f"GET {path} HTTP/1.1\r\nHost: docs.example\r\nOrigin: {origin}\r\n"
        "Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
        f"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{framing}\r\n\r\n"
    ).encode()
    return head + (b"%x\r\n%b\r\n0\r\n\r\n" % (len(body), body) if chunked else body)


@pytest.mark.parametrize("chunked", [False, True])
@pytest.mark.parametrize("own", [True, False])
@pytest.mark.parametrize("place", ["socket", "page", "no document"])
async def test_a_request_in_the_body_of_an_upgrade_is_not_dispatched(
    way: tuple[Site, Open, str], place: str, own: bool, chunked: bool
) -> None:
    site, connect, origin = way
    created = await send(
        connect,
        f"POST {BASE}/api/documents HTTP/1.1\r\nHost: docs.example\r\nConnection: close\r\n"
        "Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{}".encode(),
    )
    document = created.partition(b'"id":"')[2].partition(b'"')[0].decode()
    path = {
        "socket": f"{BASE}/api/documents/{document}/socket",
        "no document": f"{BASE}/api/documents/{DOCUMENT}/socket",
        "page": f"{BASE}/",
    }[place]
    site.requests.clear()
    answer = await send(
        connect, upgrade(path, origin if own else "http://evil.example", HIDDEN, chunked), LAST
    )
    assert answer.startswith(b"HTTP/1.1 ")
    if place == "socket" and not own:
        assert answer.startswith(b"HTTP/1.1 403 ")
    await send(connect, LAST)
    assert ("DELETE", f"{BASE}/api/documents/{DOCUMENT}") not in site.requests
    assert site.requests[-1] == ("GET", f"{BASE}/livez")


async def test_what_is_dispatched_would_be_noticed(way: tuple[Site, Open, str]) -> None:
    """The control: the same bytes after a request, not in its body, are a request."""
    site, connect, _ = way
    first = f"GET {BASE}/livez HTTP/1.1\r\nHost: docs.example\r\n\r\n".encode()
    await send(connect, first, HIDDEN, LAST)
    assert ("DELETE", f"{BASE}/api/documents/{DOCUMENT}") in site.requests
