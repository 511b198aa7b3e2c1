"""What is no HTTP: answered, told in one short line, and no version is named."""

from __future__ import annotations

import asyncio
import logging
from pathlib import Path

import pytest

from collab.protocol.settings import Settings
from collab.web import create_app
from collab.web.bodies import BODIES
from collab.web.listening import listen

NOISE = b"GET / HTTP/1.1\r\nHost: x\r\nBad Header\x00: " + b"y" * 200_000 + b"\r\n\r\n"


async def sent(tmp_path: Path, said: bytes) -> bytes:
    settings = Settings(data_dir=tmp_path, port=0)
    async with listen(create_app(settings), settings) as address:
        host, port = address.removeprefix("http://").rstrip("/").split(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(said)
        try:
            async with asyncio.timeout(20):
                return await reader.read()
        except ConnectionError:
            return b"cut"
        finally:
            writer.close()


@pytest.mark.parametrize(
    "said",
    [
        NOISE,
        b"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: nonsense\r\n\r\n",
        b"POST /api/documents HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n\r\n",
        b"GET " + b"/a" * 100_000 + b" HTTP/1.1\r\n\r\n",
    ],
)
async def test_a_malformed_request_costs_one_short_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, said: bytes
) -> None:
    with caplog.at_level(logging.INFO):
        answer = await sent(tmp_path, said)
    assert b"aiohttp" not in answer and b"Python" not in answer
    if answer.startswith(b"HTTP"):
        assert b" 400 " in answer.splitlines()[0]
        assert b"Server: Collab\r\n" in answer
    assert "yyy" not in only_line(caplog)


def only_line(caplog: pytest.LogCaptureFixture) -> str:
    """What was written to the log, which is one short line."""
    written = [
        logging.Formatter("%(message)s").format(record)
        for record in caplog.records
        if not record.name.startswith(("alembic", "collab.storage", "collab.plugins"))
    ]
    assert len(written) == 1 and len(written[0]) < 200, written
    assert "Traceback" not in written[0]
    return written[0]


async def test_who_leaves_while_sending_costs_one_short_line(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(data_dir=tmp_path, port=0)
    app = create_app(settings)
    with caplog.at_level(logging.INFO):
        async with listen(app, settings) as address:
            host, port = address.removeprefix("http://").rstrip("/").split(":")
            _, writer = await asyncio.open_connection(host, int(port))
            head = b"PUT /api/me HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
            writer.write(head + b"Content-Length: 40\r\n\r\n{")
            async with asyncio.timeout(20):
                while not app[BODIES].used:
                    await asyncio.sleep(0)
                writer.transport.abort()
                while app[BODIES].used:
                    await asyncio.sleep(0)
    assert "ConnectionResetError" in only_line(caplog)
