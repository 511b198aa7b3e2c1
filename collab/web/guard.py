"""Connections that never finish a request's head, or never read an answer, are cut: aiohttp itself
waits for ever."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import asynccontextmanager
from typing import Protocol

from aiohttp import web
from aiohttp.typedefs import Handler

FIRST_REQUEST = 10.0
"""Seconds from the connection to the end of its first request's head."""

NEXT_REQUEST = 80.0
"""Seconds from the end of a response to that of the next request's head. Longer than the 60 s
for which reverse proxies keep a connection, so that they never find it just closed."""


class _Opened(Protocol):
    transport: asyncio.Transport | None


class Guard:
    """Cuts connections on which no request is being answered for too long."""

    def __init__(self, first: float = FIRST_REQUEST, following: float = NEXT_REQUEST) -> None:
        self._first = first
        self._following = following
        self._since: dict[_Opened, float] = {}
        self._proven: set[object] = set()
        self._unread: dict[_Opened, tuple[int, float]] = {}

    @web.middleware
    async def notice(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """The middleware that knows which connections have sent a whole request."""
        self._proven.add(request.protocol)
        return await handler(request)

    def check(self, connections: Iterable[_Opened], now: float) -> None:
        """Cut those of ``connections`` whose time (seconds of the loop's clock) is over."""
        open_now = set(connections)
        self._proven &= open_now
        self._since = {
            connection: self._since.get(connection, now)
            for connection in open_now
            if self._idle(connection)
        }
        for connection, since in self._since.items():
            patience = self._following if connection in self._proven else self._first
            if now - since >= patience and connection.transport is not None:
                connection.transport.abort()

    def check_reading(
        self, connections: Iterable[_Opened], now: float, patience: float
    ) -> None:
        """Cut those whose client has read nothing of what waits for it for ``patience`` seconds: an
        answer of many megabytes would be held as long as they like."""
        unread = {}
        for connection in connections:
            transport = connection.transport
            waiting = 0 if transport is None else transport.get_write_buffer_size()
            if transport is None or not waiting:
                continue
            before, since = self._unread.get(connection, (0, now))
            unread[connection] = waiting, since if waiting == before else now
            if waiting == before and now - since >= patience:
                transport.abort()
        self._unread = unread

    def _idle(self, connection: _Opened) -> bool:
        """Whether no request is being answered.

        aiohttp has no public word for that. Where its own is missing, a connection that has
        sent a request is taken to be busy: better one half-open too many than a download cut.
        """
        if connection not in self._proven:
            return True
        return getattr(connection, "_current_request", connection) is None

    @asynccontextmanager
    async def watch(self, server: web.Server, unread: float) -> AsyncIterator[None]:
        """Check a running server's connections again and again.

        ``unread``: seconds that a client may take to read some of what waits for it.
        """
        loop = asyncio.get_running_loop()

        async def keep_watch() -> None:
            while True:
                await asyncio.sleep(min(self._first, self._following, unread) / 4)
                self.check(server.connections, loop.time())
                self.check_reading(server.connections, loop.time(), unread)

        watching = loop.create_task(keep_watch(), name="guard")
        try:
            yield
        finally:
            watching.cancel()


GUARD = web.AppKey("guard", Guard)
"""`serve` starts its `Guard.watch` once the server runs."""
