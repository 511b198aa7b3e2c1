"""Faults under the web floor, and clients that do not behave: the answers stay as documented."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any, cast

import pytest
from aiohttp import web

from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.protocol.settings import Limits, Settings
from collab.storage import open_store
from collab.testing.faults import Fault, FaultyStore
from collab.web import create_app
from collab.web.connection import Connection
from collab.web.keys import CONNECTIONS
from tests.web.conftest import Client, insert, make, talk


@pytest.fixture
async def faulty(tmp_path: Path) -> AsyncIterator[FaultyStore]:
    real = await open_store(Settings(data_dir=tmp_path))
    yield FaultyStore(real)
    await real.close()


@pytest.fixture
async def shaky(aiohttp_client: Any, tmp_path: Path, faulty: FaultyStore) -> Client:
    """A client of a server whose store fails when it is told to."""
    settings = Settings(data_dir=tmp_path, shutdown_timeout=0.2)
    return cast(Client, await aiohttp_client(create_app(settings, faulty)))


async def test_a_store_that_fails_during_hello_is_a_goodbye(
    shaky: Client, faulty: FaultyStore
) -> None:
    made = await make(shaky)
    first = await talk(shaky, made)
    welcome = await first.hear("welcome")
    await first.socket.close()
    faulty.inject("last_sequence", Fault("fail"))
    who = {key: welcome[key] for key in ("client", "secret")}
    again = await talk(shaky, made, **who)
    goodbye = await again.hear()
    assert (goodbye["type"], goodbye["code"]) == ("goodbye", "storage_failed")
    assert goodbye["retry_after"] > 0


async def test_a_store_that_fails_a_request_is_503(shaky: Client, faulty: FaultyStore) -> None:
    faulty.inject("create", Fault("fail"))
    async with shaky.post("/api/documents", json={}) as response:
        assert response.status == 503
        assert (await response.json())["error"]["code"] == "storage_failed"
    await make(shaky)


async def test_a_stop_tells_everybody_although_a_commit_hangs(
    shaky: Client, faulty: FaultyStore
) -> None:
    made, other = await make(shaky), await make(shaky)
    writer, reader = await talk(shaky, made), await talk(shaky, other)
    await writer.hear("welcome")
    await reader.hear("welcome")
    fault = faulty.inject("append", Fault("hang"))
    await writer.say(insert("x", 0, 1))
    await fault.reached.wait()
    stopping = asyncio.create_task(shaky.app.shutdown())
    goodbye = await reader.hear("goodbye")
    assert goodbye["code"] == "shutting_down"
    assert 1.0 <= goodbye["retry_after"] <= 2.0
    fault.release()
    await stopping


async def test_the_epoch_is_checked_of_strangers_too(client: Client) -> None:
    conversation = await talk(client, await make(client), revision=0, epoch="another history")
    assert (await conversation.hear())["code"] == "epoch_changed"


async def test_connections_that_wait_before_hello_do_not_get_past_the_limit(
    aiohttp_client: Any, tmp_path: Path
) -> None:
    settings = Settings(
        data_dir=tmp_path, limits=Limits(sessions_per_document=1), trusted_proxies=("127.0.0.1",)
    )
    client = await aiohttp_client(create_app(settings))
    made = await make(client)
    sockets = [
        await client.ws_connect(
            made["links"]["socket"], headers={"X-Forwarded-For": f"192.0.2.{number}"}
        )
        for number in range(3)
    ]
    answers = []
    for socket in sockets:
        await socket.send_json([{"type": "hello", "protocol": 1}])
        answers.append((await socket.receive_json(timeout=20))[0])
    ended = [(await socket.receive_json(timeout=20))[0] for socket in sockets[1:]]
    assert answers[0]["type"] == "welcome"
    assert [one["code"] for one in ended] == ["too_many_sessions"] * 2


@pytest.mark.parametrize("charset", ["undefined", "punycode", "idna", "utf-7", "nonsense"])
async def test_texts_come_in_known_character_sets(client: Client, charset: str) -> None:
    made = await make(client)
    headers = {"Content-Type": f"text/plain; charset={charset}"}
    async with client.put(made["links"]["content"], data=b"abc", headers=headers) as response:
        assert response.status == 415


async def test_static_files_are_asked_for_again_after_an_upgrade(client: Client) -> None:
    async with client.get("/static/engine/client.js") as response:
        assert response.headers["Cache-Control"] == "no-cache"
        tag = response.headers["ETag"]
    async with client.get("/static/engine/client.js", headers={"If-None-Match": tag}) as response:
        assert response.status == 304


async def test_contents_are_not_sent_twice(client: Client) -> None:
    content = (await make(client, content="abc"))["links"]["content"]
    async with client.get(content) as response:
        tag = response.headers["ETag"]
    for known in (tag, f"W/{tag}", f'"another", {tag}', "*"):
        async with client.get(content, headers={"If-None-Match": known}) as response:
            assert response.status == 304, known
    await client.put(content, json="abcd")
    async with client.get(content, headers={"If-None-Match": tag}) as response:
        assert response.status == 200


class Pipe:
    """A transport and a socket at once: what is written waits until it is read."""

    closed = False

    def __init__(self) -> None:
        self.buffer = 0
        self.aborted = False
        self.drained = asyncio.Event()

    def is_closing(self) -> bool:
        return self.aborted

    def get_write_buffer_size(self) -> int:
        return self.buffer

    def write(self, data: bytes) -> None:
        self.buffer += len(data)
        self.drained.clear()

    def read(self, size: int) -> None:
        self.buffer -= min(size, self.buffer)
        if self.buffer < 16384:
            self.drained.set()

    def abort(self) -> None:
        self.aborted = True
        self.drained.set()

    async def send_frame(self, data: bytes, kind: Any) -> None:
        self.write(data)
        await self.drained.wait()

    async def close(self, **how: Any) -> None:
        self.closed = True


def _connection(pipe: Pipe, timeout: float) -> Connection:
    user = User("u", "n", "#000000")
    limits = Limits(write_timeout=timeout)
    socket = cast(web.WebSocketResponse, pipe)
    return Connection(socket, cast(asyncio.Transport, pipe), limits, user, frozenset())


async def test_a_slow_client_that_reads_steadily_is_not_cut() -> None:
    pipe = Pipe()
    connection = _connection(pipe, 0.1)
    connection.send(Frame(b"x" * 70_000))
    for _ in range(30):
        connection.send(Frame(b"x" * 10_000))
    for _ in range(40):
        pipe.read(4000)  # 400 KB a second
        await asyncio.sleep(0.01)
    assert not pipe.aborted
    pipe.read(10**9)
    await connection.finished()


async def test_a_client_that_reads_nothing_is_cut() -> None:
    pipe = Pipe()
    connection = _connection(pipe, 0.02)
    connection.send(Frame(b"x" * 70_000))
    connection.send(Frame(b"x"))
    async with asyncio.timeout(20):
        await pipe.drained.wait()
    assert pipe.aborted
    await connection.finished()


async def test_a_client_that_leaves_without_reading_frees_its_socket(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Below the mark at which anybody watches it, and aiohttp waits for it for ever."""
    monkeypatch.setattr("collab.web.connection.CLOSE_TIMEOUT", 0.01)
    pipe = Pipe()
    connection = _connection(pipe, 10.0)
    connection.send(Frame(b"x" * 20_000))
    await connection.finished()
    async with asyncio.timeout(20):
        await pipe.drained.wait()
    assert pipe.aborted


async def test_connections_are_forgotten_when_they_end(client: Client) -> None:
    made = await make(client)
    conversation = await talk(client, made)
    await conversation.hear("welcome")
    assert len(client.app[CONNECTIONS]) == 1
    await conversation.socket.close()
    async with asyncio.timeout(20):
        while client.app[CONNECTIONS]:
            await asyncio.sleep(0.001)
