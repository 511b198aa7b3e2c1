"""One WebSocket to one document: frames in, frames out, and why it ended."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence

import aiohttp

from collab.client.errors import Gone
from collab.protocol import messages
from collab.protocol.errors import BAD_TOKEN, CODES, FORBIDDEN, NO_DOCUMENT, ErrorCode
from collab.protocol.messages import ClientMessage, ServerMessage

HEARTBEAT = 20.0
"""Seconds between pings; a server that does not answer one is given up after half of that."""

LARGEST = 128 * 1024 * 1024
"""Bytes of the largest message taken: a document of 16 Mi units, escaped, with room to spare."""

_FINAL_STATUS = {401: BAD_TOKEN, 403: FORBIDDEN, 404: NO_DOCUMENT, 410: NO_DOCUMENT}

_FINAL_CLOSE: dict[int, ErrorCode] = {
    code.close: code
    for name in ("forbidden", "no_document", "unsupported_protocol", "deleted")
    if (code := CODES[name]).close is not None
}


class ConnectionLost(Exception):
    """The connection did not come about or broke; trying again may help."""


class Connection:
    """An open WebSocket that speaks the protocol's frames."""

    def __init__(self, socket: aiohttp.ClientWebSocketResponse) -> None:
        self._socket = socket

    @classmethod
    async def open(
        cls, session: aiohttp.ClientSession, url: str, token: str | None
    ) -> Connection:
        """Connect. Raises `ConnectionLost`, or `Gone` when there is no use in trying again."""
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        try:
            socket = await session.ws_connect(
                url,
                headers=headers,
                heartbeat=HEARTBEAT,
                max_msg_size=LARGEST,
                timeout=aiohttp.ClientWSTimeout(ws_close=2.0),
            )
        except aiohttp.WSServerHandshakeError as error:
            final = _FINAL_STATUS.get(error.status)
            if final is not None:
                sentence = f"{final.sentence} ({url} answered {error.status})"
                raise Gone(final.code, sentence) from None
            raise ConnectionLost(f"{url} answered {error.status}") from error
        except (aiohttp.ClientError, OSError, TimeoutError) as error:
            raise ConnectionLost(str(error) or type(error).__name__) from error
        return cls(socket)

    async def send(self, outgoing: Sequence[ClientMessage], largest: int) -> None:
        """Send messages in as few frames as fit ``largest`` bytes. Raises `ConnectionLost`."""
        waiting: list[bytes] = []
        size = 2
        for message in outgoing:
            encoded = messages.encode(message)
            if waiting and size + len(encoded) + 1 > largest:
                await self._send(waiting)
                waiting, size = [], 2
            waiting.append(encoded)
            size += len(encoded) + 1
        if waiting:
            await self._send(waiting)

    async def _send(self, encoded: list[bytes]) -> None:
        try:
            await self._socket.send_str((b"[" + b",".join(encoded) + b"]").decode())
        except (aiohttp.ClientError, OSError) as error:
            raise ConnectionLost(str(error)) from error

    async def receive(self) -> list[ServerMessage]:
        """The next frame's messages. Raises `ConnectionLost` or `Gone` at the end."""
        received = await self._socket.receive()
        if received.type is aiohttp.WSMsgType.TEXT:
            try:
                return messages.decode_server(received.data)
            except ValueError as error:
                raise ConnectionLost(f"not understood: {error}") from error
        # The frame knows best: answering it fails when the server is gone already.
        closing = received.type is aiohttp.WSMsgType.CLOSE
        code = received.data if closing else self._socket.close_code
        if code in _FINAL_CLOSE:
            raise Gone(_FINAL_CLOSE[code].code, _FINAL_CLOSE[code].sentence)
        raise ConnectionLost(f"closed with code {code}")

    async def close(self) -> None:
        """Say goodbye, without waiting long for an answer."""
        try:
            async with asyncio.timeout(3.0):
                await self._socket.close()
        except (TimeoutError, aiohttp.ClientError, OSError):
            pass  # it is gone, which is what was wanted

