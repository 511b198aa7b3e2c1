"""A session over a WebSocket: a bounded way out, and an end that never hangs."""

from __future__ import annotations

import asyncio
import secrets
from collections import deque

from aiohttp import WSMsgType, web

from collab.protocol import messages
from collab.protocol.errors import TOO_SLOW, ErrorCode
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.protocol.settings import Limits
from collab.web.sources import SOURCES

BACKLOG = 64 * 1024
"""Bytes in the socket's buffer above which frames wait and are merged (also asyncio's
high-water mark, at which aiohttp's own sending begins to wait)."""

CLOSE_TIMEOUT = 1.0
"""Seconds a client has to take the goodbye, and then to answer the close."""


class Connection:
    """One client's way out. `send` never waits: what the client has not read is bounded.

    Frames go straight to the transport as long as the client keeps up: a shared frame is
    framed once for all readers, which is worth a third of a busy server's time. Once the
    socket's buffer fills, frames wait in a queue and leave merged, as one.
    """

    def __init__(
        self,
        socket: web.WebSocketResponse,
        transport: asyncio.Transport,
        limits: Limits,
        user: User,
        permissions: frozenset[str],
        base_path: str = "",
        request: web.Request | None = None,
    ) -> None:
        self._id = secrets.token_urlsafe(9)
        self._client = ""
        self._user = user
        self._permissions = permissions
        self.base_path = base_path
        """What the addresses that it is told begin with."""
        self.request = request
        """What it began with, which says who it is."""
        self._source = "" if request is None else request.app[SOURCES].of(request)
        self._socket = socket
        self._transport = transport
        self._limits = limits
        self._queue: deque[Frame] = deque()
        self._queued = 0
        self._pump: asyncio.Task[None] | None = None
        self._ending: asyncio.Task[None] | None = None
        self._watch: asyncio.TimerHandle | None = None
        self._written = 0
        self._read = 0

    @property
    def id(self) -> str:
        return self._id

    @property
    def client(self) -> str:
        """Empty until it was greeted."""
        return self._client

    @property
    def user(self) -> User:
        return self._user

    @property
    def permissions(self) -> frozenset[str]:
        return self._permissions

    @property
    def source(self) -> str:
        return self._source

    @property
    def closed(self) -> bool:
        """Whether it was ended here, or by the client."""
        return self._ending is not None or self._transport.is_closing()

    def greet(self, client: str) -> None:
        """It has said hello, and is the client with that id."""
        self._client = client

    def rename(self, user: User) -> None:
        """Its user goes by another name or colour."""
        self._user = user

    def allow(self, permissions: frozenset[str]) -> None:
        """It was decided anew what it may do."""
        self._permissions = permissions

    def send(self, frame: Frame) -> None:
        """Put a frame on its way; a client that does not keep up is let go (``too_slow``)."""
        if self.closed:
            return
        if not self._queue and self._transport.get_write_buffer_size() <= BACKLOG:
            self._transport.write(frame.wire)
            self._written += len(frame.messages)
            if self._transport.get_write_buffer_size() > BACKLOG:
                self._watch_reading()
            return
        self._queue.append(frame)
        self._queued += len(frame.messages)
        if self._queued > self._limits.outbox_size:
            self.end(TOO_SLOW, retry_after=1.0)
        elif self._pump is None:
            self._pump = asyncio.get_running_loop().create_task(self._send_queued())
            self._watch_reading()

    async def deliver(self, frame: Frame) -> None:
        """Put a frame on its way, and wait until the client has read most of what it was sent.

        For much that is sent at once, before the client has joined. Raises ConnectionError when
        the client is gone.
        """
        while self._pump is not None:
            await asyncio.shield(self._pump)
        if self._ending is not None or self._transport.is_closing():
            raise ConnectionResetError("The connection is being closed.")
        self._watch_reading()
        self._written += len(frame.messages)
        await self._socket.send_frame(frame.text, WSMsgType.TEXT)

    async def _send_queued(self) -> None:
        try:
            while self._queue:
                merged = Frame(b",".join(frame.messages for frame in self._queue))
                self._queue.clear()
                self._queued = 0
                # Waits until the client has read most of what was sent before.
                self._written += len(merged.messages)
                await self._socket.send_frame(merged.text, WSMsgType.TEXT)
        except (ConnectionError, RuntimeError):
            self._transport.abort()
        finally:
            self._pump = None

    def _watch_reading(self) -> None:
        """Let the client go when nothing of what waits for it was read for a while."""
        if self._watch is None:
            self._read = self._written - self._transport.get_write_buffer_size()
            self._watch = asyncio.get_running_loop().call_later(
                self._limits.write_timeout, self._check_reading
            )

    def _check_reading(self) -> None:
        self._watch = None
        unread = self._transport.get_write_buffer_size()
        if unread <= BACKLOG and self._pump is None:
            return
        if self._written - unread <= self._read:
            self._transport.abort()
        else:
            self._watch_reading()

    def end(
        self, code: ErrorCode, sentence: str | None = None, retry_after: float | None = None
    ) -> None:
        """Say goodbye and close; cut the connection when the client does not take it."""
        if self._ending is None:
            goodbye = messages.encode(
                messages.Goodbye(code.code, sentence or code.sentence, retry_after)
            )
            self._ending = asyncio.get_running_loop().create_task(
                self._end(Frame(goodbye), code)
            )

    async def _end(self, goodbye: Frame, code: ErrorCode) -> None:
        waiting = b",".join(frame.messages for frame in self._queue)
        self._queue.clear()
        if self._pump is not None:
            self._pump.cancel()
        last = Frame(waiting + b"," + goodbye.messages) if waiting else goodbye
        try:
            async with asyncio.timeout(CLOSE_TIMEOUT):
                # Neither waits for a client that reads: the time-out is for the others.
                if not self._socket.closed and not self._transport.is_closing():
                    await self._socket.send_frame(last.text, WSMsgType.TEXT)
                await self._socket.close(code=code.close or 1000, message=code.code.encode())
        except (TimeoutError, ConnectionError, RuntimeError):
            pass
        finally:
            self._transport.abort()

    async def finished(self) -> None:
        """Return when a goodbye that was begun is over and nothing is left running."""
        if self._watch is not None:
            self._watch.cancel()
            self._watch = None
        if self._pump is not None:
            self._pump.cancel()
        if self._ending is not None:
            await asyncio.shield(self._ending)
        elif self._transport.get_write_buffer_size():
            # aiohttp closes when what was written is read, which may be never.
            asyncio.get_running_loop().call_later(CLOSE_TIMEOUT, self._transport.abort)
