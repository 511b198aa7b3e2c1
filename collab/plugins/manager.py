"""The plugin manager: which plugins there are, and what each part of the server asks of them.

`Wiring` knows who implements what, `House` has the documents, `Observer` passes on what happens,
`Gate` asks the questions, `Exchange` converts files, `Lifecycle` begins and ends plugins.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from collab.plugins.archive import Archive
from collab.plugins.base import Plugin
from collab.plugins.collected import Offered, collect
from collab.plugins.contained import for_all, for_each
from collab.plugins.discovery import Found, Problem, Unusable, find
from collab.plugins.exchange import Exchange, Offer
from collab.plugins.gate import Gate
from collab.plugins.guard import Health
from collab.plugins.halves import BrowserHalf, browser_half
from collab.plugins.house import House
from collab.plugins.lifecycle import Lifecycle
from collab.plugins.loading import Bounds, Loaded, Loader
from collab.plugins.observer import Observer
from collab.plugins.offers import Command
from collab.plugins.publishing import Publishing
from collab.plugins.routes import Route
from collab.plugins.server import May, Opens, Server
from collab.plugins.services import Admit, Read, Started
from collab.plugins.standing import Recognize, Standing
from collab.plugins.wiring import Wiring
from collab.protocol.contents import Bounds as ContentBounds
from collab.protocol.settings import Settings
from collab.storage.port import Store

log = logging.getLogger("collab.plugins")


@dataclass(frozen=True, slots=True)
class Listed:
    """A plugin as ``collab plugins list`` shows it."""

    name: str
    state: str
    """``on``, ``off`` (by the settings, or by hand) or ``problem``."""
    where: str
    description: str
    """What it is for, or what is wrong with it."""
    hooks: tuple[str, ...] = ()
    reload_error: str | None = None
    """Why a newer version could not be loaded: the one from before runs on."""


class PluginManager:
    """All plugins of one server."""

    def __init__(
        self,
        settings: Settings,
        store: Store | None = None,
        *,
        installed: Iterable[EntryPoint] | None = None,
        clock: Callable[[], float] = time.monotonic,
        bounds: Bounds | None = None,
    ) -> None:
        """``store`` may be given to `start` instead; ``installed`` replaces the entry points of
        the group ``collab.plugins``."""
        self._settings = settings
        self._installed = installed
        self._archive = Archive(store)
        self.loaded: dict[str, Loaded] = {}
        """The plugins that are switched on, by name. `Switchboard` changes it."""
        content = ContentBounds.of(settings.limits)
        self._wiring = Wiring()
        self.exchange = Exchange()
        self.gate = Gate(self._wiring.asked, content)
        self.house = House(self._archive, self._wiring, self.gate, self.exchange, content)
        self.standing = Standing(self.gate, self.house.open_documents)
        self.publishing = Publishing(lambda: self._wiring.listeners["published"])
        self.observer = Observer(self._wiring, self.house, self.gate, self._on)
        bounds = bounds or Bounds()
        self.loader = Loader(settings, store, clock, bounds, self.house.track, self._archive)
        self._lifecycle = Lifecycle(self.loader.registry, self._on, bounds)
        self._may: May = self.gate.may
        self._started: Started | None = None

    def _on(self) -> Mapping[str, Loaded]:
        return self.loaded

    # Loading.

    def load(self) -> None:
        """Find, import, configure and register all plugins that are not switched off.

        What is wrong with one is kept in `problems`, and logged. Raises `WrongSettings`.
        """
        self.loaded = self.loader.load(self._installed)
        for_each(self.loaded.values(), "being loaded", self.collect)
        self.connect()
        for name, why in self.loader.missing().items():
            self._miss(name, why)

    def _miss(self, name: str, why: str) -> None:
        """A plugin that decides does not run: only the operator is served."""
        self.gate.missing[name] = why
        log.error(
            "only the operator is served: the plugin %s decides who may do what, or may do so, and"
            " is not running: %s. To serve everybody, put that right and start the server again,"
            " or say in the settings that it shall not decide: --plugins-off %s",
            name, why.rstrip("."), name,
        )

    @property
    def problems(self) -> list[Problem]:
        """What was found and can't be used; the server runs without it."""
        return self.loader.problems

    def collect(self, loaded: Loaded) -> None:
        """Ask a plugin what it offers; what fails is left out."""
        guard = loaded.services.guard
        implementations = self.loader.registry.implemented_by(loaded.found.name)
        loaded.offered = collect(guard, implementations, guard.failed)
        loaded.offered.announce()
        if loaded.copy is None:
            loaded.copy_static()

    def connect(self) -> None:
        """Look up once who implements what, and who offers what."""
        for loaded in self.loaded.values():
            loaded.services.guard.recovered = partial(self.introduce, loaded)
            loaded.services.queue.missed = partial(self.introduce, loaded)
        self._wiring.connect(self.loader.registry, self.loaded)
        offered = self._offered()
        self.exchange.offer(
            [Offer(one.guard, format) for one in offered for format in one.importers],
            [Offer(one.guard, format) for one in offered for format in one.exporters],
            log.error,
        )

    def _offered(self) -> list[Offered]:
        return [one.offered for one in self.loaded.values()]

    def find(self) -> list[Found]:
        """Every plugin that could be loaded now. Raises OSError when a folder can't be read."""
        return find(self._settings.plugins_dir, self._installed)[0]

    def introduce(self, loaded: Loaded, documents: Collection[str] | None = None) -> None:
        """Tell a plugin that came late, was left alone or did not keep up what is there, as if
        it came now: all that is open, or what is open of some ``documents`` (ids).
        """
        if self.loaded.get(loaded.found.name) is not loaded:
            return  # it is being switched off
        implemented = self.loader.registry.implemented_by(loaded.found.name)
        queue = loaded.services.queue
        for document in self.house.open_documents():
            if documents is not None and document.id not in documents:
                continue
            if "document_opened" in implemented:
                queue.push(document.id, implemented["document_opened"], document)
            for session in document.sessions.values() if "session_joined" in implemented else ():
                joined = implemented["session_joined"]
                queue.push_session(session, document.id, joined, document, session)

    # What is there.

    @property
    def plugins(self) -> dict[str, Plugin]:
        """The plugins that are switched on, by name."""
        return {name: one.plugin for name, one in self.loaded.items()}

    def listing(self) -> list[Listed]:
        """All plugins that were found, by name: those switched on, off, and unusable ones."""
        on = [
            Listed(
                name,
                "on",
                one.found.where,
                purpose(type(one.plugin)),
                tuple(self.loader.registry.hooks(name)),
                self.loader.refused.get(name),
            )
            for name, one in self.loaded.items()
        ]
        missing = "switched off, and nobody but the operator is served: it decides who may do what"
        off = [
            Listed(
                one.name, "off", one.where,
                missing if one.name in self.gate.missing else "switched off",
            )
            for one in self.loader.off
        ]
        wrong = [
            Listed(one.name, "problem", one.where, one.sentence) for one in self.loader.problems
        ]
        return sorted(on + off + wrong, key=lambda one: one.name)

    def implements(self, hook: str) -> bool:
        """Whether any plugin implements a hook."""
        return self._wiring.implements(hook)

    def decides(self, name: str) -> bool:
        """Whether a plugin has a say in who somebody is, or what they may do."""
        return self._wiring.decides(name)

    def routes(self) -> list[Route]:
        """The routes of all plugins, their paths from the application's root."""
        return [route for one in self._offered() for route in one.routes]

    def commands(self) -> dict[str, Command]:
        """The commands of all plugins by name; of two of a name the first."""
        found: dict[str, Command] = {}
        for one in self._offered():
            for command in one.commands:
                found.setdefault(command.name, command)
        return found

    def browser_halves(self) -> list[BrowserHalf]:
        """What the page loads, for each plugin that has a browser half."""
        halves = for_each(self.loaded.values(), "its static files", browser_half)
        return [half for half in halves if half is not None]

    def static_folder(self, name: str) -> Path | None:
        """What is served below ``/plugins/NAME/static``; None when the plugin has no such.

        The same is below ``/plugins/NAME/static.GENERATION``, whatever the generation.
        """
        loaded = self.loaded.get(name)
        return None if loaded is None else loaded.subfolder("static")

    def template_folders(self) -> list[Path]:
        """Where templates are looked for; each plugin's are below ``NAME/`` in its folder."""
        folders = for_each(
            self.loaded.values(), "its templates", lambda one: one.subfolder("templates")
        )
        return [folder for folder in folders if folder is not None]

    def health(self) -> dict[str, Health]:
        """How each plugin is doing."""
        return dict(
            for_each(
                self.loaded.values(),
                "its health",
                lambda one: (one.found.name, one.services.health()),
            )
        )

    def owner_of(self, file: str) -> str | None:
        """The name of the plugin that a file of code belongs to, if it is one's."""
        return self._lifecycle.owner_of(file)

    def close_breaker(self, name: str) -> bool:
        """Close a plugin's circuit breaker by hand; False when there is no such plugin."""
        loaded = self.loaded.get(name)
        if loaded is None:
            return False
        log.warning("plugin %s is called again: its breaker was closed by hand", name)
        loaded.services.guard.close()
        return True

    # Start and stop.

    def attach(self, store: Store) -> None:
        """Keep what plugins keep in ``store``, and read documents from there."""
        self._archive.store = store
        for_each(
            self.loaded.values(), "its state", lambda one: self.loader.attach(one, store)
        )

    async def prepare(self) -> dict[str, Sequence[str]]:
        """Bring the plugins' own tables to their versions; the steps taken by plugin.

        A plugin whose tables can't be used becomes one of the `problems`.
        """
        taken: dict[str, Sequence[str]] = {}
        for name, one in list(self.loaded.items()):
            try:
                taken[name] = await self.loader.migrate(one)
            except Unusable as error:
                if self.loader.registry.fail_closed(name):
                    self._miss(name, f"it can't be used: {error}")
                self.loaded = {key: kept for key, kept in self.loaded.items() if key != name}
                self.loader.give_up(one, str(error))
                self.connect()
        return {name: steps for name, steps in taken.items() if steps}

    async def offline(self, rooms: Opens, store: Store) -> Server:
        """What commands are handed: the documents, without a server or any hook around them."""
        self.attach(store)
        await self.prepare()
        server = self._server(rooms)
        for one in self.loaded.values():
            one.services.start = Started(server)
        return server

    async def start(
        self,
        rooms: Opens | None = None,
        store: Store | None = None,
        http: Any = None,
        admit: Admit | None = None,
        recognize: Recognize | None = None,
        read: Read | None = None,
        may: May | None = None,
    ) -> None:
        """Tell the plugins that the server starts, and wait for them, each within its budget.

        ``rooms`` opens documents for them, ``store`` keeps their state, ``http`` is the client
        session that they share, which its owner closes after `stop`, ``admit`` says who sends a
        request to a route of theirs, ``recognize`` whether a session is still who it was,
        ``read`` reads the body of such a request, and ``may`` says what a session's person may do.
        """
        if recognize is not None:
            self.standing.recognize = recognize
        if may is not None:
            self._may = may
        if store is not None:
            self.attach(store)
        self._started = Started(self._server(rooms), http, admit, self.publishing, read)
        self._lifecycle.watch()
        await self.prepare()
        await for_all(self.loaded.values(), "its start", self.begin)
        self.publishing.begin()

    async def begin(self, loaded: Loaded) -> str | None:
        """Tell one plugin that the server has started; returns how it failed to, if it did."""
        assert self._started is not None, "the server has not started"
        return await self._lifecycle.begin(loaded, self._started)

    async def told(self) -> None:
        """Return when the plugins were told everything that happened until now."""
        await for_all(
            self.loaded.values(), "being told", lambda one: one.services.queue.drain()
        )

    async def stop(self) -> None:
        """Tell the plugins what still waits for them, then that the server stops; end them.

        Comes after the rooms are closed. Takes some three seconds at most.
        """
        self.publishing.end()
        await for_all(self.loaded.values(), "its end", self.finish)
        for_each(self.loaded.values(), "its end", lambda one: one.offered.withdraw())
        self._lifecycle.unwatch()

    async def finish(self, loaded: Loaded) -> None:
        """Tell one plugin what still waits for it, then that the server stops for it; end it."""
        started = loaded.services.start
        await self._lifecycle.finish(loaded, started.server if started else self._server(None))

    def _server(self, rooms: Opens | None) -> Server:
        return Server(
            self._settings.base_path, rooms, self.house, self.standing, self.health, self._may
        )


def purpose(plugin: type[Plugin]) -> str:
    """The first line of a plugin's docstring."""
    text = plugin.__doc__
    lines = text.strip().splitlines() if isinstance(text, str) else []
    return lines[0] if lines else ""
