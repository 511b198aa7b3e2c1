"""What stands between the server and one plugin: its breaker, its failures, its log lines."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Awaitable, Callable
from typing import Any

from msgspec import Struct

from collab.plugins.breaker import Breaker
from collab.plugins.raised import TEXT_LENGTH, harmless, named, placed, text_of
from collab.plugins.specs import SOFT
from collab.protocol.messages import User

SLOW_LOG_EVERY = 60.0
"""Seconds between two lines that say the same hook of the same plugin is slow."""

TRACEBACK_EVERY = 10.0
"""Seconds between two tracebacks of what visitors may have provoked."""

GRACE = 0.1
"""Seconds that a call which was cut off has to end itself before it is abandoned."""

HARMLESS = (Exception, SystemExit)
"""What a plugin may raise without anybody else noticing, where Ctrl-C may be somebody's: while it
is loaded, and in commands."""

HARMLESS_AT_ONCE = BaseException
"""The same for what is not awaited while the server runs: nobody else can have been cancelled
there, and Ctrl-C comes as a signal to the loop, never as an exception into a call."""


class Health(Struct, frozen=True):
    """How a plugin is doing, for the operator."""

    state: str
    """``closed``: works. ``open``: left alone for a while. ``trial``: is tried again."""
    calls: int
    failures: int
    skipped: int
    """Calls that were not made because the breaker was open, or the plugin did not keep up."""
    last_error: str | None
    slowest_hook: str | None
    slowest: float
    """Seconds the slowest call took."""
    waiting: int
    """What the plugin still has to be told."""
    hanging: int
    """Calls that were cut off and did not end."""
    tasks: int
    """Background tasks."""
    browser_failures: int = 0
    """How often pages said that the browser half failed there."""
    last_browser_error: str | None = None


class CutOff(Exception):
    """A call took longer than its budget, which counts as a failure."""


class Guard:
    """Counts, logs and contains what one plugin does."""

    def __init__(
        self,
        plugin: str,
        log: logging.Logger,
        clock: Callable[[], float],
        breaker: Breaker,
        soft: float = SOFT,
        hard: float | None = None,
    ) -> None:
        self.plugin = plugin
        self.breaker = breaker
        self.vetting = breaker.another()
        """Opens when a call that vets edits, and refuses when it fails, takes too long: then it
        is not waited for at every edit. What else the plugin does has no part in this one."""
        self.calls = 0
        self.failures = 0
        self.skipped = 0
        self.last_error: str | None = None
        self.last_failure = "", ""
        """Where the last failure that counts was, and what it was with its file and line."""
        self.place = ""
        """The folder of the plugin's code."""
        self.browser_failures = 0
        self.last_browser_error: str | None = None
        self.slowest_hook: str | None = None
        self.slowest = 0.0
        self.clock = clock
        self.recovered: Callable[[], None] = lambda: None
        """Called when the plugin was left alone, and is no more."""
        self._log = log
        self._soft = soft
        self._hard = hard
        self._slow_logged: dict[str, float] = {}
        self._traced = -TRACEBACK_EVERY
        self._browser_logged = -TRACEBACK_EVERY
        self._lag_logged = -TRACEBACK_EVERY
        self._hanging: set[asyncio.Task[Any]] = set()

    @property
    def hanging(self) -> int:
        """Calls that were cut off and have not ended yet."""
        return len(self._hanging)

    def admits(self) -> bool:
        """Whether the plugin may be called now. Who is let through calls `finished` or `failed`."""
        if self.breaker.state == "closed" or self.breaker.admits():
            self.calls += 1
            return True
        self.skipped += 1
        return False

    def may_vet(self) -> bool:
        """Whether the plugin may be asked about an edit that it refuses when it fails."""
        if self.vetting.admits():
            return True
        self.skipped += 1
        return False

    def finished(self, where: str, seconds: float) -> None:
        """A call went well, though perhaps slowly."""
        if seconds > self.slowest:
            self._time(where, seconds)
        if seconds > self._soft:
            self._slow(where, seconds)
        if self.breaker.state != "closed" and self.breaker.succeeded():
            self._log.warning("plugin %s works again: switched on", self.plugin)
            self.recovered()

    def failed(
        self, where: str, error: BaseException, seconds: float = 0.0, *, trip: bool = False
    ) -> None:
        """A call failed. ``trip``: so badly that the breaker opens at once."""
        if seconds > self.slowest:
            self._time(where, seconds)
        self.failures += 1
        self.last_error = f"{where}: {describe(error)}"
        self.last_failure = where, placed(error, self.place)
        cut = isinstance(error, CutOff)
        self._log.error(
            "plugin %s failed in %s: %s", self.plugin, where, describe(error),
            exc_info=None if cut else error,
        )
        opened = self.breaker.failed()
        if trip and not opened and self.breaker.state == "closed":
            self.breaker.open()
            opened = True
        if opened:
            self._log.error(
                "plugin %s keeps failing: switched off for a while (last in %s)",
                self.plugin, where,
            )

    def provoked(
        self, where: str, error: BaseException, seconds: float, user: User | None = None
    ) -> None:
        """A call failed, perhaps by what a visitor (``user``, if known) sent: the breaker stays
        as it is, or visitors could switch a plugin off.
        """
        if seconds > self.slowest:
            self._time(where, seconds)
        self.failures += 1
        self.last_error = f"{where}: {describe(error)}"
        now = self.clock()
        traced = now - self._traced >= TRACEBACK_EVERY
        if traced:
            self._traced = now
        # By the plugin's own logger: how much that may say is bounded, and visitors can go on.
        told = f", told by the user {user.id} ({user.name!r})" if user else ""
        self._log.getChild(self.plugin).error(
            "plugin %s failed in %s%s: %s", self.plugin, where, told, describe(error),
            exc_info=error if traced and not isinstance(error, CutOff) else None,
        )
        # If it was the trial, it has decided nothing.
        self.breaker.interrupted()

    def failed_in_browser(self, user: User, error: str) -> None:
        """The browser half failed on somebody's page, which went on without it.

        Anybody can say so: it is logged now and then, and the breaker stays as it is.
        """
        self.browser_failures += 1
        self.last_browser_error = " ".join(error.split())[:TEXT_LENGTH]
        now = self.clock()
        if now - self._browser_logged >= TRACEBACK_EVERY:
            self._browser_logged = now
            self._log.warning(
                "plugin %s failed in the browser of %s (%r): %s",
                self.plugin, user.id, user.name, self.last_browser_error,
            )

    def close(self) -> None:
        """Close the breaker by hand."""
        paused = self.breaker.state != "closed"
        self.breaker.close()
        self.vetting.close()
        if paused:
            self.recovered()

    def lags(self, count: int, where: str) -> None:
        """The plugin did not keep up with what happens, and missed ``count`` calls: nobody but
        itself has to bear that, and whoever does much may have caused it. The breaker stays.
        """
        self.skipped += count
        self.last_error = f"{where}: it did not keep up, and missed {count} calls"
        now = self.clock()
        if now - self._lag_logged >= TRACEBACK_EVERY:
            self._lag_logged = now
            self._log.error(
                "plugin %s does not keep up: it misses %d calls (last in %s)",
                self.plugin, count, where,
            )

    def blocked(self, where: str, seconds: float, stack: str, *, trip: bool) -> None:
        """It kept the event loop from everybody; ``trip``: so long that it is left alone."""
        if seconds > self.slowest:
            self._time(where, seconds)
        self.failures += 1
        self.last_error = f"{where}: blocked the event loop for {seconds:.1f} s"
        self._log.error(
            "plugin %s blocked the event loop for %.1f s in %s, while everybody waited:\n%s",
            self.plugin, seconds, where, stack,
        )
        opened = self.breaker.failed()
        if trip and not opened and self.breaker.state == "closed":
            self.breaker.open()
            opened = True
        if opened:
            self._log.error("plugin %s: switched off for a while (last in %s)", self.plugin, where)

    async def within(self, where: str, budget: float, call: Awaitable[Any]) -> Any:
        """Wait for a plugin's coroutine, at most ``budget`` seconds.

        Returns its value or raises what it raised, as `harmless` has it. Raises `CutOff` when
        the time was up; a call that does not end when it is cancelled goes on by itself, and is
        counted as hanging.
        """
        hard = self.hard(budget)
        task = asyncio.get_running_loop().create_task(
            _contain(call), name=f"plugin {self.plugin} {where}"
        )
        try:
            done, _ = await asyncio.wait((task,), timeout=hard)
            if not done:
                task.cancel()
                done, _ = await asyncio.wait((task,), timeout=GRACE)
                if not done:
                    self.hangs(where, task)
                else:
                    _ended_quietly(task)
                raise CutOff(f"took more than {hard:g} s")
        except asyncio.CancelledError:
            task.cancel()
            if inspect.iscoroutine(call):
                # If it was cancelled before its first step, nobody else ends it.
                task.add_done_callback(lambda _: call.close())
            self.breaker.interrupted()
            raise
        if task.cancelled():
            raise RuntimeError(f"{where} cancelled itself")
        error = task.exception()
        if error is not None:
            raise harmless(where, error)
        return task.result()

    def hard(self, budget: float) -> float:
        """Seconds a call may take whose hook allows ``budget``."""
        return budget if self._hard is None else self._hard

    def hangs(self, where: str, task: asyncio.Task[Any]) -> None:
        """A call goes on though it was cancelled: it is left to itself."""
        self._log.error("plugin %s can't be stopped in %s", self.plugin, where)
        self._hanging.add(task)
        task.add_done_callback(self._ended)

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._hanging.discard(task)
        _ended_quietly(task)

    def _time(self, where: str, seconds: float) -> None:
        self.slowest = seconds
        self.slowest_hook = where

    def _slow(self, where: str, seconds: float) -> None:
        now = self.clock()
        if now - self._slow_logged.get(where, -SLOW_LOG_EVERY) >= SLOW_LOG_EVERY:
            self._slow_logged[where] = now
            self._log.warning("plugin %s is slow: %s took %.2f s", self.plugin, where, seconds)


async def _contain(call: Awaitable[Any]) -> Any:
    try:
        return await call
    except (SystemExit, KeyboardInterrupt) as error:
        # Out of a task they would stop the event loop, and with it the server.
        raise harmless("", error) from error


def _ended_quietly(task: asyncio.Task[Any]) -> None:
    """Take note of how a task ended, so that asyncio does not complain that nobody did."""
    if not task.cancelled():
        task.exception()


def describe(error: BaseException) -> str:
    """An exception in one line."""
    return text_of(error) if isinstance(error, CutOff) else named(error)
