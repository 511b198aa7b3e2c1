"""One answer for all who ask for the same at the same time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine, Hashable
from typing import Any, Generic, TypeVar

K = TypeVar("K", bound=Hashable)
T = TypeVar("T")


class SingleFlight(Generic[K, T]):
    """What is being worked out, by key: whoever asks meanwhile gets the same answer, or the same
    exception. Whoever asks afterwards has it worked out again.
    """

    def __init__(self) -> None:
        self.tasks: dict[K, asyncio.Task[T]] = {}
        """By key, only while they run."""

    async def run(self, key: K, work: Callable[[], Coroutine[Any, Any, T]]) -> T:
        """What ``work()`` gives or raises, or what it will that was begun for ``key`` before."""
        task = self.tasks.get(key)
        if task is None:
            # Not in the caller's task: others wait for it, and the caller may go.
            task = self.tasks[key] = asyncio.get_running_loop().create_task(work())
            task.add_done_callback(lambda task: self._done(key, task))
        return await asyncio.shield(task)

    def _done(self, key: K, task: asyncio.Task[T]) -> None:
        if self.tasks.get(key) is task:
            del self.tasks[key]
        if not task.cancelled():
            task.exception()  # told to those who wait, if any is left
