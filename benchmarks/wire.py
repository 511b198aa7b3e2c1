"""The cheapest client that can be written in Python: what is measured is the server.

Frames are built and found by hand and never parsed as JSON while a load runs: a client finds
its acknowledgement and the newest revision by searching the bytes.
"""

from __future__ import annotations

import asyncio
import base64
import os
import random
from collections.abc import Callable
from typing import cast
from urllib.parse import urlsplit

import msgspec

REVISION = b'"revision":'


def client_frame(payload: bytes) -> bytes:
    """A text frame as a client sends it, masked with zeros: nothing to be masked for loopback."""
    size = len(payload)
    if size < 126:
        head = bytes((0x81, 0x80 | size))
    elif size < 65536:
        head = b"\x81\xfe" + size.to_bytes(2, "big")
    else:
        head = b"\x81\xff" + size.to_bytes(8, "big")
    return head + b"\0\0\0\0" + payload


class Wire(asyncio.Protocol):
    """One WebSocket; ``on_text`` is called with each text frame's payload."""

    def __init__(self, url: str, on_text: Callable[[bytes], None] | None = None) -> None:
        self.parts = urlsplit(url)
        self.on_text = on_text
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.transport: asyncio.Transport | None = None
        self.received = 0
        self._buffer = bytearray()
        self._upgraded = False

    @classmethod
    async def open(cls, url: str, on_text: Callable[[bytes], None] | None = None) -> Wire:
        wire = cls(url, on_text)
        assert wire.parts.hostname is not None
        await asyncio.get_running_loop().create_connection(
            lambda: wire, wire.parts.hostname, wire.parts.port or 80
        )
        await wire.opened
        return wire

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        # uvloop's transports are none of asyncio's by inheritance.
        self.transport = transport = cast(asyncio.Transport, transport)
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write(
            f"GET {self.parts.path} HTTP/1.1\r\nHost: {self.parts.netloc}\r\n"
            "Upgrade: websocket\r\nConnection: Upgrade\r\n"
            f"Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n\r\n".encode()
        )

    def data_received(self, data: bytes) -> None:
        self.received += len(data)
        buffer = self._buffer
        buffer += data
        if not self._upgraded:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            if not buffer.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(bytes(buffer).decode()))
                return
            self._upgraded = True
            del buffer[: end + 4]
            self.opened.set_result(None)
        start = 0
        while len(buffer) - start >= 2:
            size = buffer[start + 1] & 0x7F
            body = start + 2
            if size == 126:
                size = int.from_bytes(buffer[body : body + 2], "big")
                body += 2
            elif size == 127:
                size = int.from_bytes(buffer[body : body + 8], "big")
                body += 8
            if len(buffer) < body + size:
                break
            opcode = buffer[start] & 0x0F
            payload = bytes(buffer[body : body + size])
            start = body + size
            if opcode == 1:
                if self.on_text is not None:
                    self.on_text(payload)
            elif opcode == 9:
                self._send(0x8A, payload)
            elif opcode == 8:
                self.close()
        if start:
            del buffer[:start]

    def _send(self, first: int, payload: bytes) -> None:
        assert self.transport is not None
        self.transport.write(bytes((first, 0x80 | len(payload))) + b"\0\0\0\0" + payload)

    def send(self, payload: bytes) -> None:
        assert self.transport is not None
        self.transport.write(client_frame(payload))

    def close(self) -> None:
        if self.transport is not None:
            self.transport.close()


class Typist:
    """Inserts one character at a time, one operation in flight, as fast as it is let.

    Positions lie within the document's first content, which nobody deletes from.
    """

    def __init__(self, url: str, length: int, seed: int) -> None:
        self.url = url
        self.acknowledged = 0
        self.delivered = 0
        self.running = False
        self.think: Callable[[], None] | None = None
        """Called after an acknowledgement instead of typing on at once."""
        self.on_operations: Callable[[Typist, bytes], None] | None = None
        self.revision = 0
        self.sequence = 0
        self._length = length
        self._random = random.Random(seed)
        self._mine = b""
        self._welcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    async def join(self) -> None:
        self.wire = await Wire.open(self.url, self._greeted)
        self.wire.send(b'[{"type":"hello","protocol":1}]')
        await self._welcome

    def _greeted(self, payload: bytes) -> None:
        welcome = msgspec.json.decode(payload)[0]
        assert welcome["type"] == "welcome", welcome
        self.client = welcome["client"]
        self.revision = welcome["revision"]
        self._mine = f'"client":"{self.client}"'.encode()
        self.wire.on_text = self._received
        self._welcome.set_result(None)

    def type(self) -> None:
        """Send the next edit."""
        self.sequence += 1
        position = self._random.randrange(1, self._length)
        self.wire.send(
            b'[{"type":"operation","revision":%d,"sequence":%d,"delta":[{"retain":%d},'
            b'{"insert":"x"}]}]' % (self.revision, self.sequence, position)
        )

    def _received(self, payload: bytes) -> None:
        last = payload.rfind(REVISION)
        if not payload.startswith(b'[{"type":"operations"'):
            if b'"error"' in payload or b'"goodbye"' in payload:
                raise AssertionError(payload)
            return
        stop = payload.index(b",", last)
        self.revision = int(payload[last + len(REVISION) : stop])
        self.delivered += payload.count(REVISION)
        if self.on_operations is not None:
            self.on_operations(self, payload)
        if self._mine in payload:
            self.acknowledged += 1
            if self.running:
                if self.think is None:
                    self.type()
                else:
                    self.think()
