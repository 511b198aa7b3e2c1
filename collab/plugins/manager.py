"""The plugin manager: loads plugins, and tells them what happens to the server and its rooms.

It is the `RoomObserver` of the rooms. What they report is put into each plugin's queue and
delivered in later turns of the event loop; only `before` is waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

from collab.ot import Delta, InvalidOperation, document_type
from collab.plugins.base import Plugin
from collab.plugins.caller import Implementation
from collab.plugins.discovery import Problem
from collab.plugins.document import Document, NotOpen, OpenRoom, Operation
from collab.plugins.guard import HARMLESS, Health
from collab.plugins.loading import Bounds, Loaded, Loader
from collab.plugins.positions import Track
from collab.plugins.queue import Queue
from collab.plugins.routes import Route, read_routes
from collab.plugins.server import Opens, Server
from collab.plugins.specs import HOOKS, Veto
from collab.protocol import errors, messages
from collab.protocol.errors import CollabError
from collab.protocol.frames import Frame
from collab.protocol.settings import Settings
from collab.rooms.port import Session
from collab.storage.port import DocumentRecord, Store, StoredOperation

log = logging.getLogger("collab.plugins")

SENTENCE_LENGTH = 500
"""Characters of a veto's sentence that its author reads."""

DRAIN = 1.0
"""Seconds a stopping server waits for plugins to be told what still waits for them."""

END = 1.0
"""Seconds it waits for their background tasks to end."""


@dataclass(frozen=True, slots=True)
class BrowserHalf:
    """What the page loads for a plugin; paths from the application's root."""

    name: str
    script: str | None
    styles: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """A plugin as ``collab plugins list`` shows it."""

    name: str
    state: str
    """``on``, ``off`` (by the settings) or ``problem``."""
    where: str
    description: str
    """What it is for, or what is wrong with it."""
    hooks: tuple[str, ...] = ()


_Listener = tuple[Queue, Implementation]


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
        self._base_path = settings.base_path
        self._installed = installed
        self._loader = Loader(settings, store, clock, bounds or Bounds(), self._track)
        self._loaded: dict[str, Loaded] = {}
        self._routes: list[Route] = []
        self._documents: dict[str, Document] = {}
        self._tracks: dict[str, Track] = {}
        self._server = Server(self._base_path, None, self._document)
        self._listeners: dict[str, tuple[_Listener, ...]] = dict.fromkeys(HOOKS, ())
        self._receivers: dict[str, _Listener] = {}
        self._vetting: tuple[Implementation, ...] = ()
        self._observing = False

    # Loading.

    def load(self) -> None:
        """Find, import, configure and register all plugins that are not switched off.

        What is wrong with one is kept in `problems`, and logged. Raises `WrongSettings`.
        """
        self._loaded = self._loader.load(self._installed)
        self._connect()

    @property
    def problems(self) -> list[Problem]:
        """What was found and can't be used; the server runs without it."""
        return self._loader.problems

    def _connect(self) -> None:
        """Look up once who implements what."""
        for name, hook in HOOKS.items():
            implementations = self._loader.registry.implementations(name)
            self._listeners[name] = tuple(
                (self._loaded[one.guard.plugin].services.queue, one) for one in implementations
            )
            if hook.kind == "collected":
                for one in implementations:
                    self._collect_routes(one)
        self._receivers = {
            one.guard.plugin: (queue, one) for queue, one in self._listeners["message_received"]
        }
        self._vetting = tuple(one for _, one in self._listeners["before_operation"])
        self._observing = self.implements("operation_committed")

    def _collect_routes(self, implementation: Implementation) -> None:
        guard = implementation.guard
        if not guard.admits():
            return
        try:
            self._routes += read_routes(guard, implementation.begin(()) or ())
        except HARMLESS as error:
            guard.failed("routes", error)
        else:
            guard.finished("routes", 0.0)

    # What is there.

    @property
    def plugins(self) -> dict[str, Plugin]:
        """The plugins that are switched on, by name."""
        return {name: one.plugin for name, one in self._loaded.items()}

    def listing(self) -> list[Listed]:
        """All plugins that were found, by name: those switched on, off, and unusable ones."""
        on = [
            Listed(
                name,
                "on",
                one.found.where,
                _purpose(one.plugin),
                tuple(self._loader.registry.hooks(name)),
            )
            for name, one in self._loaded.items()
        ]
        off = [Listed(one.name, "off", one.where, "switched off") for one in self._loader.off]
        wrong = [
            Listed(one.name, "problem", one.where, one.sentence) for one in self._loader.problems
        ]
        return sorted(on + off + wrong, key=lambda one: one.name)

    def implements(self, hook: str) -> bool:
        """Whether any plugin implements a hook."""
        return bool(self._listeners[hook])

    def routes(self) -> list[Route]:
        """The routes to mount, their paths from the application's root."""
        return list(self._routes)

    def browser_halves(self) -> list[BrowserHalf]:
        """What the page loads, for each plugin that has a browser half."""
        halves = []
        for name in self._loaded:
            folder = self.static_folder(name)
            if folder is None:
                continue
            base = f"/plugins/{name}/static/{name}"
            script = f"{base}.js" if (folder / f"{name}.js").is_file() else None
            styles = (f"{base}.css",) if (folder / f"{name}.css").is_file() else ()
            if script or styles:
                halves.append(BrowserHalf(name, script, styles))
        return halves

    def static_folder(self, name: str) -> Path | None:
        """What is served below ``/plugins/NAME/static``; None when the plugin has no such."""
        return self._folder(name, "static")

    def template_folders(self) -> list[Path]:
        """Where templates are looked for; each plugin's are below ``NAME/`` in its folder."""
        folders = (self._folder(name, "templates") for name in self._loaded)
        return [folder for folder in folders if folder is not None]

    def _folder(self, name: str, kind: str) -> Path | None:
        loaded = self._loaded.get(name)
        if loaded is None or loaded.folder is None:
            return None
        folder = loaded.folder / kind
        return folder if folder.is_dir() else None

    def health(self) -> dict[str, Health]:
        """How each plugin is doing."""
        return {name: one.services.health() for name, one in self._loaded.items()}

    def switch_on(self, name: str) -> bool:
        """Close a plugin's circuit breaker by hand; False when there is no such plugin."""
        loaded = self._loaded.get(name)
        if loaded is None:
            return False
        loaded.services.guard.breaker.close()
        log.warning("plugin %s was switched on by hand", name)
        return True

    # Start and stop.

    async def start(self, rooms: Opens | None = None, store: Store | None = None) -> None:
        """Tell the plugins that the server starts, and wait for them, each within its budget.

        ``rooms`` opens documents for them, ``store`` keeps their state.
        """
        if store is not None:
            for one in self._loaded.values():
                one.plugin.state.attach(store)
        self._server = Server(self._base_path, rooms, self._document)
        await self._await("server_started")

    async def told(self) -> None:
        """Return when the plugins were told everything that happened until now."""
        await asyncio.gather(*(one.services.queue.drain() for one in self._loaded.values()))

    async def stop(self) -> None:
        """Tell the plugins what still waits for them, then that the server stops; end them.

        Comes after the rooms are closed. Takes some three seconds at most.
        """
        if not self._loaded:
            return
        services = [one.services for one in self._loaded.values()]
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(self.told(), DRAIN)
        for one in services:
            # Its last chance to put something away, also if it was left alone for a while.
            one.guard.breaker.close()
        await self._await("server_stopping")
        for one in services:
            await one.queue.cancel()
        left = await asyncio.gather(*(one.tasks.cancel(END) for one in services))
        for name, count in zip(self._loaded, left, strict=True):
            if count:
                log.error("plugin %s: %d background tasks do not end", name, count)

    async def _await(self, hook: str) -> None:
        await asyncio.gather(
            *(one.ask((self._server,), ()) for _, one in self._listeners[hook])
        )

    # What happens to documents. The web floor tells.

    def document_created(self, record: DocumentRecord) -> None:
        """A document was made."""
        self._tell("document_created", self._of(record))

    def document_renamed(self, record: DocumentRecord) -> None:
        """A document has another title, which ``record`` has."""
        self._tell("document_renamed", self._of(record))

    def document_deleted(self, record: DocumentRecord) -> None:
        """A document was deleted, and its room closed."""
        self._tell("document_deleted", self._of(record))

    # What happens to rooms: the port `collab.rooms.port.RoomObserver`.

    @property
    def vets(self) -> bool:
        """Whether a plugin has to be asked about every operation."""
        return bool(self._vetting) and any(
            not one.guard.breaker.refuses for one in self._vetting
        )

    async def before(self, room: OpenRoom, session: Session | None, delta: Delta) -> Delta:
        """Ask the plugins about an operation; returns what to take instead.

        Raises `CollabError` VETOED. Whatever else a plugin does, the operation passes.
        """
        document = self._document(room)
        kind = document_type(room.document.type)
        for one in self._vetting:
            try:
                # A copy: what a plugin does to it is its own affair.
                answer = await one.ask((document, session, delta.slice()), Delta)
            except Veto as veto:
                sentence = " ".join(str(veto.sentence).split())[:SENTENCE_LENGTH]
                raise CollabError(errors.VETOED, sentence, plugin=one.guard.plugin) from veto
            if answer is not None:
                try:
                    kind.validate(answer)
                except InvalidOperation as error:
                    one.guard.failed("before_operation", error)
                else:
                    delta = answer
        return delta

    def opened(self, room: OpenRoom) -> None:
        self._tell("document_opened", self._document(room))

    def closed(self, room: OpenRoom) -> None:
        document = self._document(room)
        self._tell("document_closed", document)
        self._documents.pop(document.id, None)
        self._tracks.pop(document.id, None)
        for one in self._loaded.values():
            one.services.forget(document.id)

    def joined(self, room: OpenRoom, session: Session) -> None:
        self._tell("session_joined", self._document(room), session)

    def changed(self, room: OpenRoom, session: Session) -> None:
        """A session's user has another name or colour."""
        self._tell("session_changed", self._document(room), session)

    def left(self, room: OpenRoom, session: Session) -> None:
        document = self._document(room)
        self._tell("session_left", document, session)
        for one in self._loaded.values():
            one.services.flow.forget(document.id, session.id)

    def message(self, room: OpenRoom, session: Session, plugin: str, data: Any) -> None:
        receiver = self._receivers.get(plugin)
        if receiver is None:
            said = (
                f"The plugin {plugin} takes no messages."
                if plugin in self._loaded
                else errors.NO_PLUGIN.sentence
            )
            error = messages.Error(errors.NO_PLUGIN.code, said)
            session.send(Frame(messages.encode(error)))
            return
        queue, implementation = receiver
        document = self._document(room)
        queue.push(document.id, implementation, document, session, data)

    def committed(
        self, room: OpenRoom, operations: Sequence[StoredOperation], deltas: Sequence[Delta]
    ) -> None:
        track = self._tracks.get(room.document.id)
        if track is not None:
            track.extend([one.client for one in operations], deltas)
        if self._observing:
            document = self._document(room)
            for stored, delta in zip(operations, deltas, strict=True):
                self._tell("operation_committed", document, Operation(stored, delta))

    # Documents as plugins see them.

    def _tell(self, hook: str, document: Document, *arguments: Any) -> None:
        for queue, implementation in self._listeners[hook]:
            queue.push(document.id, implementation, document, *arguments)

    def _document(self, room: OpenRoom) -> Document:
        """The one `Document` of an open room."""
        document = self._documents.get(room.document.id)
        if document is None or not document.is_of(room):
            document = Document(room.document, room)
            self._documents[document.id] = document
        return document

    def _of(self, record: DocumentRecord) -> Document:
        return self._documents.get(record.id) or Document(record)

    def _track(self, document: Document) -> Track:
        if self._documents.get(document.id) is not document:
            raise NotOpen(document.id)
        track = self._tracks.get(document.id)
        if track is None:
            track = self._tracks[document.id] = Track(document.revision)
        return track


def _purpose(plugin: Plugin) -> str:
    lines = (type(plugin).__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""
