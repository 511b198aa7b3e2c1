"""A plugin's background tasks, which end with it."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from collab.plugins.guard import HARMLESS_AT_ONCE, Guard

LIMIT = 1000
"""Background tasks one plugin may have at once."""

PLANNED = 10_000
"""Keys for which something may be planned at once (see `Tasks.soon`)."""

Work = Callable[[], Coroutine[Any, Any, None]]


class Tasks:
    """The background tasks of one plugin, and those that the server runs for it."""

    def __init__(self, guard: Guard, limit: int = LIMIT) -> None:
        self._guard = guard
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        """The plugin's."""
        self._servers: set[asyncio.Task[None]] = set()
        """Those that the server runs for it, which count towards no limit."""
        self._planned: dict[Hashable, tuple[str, Work]] = {}
        """By key, what is planned or waits for its turn, and its name."""
        self._timers: dict[Hashable, asyncio.TimerHandle] = {}
        self._due: deque[Hashable] = deque()
        """Keys of what was planned and waits until there are fewer tasks."""
        self.ended = False
        """Whether the plugin has ended: then it starts nothing any more."""

    def __len__(self) -> int:
        """The plugin's tasks, and what it has planned."""
        return len(self._tasks) + len(self._planned)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start one of the plugin's.

        Raises RuntimeError when there are too many, or the plugin has ended; TypeError: it is
        no coroutine.
        """
        if not asyncio.iscoroutine(work):
            raise TypeError(f"a background task is a coroutine, not {type(work).__name__}")
        if len(self._tasks) >= self._limit and not self.ended:
            work.close()
            raise RuntimeError(
                f"Plugin {self._guard.plugin} has {self._limit} background tasks already."
            )
        return self._start(name, work, self._tasks)

    def run(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start one that the server runs for the plugin: it counts towards no limit of it.

        Raises RuntimeError when the plugin has ended.
        """
        return self._start(name, work, self._servers)

    def soon(self, name: str, key: Hashable, seconds: float, work: Work) -> None:
        """Start ``work()`` once in ``seconds``, or as soon after that as there are not too many
        tasks; what is planned for ``key`` already keeps its time, and does this work instead.

        Raises RuntimeError when too much is planned, or the plugin has ended.
        """
        if key in self._planned:
            self._planned[key] = name, work
            return
        self._check_running()
        if len(self._planned) >= PLANNED:
            raise RuntimeError(
                f"Plugin {self._guard.plugin} has planned {PLANNED} things already."
            )
        self._planned[key] = name, work
        self._timers[key] = asyncio.get_running_loop().call_later(seconds, self._is_due, key)

    async def cancel(self, seconds: float) -> int:
        """Cancel all, for good; returns how many did not end within ``seconds``."""
        self.ended = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
        self._planned.clear()
        self._due.clear()
        tasks = [*self._tasks, *self._servers]
        for task in tasks:
            task.cancel()
        if not tasks:
            return 0
        _, hanging = await asyncio.wait(tasks, timeout=seconds)
        return len(hanging)

    def _check_running(self) -> None:
        if self.ended:
            raise RuntimeError(f"Plugin {self._guard.plugin} has ended.")

    def _start(
        self, name: str, work: Coroutine[Any, Any, None], among: set[asyncio.Task[None]]
    ) -> asyncio.Task[None]:
        try:
            self._check_running()
        except RuntimeError:
            work.close()
            raise
        task = asyncio.get_running_loop().create_task(
            self._run(name, work), name=f"plugin {self._guard.plugin} {name}"
        )
        among.add(task)

        def done(task: asyncio.Task[None]) -> None:
            among.discard(task)
            # One that is cancelled before its first step never gets to `work`.
            work.close()
            if self._due:
                self._start_due()

        task.add_done_callback(done)
        return task

    def _is_due(self, key: Hashable) -> None:
        del self._timers[key]
        self._due.append(key)
        self._start_due()

    def _start_due(self) -> None:
        while self._due and len(self._tasks) < self._limit:
            name, work = self._planned.pop(self._due.popleft())
            self._start(name, self._begin(work), self._tasks)

    async def _begin(self, work: Work) -> None:
        await work()

    async def _run(self, name: str, work: Coroutine[Any, Any, None]) -> None:
        try:
            await work
        except asyncio.CancelledError:
            raise
        except GeneratorExit as error:
            # It may be that this very task is closed, which has to be let.
            self._guard.failed(f"task {name}", error)
            raise
        except HARMLESS_AT_ONCE as error:
            self._guard.failed(f"task {name}", error)
