"""From a plugin's start to its end, and the eye that is kept on it meanwhile."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
from collections.abc import Callable, Mapping

from collab.plugins.loading import Bounds, Loaded
from collab.plugins.registry import Registry
from collab.plugins.schedules import keep
from collab.plugins.server import Server
from collab.plugins.services import Started
from collab.plugins.watchdog import Culprit, Watchdog

log = logging.getLogger("collab.plugins")

DRAIN = 1.0
"""Seconds a stopping server waits for plugins to be told what still waits for them."""

END = 1.0
"""Seconds it waits for their background tasks to end."""


class Lifecycle:
    """Begins and ends plugins; knows whose code blocks the event loop."""

    def __init__(
        self,
        registry: Registry,
        loaded: Callable[[], Mapping[str, Loaded]],
        bounds: Bounds,
    ) -> None:
        self._registry = registry
        self._loaded = loaded
        self._bounds = bounds
        self._watchdog: Watchdog | None = None

    def watch(self) -> None:
        """Look out for whoever blocks the event loop."""
        self._watchdog = Watchdog(
            self.owner_of, self._blocked, self._bounds.late, self._bounds.blocked
        )
        self._watchdog.start()

    def unwatch(self) -> None:
        """Look out no more."""
        if self._watchdog is not None:
            self._watchdog.stop()
            self._watchdog = None

    async def begin(self, loaded: Loaded, started: Started) -> str | None:
        """Tell one plugin that the server has started; returns how it failed to, if it did."""
        loaded.services.start = started
        failure = None
        implemented = self._registry.implemented_by(loaded.found.name)
        if "server_started" in implemented:
            guard = loaded.services.guard
            failures = guard.failures
            await implemented["server_started"].ask((started.server,), ())
            where, what = guard.last_failure
            if guard.failures > failures and where == "server_started":
                failure = what
        for seconds, work in loaded.offered.schedules:
            loaded.services.tasks.run("schedule", keep(loaded.services.guard, seconds, work))
        return failure

    async def finish(self, loaded: Loaded, server: Server) -> None:
        """Tell one plugin what still waits for it, then that the server stops for it; end it."""
        services = loaded.services
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(services.queue.drain(), DRAIN)
        # Its last chance to put something away, also if it was left alone for a while.
        services.guard.breaker.close()
        implemented = self._registry.implemented_by(loaded.found.name)
        if "server_stopping" in implemented:
            await implemented["server_stopping"].ask((server,), ())
        await services.queue.cancel()
        count = await services.tasks.cancel(END)
        services.leave()
        if count:
            log.error("plugin %s: %d background tasks do not end", loaded.found.name, count)

    def owner_of(self, file: str) -> str | None:
        """Which plugin a file belongs to."""
        for name, loaded in self._loaded().items():
            place = loaded.place
            if file == place or file.startswith(place + os.sep):
                return name
        return None

    def _blocked(self, culprit: Culprit, seconds: float, stack: str) -> None:
        loaded = self._loaded().get(culprit.plugin)
        if loaded is not None:
            trip = seconds >= self._bounds.blocked
            loaded.services.guard.blocked(culprit.where, seconds, stack, trip=trip)
