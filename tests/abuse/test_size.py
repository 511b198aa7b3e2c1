"""Too much of anything: refused by name, and the server's memory does not grow with it."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest_asyncio

from collab.testing import RawSession, Server, ServerProcess
from tests.abuse.frames import CONTINUATION, TEXT, HandMade, frame
from tests.crash.typists import create
from tests.patience import patient

MESSAGE = 256 * 1024
OPERATION = 128 * 1024
MEBIBYTE = 1024 * 1024


async def test_the_largest_message_is_taken_and_one_more_byte_is_not(server: Server) -> None:
    document = await server.create_document()
    session = await server.raw(document)
    ping = '[{"type":"ping"}]'
    await session.send_text(ping + " " * (MESSAGE - len(ping)))
    await patient(session.expect("pong"))
    await session.send_text(ping + " " * (MESSAGE - len(ping) + 1))
    assert await patient(session.ended()) == 1009


async def test_the_longest_operation_is_taken_and_one_more_unit_is_not(server: Server) -> None:
    document = await server.create_document()
    session = await server.raw(document)
    await session.operate(0, 1, [{"insert": "x" * (OPERATION + 1)}])
    error = await patient(session.expect("error"))
    assert (error["code"], error["sequence"]) == ("operation_too_large", 1)
    assert not error.get("retry")
    await session.operate(0, 1, [{"insert": "x" * OPERATION}])
    await patient(session.committed(1))
    await session.close()


async def test_deleting_does_not_buy_a_longer_insert(server: Server) -> None:
    document = await server.create_document("x", "y" * 1000)
    session = await server.raw(document)
    await session.operate(0, 1, [{"insert": "x" * (OPERATION + 500)}, {"delete": 1000}])
    assert (await patient(session.expect("error")))["code"] == "operation_too_large"
    await session.close()


async def test_a_document_stops_growing_at_its_limit(server: Server) -> None:
    limit = 16 * MEBIBYTE
    document = await server.create_document("x", "y" * (limit - 3))
    session = await server.raw(document)
    await session.operate(0, 1, [{"insert": "1234"}])
    assert (await patient(session.expect("error")))["code"] == "document_too_large"
    await session.operate(0, 1, [{"insert": "123"}])
    await patient(session.committed(1))
    await session.operate(1, 2, [{"insert": "1"}])
    assert (await patient(session.expect("error")))["code"] == "document_too_large"
    await session.operate(1, 2, [{"insert": "1"}, {"delete": 1}])
    await patient(session.committed(2))
    await session.close()
    async with server.connect(document, timeout=60) as client:
        assert client.length == limit
        await patient(client.replace(0, 3, "abc"))


@pytest_asyncio.fixture
async def process(tmp_path: Path) -> AsyncIterator[ServerProcess]:
    async with ServerProcess(tmp_path) as running:
        yield running
        assert await running.stop() == 0


def resident(pid: int) -> int:
    """Bytes of memory that a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    raise AssertionError("no VmRSS")


async def test_bombs_are_not_swallowed(process: ServerProcess) -> None:
    async with aiohttp.ClientSession() as http:
        document = await create(process.url, http)
        url = f"{process.url}/api/documents/{document}/socket"
        witness = await RawSession.open(http, url)
        await witness.operate(0, 1, [{"insert": "warm"}])
        await patient(witness.committed(1))
        await asyncio.gather(*(_harmless(url) for _ in range(20)))
        before = resident(process.pid)

        for bomb in (_deflate_bomb, _endless_fragments, _announced_giant, _deep_json):
            codes = await patient(asyncio.gather(*(bomb(url) for _ in range(10))), 60)
            assert set(codes) <= {1002, 1009, 4400}, bomb
        growth = resident(process.pid) - before
        assert growth < 20 * MEBIBYTE, f"{growth / MEBIBYTE:.0f} MiB"

        await witness.operate(1, 2, [{"insert": "still here "}])
        await patient(witness.committed(2))
        await witness.close()


async def _harmless(url: str) -> None:
    socket = await HandMade.upgrade(url, hello=True)
    socket.send(TEXT, b" " * 200_000 + b'[{"type":"ping"}]')
    await socket.until("pong")
    socket.close()


async def _deflate_bomb(url: str) -> int | None:
    """100 MiB of zeros in 100 KiB, compressed although nobody agreed to it."""
    socket = await HandMade.upgrade(
        url, hello=True, Sec_WebSocket_Extensions="permessage-deflate; client_max_window_bits"
    )
    squeeze = zlib.compressobj(9, zlib.DEFLATED, -15)
    bomb = b"".join(squeeze.compress(b"\0" * MEBIBYTE) for _ in range(100))
    bomb += squeeze.flush(zlib.Z_SYNC_FLUSH)[:-4]
    socket.send(TEXT, bomb, reserved=4)
    code, _ = await socket.closed()
    return code


async def _endless_fragments(url: str) -> int | None:
    """One message in fragments of one byte that never ends."""
    socket = await HandMade.upgrade(url, hello=True)
    socket.send(TEXT, b"[", final=False)
    closed = asyncio.create_task(socket.closed())
    fragments = frame(CONTINUATION, b" ", final=False) * 4096
    while not closed.done():
        try:
            socket.writer.write(fragments)
            await socket.writer.drain()
        except ConnectionError:
            break
        await asyncio.sleep(0)
    code, _ = await closed
    return code if code is not None else 1009  # cut while we were still talking


async def _announced_giant(url: str) -> int | None:
    """A frame whose head says that 2^62 bytes follow."""
    socket = await HandMade.upgrade(url, hello=True)
    socket.writer.write(b"\x81\xff" + (2**62).to_bytes(8, "big") + b"\1\2\3\4" + b"x" * 1000)
    code, _ = await socket.closed()
    return code


async def _deep_json(url: str) -> int | None:
    """As deep as a message may be long."""
    socket = await HandMade.upgrade(url, hello=True)
    head = b'[{"type":"operation","revision":0,"sequence":1,"delta":'
    socket.send(TEXT, head + b"[" * (MESSAGE - 1 - len(head)))
    code, messages = await socket.closed()
    assert messages[-1]["code"] == "bad_json"
    return code
