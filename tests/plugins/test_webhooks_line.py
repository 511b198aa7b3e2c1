"""webhooks: order, patience and bounds of one receiver's queue, in virtual time."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Coroutine
from itertools import pairwise
from typing import Any

import pytest
from collab.plugins.webhooks.events import Event
from collab.plugins.webhooks.line import Line, NotTaken, Patience
from collab.plugins.webhooks.shelf import RETRY, Shelf

from collab.plugins.state import State
from collab.storage.memory import MemoryStore
from collab.storage.port import StorageError
from collab.testing.clock import run
from collab.testing.faults import Fault, FaultyStore

LOG = logging.getLogger("test")


class Receiver:
    """Takes events, or not, and writes down when they came. Virtual seconds from 0."""

    def __init__(self) -> None:
        self.refusals: list[NotTaken] = []
        """What the next attempts come to."""
        self.attempts: list[tuple[float, str]] = []
        self.taken: list[Event] = []
        self.changed = asyncio.Event()
        self.holding: asyncio.Event | None = None

    async def __call__(self, event: Event) -> None:
        self.attempts.append((asyncio.get_running_loop().time(), event.id))
        if self.holding is not None:
            await self.holding.wait()
        await asyncio.sleep(0)
        if self.refusals:
            raise self.refusals.pop(0)
        self.taken.append(event)
        self.changed.set()

    async def has(self, count: int) -> list[str]:
        """The ids of what was taken, once it is so many."""
        while len(self.taken) < count:
            self.changed.clear()
            await self.changed.wait()
        return [event.id for event in self.taken]


class Setting:
    """A line with its receiver and shelf; chance spreads nothing."""

    def __init__(self, store: Any = None, **patience: Any) -> None:
        self.store = store or MemoryStore()
        self.state = State("webhooks", self.store)
        self.receiver = Receiver()
        self.shelf = Shelf(self.state, LOG)
        loop = asyncio.get_running_loop()
        self.line = Line(
            "https://example.org/hook",
            self.receiver,
            self.shelf,
            Patience(**{"retry": 1.0, "give_up": 86400.0, "queue": 10} | patience),
            LOG,
            loop.time,
            chance=lambda: 1.0,
        )

    async def __aenter__(self) -> Setting:
        for key, value in sorted((await self.shelf.load()).items()):
            self.line.restore(key, value)
        self.tasks = [
            asyncio.create_task(work) for work in (self.line.run(), self.shelf.run())
        ]
        return self

    async def __aexit__(self, *error: object) -> None:
        for task in self.tasks:
            task.cancel()
        await asyncio.gather(*self.tasks, return_exceptions=True)
        await self.shelf.flush()

    def put(self, *ids: str) -> None:
        for id in ids:
            self.line.put(Event(id, "document_created", asyncio.get_running_loop().time()))

    async def kept(self) -> list[str]:
        """The ids on disk, in their order."""
        await self.shelf.flush()
        return [value["id"] for _, value in sorted((await self.state.list()).items())]


def in_virtual_time(test: Any) -> Any:
    """Run a test in virtual time."""

    def wrapped() -> None:
        coroutine: Coroutine[Any, Any, None] = test()
        run(coroutine)

    wrapped.__name__ = test.__name__
    wrapped.__doc__ = test.__doc__
    return wrapped


@in_virtual_time
async def test_events_arrive_in_order() -> None:
    async with Setting() as it:
        it.put("a", "b", "c")
        assert await it.receiver.has(3) == ["a", "b", "c"]
        assert await it.kept() == []


@in_virtual_time
async def test_what_fails_is_tried_again_after_longer_and_longer_pauses() -> None:
    async with Setting() as it:
        it.receiver.refusals = [NotTaken("status 500") for _ in range(12)]
        it.put("a", "b")
        assert await it.receiver.has(2) == ["a", "b"], "the second one waited"
    times = [time for time, id in it.receiver.attempts if id == "a"]
    pauses = [after - before for before, after in pairwise(times)]
    assert pauses == [1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600]


@in_virtual_time
async def test_after_a_success_patience_begins_anew() -> None:
    async with Setting() as it:
        it.receiver.refusals = [NotTaken("no")] * 3
        it.put("a")
        await it.receiver.has(1)
        it.receiver.refusals = [NotTaken("no")]
        it.put("b")
        await it.receiver.has(2)
    times = [time for time, _ in it.receiver.attempts]
    assert times == [0, 1, 3, 7, 7, 8]


@in_virtual_time
async def test_a_receiver_may_ask_for_a_longer_pause_but_not_for_any() -> None:
    async with Setting() as it:
        it.receiver.refusals = [NotTaken("busy", 30), NotTaken("busy", 1e9), NotTaken("no", 0.1)]
        it.put("a")
        await it.receiver.has(1)
    times = [time for time, _ in it.receiver.attempts]
    assert times == [0, 30, 3630, 3634]


@in_virtual_time
async def test_what_did_not_arrive_is_there_after_a_restart() -> None:
    async with Setting() as it:
        it.receiver.refusals = [NotTaken("no")] * 99
        it.put(*"abc")
        assert await it.kept() == ["a", "b", "c"]
    async with Setting(it.store) as again:
        assert len(again.line) == 3
        again.put("d")
        assert await again.receiver.has(4) == ["a", "b", "c", "d"]
        assert await again.kept() == []


@in_virtual_time
async def test_what_was_on_its_way_at_the_stop_comes_again_under_its_id() -> None:
    async with Setting() as it:
        it.receiver.holding = asyncio.Event()
        it.put("a")
        await asyncio.sleep(1)
        assert [id for _, id in it.receiver.attempts] == ["a"]
    async with Setting(it.store) as again:
        assert await again.receiver.has(1) == ["a"]


@in_virtual_time
async def test_too_many_give_way_to_one_that_counts_them() -> None:
    async with Setting() as it:
        it.receiver.holding = asyncio.Event()
        it.put("first")
        await asyncio.sleep(1)
        it.put(*(str(number) for number in range(30)))
        assert len(it.line) == 10
        assert len(await it.kept()) == 10
        it.receiver.holding.set()
        ids = await it.receiver.has(10)
    assert ids[0] == "first", "what may just be arriving is not taken away"
    assert ids[2:] == [str(number) for number in range(22, 30)]
    marker = it.receiver.taken[1]
    assert (marker.event, marker.count) == ("events_lost", 22)


@in_virtual_time
async def test_the_count_of_the_lost_survives_a_restart() -> None:
    async with Setting() as it:
        it.receiver.refusals = [NotTaken("no")] * 999
        it.put(*(str(number) for number in range(15)))
        await it.kept()
    async with Setting(it.store) as again:
        again.receiver.refusals = [NotTaken("no")]
        await asyncio.sleep(0.5)
        again.put("15", "16")
        ids = await again.receiver.has(10)
    assert (again.receiver.taken[0].event, again.receiver.taken[0].count) == ("events_lost", 8)
    assert ids[1:] == [str(number) for number in range(8, 17)]


@in_virtual_time
async def test_what_is_too_old_is_given_up() -> None:
    async with Setting(give_up=100.0) as it:
        it.receiver.refusals = [NotTaken("no")] * 7  # until 127 s
        it.put("a", "b")
        await asyncio.sleep(60)
        it.put("c")
        await it.receiver.has(2)
        assert await it.kept() == []
    marker, last = it.receiver.taken
    assert (marker.event, marker.count, last.id) == ("events_lost", 2, "c")


@in_virtual_time
async def test_a_store_that_fails_is_tried_again() -> None:
    store = FaultyStore(MemoryStore())
    async with Setting(store) as it:
        it.receiver.holding = asyncio.Event()
        store.inject("set_state", Fault("fail", error=StorageError("full")))
        it.put("a", "b")
        await asyncio.sleep(RETRY / 2)
        assert await it.state.list() == {}
        await asyncio.sleep(RETRY)
        assert [one["id"] for _, one in sorted((await it.state.list()).items())] == ["a", "b"]
        it.receiver.holding.set()
        assert await it.receiver.has(2) == ["a", "b"]


@in_virtual_time
async def test_what_arrives_before_it_was_written_is_not_written() -> None:
    store = FaultyStore(MemoryStore())
    async with Setting(store) as it:
        blocked = store.inject("set_state", Fault("hang"))
        it.put("a")
        await blocked.reached.wait()
        it.put("b", "c")
        assert await it.receiver.has(3) == ["a", "b", "c"]
        blocked.release()
        assert await it.kept() == []
    assert store.calls["set_state"] == 2, "the first was written and deleted"


def test_a_line_has_keys_of_its_own() -> None:
    async def prefixes() -> list[str]:
        it = Setting()
        other = Line("https://example.org/other", it.receiver, it.shelf, Patience(1, 1, 10), LOG,
                     lambda: 0.0)
        return [it.line.prefix, other.prefix]

    first, second = run(prefixes())
    assert first != second and first.endswith(".")


@pytest.mark.parametrize("chance", [0.0, 0.5, 1.0])
def test_attempts_are_spread(chance: float) -> None:
    async def pause() -> float:
        it = Setting()
        it.line._chance = lambda: chance
        return it.line._pause(NotTaken("no"))

    assert run(pause()) == 0.5 + chance / 2
