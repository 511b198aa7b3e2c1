"""A whole server on a real SQLite file, in the test's own loop."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from aiohttp import ClientWebSocketResponse
from aiohttp.test_utils import TestClient
from aiohttp.web import Application, Request

from collab.protocol.settings import Limits, Settings
from collab.web import create_app

Client = TestClient[Request, Application]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, limits=Limits(hello_timeout=1.0))


@pytest.fixture
async def client(
    aiohttp_client: Callable[[Application], Awaitable[Client]], settings: Settings
) -> Client:
    return await aiohttp_client(create_app(settings))


async def make(client: Client, **fields: Any) -> dict[str, Any]:
    """A new document, as the API describes it."""
    async with client.post("/api/documents", json=fields) as response:
        assert response.status == 201, await response.text()
        made: dict[str, Any] = await response.json()
        return made


class Talk:
    """A raw conversation over the socket: messages out and in, one at a time."""

    def __init__(self, socket: ClientWebSocketResponse) -> None:
        self.socket = socket
        self._waiting: list[dict[str, Any]] = []

    async def say(self, *messages: dict[str, Any]) -> None:
        await self.socket.send_json(list(messages))

    async def hear(self, type: str | None = None) -> dict[str, Any]:
        """The next message, or the next one of ``type``."""
        while True:
            if not self._waiting:
                self._waiting = await self.socket.receive_json(timeout=20)
            message = self._waiting.pop(0)
            if type is None or message["type"] == type:
                return message

    async def closed(self) -> int | None:
        """The code that the server closes with."""
        while not self.socket.closed:
            await self.socket.receive(timeout=20)
        return self.socket.close_code


async def talk(http: Client, document: dict[str, Any], **hello: Any) -> Talk:
    """A conversation that has begun: hello is said, welcome not heard yet."""
    conversation = Talk(await http.ws_connect(document["links"]["socket"]))
    await conversation.say({"type": "hello", "protocol": 1, **hello})
    return conversation


def insert(text: str, revision: int, sequence: int) -> dict[str, Any]:
    return {
        "type": "operation",
        "revision": revision,
        "sequence": sequence,
        "delta": [{"insert": text}],
    }
