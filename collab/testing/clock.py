"""An event loop whose time is virtual: when nothing is left to do, it jumps to the next timer.

A test of timeouts, backoffs and reconnections then takes no longer than its own work, and
two runs of it are the same.
"""

from __future__ import annotations

import asyncio
import selectors
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class DeadlockError(RuntimeError):
    """Everything waits, and no timer is set that would change it."""


class _JumpingSelector(selectors.DefaultSelector):
    """Never waits: tells the loop's clock how long it would have."""

    def __init__(self) -> None:
        super().__init__()
        self.now = 0.0

    def select(self, timeout: float | None = None) -> Any:
        ready = super().select(0)
        if ready:
            return ready
        if timeout is None:
            raise DeadlockError("every task waits for something that never comes")
        self.now += max(0.0, timeout)
        return ready


class VirtualLoop(asyncio.SelectorEventLoop):
    """Time starts at 0 and moves only when every task waits. For code without real
    input and output: no sockets, no threads."""

    def __init__(self) -> None:
        self._virtual = _JumpingSelector()
        super().__init__(self._virtual)
        # What the loop rounds timers to would otherwise depend on the machine's clock.
        self._clock_resolution = 1e-9

    def time(self) -> float:
        return self._virtual.now


def run(main: Coroutine[Any, Any, T]) -> T:
    """Run a coroutine to its end in virtual time. Raises `DeadlockError` when it never ends."""
    with asyncio.Runner(loop_factory=VirtualLoop) as runner:
        return runner.run(main)
