"""A TCP relay that a test can cut, stall and delay: a bad network, to order."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Literal

Direction = Literal["up", "down"]
"""``up``: from the client to the server."""

Tap = Callable[["Strand", Direction, bytes], bytes | None]
"""Sees what passes, returns what to pass on; None cuts the connection instead."""


class Strand:
    """One connection that passes through a `Wire`."""

    def __init__(self, wire: Wire, client: asyncio.StreamWriter) -> None:
        self.closed = asyncio.Event()
        self._wire = wire
        self._client = client
        self._server: asyncio.StreamWriter | None = None
        self._flowing = {"up": asyncio.Event(), "down": asyncio.Event()}
        for flowing in self._flowing.values():
            flowing.set()

    def cut(self) -> None:
        """Break both halves at once, whatever was under way."""
        for writer in (self._client, self._server):
            if writer is not None:
                writer.transport.abort()
        self.resume()

    def stall(self, *directions: Direction) -> None:
        """Pass nothing on, without a word to anybody (default: in both directions)."""
        for direction in directions or ("up", "down"):
            self._flowing[direction].clear()

    def resume(self) -> None:
        """Pass on again, beginning with what was held back."""
        for flowing in self._flowing.values():
            flowing.set()

    async def run(self, reader: asyncio.StreamReader) -> None:
        try:
            upstream, self._server = await asyncio.open_connection(
                self._wire.server_host, self._wire.server_port
            )
            await asyncio.gather(
                self._pump("up", reader, self._server),
                self._pump("down", upstream, self._client),
            )
        except OSError:
            pass  # the other half learns of it below
        finally:
            self.cut()
            self.closed.set()

    async def _pump(
        self, direction: Direction, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if self._wire.delay:
                await asyncio.sleep(self._wire.delay)
            await self._flowing[direction].wait()
            passed = self._wire.tap(self, direction, data) if self._wire.tap else data
            if passed is None:
                raise ConnectionResetError("cut by the tap")
            writer.write(passed)
            await writer.drain()
        if writer.can_write_eof():
            writer.write_eof()


class Wire:
    """Listens on ``host:port`` and relays to the server; use it with ``async with``.

    ``delay`` is seconds added on each way; ``tap`` sees and may change every chunk.
    """

    def __init__(self, server_host: str, server_port: int) -> None:
        self.server_host = server_host
        self.server_port = server_port
        self.host = "127.0.0.1"
        self.port = 0
        self.delay = 0.0
        self.tap: Tap | None = None
        self.refusing = False
        """Whether new connections are broken off at once."""
        self.strands: list[Strand] = []
        self._listener: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    def through(self, url: str) -> str:
        """The same address, by way of this wire."""
        return url.replace(
            f"//{self.server_host}:{self.server_port}", f"//{self.host}:{self.port}", 1
        )

    def cut(self) -> None:
        """Break every connection."""
        for strand in list(self.strands):
            strand.cut()

    async def _connected(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        if self.refusing:
            writer.transport.abort()
            return
        strand = Strand(self, writer)
        self.strands.append(strand)
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        try:
            await strand.run(reader)
        finally:
            self._tasks.discard(task)
            self.strands.remove(strand)

    async def __aenter__(self) -> Wire:
        self._listener = await asyncio.start_server(self._connected, self.host, 0)
        self.port = self._listener.sockets[0].getsockname()[1]
        return self

    async def __aexit__(self, *error: object) -> None:
        assert self._listener is not None
        self._listener.close()
        self.cut()
        if self._tasks:
            await asyncio.wait(self._tasks)
