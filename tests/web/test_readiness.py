"""`/readyz` says ready only when an edit could be saved, and asks the disk once a second."""

from __future__ import annotations

import asyncio
import logging

import pytest

from collab.protocol.errors import CollabError
from collab.storage.port import StorageError
from collab.testing.faults import Fault, FaultyStore
from collab.web.readiness import FRESH, Readiness
from tests.web.conftest import Client
from tests.web.test_trouble import faulty, shaky

__all__ = ["faulty", "shaky"]


class Proofs:
    """Counts proofs; the next ones fail, or wait, when a test says so."""

    def __init__(self) -> None:
        self.count = 0
        self.now = 100.0
        self.trouble: Exception | None = None
        self.free = asyncio.Event()
        self.free.set()

    async def prove(self) -> None:
        self.count += 1
        await self.free.wait()
        if self.trouble is not None:
            raise self.trouble

    def clock(self) -> float:
        return self.now


async def test_many_who_ask_cost_one_commit_a_second() -> None:
    proofs = Proofs()
    readiness = Readiness(proofs.prove, proofs.clock)
    await asyncio.gather(*(readiness.require() for _ in range(100)))
    assert proofs.count == 1
    proofs.now += FRESH / 2
    await readiness.require()
    assert proofs.count == 1
    proofs.now += FRESH
    await readiness.require()
    assert proofs.count == 2


async def test_trouble_is_told_and_over_when_it_is_over(
    caplog: pytest.LogCaptureFixture,
) -> None:
    proofs = Proofs()
    readiness = Readiness(proofs.prove, proofs.clock)
    proofs.trouble = StorageError("The disk of /secret/place is full.")
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            with pytest.raises(CollabError, match="can't be saved now") as told:
                await readiness.require()
            assert "/secret/place" not in told.value.sentence
            proofs.now += FRESH
        proofs.trouble = None
        await readiness.require()
    assert [record.getMessage() for record in caplog.records] == [
        "not ready: The disk of /secret/place is full.",
        "ready again: edits can be saved",
    ]


async def test_a_disk_that_does_not_answer_is_not_ready(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("collab.web.readiness.PATIENCE", 0.01)
    proofs = Proofs()
    proofs.free.clear()
    readiness = Readiness(proofs.prove, proofs.clock)
    for _ in range(3):
        with pytest.raises(CollabError, match="can't be saved now"):
            await readiness.require()
    assert proofs.count == 1, "nobody waits in line for a disk that hangs"
    proofs.free.set()
    await readiness.close()
    proofs.now += FRESH
    await readiness.require()


async def test_ready_is_503_while_nothing_can_be_saved(
    shaky: Client, faulty: FaultyStore
) -> None:
    faulty.inject("prove", Fault("fail"))
    async with shaky.get("/readyz") as response:
        assert response.status == 503
        assert (await response.json())["error"]["code"] == "storage_failed"
    async with shaky.get("/livez") as response:
        assert response.status == 200
