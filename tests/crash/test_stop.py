"""SIGTERM under load: in time, with a goodbye to everybody who listens, and nothing lost."""

from __future__ import annotations

import asyncio
import socket
from contextlib import AsyncExitStack
from pathlib import Path

import aiohttp

from collab.testing import RawSession, ServerProcess, SocketClosed
from tests.abuse.frames import HandMade
from tests.crash.typists import Typist, Witness, create, gather_log

NORMAL = 280
TYPING = 20
DEAF = 5


async def _listen(session: RawSession) -> tuple[bool, int | None]:
    """Whether a goodbye with a time to come back was heard, and the close code."""
    goodbye = False
    try:
        while True:
            message = await session.next()
            if message["type"] == "goodbye":
                goodbye = message["code"] == "shutting_down" and message["retry_after"] is not None
    except SocketClosed as closed:
        return goodbye, closed.code


async def test_three_hundred_clients_and_five_that_never_read(tmp_path: Path) -> None:
    loop = asyncio.get_running_loop()
    witness = Witness()
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        server = await stack.enter_async_context(ServerProcess(tmp_path))
        document = await create(server.url, http)
        url = f"{server.url}/api/documents/{document}/socket"
        deaf = [await HandMade.upgrade(url, hello=True) for _ in range(DEAF)]
        for made in deaf:
            raw: socket.socket = made.writer.get_extra_info("socket")
            raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
            made.writer.transport.pause_reading()
            stack.callback(made.close)
        listeners = [
            asyncio.create_task(_listen(await RawSession.open(http, url))) for _ in range(NORMAL)
        ]
        typists = [Typist(witness, http, url) for _ in range(TYPING)]
        typing = [asyncio.create_task(typist.run()) for typist in typists]
        await witness.until(lambda: len(witness.acknowledged) > 300)

        earlier = len(witness.closes)  # a busy machine may be too late with a hello
        started = loop.time()
        code = await server.stop()
        took = loop.time() - started
        heard = await asyncio.gather(*listeners)
        assert code == 0
        assert took < 10
        assert [one for one in heard if one != (True, 1012)] == []
        assert len(witness.goodbyes) == TYPING
        assert witness.closes[earlier:] == [1012] * TYPING

        await server.start()
        for typist in typists:
            typist.stopping = True
        async with asyncio.timeout(60):
            await asyncio.gather(*typing)
        log = await gather_log(server.url, http, document)
        assert witness.check(log) == []
        assert len(log) == len(witness.sent)
        assert await server.stop() == 0


async def test_an_idle_server_stops_at_once(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path) as server:
        started = asyncio.get_running_loop().time()
        assert await server.stop() == 0
        assert asyncio.get_running_loop().time() - started < 3


async def test_it_starts_again_on_what_a_stop_left(tmp_path: Path) -> None:
    async with ServerProcess(tmp_path) as server, aiohttp.ClientSession() as http:
        document = await create(server.url, http)
        url = f"{server.url}/api/documents/{document}/socket"
        session = await RawSession.open(http, url)
        await session.operate(0, 1, [{"insert": "kept"}])
        await session.committed(1)
        hello = {key: session.welcome[key] for key in ("client", "secret", "epoch")}
        assert await server.stop() == 0
        assert await session.ended() == 1012
        await server.start()
        session = await RawSession.open(http, url, revision=1, **hello)
        assert session.welcome["sequence"] == 1
        assert session.welcome["operations"] == []
        await session.close()
        assert await server.stop() == 0
