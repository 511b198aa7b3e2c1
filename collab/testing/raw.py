"""A client that speaks the protocol word by word, for tests that must say exactly what is sent."""

from __future__ import annotations

import json
from typing import Any

import aiohttp

Json = dict[str, Any]


class SocketClosed(Exception):
    """The server closed the connection; ``code`` is the WebSocket close code."""

    def __init__(self, code: int | None) -> None:
        self.code = code
        super().__init__(f"closed with {code}")


class RawSession:
    """One WebSocket; messages are plain dictionaries.

    ``received`` keeps everything that came, in order, for a test to look through at its end.
    """

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self.socket = socket
        self.received: list[Json] = []
        self.welcome: Json = {}
        self._waiting: list[Json] = []

    @classmethod
    async def open(
        cls, http: aiohttp.ClientSession, url: str, *, greet: bool = True, **hello: Any
    ) -> RawSession:
        """Connect to a socket's address, and say hello (with further fields) unless told not to."""
        session = cls(await http.ws_connect(url, max_msg_size=0))
        if greet:
            await session.hello(**hello)
        return session

    async def hello(self, **fields: Any) -> Json:
        """Say hello; returns the welcome."""
        await self.send({"type": "hello", "protocol": 1, **fields})
        self.welcome = await self.expect("welcome")
        return self.welcome

    @property
    def client(self) -> str:
        return str(self.welcome["client"])

    @property
    def revision(self) -> int:
        """The revision of the welcome."""
        return int(self.welcome["revision"])

    async def send(self, *messages: Json) -> None:
        """Send messages as one frame."""
        await self.send_text(json.dumps(messages))

    async def send_text(self, text: str) -> None:
        """Send a text frame as it is."""
        await self.socket.send_str(text)

    async def operate(self, revision: int, sequence: int, delta: list[Json]) -> None:
        """Send an operation."""
        await self.send(
            {"type": "operation", "revision": revision, "sequence": sequence, "delta": delta}
        )

    async def next(self) -> Json:
        """The next message. Raises `SocketClosed` when there is none."""
        while not self._waiting:
            frame = await self.socket.receive()
            if frame.type is not aiohttp.WSMsgType.TEXT:
                # The frame knows best: answering it fails when the server is gone already.
                closing = frame.type is aiohttp.WSMsgType.CLOSE
                raise SocketClosed(frame.data if closing else self.socket.close_code)
            messages = json.loads(frame.data)
            self.received += messages
            self._waiting += messages
        return self._waiting.pop(0)

    async def expect(self, type: str, **fields: Any) -> Json:
        """Read on to the first message of this type with these fields, and return it."""
        while True:
            message = await self.next()
            if message["type"] == type and all(
                message.get(key) == value for key, value in fields.items()
            ):
                return message

    async def committed(self, revision: int) -> Json:
        """Read on until the operation of that revision has come, and return it."""
        while True:
            message = await self.next()
            for operation in message.get("operations", ()):
                if operation["revision"] == revision:
                    return dict(operation)

    async def ended(self) -> int | None:
        """Read on to the end of the connection; returns its close code."""
        try:
            while True:
                await self.next()
        except SocketClosed as closed:
            return closed.code

    async def close(self) -> None:
        await self.socket.close()
