"""Connections on which no request is answered are cut, and no others."""

from __future__ import annotations

import asyncio
import io
import socket
from pathlib import Path
from typing import Any

import pytest

from collab.protocol.settings import Limits, Settings
from collab.testing.server import serve
from collab.web import create_app
from collab.web.guard import Guard
from collab.web.listening import listen


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collab.web.app.Guard", lambda: Guard(first=0.1, following=0.2))


async def _served(tmp_path: Path, said: bytes) -> bytes:
    """Everything that a connection is answered until it is cut."""
    app = create_app(Settings(data_dir=tmp_path, port=0))
    async with listen(app, app_settings(tmp_path)) as address:
        host, port = address.removeprefix("http://").rstrip("/").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(said)
        try:
            async with asyncio.timeout(20):
                return await reader.read()
        except ConnectionError:
            return b""
        finally:
            writer.close()


def app_settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, port=0)


@pytest.mark.usefixtures("impatient")
async def test_a_first_head_that_never_ends(tmp_path: Path) -> None:
    assert await _served(tmp_path, b"GET / HT") == b""


@pytest.mark.usefixtures("impatient")
async def test_a_second_head_that_never_ends(tmp_path: Path) -> None:
    whole = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"
    answer = await _served(tmp_path, whole + b"GET / HT")
    assert answer.startswith(b"HTTP/1.1 200")
    assert answer.count(b"HTTP/1.1") == 1


class Open:
    """A connection as the guard sees one."""

    transport: Any = None

    def __init__(self, request: object = None) -> None:
        self._current_request = request


def test_a_connection_that_is_being_answered_is_left_alone() -> None:
    guard = Guard(first=1.0, following=2.0)
    cut: list[str] = []

    class Transport:
        def __init__(self, name: str) -> None:
            self.name = name

        def abort(self) -> None:
            cut.append(self.name)

    connections: list[Any] = []
    for name, request, proven in (
        ("busy", object(), True),
        ("idle", None, True),
        ("new", None, False),
    ):
        connection = Open(request)
        connection.transport = Transport(name)  # a stand-in
        connections.append(connection)
        if proven:
            guard._proven.add(connection)
    for now in (0.0, 0.9, 1.0, 1.9):
        guard.check(connections, now)
    assert set(cut) == {"new"}
    guard.check(connections, 2.0)
    assert set(cut) == {"new", "idle"}


class Waiting:
    """A transport in whose buffer something waits for the client."""

    def __init__(self, *sizes: int) -> None:
        self._sizes = iter(sizes)
        self.cut = False

    def get_write_buffer_size(self) -> int:
        return next(self._sizes)

    def abort(self) -> None:
        self.cut = True


def test_only_who_reads_nothing_is_cut() -> None:
    guard = Guard()
    transports = {
        "nothing": Waiting(9, 9, 9, 9),
        "a little": Waiting(9, 8, 8, 7),
        "late": Waiting(0, 9, 9, 9),
        "all": Waiting(9, 0, 9, 9),
    }
    connections: list[Any] = []
    for transport in transports.values():
        connection = Open(object())
        connection.transport = transport  # a stand-in
        connections.append(connection)
    for now in (0.0, 1.0, 2.0, 3.0):
        guard.check_reading(connections, now, patience=2.5)
    assert [name for name, one in transports.items() if one.cut] == ["nothing"]


@pytest.mark.parametrize("what", ["export/text", "content", "operations"])
async def test_an_answer_that_nobody_reads_is_not_held(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, what: str
) -> None:
    limits = Limits(write_timeout=0.5)
    settings = Settings(data_dir=tmp_path, limits=limits)
    async with serve(settings) as server:
        document = await server.create_document(content="nobody reads this\n" * 300_000)
        if what == "operations":
            async with server.http.put(
                f"{server.url}/api/documents/{document}/content",
                data=io.BytesIO(b"x" * 6_000_000),
                headers={"Content-Type": "text/plain"},
            ) as response:
                assert response.status == 200
        waited, cut = asyncio.Event(), asyncio.Event()
        check = Guard.check_reading

        def noted(guard: Guard, connections: Any, now: float, patience: float) -> None:
            connections = list(connections)
            check(guard, connections, now, patience)
            if guard._unread:
                waited.set()
            elif waited.is_set():
                cut.set()

        monkeypatch.setattr(Guard, "check_reading", noted)
        with socket.create_connection(("127.0.0.1", server.port)) as reader:
            head = f"GET /api/documents/{document}/{what} HTTP/1.1\r\nHost: localhost\r\n\r\n"
            reader.sendall(head.encode())
            async with asyncio.timeout(20):
                await cut.wait()
            reader.settimeout(20)
            received = await asyncio.to_thread(_all, reader)
        assert received.startswith(b"HTTP/1.1 200") and len(received) < 5_000_000


def _all(reader: socket.socket) -> bytes:
    received = b""
    try:
        while piece := reader.recv(1 << 20):
            received += piece
    except ConnectionError:
        pass
    return received
