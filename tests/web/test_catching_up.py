"""A client that was away long is told what it missed as fast as it reads, not faster."""

from __future__ import annotations

from pathlib import Path

from collab.protocol.settings import Limits, Settings
from collab.storage import open_store
from collab.testing import RawSession
from collab.testing.server import serve
from collab.web.socket import CATCH_UP
from tests.storage.making import EMPTY, append, document

MISSED = 60_000
"""Operations, of some 130 bytes each in a frame: far more than sockets and the outbox hold."""


async def test_somebody_who_missed_much_gets_all_of_it(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, limits=Limits(outbox_size=64 * 1024))
    store = await open_store(settings)
    await store.create(document(), EMPTY)
    for first in range(1, MISSED, 10_000):
        await store.append(append(first, 10_000))
    await store.close()
    async with serve(settings) as server:
        session = await RawSession.open(
            server.http, f"{server.url}/api/documents/notes/socket", revision=0
        )
        # It does not read for as long as the server would take to read the whole log.
        for _ in range(MISSED // CATCH_UP):
            log = f"{server.url}/api/documents/notes/operations?since={MISSED - CATCH_UP}"
            async with server.http.get(log) as response:
                assert response.status == 200
        last = len(session.welcome["operations"])
        while last < MISSED:
            for operation in (await session.expect("operations"))["operations"]:
                last += 1
                assert operation["revision"] == last
        await session.operate(MISSED, 1, [{"insert": "here"}])
        assert (await session.committed(MISSED + 1))["client"] == session.client
        await session.close()
