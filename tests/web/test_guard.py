"""Connections on which no request is answered are cut, and no others."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from collab.protocol.settings import Settings
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

    transport = None

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

    connections = []
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
