"""The end of a server that was asked to stop: it comes in any case, and says who held it up.

A thread that is no daemon, a task that swallows its cancellation, and a loop that never goes on
keep a Python process from ending, each for ever. All of them can be a plugin's.
"""

from __future__ import annotations

import asyncio
import logging
import os
import sys
import threading
import traceback
from collections.abc import Callable, Iterable, Iterator
from types import CodeType, CoroutineType, FrameType
from typing import Any, TypeVar

from collab.cli.failure import Exit

log = logging.getLogger(__name__)

MARGIN = 5.0
"""Seconds for plugins and goodbyes, beyond five times ``shutdown_timeout`` (what is ordered is
committed, snapshots, requests, edits of plugins, their snapshots)."""

GRACE = 2.0
"""Seconds that what is still running has to end, once everything is saved and the database is
closed."""

TELLING = 5.0
"""Seconds to say who held it up: nobody may read the log, or its lock be held for ever."""

DEPTH = 100
"""Coroutines that await each other that are looked at."""

T = TypeVar("T")

Owner = Callable[[str], str | None]
"""Which plugin a file of code belongs to."""


class Ending(threading.Thread):
    """Ends the process some time after it was asked to, if it does not by itself.

    What was acknowledged is on disk by then, and also if it is not `closed` in time: whoever is
    in doubt sends their edits again.
    """

    def __init__(self, shutdown_timeout: float) -> None:
        super().__init__(name="ending", daemon=True)
        self._stop_within = 5 * shutdown_timeout + MARGIN
        self._asked = threading.Event()
        self._closed = threading.Event()
        self._loop: asyncio.AbstractEventLoop | None = None
        self._owner: Owner = lambda file: None

    def watch(self, loop: asyncio.AbstractEventLoop, owner: Owner) -> None:
        """Whose tasks are to be named, and how to know a plugin's code."""
        self._loop, self._owner = loop, owner

    def ask(self) -> None:
        """The server shall stop. For a signal's handler, too: waits for nothing."""
        self._asked.set()

    def closed(self) -> None:
        """Everything is saved, and the database is closed."""
        self._closed.set()

    def run(self) -> None:
        self._asked.wait()
        in_time = self._closed.wait(self._stop_within)
        # Nothing sets this: the process has ended by then, or it is held up.
        threading.Event().wait(GRACE if in_time else 0)
        try:
            telling = threading.Thread(target=self._tell, args=(in_time,), daemon=True)
            telling.start()
            telling.join(TELLING)
        finally:
            os._exit(Exit.FAILED)

    def _tell(self, in_time: bool) -> None:
        held = "; ".join(self._holders()) or "something that can't be seen"
        if in_time:
            log.error("everything is saved, but the server can't end: it is held by %s", held)
        else:
            log.error("the server did not stop in %g s: it is held by %s", self._stop_within, held)
        sys.stdout.flush()
        sys.stderr.flush()

    def _holders(self) -> Iterator[str]:
        """What is still running, in words."""
        yield from _each(self._thread, self._threads())
        yield from _each(self._task, self._tasks())

    def _threads(self) -> list[threading.Thread]:
        return [
            one for one in threading.enumerate()
            if one is threading.main_thread() or not one.daemon
        ]

    def _tasks(self) -> list[asyncio.Task[Any]]:
        return list(asyncio.all_tasks(self._loop)) if self._loop is not None else []

    def _thread(self, thread: threading.Thread) -> str | None:
        stack = _stack(sys._current_frames().get(thread.ident or 0))
        owner = self._owner_of([code for code, _ in stack])
        # The main thread mostly waits for what is told of besides. Before the server has started
        # there is nothing else: it imports plugins.
        if thread is threading.main_thread() and owner is None and self._loop is not None:
            return None
        return self._named(f"the thread {thread.name!r}", owner, stack)

    def _task(self, task: asyncio.Task[Any]) -> str:
        stack = _suspended(task.get_coro())
        named = task.get_name().split()
        owner = named[1] if named[:1] == ["plugin"] and len(named) > 1 else None
        owner = owner or self._owner_of([code for code, _ in stack])
        return self._named(f"the task {task.get_name()!r}", owner, stack)

    def _owner_of(self, codes: list[CodeType]) -> str | None:
        owners = (self._owner(code.co_filename) for code in codes)
        return next((owner for owner in owners if owner is not None), None)

    def _named(self, what: str, owner: str | None, stack: list[tuple[CodeType, int]]) -> str:
        own = [place for place in stack if owner and self._owner(place[0].co_filename) == owner]
        where = "".join(
            f" in {code.co_name} ({code.co_filename}:{line})" for code, line in (own or stack)[-1:]
        )
        return f"{what}{f' of the plugin {owner}' if owner else ''}{where}"


def _stack(frame: FrameType | None) -> list[tuple[CodeType, int]]:
    """Where a thread is, outermost first."""
    walked = traceback.walk_stack(frame) if frame is not None else ()
    return [(one.f_code, line) for one, line in walked][::-1]


def _suspended(awaited: Any) -> list[tuple[CodeType, int]]:
    """Where a task is: its coroutine, and what that awaits, outermost first."""
    stack: list[tuple[CodeType, int]] = []
    # Not by the form: an awaitable of a plugin's own may have any attribute, without end.
    while isinstance(awaited, CoroutineType) and len(stack) < DEPTH:
        frame = awaited.cr_frame
        if frame is None:
            break
        stack.append((frame.f_code, frame.f_lineno))
        awaited = awaited.cr_await
    return stack


def _each(told: Callable[[T], str | None], them: Iterable[T]) -> Iterator[str]:
    """What is ``told`` of each of them; one of whom nothing can be told hides no other."""
    for one in them:
        try:
            text = told(one)
        except BaseException as error:
            text = f"{type(one).__name__}, of which nothing can be told ({type(error).__name__})"
        if text is not None:
            yield text
