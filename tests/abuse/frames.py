"""A WebSocket made by hand, frame by frame, for what no library will send."""

from __future__ import annotations

import asyncio
import base64
import json
import os
from typing import Any
from urllib.parse import urlsplit

TEXT, BINARY, CLOSE, PING, PONG, CONTINUATION = 1, 2, 8, 9, 10, 0
MASK = b"\x01\x02\x03\x04"


def frame(
    opcode: int, payload: bytes, *, final: bool = True, reserved: int = 0, masked: bool = True
) -> bytes:
    """One frame of RFC 6455, as wrong as asked for."""
    head = bytearray([(0x80 if final else 0) | reserved << 4 | opcode])
    flag = 0x80 if masked else 0
    if len(payload) < 126:
        head.append(flag | len(payload))
    elif len(payload) < 65536:
        head.append(flag | 126)
        head += len(payload).to_bytes(2, "big")
    else:
        head.append(flag | 127)
        head += len(payload).to_bytes(8, "big")
    if not masked:
        return bytes(head) + payload
    return bytes(head) + MASK + masking(payload)


def masking(payload: bytes) -> bytes:
    key = (MASK * (len(payload) // 4 + 1))[: len(payload)]
    return (
        int.from_bytes(payload, "big") ^ int.from_bytes(key, "big")
    ).to_bytes(len(payload), "big")


class HandMade:
    """A TCP connection that has been upgraded to a WebSocket, or not yet."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader = reader
        self.writer = writer

    @classmethod
    async def connect(cls, url: str) -> HandMade:
        """Open the TCP connection to the host of ``url``, and say nothing."""
        parts = urlsplit(url)
        reader, writer = await asyncio.open_connection(parts.hostname, parts.port)
        return cls(reader, writer)

    @classmethod
    async def upgrade(cls, url: str, *, hello: bool = False, **headers: str) -> HandMade:
        """Connect to a socket's address and upgrade; with ``hello``, up to the welcome."""
        self = await cls.connect(url)
        self.writer.write(cls.request(url, **headers))
        head = await self.reader.readuntil(b"\r\n\r\n")
        assert b" 101 " in head.splitlines()[0], head
        if hello:
            self.send(TEXT, b'[{"type":"hello","protocol":1}]')
            opcode, payload = await self.receive()
            assert opcode == TEXT and json.loads(payload)[0]["type"] == "welcome"
        return self

    @staticmethod
    def request(url: str, **headers: str) -> bytes:
        """The upgrade request."""
        parts = urlsplit(url)
        lines = {
            "Host": parts.netloc, "Upgrade": "websocket", "Connection": "Upgrade",
            "Sec-WebSocket-Version": "13",
            "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode(),
            **{name.replace("_", "-"): value for name, value in headers.items()},
        }
        head = "".join(f"{name}: {value}\r\n" for name, value in lines.items())
        return f"GET {parts.path} HTTP/1.1\r\n{head}\r\n".encode()

    def send(self, opcode: int, payload: bytes, **how: Any) -> None:
        self.writer.write(frame(opcode, payload, **how))

    async def receive(self) -> tuple[int, bytes]:
        """The next frame: opcode and payload. Raises IncompleteReadError at the end."""
        head = await self.reader.readexactly(2)
        size = head[1] & 0x7F
        if size == 126:
            size = int.from_bytes(await self.reader.readexactly(2), "big")
        elif size == 127:
            size = int.from_bytes(await self.reader.readexactly(8), "big")
        return head[0] & 0x0F, await self.reader.readexactly(size)

    async def closed(self) -> tuple[int | None, list[dict[str, Any]]]:
        """Read to the end: the close code (None without a close frame) and the messages."""
        code = None
        messages: list[dict[str, Any]] = []
        try:
            while True:
                opcode, payload = await self.receive()
                if opcode == TEXT:
                    messages += json.loads(payload)
                elif opcode == CLOSE:
                    code = int.from_bytes(payload[:2], "big")
        except (asyncio.IncompleteReadError, ConnectionError):
            return code, messages
        finally:
            self.close()

    async def until(self, kind: str) -> dict[str, Any]:
        """The next message of that type."""
        while True:
            opcode, payload = await self.receive()
            if opcode == TEXT:
                for message in json.loads(payload):
                    if message["type"] == kind:
                        return dict(message)

    def close(self) -> None:
        self.writer.transport.abort()
