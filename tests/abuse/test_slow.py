"""Clients that never read, talk without end, or never finish a sentence: all let go in time."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from collab.protocol.frames import Frame
from collab.protocol.settings import Limits, Settings
from collab.testing import RawSession, Server
from collab.web.connection import Connection
from tests.abuse.frames import PING, TEXT, HandMade
from tests.patience import patient

READERS = 200
DEADLINE = 1.0


@pytest.fixture
def server_settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path / "data",
        heartbeat=2 * DEADLINE,
        limits=Limits(
            rate=100_000, burst=100_000, write_timeout=DEADLINE, outbox_size=64 * 1024,
        ),
    )


@asynccontextmanager
async def _deaf(url: str, count: int, *, chatty: Callable[[int], bool]) -> AsyncIterator[None]:
    """Clients that have said hello and never read again; chatty ones keep talking."""
    clients: list[HandMade] = []
    chats: list[asyncio.Task[None]] = []
    try:
        for number in range(count):
            made = await HandMade.upgrade(url, hello=True)
            clients.append(made)
            raw: socket.socket = made.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            made.writer.transport.pause_reading()
            if chatty(number):
                chats.append(asyncio.create_task(_chat(made)))
        yield
    finally:
        for made in clients:
            made.close()
        if chats:
            await asyncio.wait(chats)


async def _chat(made: HandMade) -> None:
    try:
        while not made.writer.transport.is_closing():
            made.send(TEXT, b'[{"type":"ping"}]')
            made.send(PING, b"?")
            await made.writer.drain()
            await asyncio.sleep(DEADLINE / 10)
    except ConnectionError:
        pass


async def _talk(server: Server, document: str, healthy: RawSession, seconds: float) -> int:
    """Fill everybody's buffers for a while; returns how many deaf clients are left."""
    loop = asyncio.get_running_loop()
    until = loop.time() + seconds
    revision, sequence = healthy.revision, 0
    slowest = 0.0
    while loop.time() < until and server.connections > 1:
        sequence += 1
        started = loop.time()
        replaced = [{"delete": 10_000}] if sequence > 1 else []
        await healthy.operate(revision, sequence, [{"insert": "x" * 10_000}, *replaced])
        revision = (await patient(healthy.committed(revision + 1)))["revision"]
        slowest = max(slowest, loop.time() - started)
    assert slowest < 15.0, "the healthy one had to wait"
    return server.connections - 1


async def test_all_are_dropped_and_the_healthy_one_notices_nothing(server: Server) -> None:
    document = await server.create_document()
    async with _deaf(server.socket(document), READERS, chatty=lambda number: number % 2 == 0):
        healthy = await server.raw(document)
        assert await _talk(server, document, healthy, DEADLINE + 60) == 0
        await healthy.close()


async def test_negative_control_with_a_heartbeat_only_they_stay(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What aiohttp alone does: whoever sends now and then counts as alive, read or not."""

    def careless(connection: Connection, frame: Frame) -> None:
        if connection._ending is None and not connection._transport.is_closing():
            connection._transport.write(frame.wire)

    monkeypatch.setattr(Connection, "send", careless)
    document = await server.create_document()
    async with _deaf(server.socket(document), 10, chatty=lambda number: True):
        healthy = await server.raw(document)
        assert await _talk(server, document, healthy, 4 * DEADLINE) > 0
        await healthy.close()


async def test_who_is_let_go_resumes_where_it_was(server: Server) -> None:
    document = await server.create_document()
    async with _deaf(server.socket(document), 1, chatty=lambda number: False):
        healthy = await server.raw(document)
        assert await _talk(server, document, healthy, DEADLINE + 60) == 0
    again = await server.raw(document, revision=0)
    seen = [one["revision"] for one in again.welcome["operations"]]
    assert seen == list(range(1, again.revision + 1))
    await again.close()
    await healthy.close()


async def test_flooding_one_document_leaves_the_other_alone(server: Server) -> None:
    quiet, loud = [await server.create_document() for _ in range(2)]
    flooder = await server.raw(loud)
    writer = await server.raw(quiet)

    async def flood() -> None:
        while True:
            await flooder.send(*[{"type": "ping"}] * 500)
            await asyncio.sleep(0)

    flooding = asyncio.create_task(flood())
    draining = asyncio.create_task(flooder.ended())
    for revision in range(20):
        await writer.operate(revision, revision + 1, [{"insert": "x"}])
        await patient(writer.committed(revision + 1), 5)
    for task in (flooding, draining):
        task.cancel()
    await asyncio.wait([flooding, draining])
    await flooder.close()
    await writer.close()


async def test_half_open_connections_and_slow_talkers_are_cut(server: Server) -> None:
    """None lives longer than 15 seconds, whatever it begins and does not finish."""
    document = await server.create_document()
    url = server.socket(document)
    request = HandMade.request(url)
    slow: dict[str, Any] = {
        "nothing at all": [],
        "half a request line": [b"GET /"],
        "a head that never ends": [b"GET / HTTP/1.1\r\nHost: x\r\n"],
        "a head that grows": [b"GET / HTTP/1.1\r\n", *([b"X-Y: z\r\n"] * 100)],
        "an upgrade that stops": [request[:-2]],
        "a body that never comes": [
            b"POST /api/documents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
            b"Content-Length: 100\r\n\r\n{"
        ],
    }

    async def live(chunks: list[bytes]) -> float:
        loop = asyncio.get_running_loop()
        made = await HandMade.connect(url)
        started = loop.time()
        talking = asyncio.create_task(_drip(made, chunks))
        try:
            while await made.reader.read(4096):
                pass
        except ConnectionError:
            pass
        finally:
            talking.cancel()
            made.close()
        return loop.time() - started

    async def silent_socket(first: bytes) -> float:
        loop = asyncio.get_running_loop()
        made = await HandMade.upgrade(url)
        started = loop.time()
        made.writer.write(first)
        await made.closed()
        return loop.time() - started

    async def timed(name: str, work: Any) -> tuple[str, float]:
        try:
            return name, await asyncio.wait_for(work, 16)
        except TimeoutError:
            return name, 99.0

    lived = dict(
        await asyncio.gather(
            *(timed(name, live(chunks)) for name, chunks in slow.items()),
            timed("no hello", silent_socket(b"")),
            timed("half a frame", silent_socket(b"\x81\xfe")),
            timed("half a message", silent_socket(b"\x01\x81\1\2\3\4\0")),
        )
    )
    assert {name: seconds for name, seconds in lived.items() if seconds > 15} == {}


async def _drip(made: HandMade, chunks: list[bytes]) -> None:
    for chunk in chunks:
        made.writer.write(chunk)
        await asyncio.sleep(0.3)
