"""``kill -9`` of the server at random moments, again and again, under twenty who type.

In a campaign (``pytest -m campaign``) fifty kills, otherwise eight.
"""

from __future__ import annotations

import asyncio
from contextlib import AsyncExitStack
from pathlib import Path
from random import Random

import aiohttp
import pytest

from collab.client import Backoff, connect
from collab.ot import Delta
from collab.testing import ServerProcess
from tests.crash.typists import Typist, Witness, create, gather_log

TYPISTS = 20


async def _kill_again_and_again(
    data_dir: Path, kills: int, seed: int, launcher: tuple[str, ...] = ("-m", "collab")
) -> tuple[Witness, list[str]]:
    """Returns what was witnessed, and the promises that were broken (at the first, it ends)."""
    random = Random(seed)
    witness = Witness()
    faults: list[str] = []
    async with AsyncExitStack() as stack:
        http = await stack.enter_async_context(
            aiohttp.ClientSession(connector=aiohttp.TCPConnector(limit=0))
        )
        server = await stack.enter_async_context(ServerProcess(data_dir, launcher=launcher))
        document = await create(server.url, http)
        url = f"{server.url}/api/documents/{document}/socket"
        typists = [Typist(witness, http, url) for _ in range(TYPISTS)]
        tasks = [asyncio.create_task(typist.run()) for typist in typists]
        for _ in range(kills):
            # A moment that nobody chose: after some hundred further operations.
            target = len(witness.seen) + random.randrange(20, 600)
            await witness.until(lambda target=target: len(witness.seen) >= target)
            await server.kill()
            await server.start()
            told = witness.so_far()
            faults = told.check(await gather_log(server.url, http, document))
            if faults:
                break
        for typist in typists:
            typist.stopping = True
        if faults:
            for task in tasks:
                task.cancel()
            await asyncio.wait(tasks)
            return witness, faults
        async with asyncio.timeout(60):
            await asyncio.gather(*tasks)
        log = await gather_log(server.url, http, document)
        faults = witness.check(log)
        async with http.get(
            f"{server.url}/api/documents/{document}/content", headers={"Accept": "text/plain"}
        ) as response:
            text = await response.text()
        for client, sequence in witness.acknowledged:
            if text.count(f"<{client} {sequence}>") != 1:
                faults.append(f"<{client} {sequence}> is not in the text once")
        if len(log) != len(witness.sent):
            faults.append(f"{len(witness.sent)} were sent, {len(log)} are in the log")
        assert await server.stop() == 0
    return witness, faults


async def test_nothing_seen_is_lost_and_nothing_is_doubled(tmp_path: Path) -> None:
    witness, faults = await _kill_again_and_again(tmp_path, kills=8, seed=1)
    assert faults == []
    assert len(witness.acknowledged) > 8 * 20


@pytest.mark.campaign
@pytest.mark.timeout(1200)
async def test_fifty_kills(tmp_path: Path) -> None:
    _, faults = await _kill_again_and_again(tmp_path, kills=50, seed=2)
    assert faults == []


async def test_our_own_client_comes_back_with_everything(tmp_path: Path) -> None:
    """Typed before the kill, while there is no server, and after the restart."""
    async with ServerProcess(tmp_path) as server, aiohttp.ClientSession() as http:
        page = f"{server.url}/d/{await create(server.url, http)}"
        backoff = Backoff(first=0.05, longest=0.2)
        async with connect(page, backoff=backoff) as ada, connect(page) as bob:
            for number in range(300):
                if number == 100:
                    await server.kill()
                if number == 200:
                    await server.start()
                ada.edit_nowait(Delta().retain(ada.length).insert(f"{number} "))
            async with asyncio.timeout(30):
                await ada.saved()
                await bob.wait_for(lambda copy: copy.revision == ada.revision)
            assert ada.text == bob.text == "".join(f"{number} " for number in range(300))
            assert ada.rescues == []
        assert await server.stop() == 0


async def test_negative_control_telling_before_the_commit_is_found_out(tmp_path: Path) -> None:
    reckless = str(Path(__file__).with_name("reckless.py"))
    _, faults = await _kill_again_and_again(tmp_path, kills=8, seed=3, launcher=(reckless,))
    assert any("acknowledged" in fault for fault in faults)
    assert any("was seen" in fault for fault in faults)
