"""Turns: round robin between those who cause work, within bounds, and nothing is lost."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable

import pytest

from collab.protocol.errors import CollabError
from collab.rooms.turns import SERVER, Turns, aside, charged
from tests.patience import patient


class Work:
    """Pieces of work that a test ends itself."""

    def __init__(self, turns: Turns) -> None:
        self.turns = turns
        self.began: list[str] = []
        self.tasks: dict[str, asyncio.Task[None]] = {}
        self._ends: dict[str, asyncio.Event] = {}
        self._news = asyncio.Event()

    def start(self, name: str, who: str) -> None:
        self._ends[name] = asyncio.Event()
        self.tasks[name] = asyncio.create_task(self._run(name, who))

    async def _run(self, name: str, who: str) -> None:
        async with self.turns.turn(who):
            self.began.append(name)
            self._news.set()
            await self._ends[name].wait()

    async def end(self, name: str) -> None:
        self._ends[name].set()
        await self.tasks[name]

    async def until(self, condition: Callable[[], bool]) -> None:
        while not condition():
            self._news.clear()
            await patient(self._news.wait())


async def test_others_are_served_before_somebodys_next() -> None:
    work = Work(Turns())
    for number in range(4):
        work.start(f"a{number}", "a")
    await work.until(lambda: bool(work.began))
    work.start("b", "b")
    work.start("c", "c")
    for name in ("a0", "a1", "b", "c", "a2", "a3"):
        await work.until(lambda name=name: name in work.began)
        await work.end(name)
    # `a1` stood first in the line when `b` came: from then on it is one each.
    assert work.began == ["a0", "a1", "b", "c", "a2", "a3"]


async def test_one_visitor_leaves_a_turn_to_the_others() -> None:
    work = Work(Turns(2, running=1))
    work.start("a0", "a")
    work.start("a1", "a")
    await work.until(lambda: bool(work.began))
    work.start("b", "b")
    await work.until(lambda: "b" in work.began)
    assert work.began == ["a0", "b"]
    await work.end("a0")
    await work.until(lambda: "a1" in work.began)
    await work.end("a1")
    await work.end("b")


async def test_too_much_of_one_and_too_much_of_all_is_refused() -> None:
    work = Work(Turns(each=2, waiting=3))
    for name in ("a0", "a1"):
        work.start(name, "a")
    await work.until(lambda: bool(work.began))
    with pytest.raises(CollabError) as refused:
        async with work.turns.turn("a"):
            pass
    assert refused.value.code.code == "slow_down"
    assert refused.value.details["retry_after"] > 0
    work.start("b", "b")
    await asyncio.sleep(0)
    with pytest.raises(CollabError) as refused:
        async with work.turns.turn("c"):
            pass
    assert refused.value.code.code == "busy"
    work.start("server", SERVER)  # what nobody asked for is never refused
    for name in ("a0", "a1", "b", "server"):
        await work.end(name)
    async with work.turns.turn("c"):
        pass


async def test_who_gives_up_keeps_no_turn() -> None:
    turns = Turns()
    work = Work(turns)
    for name in ("a", "b", "c"):
        work.start(name, name)
    await work.until(lambda: bool(work.began))
    work.tasks["b"].cancel()
    await asyncio.wait([work.tasks["b"]])
    await work.end("a")
    await work.end("c")
    async with turns.turn("d"):
        pass


async def test_what_is_done_aside_is_charged_to_whoever_asked() -> None:
    stop, began = threading.Event(), threading.Event()

    def slow() -> None:
        began.set()
        assert stop.wait(20)

    charged.set("somebody")
    running = asyncio.create_task(aside(slow))
    await asyncio.to_thread(began.wait, 20)
    waiting = [asyncio.create_task(aside(threading.get_ident)) for _ in range(7)]
    await asyncio.sleep(0)
    with pytest.raises(CollabError):
        await aside(threading.get_ident)
    charged.set("somebody else")
    other = asyncio.create_task(aside(threading.get_ident))
    stop.set()
    threads = {await other, *await asyncio.gather(*waiting)}
    await running
    assert len(threads) == 1 and threads != {threading.get_ident()}


async def test_what_is_raised_aside_is_raised_here() -> None:
    def fail() -> None:
        raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        await aside(fail)
    assert await aside(lambda: 1) == 1
