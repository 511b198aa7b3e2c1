"""Work that others wait for: a few pieces at once, round robin between those who cause it."""

from __future__ import annotations

import asyncio
import sys
from collections import Counter, deque
from collections.abc import AsyncIterator, Callable, Hashable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import asynccontextmanager
from contextvars import ContextVar
from typing import Final, TypeVar
from weakref import WeakKeyDictionary

from collab.protocol import errors
from collab.protocol.errors import CollabError

T = TypeVar("T")

EACH: Final = 8
"""Pieces of work that one visitor may have running and waiting in one place."""

WAITING: Final = 200
"""Pieces of work that may run and wait in one place, for everybody together."""

COME_BACK: Final = 2.0
"""Seconds after which somebody is asked to come back when there is too much work."""

SERVER: Final = ""
"""Whose work it is when nobody asked for it, such as a snapshot; it is never refused."""

charged: ContextVar[str] = ContextVar("charged", default=SERVER)
"""Who caused what is being done now: the address of the visitor whose request it is."""


class Turns:
    """Gives turns, of which some run at the same time.

    Of those who wait, each visitor gets a turn before anybody gets another one: however much
    somebody asks for, it is mostly they themselves who wait for it.
    """

    def __init__(
        self,
        at_once: int = 1,
        *,
        running: int | None = None,
        each: int = EACH,
        waiting: int = WAITING,
    ) -> None:
        """``at_once`` run at the same time, ``running`` of them for one visitor; ``each`` bounds
        what a visitor has running and waiting, ``waiting`` all there is."""
        self._free = at_once
        self._most_running = at_once if running is None else running
        self._each = each
        self._most = waiting
        self._counts: Counter[Hashable] = Counter()
        self._running: Counter[Hashable] = Counter()
        self._queues: dict[Hashable, deque[asyncio.Future[None]]] = {}
        """Who waits; whoever is next for a turn stands first."""

    @asynccontextmanager
    async def turn(self, who: Hashable | None = None) -> AsyncIterator[None]:
        """Wait for a turn and have it for the block. ``who`` is `charged` by default.

        Raises `CollabError`: SLOW_DOWN when ``who`` has too much waiting, BUSY when all have.
        """
        key = charged.get() if who is None else who
        self._admit(key)
        self._counts[key] += 1
        try:
            await self._wait(key)
            try:
                yield
            finally:
                self._give_back(key)
        finally:
            self._counts[key] -= 1
            if not self._counts[key]:
                del self._counts[key]

    def _admit(self, key: Hashable) -> None:
        if key == SERVER:
            return
        if self._counts[key] >= self._each:
            raise CollabError(
                errors.SLOW_DOWN,
                "You have asked for much that is still being worked on: wait for it first.",
                retry_after=COME_BACK,
            )
        if self._counts.total() >= self._most:
            raise CollabError(errors.BUSY, retry_after=COME_BACK)

    async def _wait(self, key: Hashable) -> None:
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._queues.setdefault(key, deque()).append(future)
        self._next()
        try:
            await future
        except BaseException:
            if future.done() and not future.cancelled():
                self._give_back(key)  # it was given in the moment in which it was given up
            raise

    def _give_back(self, key: Hashable) -> None:
        self._free += 1
        self._running[key] -= 1
        if not self._running[key]:
            del self._running[key]
        self._next()

    def _next(self) -> None:
        """Give the turns that are free to those who are next."""
        for key in list(self._queues):
            if not self._free:
                return
            if key != SERVER and self._running[key] >= self._most_running:
                continue
            queue = self._queues.pop(key)
            while queue:
                future = queue.popleft()
                if not future.done():
                    self._free -= 1
                    self._running[key] += 1
                    future.set_result(None)
                    break
            if queue:
                self._queues[key] = queue  # behind everybody else
        if self._free and any(
            self._running[key] < self._most_running for key in self._queues
        ):
            self._next()


SWITCH: Final = 0.001
"""Seconds for which the thread keeps the interpreter's lock while the event loop wants it."""

_thread = ThreadPoolExecutor(1, thread_name_prefix="collab-aside")
"""One for the process, as there is one interpreter's lock: with several threads that compute, the
event loop would wait for each of them."""

_turns: WeakKeyDictionary[asyncio.AbstractEventLoop, Turns] = WeakKeyDictionary()


async def aside(work: Callable[[], T], who: Hashable | None = None) -> T:
    """Compute something that takes a while, out of the event loop's way; ``who`` as in `Turns`.

    For work in Python, which the interpreter interrupts: a single call of a library that takes
    long is to be cut in pieces first. Raises `CollabError` as `Turns.turn`, and what ``work``
    raises.
    """
    loop = asyncio.get_running_loop()
    turns = _turns.get(loop)
    if turns is None:
        turns = _turns[loop] = Turns()
    async with turns.turn(who):
        future: Future[T] = _thread.submit(_quietly, work)
        waiting = asyncio.wrap_future(future)
        try:
            return await asyncio.shield(waiting)
        except asyncio.CancelledError:
            # It can't be stopped: the turn is over when it is done.
            if not future.cancel() and not waiting.done():
                await asyncio.wait([waiting])
            raise


def _quietly(work: Callable[[], T]) -> T:
    before = sys.getswitchinterval()
    sys.setswitchinterval(min(before, SWITCH))
    try:
        return work()
    finally:
        sys.setswitchinterval(before)
