"""What one plugin still has to be told: nobody waits for it, and nothing is lost in silence."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any

from collab.plugins.caller import Implementation, Pending
from collab.plugins.guard import GRACE, HARMLESS_AT_ONCE, CutOff, Guard

LIMIT = 10_000
"""Calls that may wait for one plugin. One that lags further behind is switched off."""

SLICE = 0.005
"""Seconds of calls at once; then the event loop has its turn."""


_Call = tuple[str, Implementation, tuple[Any, ...]]
"""The id of the document it is about, whom to call, and with what."""


class _Lane:
    """What waits for one plugin about one document while a call about it is being awaited."""

    __slots__ = ("calls", "cut", "document", "task", "timer")

    def __init__(self, document: str) -> None:
        self.document = document
        self.calls: deque[_Call] = deque()
        self.task: asyncio.Task[None] | None = None
        """Who makes the calls."""
        self.timer: asyncio.TimerHandle | None = None
        """What cuts off the call that is under way."""
        self.cut = False
        """Whether it was cut off."""


class Queue:
    """The calls that wait for one plugin, in order for each document.

    Documents don't wait for each other. Whoever pushes goes on at once: the calls are made in
    later turns of the event loop. As long as they are synchronous they stand in one line and
    take no task; a coroutine that never has to wait takes no further turn.
    """

    def __init__(self, guard: Guard, limit: int = LIMIT) -> None:
        self.waiting = 0
        self._guard = guard
        self._limit = limit
        self._calls: deque[_Call] = deque()
        self._lanes: dict[str, _Lane] = {}
        """By document id; only where a call is being awaited."""
        self._scheduled = False
        self._ending = False
        """Whether what runs is being cancelled."""
        self._empty = asyncio.Event()
        self._empty.set()

    def push(self, document: str, implementation: Implementation, *arguments: Any) -> None:
        """Have a call made, after those about the same document that were pushed before."""
        guard = self._guard
        if guard.breaker.state != "closed" and guard.breaker.refuses:
            guard.skipped += 1
            return
        if self.waiting >= self._limit:
            self.overflow(implementation.hook.name)
            return
        self._calls.append((document, implementation, arguments))
        self.waiting += 1
        if not self._scheduled:
            self._scheduled = True
            self._empty.clear()
            asyncio.get_running_loop().call_soon(self._run)

    def overflow(self, hook: str) -> None:
        """One call more, of that hook, is too much: drop what waits, and leave the plugin alone."""
        self._guard.flooded(self.waiting + 1, hook)
        self._drop()

    async def drain(self) -> None:
        """Return when nothing waits."""
        await self._empty.wait()

    async def cancel(self) -> None:
        """Drop what waits, and cancel what runs."""
        self._ending = True
        self._drop()
        # What was begun in this turn has to get to its first step, to be cancelled there.
        await asyncio.sleep(0)
        self._drop()
        for lane in self._lanes.values():
            if lane.task is not None:
                lane.task.cancel()

    def _drop(self) -> None:
        self._calls.clear()
        for lane in self._lanes.values():
            lane.calls.clear()
        self.waiting = 0

    def _run(self) -> None:
        """Make the calls that stand in line, until it is time for others.

        Those about a document whose lane is busy go there; where a call has to be awaited,
        a task makes it, and the document's calls from there on.
        """
        calls, lanes = self._calls, self._lanes
        clock = self._guard.clock
        until = clock() + SLICE
        try:
            while calls:
                document, implementation, arguments = call = calls.popleft()
                if document in lanes:
                    lanes[document].calls.append(call)
                    continue
                self.waiting -= 1
                pending = implementation.tell(arguments)
                if pending is not None:
                    lane = lanes[document] = _Lane(document)
                    self._follow(lane, pending)
                if clock() >= until:
                    break
        finally:
            if calls:
                asyncio.get_running_loop().call_soon(self._run)
            else:
                self._scheduled = False
                if not lanes:
                    self._empty.set()

    def _advance(self, lane: _Lane, until: float) -> Pending | None:
        """Make a lane's calls until one has to be awaited, none waits, or it is ``until``."""
        clock = self._guard.clock
        while lane.calls:
            _, implementation, arguments = lane.calls.popleft()
            self.waiting -= 1
            pending = implementation.tell(arguments)
            if pending is not None:
                return pending
            if clock() >= until:
                break
        return None

    def _follow(self, lane: _Lane, pending: Pending | None) -> None:
        lane.cut = False
        lane.task = asyncio.get_running_loop().create_task(
            self._work(lane, pending), name=f"plugin {self._guard.plugin}"
        )

    async def _work(self, lane: _Lane, pending: Pending | None) -> None:
        me = asyncio.current_task()
        clock = self._guard.clock
        until = clock() + SLICE
        try:
            while pending is not None or lane.calls:
                if pending is not None:
                    await self._finish(lane, pending)
                    if lane.task is not me:
                        return  # this call was abandoned, and another task makes the next ones
                if clock() >= until:
                    await asyncio.sleep(0)
                    until = clock() + SLICE
                pending = self._advance(lane, until)
        finally:
            if lane.task is me:
                self._done(lane)

    async def _finish(self, lane: _Lane, pending: Pending) -> None:
        """Wait for a call, at most as long as its budget allows.

        It runs in the lane's own task, so that one that has nothing to wait for costs no more
        than a timer.
        """
        implementation, arguments, call, began = pending
        guard = self._guard
        hook = implementation.hook
        hard = guard.hard(hook.budget)
        me = lane.task
        assert me is not None
        timer = asyncio.get_running_loop().call_later(hard, self._cut, lane, hook.name, hard)
        lane.timer = timer
        error: BaseException | None = None
        try:
            await call
        except asyncio.CancelledError:
            # Once by `_cut`; if there is more, this task shall end, or the call has cancelled it.
            if lane.task is not me:
                raise
            if me.cancelling() > (1 if lane.cut else 0):
                if self._ending:
                    guard.breaker.interrupted()
                elif not lane.cut:
                    guard.failed(hook.name, RuntimeError(f"{hook.name} cancelled its own task"))
                raise
            error = RuntimeError(f"{hook.name} cancelled itself")
        except GeneratorExit as raised:
            # It may be that this very task is closed, which has to be let.
            if lane.task is me and not lane.cut:
                implementation.raised(raised, arguments, guard.clock() - began)
            raise
        except HARMLESS_AT_ONCE as raised:
            error = raised
        finally:
            if lane.task is me and lane.timer is not None:
                lane.timer.cancel()
        if lane.task is not me:
            return  # it was counted as hanging, and has ended after all
        if lane.cut:
            lane.cut = False
            me.uncancel()
        elif error is not None:
            implementation.raised(error, arguments, guard.clock() - began)
        else:
            guard.finished(hook.name, guard.clock() - began)

    def _cut(self, lane: _Lane, hook: str, hard: float) -> None:
        """The call's time is up."""
        if lane.task is not None:
            lane.cut = True
            self._guard.failed(hook, CutOff(f"took more than {hard:g} s"), hard)
            lane.task.cancel()
            loop = asyncio.get_running_loop()
            lane.timer = loop.call_later(GRACE, self._abandon, lane, hook)

    def _abandon(self, lane: _Lane, hook: str) -> None:
        """The call does not end though it was cancelled: the lane goes on without it."""
        if lane.task is not None:
            self._guard.hangs(hook, lane.task)
            self._follow(lane, None)

    def _done(self, lane: _Lane) -> None:
        if lane.calls:
            # A call has cancelled the task that made it: not what waits behind it.
            self._follow(lane, None)
            return
        lane.task = None
        del self._lanes[lane.document]
        if not self._lanes and not self._calls:
            self._empty.set()


Listener = tuple[Queue, Implementation]
"""Whom to call, and where the calls wait."""
