"""One document's calls to one plugin, from the first that has to be awaited on."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any

from collab.plugins.caller import Implementation, Pending
from collab.plugins.guard import GRACE, HARMLESS_AT_ONCE, CutOff, Guard
from collab.plugins.senders import Caused, Turns
from collab.plugins.specs import Hook

SLICE = 0.005
"""Seconds of calls at once; then the event loop has its turn."""

Call = tuple[str, Implementation | Caused, tuple[Any, ...]]
"""The id of the document it is about, whom to call, and with what."""


class Lane:
    """What waits for one plugin about one document while a call about it is being awaited."""

    __slots__ = (
        "_advance", "_cut_off", "_done", "_ending", "_guard", "_task", "_timer", "calls",
        "document", "fact", "turns",
    )  # fmt: skip

    def __init__(
        self,
        document: str,
        guard: Guard,
        advance: Callable[[Lane, float], Pending | None],
        done: Callable[[Lane], None],
    ) -> None:
        """``advance`` makes calls until one has to be awaited, none waits, or it is that time;
        ``done`` is called when nothing waits any more.
        """
        self.document = document
        self.calls: deque[tuple[int, Call]] = deque()
        """Facts, and the number that each has among the plugin's."""
        self.turns = Turns()
        """Senders whose next call has no fact to wait for but those in `calls`."""
        self.fact = True
        """Whether it is a fact's turn, else a sender's."""
        self._guard = guard
        self._advance = advance
        self._done = done
        self._task: asyncio.Task[None] | None = None
        """Who makes the calls."""
        self._timer: asyncio.TimerHandle | None = None
        """What cuts off the call that is under way."""
        self._cut_off = False
        """Whether it was cut off."""
        self._ending = False
        """Whether the plugin ends."""

    def follow(self, pending: Pending | None) -> None:
        """Wait for a call, then make those that wait behind it."""
        self._cut_off = False
        self._task = asyncio.get_running_loop().create_task(
            self._work(pending), name=f"plugin {self._guard.plugin}"
        )

    def cancel(self) -> None:
        """The plugin ends: so does the call that is under way."""
        self._ending = True
        if self._task is not None:
            self._task.cancel()

    async def _work(self, pending: Pending | None) -> None:
        me = asyncio.current_task()
        clock = self._guard.clock
        until = clock() + SLICE
        try:
            while pending is not None or self.calls or self.turns.waiting:
                if pending is not None:
                    await self._finish(pending)
                    if self._task is not me:
                        return  # this call was abandoned, and another task makes the next ones
                if clock() >= until:
                    await asyncio.sleep(0)
                    until = clock() + SLICE
                pending = self._advance(self, until)
        finally:
            if self._task is me:
                self._end()

    async def _finish(self, pending: Pending) -> None:
        """Wait for a call, at most as long as its budget allows.

        It runs in the lane's own task, so that one that has nothing to wait for costs no more
        than a timer.
        """
        implementation, arguments, call, began = pending
        guard = self._guard
        hook = implementation.hook
        me = self._task
        assert me is not None
        self._timer = asyncio.get_running_loop().call_later(
            guard.hard(hook.budget), self._cut, pending
        )
        error: BaseException | None = None
        try:
            await call
        except asyncio.CancelledError:
            # Once by `_cut`; if there is more, this task shall end, or the call has cancelled it.
            if self._task is not me:
                raise
            if me.cancelling() > (1 if self._cut_off else 0):
                if self._ending:
                    guard.breaker.interrupted()
                elif not self._cut_off:
                    guard.failed(hook.name, RuntimeError(f"{hook.name} cancelled its own task"))
                raise
            error = RuntimeError(f"{hook.name} cancelled itself")
        except GeneratorExit as raised:
            # It may be that this very task is closed, which has to be let.
            if self._task is me and not self._cut_off:
                implementation.raised(raised, arguments, guard.clock() - began)
            raise
        except HARMLESS_AT_ONCE as raised:
            error = raised
        finally:
            if self._task is me and self._timer is not None:
                self._timer.cancel()
        if self._task is not me:
            return  # it was counted as hanging, and has ended after all
        if self._cut_off:
            self._cut_off = False
            me.uncancel()
        elif error is not None:
            implementation.raised(error, arguments, guard.clock() - began)
        else:
            guard.finished(hook.name, guard.clock() - began)

    def _cut(self, pending: Pending) -> None:
        """The call's time is up."""
        if self._task is not None:
            implementation = pending.implementation
            hard = self._guard.hard(implementation.hook.budget)
            self._cut_off = True
            implementation.raised(CutOff(f"took more than {hard:g} s"), pending.arguments, hard)
            self._task.cancel()
            loop = asyncio.get_running_loop()
            self._timer = loop.call_later(GRACE, self._abandon, implementation.hook)

    def _abandon(self, hook: Hook) -> None:
        """The call does not end though it was cancelled: the lane goes on without it."""
        if self._task is not None:
            self._guard.hangs(hook.name, self._task)
            if hook.provoked:
                # This counts, whoever sent what: nothing else bounds how many of them go on.
                self._guard.failed(hook.name, CutOff("can't be stopped"))
            self.follow(None)

    def _end(self) -> None:
        if self.calls or self.turns.waiting:
            # A call has cancelled the task that made it: not what waits behind it.
            self.follow(None)
        else:
            self._task = None
            self._done(self)
