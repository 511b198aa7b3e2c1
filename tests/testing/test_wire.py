"""The bad network does what a test orders, and otherwise nothing."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
import pytest_asyncio

from collab.testing import Wire


async def _echo(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        while data := await reader.read(1024):
            writer.write(data)
            await writer.drain()
    except ConnectionError:
        pass  # the wire was cut
    finally:
        writer.close()


@pytest_asyncio.fixture
async def wire() -> AsyncIterator[Wire]:
    server = await asyncio.start_server(_echo, "127.0.0.1", 0)
    async with Wire("127.0.0.1", server.sockets[0].getsockname()[1]) as relay:
        yield relay
    server.close()


async def test_passes_on_what_comes_both_ways(wire: Wire) -> None:
    reader, writer = await asyncio.open_connection(wire.host, wire.port)
    writer.write(b"hello")
    assert await reader.readexactly(5) == b"hello"
    writer.write_eof()
    assert await reader.read() == b""
    writer.close()


async def test_an_address_can_be_led_through_it(wire: Wire) -> None:
    url = f"http://127.0.0.1:{wire.server_port}/d/x"
    assert wire.through(url) == f"http://127.0.0.1:{wire.port}/d/x"


async def test_cutting_ends_every_connection(wire: Wire) -> None:
    reader, writer = await asyncio.open_connection(wire.host, wire.port)
    writer.write(b"a")
    await reader.readexactly(1)
    wire.cut()
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()


async def test_stalled_data_comes_after_the_stall(wire: Wire) -> None:
    reader, writer = await asyncio.open_connection(wire.host, wire.port)
    writer.write(b"a")
    await reader.readexactly(1)
    (strand,) = wire.strands
    strand.stall("down")
    writer.write(b"b")
    waiting = asyncio.create_task(reader.readexactly(1))
    done, _ = await asyncio.wait({waiting}, timeout=0.05)
    assert not done
    strand.resume()
    assert await waiting == b"b"
    writer.close()


async def test_the_tap_may_change_and_cut(wire: Wire) -> None:
    wire.tap = lambda strand, way, data: data.upper() if way == "up" else data
    reader, writer = await asyncio.open_connection(wire.host, wire.port)
    writer.write(b"a")
    assert await reader.readexactly(1) == b"A"
    wire.tap = lambda strand, way, data: None
    writer.write(b"b")
    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await reader.readexactly(1)
    writer.close()


async def test_a_refusing_wire_lets_nobody_in(wire: Wire) -> None:
    wire.refusing = True

    async def attempt() -> None:
        reader, writer = await asyncio.open_connection(wire.host, wire.port)
        try:
            await reader.readexactly(1)
        finally:
            writer.close()

    with pytest.raises((ConnectionResetError, asyncio.IncompleteReadError)):
        await attempt()
