"""Connections that never finish their first request are cut: aiohttp itself waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

FIRST_REQUEST = 10.0
"""Seconds from the connection to the end of its first request's headers."""


class _Opened(Protocol):
    transport: asyncio.Transport | None


class Guard:
    """Knows which connections have sent a whole request head; the others get a deadline."""

    def __init__(self, deadline: float = FIRST_REQUEST) -> None:
        self._deadline = deadline
        self._since: dict[_Opened, float] = {}
        self._proven: set[object] = set()

    @web.middleware
    async def notice(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The middleware that lets a connection off: it has sent a request."""
        self._proven.add(request.protocol)
        return await handler(request)

    def check(self, connections: Iterable[_Opened], now: float) -> None:
        """Cut those of ``connections`` whose time (seconds of the loop's clock) is over."""
        open_now = set(connections)
        self._proven &= open_now
        self._since = {
            connection: self._since.get(connection, now)
            for connection in open_now - self._proven
        }
        for connection, since in self._since.items():
            if now - since >= self._deadline and connection.transport is not None:
                connection.transport.abort()

    @asynccontextmanager
    async def watch(self, server: web.Server) -> AsyncIterator[None]:
        """Check a running server's connections again and again."""
        loop = asyncio.get_running_loop()

        async def keep_watch() -> None:
            while True:
                await asyncio.sleep(self._deadline / 4)
                self.check(server.connections, loop.time())

        watching = loop.create_task(keep_watch(), name="guard")
        try:
            yield
        finally:
            watching.cancel()


GUARD = web.AppKey("guard", Guard)
"""`serve` starts its `Guard.watch` once the server runs."""
