"""Loading: from what was found to plugins that are made, configured and registered."""

from __future__ import annotations

import logging
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path

from collab.plugins.base import Plugin, settings_type
from collab.plugins.breaker import FAILURES, PAUSE, WINDOW, Breaker
from collab.plugins.discovery import Found, Problem, Unusable, find
from collab.plugins.document import Document
from collab.plugins.flow import BURST, RATE, Flow
from collab.plugins.guard import HARMLESS, Guard, describe
from collab.plugins.positions import Track
from collab.plugins.queue import LIMIT, Queue
from collab.plugins.registry import Registry
from collab.plugins.services import Services
from collab.plugins.settings import WrongSettings, read
from collab.plugins.specs import SOFT
from collab.plugins.state import State
from collab.plugins.tasks import Tasks
from collab.protocol.settings import Settings
from collab.storage.port import Store

log = logging.getLogger("collab.plugins")


@dataclass(frozen=True, slots=True)
class Bounds:
    """How far a plugin may go. Tests turn these down."""

    soft: float = SOFT
    hard: float | None = None
    """Seconds; None: as each hook says."""
    failures: int = FAILURES
    window: float = WINDOW
    pause: float = PAUSE
    queue: int = LIMIT
    burst: int = BURST
    rate: float = RATE


@dataclass(frozen=True, slots=True)
class Loaded:
    """A plugin that works."""

    plugin: Plugin
    found: Found
    folder: Path | None
    """Where its static files and templates are."""
    services: Services


class Loader:
    """Loads all plugins of one server."""

    def __init__(
        self,
        settings: Settings,
        store: Store | None,
        clock: Callable[[], float],
        bounds: Bounds,
        track: Callable[[Document], Track],
    ) -> None:
        self.registry = Registry()
        self.off: list[Found] = []
        """What the settings switch off."""
        self.problems: list[Problem] = []
        """What can't be used."""
        self._settings = settings
        self._store = store
        self._clock = clock
        self._bounds = bounds
        self._track = track

    def load(self, installed: Iterable[EntryPoint] | None) -> dict[str, Loaded]:
        """Find, import, configure and register all plugins that are not switched off, by name.

        Raises `WrongSettings`.
        """
        folder = self._settings.plugins_dir
        try:
            found, self.problems = find(folder, installed)
        except OSError as error:
            raise WrongSettings(
                f"plugins_dir: the folder {folder} can't be read ({error.strerror})."
            ) from error
        loaded: dict[str, Loaded] = {}
        # pluggy calls whoever registered last first: so plugins are called by their names' order.
        for one in sorted(found, key=lambda one: one.name, reverse=True):
            if one.name in self._settings.plugins_off:
                self.off.append(one)
                continue
            try:
                plugin = self._make(one)
                self.registry.register(one.name, plugin.plugin, plugin.services.guard)
            except Unusable as error:
                self.problems.append(Problem(one.name, one.where, str(error)))
            else:
                loaded[one.name] = plugin
        self._check_names({one.name for one in found})
        for problem in self.problems:
            log.error("plugin %s (%s): %s", problem.name, problem.where, problem.sentence)
        return dict(sorted(loaded.items()))

    def _make(self, found: Found) -> Loaded:
        name = found.name
        kind, folder = found.load()
        try:
            declared = settings_type(kind)
            plugin = kind()
        except HARMLESS as error:
            raise Unusable(f"can't be made: {describe(error)}") from error
        plugin.name = name
        plugin.settings = read(name, declared, self._settings.plugins.get(name, {}))
        plugin.log = logging.getLogger(f"collab.plugins.{name}")
        plugin.state = State(name, self._store)
        bounds = self._bounds
        guard = Guard(
            name,
            log,
            self._clock,
            Breaker(self._clock, bounds.failures, bounds.window, bounds.pause),
            bounds.soft,
            bounds.hard,
        )
        plugin._services = services = Services(
            guard=guard,
            queue=Queue(guard, bounds.queue),
            tasks=Tasks(guard),
            flow=Flow(self._clock, bounds.burst, bounds.rate),
            track=self._track,
            followed={},
        )
        return Loaded(plugin, found, folder, services)

    def _check_names(self, found: set[str]) -> None:
        known = found | {problem.name for problem in self.problems}
        for name in self._settings.plugins:
            if name not in known:
                raise WrongSettings(
                    f"There are settings for a plugin {name!r} (plugins.{name}), but no such"
                    f" plugin; there are: {', '.join(sorted(known))}."
                )
        for name in self._settings.plugins_off:
            if name not in known:
                self.problems.append(
                    Problem(name, "plugins_off", "there is no such plugin to switch off")
                )
