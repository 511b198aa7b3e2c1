"""Loading: from what was found to plugins that are made, configured and registered."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Callable, Collection, Iterable, Sequence
from dataclasses import dataclass, field
from importlib.metadata import EntryPoint
from pathlib import Path

from collab.plugins.archive import Archive
from collab.plugins.base import API, Plugin, settings_type
from collab.plugins.breaker import FAILURES, PAUSE, WINDOW, Breaker
from collab.plugins.collected import Offered
from collab.plugins.deciders import may_decide
from collab.plugins.discovery import Found, Problem, Unusable, find
from collab.plugins.document import Document
from collab.plugins.flow import BURST, RATE, Flow
from collab.plugins.guard import HARMLESS, HARMLESS_AT_ONCE, Guard
from collab.plugins.incoming import check_message
from collab.plugins.positions import Track
from collab.plugins.queue import LIMIT, Queue
from collab.plugins.raised import placed
from collab.plugins.registry import Registry, check_marks
from collab.plugins.services import Services
from collab.plugins.settings import WrongSettings, read
from collab.plugins.specs import SOFT
from collab.plugins.state import State
from collab.plugins.static_copy import StaticCopy, copied
from collab.plugins.tables import Tables
from collab.plugins.tasks import Tasks
from collab.plugins.watchdog import BLOCKED, LATE
from collab.protocol.settings import Settings
from collab.storage.port import StorageError, Store

log = logging.getLogger("collab.plugins")

ALL = "*"
"""In the setting ``plugins_on``: every plugin that there is."""

NEAR = 0.6
"""How alike a name has to be (1 is the same) to be proposed for one that is not known."""


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
    late: float = LATE
    blocked: float = BLOCKED


@dataclass(slots=True)
class Loaded:
    """A plugin that works."""

    plugin: Plugin
    found: Found
    folder: Path | None
    """Where its static files, templates and migrations are."""
    services: Services
    offered: Offered = field(init=False)
    generation: int = 0
    """How often it was loaded anew; another one makes browsers load its files anew, too."""

    copy: StaticCopy | None = None
    """Its static files as they were when it was loaded."""
    previous: StaticCopy | None = None
    """Those of the version before, for pages on which this one can't be loaded."""
    refused_in_browser: bool = False
    """Whether a page has said that it could not be loaded there."""

    def __post_init__(self) -> None:
        self.offered = Offered(self.services.guard)

    @property
    def place(self) -> str:
        """The folder, or the file, that its code is in."""
        if self.folder is not None:
            return str(self.folder)
        return self.found.place

    def copy_static(self) -> None:
        """Keep its static files as they are now."""
        self.copy = copied(self.subfolder("static"), self.generation)

    def subfolder(self, name: str) -> Path | None:
        """``static``, ``templates`` or ``migrations`` (the steps that make its own tables); None
        when it has none. Raises OSError when it can't be told.
        """
        folder = None if self.folder is None else self.folder / name
        return folder if folder is not None and folder.is_dir() else None


class Loader:
    """Loads the plugins of one server."""

    def __init__(
        self,
        settings: Settings,
        store: Store | None,
        clock: Callable[[], float],
        bounds: Bounds,
        track: Callable[[Document], Track],
        archive: Archive,
    ) -> None:
        self.registry = Registry()
        self.off: list[Found] = []
        """What the settings, or an operator, switch off."""
        self.problems: list[Problem] = []
        """What can't be used."""
        self.refused: dict[str, str] = {}
        """By name, plugins that run, of which a newer version was refused, and why."""
        self._settings = settings
        self._store = store
        self._clock = clock
        self._bounds = bounds
        self._track = track
        self._archive = archive

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
        self._check_names({one.name for one in found} | {one.name for one in self.problems})
        self.problems = [one for one in self.problems if self.wants(one.name)]
        loaded: dict[str, Loaded] = {}
        for one in sorted(found, key=lambda one: one.name):
            if not self.wants(one.name):
                self.off.append(one)
                continue
            try:
                plugin = self.make(one)
                self.register(plugin)
            except Unusable as error:
                self.problems.append(one.unusable(str(error)))
            else:
                loaded[one.name] = plugin
        for problem in self.problems:
            log.error("plugin %s (%s): %s", problem.name, problem.where, problem.sentence)
        return loaded

    def wants(self, name: str) -> bool:
        """Whether the settings have a plugin switched on."""
        settings = self._settings
        everything = ALL in settings.plugins_on and not settings.safe_mode
        on = everything or name in settings.plugins_on
        return on and name not in settings.plugins_off

    def register(self, loaded: Loaded) -> None:
        """Let a plugin's hooks be known. Raises `Unusable`."""
        self.registry.register(loaded.found.name, loaded.plugin, loaded.services.guard)

    def make(self, found: Found, *, fresh: bool = False) -> Loaded:
        """Import, make and configure a plugin, which is not registered yet.

        ``fresh``: as its files are now. Raises `Unusable`, `WrongSettings`.
        """
        try:
            return self._make(found, fresh)
        except (Unusable, WrongSettings):
            raise
        except HARMLESS_AT_ONCE as error:
            if isinstance(error, KeyboardInterrupt) and not fresh:
                raise  # somebody who would not wait for the server to start
            raise Unusable(f"can't be made: {placed(error, found.place)}") from error

    def make_again(self, loaded: Loaded) -> Loaded:
        """Make a plugin from the code that was loaded for it before. Raises `Unusable`."""
        again = self._configured(loaded.found, type(loaded.plugin), loaded.folder)
        again.generation = loaded.generation
        again.copy, again.previous = loaded.copy, loaded.previous
        again.refused_in_browser = loaded.refused_in_browser
        return again

    def _make(self, found: Found, fresh: bool) -> Loaded:
        kind, folder = found.load(fresh=fresh)
        return self._configured(found, kind, folder)

    def _configured(self, found: Found, kind: type[Plugin], folder: Path | None) -> Loaded:
        name = found.name
        if kind.api != API:
            raise Unusable(
                f"it is written for version {kind.api!r:.50} of the plugin interface, and this"
                f" server has version {API}: take a version of the plugin that fits"
            )
        declared = settings_type(kind)
        plugin = kind()
        check_marks(plugin)
        check_message(kind)
        plugin.name = name
        plugin.settings = read(name, declared, self._settings.plugins.get(name, {}))
        plugin.log = logging.getLogger(f"collab.plugins.{name}")
        bounds = self._bounds
        guard = Guard(
            name,
            log,
            self._clock,
            Breaker(self._clock, bounds.failures, bounds.window, bounds.pause),
            bounds.soft,
            bounds.hard,
        )
        guard.place = found.place
        plugin.state = State(name, self._store)
        plugin.tables = Tables(name, self._store)
        plugin._services = services = Services(
            guard=guard,
            queue=Queue(guard, bounds.queue),
            tasks=Tasks(guard),
            flow=Flow(self._clock, bounds.burst, bounds.rate),
            track=self._track,
            # Apart from the plugin's own keys.
            kept=State(f"{name}:ranges", self._store),
            archive=self._archive,
        )
        return Loaded(plugin, found, folder, services)

    def attach(self, loaded: Loaded, store: Store) -> None:
        """Keep what a plugin keeps in ``store``."""
        loaded.plugin.state.attach(store)
        loaded.plugin.tables.attach(store)
        loaded.services.kept.attach(store)

    async def migrate(self, loaded: Loaded) -> Sequence[str]:
        """Bring a plugin's own tables to its version; the steps taken. Raises `Unusable`."""
        store = self._archive.store
        if store is None:
            return []
        name = loaded.found.name
        try:
            folder = loaded.subfolder("migrations")
            if folder is None:
                return []
            taken = await store.tables.migrate(name, folder)
        except StorageError as error:
            raise Unusable(str(error)) from error
        except HARMLESS as error:  # a folder that can't be read, whatever its files do
            raise Unusable(
                f"its tables can't be migrated: {placed(error, loaded.place)}"
            ) from error
        if taken:
            log.info("plugin %s: migrated its tables to %s", name, taken[-1])
        return taken

    def give_up(self, loaded: Loaded, sentence: str) -> None:
        """Make a plugin that was registered one of the `problems`."""
        loaded.offered.withdraw()
        self.registry.unregister(loaded.found.name)
        problem = loaded.found.unusable(sentence)
        self.problems.append(problem)
        log.error("plugin %s (%s): %s", problem.name, problem.where, sentence)

    def missing(self) -> dict[str, str]:
        """By name, the plugins that may decide and do not run, and in words why not."""
        settings = self._settings
        why: dict[str, str] = {}
        for one in self.off:
            named = one.name in settings.plugins
            if not may_decide(
                one.source, bundled=one.bundled, named=named, switched_on=settings.safe_mode
            ):
                continue
            if one.name in settings.plugins_off:
                log.warning("plugin %s does not decide who may do what: it is one of plugins_off",
                            one.name)
            else:
                why[one.name] = (
                    "it is not loaded in safe mode" if settings.safe_mode
                    else "the setting plugins_on does not name it"
                )
        for problem in self.problems:
            named = problem.name in settings.plugins or problem.name in settings.plugins_on
            if problem.source is not None and may_decide(
                problem.source, bundled=problem.bundled, named=named, switched_on=True
            ):
                why[problem.name] = f"it can't be used: {problem.sentence}"
        return why

    def _check_names(self, known: Collection[str]) -> None:
        """Raises `WrongSettings` when the settings name a plugin that there is not."""
        given = [("plugins." + name, name) for name in self._settings.plugins]
        for setting in ("plugins_on", "plugins_off"):
            given += [(setting, name) for name in getattr(self._settings, setting)]
        for setting, name in given:
            if name not in known and (setting, name) != ("plugins_on", ALL):
                near = difflib.get_close_matches(name, known, 3, NEAR)
                meant = f"perhaps {' or '.join(near)} is meant. There are" if near else "there are"
                raise WrongSettings(
                    f"The setting {setting} names a plugin {name!r}, but there is no such plugin;"
                    f" {meant}: {', '.join(sorted(known))}."
                )
