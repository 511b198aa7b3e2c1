"""One address does not take all connections that the server can have."""

from __future__ import annotations

import asyncio
import logging
from contextlib import AsyncExitStack
from pathlib import Path

import pytest

from collab.protocol.settings import Limits, Settings
from collab.web import create_app, listening
from collab.web.listening import listen

MOST = 4
ASKED = b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n"


class Visitor:
    """Connections that stay open."""

    def __init__(self, address: str) -> None:
        host, _, port = address.removeprefix("http://").rstrip("/").rpartition(":")
        self._where = (host.strip("[]"), int(port))
        self.open: list[asyncio.StreamWriter] = []

    async def gets_in(self, source: str | None = None) -> bool:
        """Open one more, from an address of this machine, and ask something."""
        local = None if source is None else (source, 0)
        try:
            reader, writer = await asyncio.open_connection(*self._where, local_addr=local)
            self.open.append(writer)
            writer.write(ASKED)
            async with asyncio.timeout(20):
                return (await reader.readline()).startswith(b"HTTP/1.1 200")
        except ConnectionError:
            return False

    async def close(self, count: int) -> None:
        for _ in range(count):
            self.open.pop(0).close()
        await asyncio.sleep(0)


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listening, "SPARE", MOST - 1)


def settings(folder: Path, *trusted: str) -> Settings:
    limits = Limits(sessions_per_address=1)
    return Settings(data_dir=folder, port=0, trusted_proxies=trusted, limits=limits)


async def test_one_address_has_a_bound_and_leaves_room_for_others(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    used = settings(tmp_path)
    async with AsyncExitStack() as stack:
        visitor = Visitor(await stack.enter_async_context(listen(create_app(used), used)))
        assert [await visitor.gets_in() for _ in range(MOST)] == [True] * MOST
        with caplog.at_level(logging.WARNING):
            assert [await visitor.gets_in() for _ in range(3)] == [False] * 3
        (told,) = caplog.records
        assert "connections open" in told.getMessage()
        # Another address of this machine.
        assert await visitor.gets_in("127.0.0.2")
        # There is room again when some are closed.
        await visitor.close(2)
        async with asyncio.timeout(20):
            while not await visitor.gets_in():
                await asyncio.sleep(0)
        await visitor.close(len(visitor.open))


async def test_a_trusted_proxy_has_none(tmp_path: Path) -> None:
    used = settings(tmp_path, "127.0.0.1")
    async with listen(create_app(used), used) as address:
        visitor = Visitor(address)
        assert [await visitor.gets_in() for _ in range(3 * MOST)] == [True] * 3 * MOST
        await visitor.close(len(visitor.open))
