"""Who blocks the event loop: a thread that looks when the loop is late, and names the plugin.

Nothing in asyncio can interrupt code that doesn't wait. But another thread can see where the
loop's thread is meanwhile: the outermost frame in a plugin's files is the hook, the route or
the task that does it, whether it is a ``def`` or a step of an ``async def``.

A call of C that holds the interpreter's lock (a pattern of `re` on a hostile text) keeps this
thread from looking, too. But as soon as the lock is free it sees where the loop's thread still
is, and how much of the processor that thread has used meanwhile.
"""

from __future__ import annotations

import asyncio
import logging
import sys
import threading
import time
import traceback
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from types import FrameType

log = logging.getLogger("collab.plugins")

LATE = 0.25
"""Seconds the loop may be late before somebody looks why."""

BLOCKED = 1.0
"""Seconds that a plugin may block the loop before it is switched off for a while."""

Whose = Callable[[str], str | None]
"""Which plugin a file of code belongs to."""


@dataclass(frozen=True, slots=True)
class Culprit:
    """What was running while the loop was late."""

    plugin: str
    where: str
    """The function's name: of a hook, mostly."""


class Watchdog:
    """Watches one event loop from a thread of its own."""

    def __init__(
        self,
        whose: Whose,
        told: Callable[[Culprit, float, str], None],
        late: float = LATE,
        blocked: float = BLOCKED,
    ) -> None:
        """``told`` is called in the loop, once it goes on: who blocked it, for how many seconds,
        and where that was."""
        self._whose = whose
        self._told = told
        self._late = late
        self._blocked = blocked
        self._interval = late / 4
        self._beat = 0.0
        self._used = 0.0
        """Seconds of the processor that the loop's thread had used by then."""
        self._ending = threading.Event()
        self._thread: threading.Thread | None = None
        self._timer: asyncio.TimerHandle | None = None

    def start(self) -> None:
        """Watch the running loop."""
        loop = asyncio.get_running_loop()
        self._next(loop)
        self._thread = threading.Thread(
            target=self._watch, args=(loop, threading.get_ident()), name="watchdog", daemon=True
        )
        self._thread.start()

    def stop(self) -> None:
        """Stop watching."""
        self._ending.set()
        if self._timer is not None:
            self._timer.cancel()
        if self._thread is not None:
            self._thread.join()
            self._thread = None

    def _next(self, loop: asyncio.AbstractEventLoop) -> None:
        self._used = time.thread_time()
        self._beat = time.monotonic()
        self._timer = loop.call_later(self._interval, self._next, loop)

    def _watch(self, loop: asyncio.AbstractEventLoop, thread: int) -> None:
        while not self._ending.wait(self._interval):
            if time.monotonic() - self._beat < self._late:
                continue
            try:
                found = self._look(thread)
            except Exception:
                # What is looked at runs on meanwhile. The next look may be luckier; without
                # this thread nobody would ever be named again.
                log.exception("could not see who blocks the event loop")
                continue
            if found is None:
                continue
            culprit, seconds, stack = found
            try:
                loop.call_soon_threadsafe(self._told, culprit, seconds, stack)
            except RuntimeError:  # the loop is closed
                return

    def _look(self, thread: int) -> tuple[Culprit, float, str] | None:
        """Look again and again until the loop goes on; who was seen most of the time."""
        beat, used = self._beat, self._used
        seen: Counter[Culprit] = Counter()
        busy: defaultdict[Culprit, float] = defaultdict(float)
        """Seconds of the processor between one look and the one before."""
        stacks: dict[Culprit, str] = {}
        warned = False
        while self._beat == beat and not self._ending.is_set():
            found = self._name(_frames(thread))
            before, used = used, _used(thread)
            if found is not None:
                culprit, stack = found
                seen[culprit] += 1
                busy[culprit] += used - before
                stacks.setdefault(culprit, stack)
                if not warned and time.monotonic() - beat > 2 * self._blocked:
                    # It may never end: say so as long as somebody can.
                    warned = True
                    log.error(
                        "plugin %s blocks the event loop in %s, for %.1f s now:\n%s",
                        culprit.plugin, culprit.where, time.monotonic() - beat, stack,
                    )
            self._ending.wait(self._interval)
        if not seen:
            return None
        # By what was seen and used, not by the clock: the whole machine may have stood still.
        blocked = {
            one: max(
                min(time.monotonic() - beat, self._late + (times + 1) * self._interval), busy[one]
            )
            for one, times in seen.items()
        }
        culprit = max(blocked, key=lambda one: blocked[one])
        return culprit, blocked[culprit], stacks[culprit]

    def _name(self, frames: list[tuple[FrameType, int]]) -> tuple[Culprit, str] | None:
        """The outermost frame that belongs to a plugin, and the stack from there on."""
        for number, (one, _) in enumerate(frames):
            plugin = self._whose(one.f_code.co_filename)
            if plugin is not None:
                stack = traceback.StackSummary.extract(iter(frames[number:]))
                return Culprit(plugin, one.f_code.co_name), "".join(stack.format()).rstrip()
        return None


def _used(thread: int) -> float:
    """Seconds of the processor that a thread has used, where the system tells."""
    if not hasattr(time, "pthread_getcpuclockid"):
        return 0.0
    return time.clock_gettime(time.pthread_getcpuclockid(thread))


def _frames(thread: int) -> list[tuple[FrameType, int]]:
    """Where a thread is: its frames and their lines, outermost first.

    Walked in one go: the thread may run on between any two steps, and then what follows a
    frame may be (seen with Python 3.11) no frame at all.
    """
    frame = sys._current_frames().get(thread)
    found = []
    while isinstance(frame, FrameType):
        found.append((frame, frame.f_lineno))
        frame = frame.f_back
    return found[::-1]
