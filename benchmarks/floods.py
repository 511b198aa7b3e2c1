"""Floods over the WebSocket and of small requests, for `benchmarks.stalls`.

Everything here is within what a visitor may send: the limits are those that a server has by itself.
"""

from __future__ import annotations

import asyncio
import http.client
import json
import socket
from collections.abc import Awaitable, Callable, Iterator
from urllib.parse import urlsplit

import aiohttp

from benchmarks.hostile import Attack, Prepared, at_once, made, send
from benchmarks.processes import Server
from collab.testing.raw import RawSession, SocketClosed

FRAME = 256 * 1024
"""Bytes of one message from a client."""

Flood = Callable[[aiohttp.ClientSession, str], Awaitable[object]]
"""What somebody does with the address of a document's socket."""


def over_socket(flood: Flood) -> Prepared:
    """A flood at a document that it has to itself."""

    def prepare(server: Server) -> Attack:
        url = f"{server.url}{made(server, 'one')}/socket"

        async def run() -> object:
            async with aiohttp.ClientSession() as http:
                return await flood(http, url)

        return lambda: asyncio.run(run())

    return prepare


def frames(count: int, *messages: dict[str, object]) -> Flood:
    """As many of these messages as fit into a frame, so many frames."""
    small = [json.dumps(one, separators=(",", ":")) for one in messages]
    many = min(5000, FRAME // (max(map(len, small)) + 1))
    frame = f"[{','.join((small * many)[:many])}]"

    async def flood(http: aiohttp.ClientSession, url: str) -> object:
        session = await RawSession.open(http, url)
        try:
            for _ in range(count):
                await session.send_text(frame)
            await session.send({"type": "ping"})
            await asyncio.wait_for(session.expect("pong"), 30)
        except (SocketClosed, ConnectionError, TimeoutError) as error:
            return [(type(error).__name__, b"")]
        await session.close()
        return [("read", b"")]

    return flood


async def edits(http: aiohttp.ClientSession, url: str) -> object:
    """Edits of one letter, each as soon as the one before is acknowledged, by twenty people."""

    async def person() -> None:
        session = await RawSession.open(http, url)
        for number in range(1, 200):
            await session.operate(session.revision, number, [{"insert": "x"}])
            while not any(
                one["client"] == session.client and one["sequence"] == number
                for one in (await session.expect("operations"))["operations"]
            ):
                continue
        await session.close()

    await asyncio.gather(*(person() for _ in range(20)))
    return [("read", b"")]


async def connections(http: aiohttp.ClientSession, url: str) -> object:
    """As many sockets as are let in, of one guest."""
    origin = "{0.scheme}://{0.netloc}".format(urlsplit(url))
    async with http.get(origin + "/", headers={"Accept": "text/html"}) as response:
        await response.read()
    found: list[object] = []
    for _ in range(500):
        try:
            found.append(await http.ws_connect(url, headers={"Origin": origin}))
        except aiohttp.WSServerHandshakeError as error:
            found.append(error.status)
    opened = [one for one in found if isinstance(one, aiohttp.ClientWebSocketResponse)]
    for one in opened:
        await one.close()
    return [(f"{len(opened)} of {len(found)} let in", b"")]


async def comings(http: aiohttp.ClientSession, url: str) -> object:
    """Coming and going again, three hundred times."""
    for _ in range(300):
        await (await RawSession.open(http, url)).close()
    return [("read", b"")]


def many_requests(method: str, path: str, count: int, **headers: str) -> Prepared:
    sent = {name.replace("_", "-"): value for name, value in headers.items()}

    def prepare(server: Server) -> Attack:
        def attack() -> object:
            parts = urlsplit(server.url)
            connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=60)
            answers = []
            for _ in range(count):
                connection.request(method, path, headers=sent)
                response = connection.getresponse()
                answers.append((response.status, response.read()))
            connection.close()
            return answers

        return attack

    return prepare


def malformed(count: int) -> Prepared:
    noise = b"GET / HTTP/1.1\r\nHost: x\r\nBad\x00: " + b"y" * 250_000 + b"\r\n\r\n"

    def prepare(server: Server) -> Attack:
        parts = urlsplit(server.url)

        def attack() -> object:
            for _ in range(count):
                with socket.create_connection((parts.hostname, parts.port), 30) as connection:
                    try:
                        connection.sendall(noise)
                        while connection.recv(65536):
                            continue
                    except OSError:
                        continue
            return [(400, b"")]

        return attack

    return prepare


def previews(count: int) -> Prepared:
    """Exports that take as long as one may, all at once."""
    text = "|" * 2000 + "\n" + "|-" * 2000 + "\n" + ("|a" * 2000 + "\n") * 50

    def prepare(server: Server) -> Attack:
        path = made(server, text) + "/export/html"
        return at_once(count, lambda: send(server, "GET", path))

    return prepare


def floods() -> Iterator[tuple[str, Prepared]]:
    """What is tried, and its name."""

    def said(plugin: str, data: object) -> dict[str, object]:
        return {"type": "message", "plugin": plugin, "data": data}

    yield "20 frames of 5,000 chat messages", over_socket(
        frames(20, said("chat", {"kind": "older", "before": 1}))
    )
    yield "20 frames of 5,000 presence messages", over_socket(
        frames(20, said("presence", {"idle": True}), said("presence", {"idle": False}))
    )
    yield "20 frames of 5,000 cursors", over_socket(
        frames(20, said("cursors", {"anchor": 0, "revision": 0}))
    )
    yield "20 frames of 5,000 mismatches", over_socket(
        frames(20, {"type": "mismatch", "revision": 0, "checksum": 1})
    )
    yield "20 frames of 5,000 faults", over_socket(
        frames(20, {"type": "fault", "plugin": "chat", "error": "boom"})
    )
    yield "20 frames of 5,000 edits of no sense", over_socket(
        frames(20, {"type": "operation", "revision": 99, "sequence": 1, "delta": []})
    )
    yield "20 people who type as fast as they can", over_socket(edits)
    yield "500 sockets of one guest", over_socket(connections)
    yield "coming and going, 300 times", over_socket(comings)
    yield "2,000 wrong tokens", many_requests(
        "GET", "/api/documents", 2000, Authorization="Bearer " + "x" * 200
    )
    yield "2,000 times /readyz", many_requests("GET", "/readyz", 2000)
    yield "40 malformed requests of 250 KB", malformed(40)
    yield "16 exports of a table of 2,000 columns", previews(16)
