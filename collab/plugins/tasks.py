"""A plugin's background tasks, which end with it."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any

from collab.plugins.guard import HARMLESS_AT_ONCE, Guard

LIMIT = 1000
"""Background tasks one plugin may have at once."""


class Tasks:
    """The background tasks of one plugin."""

    def __init__(self, guard: Guard, limit: int = LIMIT) -> None:
        self._guard = guard
        self._limit = limit
        self._tasks: set[asyncio.Task[None]] = set()
        self._due: dict[Hashable, Callable[[], Coroutine[Any, Any, None]]] = {}
        """By key, what is planned."""
        self.ended = False
        """Whether the plugin has ended: then it starts nothing any more."""

    def __len__(self) -> int:
        return len(self._tasks)

    def spawn(self, name: str, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Start one.

        Raises RuntimeError when there are too many, or the plugin has ended; TypeError: it is
        no coroutine.
        """
        if not asyncio.iscoroutine(work):
            raise TypeError(f"a background task is a coroutine, not {type(work).__name__}")
        if self.ended:
            work.close()
            raise RuntimeError(f"Plugin {self._guard.plugin} has ended.")
        if len(self._tasks) >= self._limit:
            work.close()
            raise RuntimeError(
                f"Plugin {self._guard.plugin} has {self._limit} background tasks already."
            )
        task = asyncio.get_running_loop().create_task(
            self._run(name, work), name=f"plugin {self._guard.plugin} {name}"
        )
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        # One that is cancelled before its first step never gets to `work`.
        task.add_done_callback(lambda _: work.close())
        return task

    def soon(
        self,
        name: str,
        key: Hashable,
        seconds: float,
        work: Callable[[], Coroutine[Any, Any, None]],
    ) -> None:
        """Start ``work()`` once in ``seconds``; what is planned for ``key`` already keeps its
        time, and does this work instead.
        """
        if key in self._due:
            self._due[key] = work
            return

        async def later() -> None:
            try:
                await asyncio.sleep(seconds)
            finally:
                latest = self._due.pop(key)
            await latest()

        self.spawn(name, later())
        self._due[key] = work

    async def cancel(self, seconds: float) -> int:
        """Cancel all, for good; returns how many did not end within ``seconds``."""
        self.ended = True
        tasks = list(self._tasks)
        for task in tasks:
            task.cancel()
        if not tasks:
            return 0
        _, hanging = await asyncio.wait(tasks, timeout=seconds)
        return len(hanging)

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
