"""Memory is never ahead of the disk, which fails, hangs or is cancelled at each of its awaits."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Literal

import aiohttp
import pytest
import pytest_asyncio

from collab.client import Backoff
from collab.ot import Delta
from collab.protocol.settings import Settings
from collab.storage import open_store
from collab.testing import RawSession, Server, serve
from collab.testing.faults import Fault, FaultyStore
from tests.patience import patient

Kind = Literal["fail", "hang", "cancel"]
Moment = Literal["before", "after"]


@pytest_asyncio.fixture
async def store(server_settings: Settings) -> AsyncIterator[FaultyStore]:
    server_settings.data_dir.mkdir(parents=True, exist_ok=True)
    inner = await open_store(server_settings)
    yield FaultyStore(inner)
    await inner.close()


@pytest_asyncio.fixture
async def server(server_settings: Settings, store: FaultyStore) -> AsyncIterator[Server]:
    async with serve(server_settings, store) as running:
        yield running


def _quick() -> Backoff:
    return Backoff(first=0.01, longest=0.05)


@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", ["fail", "hang", "cancel"])
async def test_a_commit_that_goes_wrong(
    server: Server, store: FaultyStore, kind: Kind, moment: Moment
) -> None:
    """Whatever happened to it, it counts once, and nobody saw it before it was there."""
    document = await server.create_document("x", "start ")
    async with (
        server.connect(document, backoff=_quick()) as ada,
        server.connect(document, backoff=_quick()) as bob,
    ):
        changes = bob.changes()
        await patient(ada.insert(0, "before "))
        fault = store.inject("append", Fault(kind, moment))
        saved = ada.edit_nowait(Delta().insert("wrong? "))
        ada.edit_nowait(Delta().insert("more "))
        await patient(fault.reached.wait())
        if kind == "hang":
            assert bob.text == "before start "
            assert not saved.done()
            fault.release()
        await patient(ada.saved(), 30)
        await patient(bob.wait_for(lambda copy: copy.text == "more wrong? before start "), 30)
        assert ada.text == bob.text == await server.text(document)
        assert ada.rescues == bob.rescues == []
        log = await server.operations(document)
        (room,) = server.rooms.all()
        assert room.revision == len(log) == ada.revision
        for revision in range(1, len(log) + 1):
            assert (await patient(changes.__anext__())).revision == revision
        await patient(bob.insert(0, "after "))


@pytest.mark.parametrize("method", ["load", "last_sequence", "save_snapshot", "document"])
@pytest.mark.parametrize("moment", ["before", "after"])
@pytest.mark.parametrize("kind", ["fail", "cancel"])
async def test_a_read_that_goes_wrong(
    server: Server, store: FaultyStore, method: str, kind: Kind, moment: Moment
) -> None:
    """It never becomes an empty document, and the next try works."""
    document = await server.create_document("x", "start ")
    async with server.connect(document) as first:
        await patient(first.insert(0, "1 "))
    for room in server.rooms.all():
        await server.rooms._discard(room)
    store.inject(method, Fault(kind, moment))
    async with server.connect(document, backoff=_quick(), timeout=30) as second:
        assert second.text == "1 start "
        await patient(second.insert(0, "2 "), 30)
    assert await server.text(document) == "2 1 start "


async def test_joining_a_room_that_has_just_failed(server: Server, store: FaultyStore) -> None:
    """Lost wake-up: who says hello to a room that fails meanwhile is sent away, not forgotten."""
    document = await server.create_document()
    elsewhere = await server.raw(await server.create_document())
    async with server.connect(document, backoff=_quick()) as ada:
        slow = store.inject("last_sequence", Fault("hang"))
        slow.error = None
        late = await server.raw(document, greet=False)
        hello = {key: elsewhere.welcome[key] for key in ("client", "secret")}
        await late.send({"type": "hello", "protocol": 1, **hello})
        await patient(slow.reached.wait())
        silent = await server.raw(document, greet=False)
        fault = store.inject("append", Fault("fail"))
        ada.edit_nowait(Delta().insert("x"))
        await patient(fault.reached.wait())
        await patient(ada.wait_for(lambda copy: copy.status == "offline"))
        slow.release()
        await silent.send({"type": "hello", "protocol": 1})
        await patient(ada.saved(), 30)
        for session in (late, silent):
            assert await patient(session.ended()) == 1013
            assert session.received[-1]["code"] == "storage_failed"
    await elsewhere.close()


async def test_a_full_disk_is_said_and_readable(server: Server, store: FaultyStore) -> None:
    document = await server.create_document("x", "start ")
    async with server.connect(document, backoff=_quick()) as ada:
        for _ in range(3):
            store.inject("append", Fault("fail"))
        saved = ada.edit_nowait(Delta().insert("x"))
        await patient(ada.wait_for(lambda copy: copy.status == "offline"))
        assert await server.text(document) == "start "
        assert await patient(saved, 30) == 1
    assert await server.text(document) == "xstart "


async def test_a_stop_in_the_middle_of_a_failure(tmp_path: Path) -> None:
    """A server that stops while its disk fails ends all the same, and loses nothing."""
    settings = Settings(data_dir=tmp_path)
    inner = await open_store(settings)
    store = FaultyStore(inner)
    try:
        async with aiohttp.ClientSession() as http:
            async with serve(settings, store) as server:
                document = await server.create_document()
                session = await RawSession.open(http, server.socket(document))
                await session.operate(0, 1, [{"insert": "x"}])
                await patient(session.committed(1))
                fault = store.inject("append", Fault("fail"))
                await session.operate(1, 2, [{"insert": "y"}])
                ending = asyncio.create_task(session.ended())
                await patient(fault.reached.wait())
            assert await patient(ending) in (1012, 1013)
        loaded = await inner.load(document)
        assert loaded is not None and loaded.document.revision == 1
    finally:
        await inner.close()
