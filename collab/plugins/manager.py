"""The plugin manager: loads plugins, and tells them what happens to the server and its rooms.

It is the `RoomObserver` of the rooms. What they report is put into each plugin's queue and
delivered in later turns of the event loop; only `before` and `missing` are waited for.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import msgspec

from collab.ot import Delta, InvalidOperation, document_type
from collab.plugins.archive import Archive, Contents, Operation
from collab.plugins.base import Plugin
from collab.plugins.caller import Implementation
from collab.plugins.collected import Offered, collect
from collab.plugins.discovery import Found, Problem, find
from collab.plugins.document import Document, NotOpen, OpenRoom
from collab.plugins.exchange import Exchange, Offer, content_of
from collab.plugins.frozen import FrozenRoom
from collab.plugins.gate import Gate
from collab.plugins.guard import Health
from collab.plugins.loading import Bounds, Loaded, Loader
from collab.plugins.offers import Command
from collab.plugins.positions import Track
from collab.plugins.queue import Queue
from collab.plugins.routes import Route
from collab.plugins.schedules import keep
from collab.plugins.server import Opens, Server
from collab.plugins.services import Admit, Started
from collab.plugins.specs import HOOKS, Veto
from collab.plugins.watchdog import Culprit, Watchdog
from collab.protocol import errors, messages
from collab.protocol.errors import CollabError
from collab.protocol.frames import Frame
from collab.protocol.settings import Settings
from collab.rooms.new import first_content, new_document
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
    """``on``, ``off`` (by the settings, or by hand) or ``problem``."""
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
        self._settings = settings
        self._installed = installed
        self._archive = Archive(store)
        self._bounds = bounds or Bounds()
        self.loader = Loader(
            settings, store, clock, self._bounds, self._track, self._archive
        )
        self.loaded: dict[str, Loaded] = {}
        """The plugins that are switched on, by name. `Switchboard` changes it."""
        self.exchange = Exchange()
        self.gate = Gate(self._asked, settings.limits.document_size)
        self.leaving: frozenset[str] = frozenset()
        """Plugins that are being switched off: what is said to them is dropped in silence."""
        self._documents: dict[str, Document] = {}
        self._tracks: dict[str, Track] = {}
        self._started: Started | None = None
        self._listeners: dict[str, tuple[_Listener, ...]] = dict.fromkeys(HOOKS, ())
        self._receivers: dict[str, _Listener] = {}
        self._vetting: tuple[Implementation, ...] = ()
        self._observing = False
        self._watchdog: Watchdog | None = None

    # Loading.

    def load(self) -> None:
        """Find, import, configure and register all plugins that are not switched off.

        What is wrong with one is kept in `problems`, and logged. Raises `WrongSettings`.
        """
        self.loaded = self.loader.load(self._installed)
        for one in self.loaded.values():
            self.collect(one)
        self.connect()

    @property
    def problems(self) -> list[Problem]:
        """What was found and can't be used; the server runs without it."""
        return self.loader.problems

    def collect(self, loaded: Loaded) -> None:
        """Ask a plugin what it offers."""
        implementations = self.loader.registry.implemented_by(loaded.found.name)
        loaded.offered = collect(loaded.services.guard, implementations)

    def connect(self) -> None:
        """Look up once who implements what, and who offers what."""
        for loaded in self.loaded.values():
            loaded.services.guard.recovered = partial(self.introduce, loaded)
        for name in HOOKS:
            self._listeners[name] = tuple(
                (self.loaded[one.guard.plugin].services.queue, one)
                for one in self.loader.registry.implementations(name)
                if one.guard.plugin in self.loaded
            )
        self._receivers = {
            one.guard.plugin: (queue, one) for queue, one in self._listeners["message_received"]
        }
        self._vetting = tuple(self._asked("before_operation"))
        self._observing = self.implements("operation_committed")
        offered = self._offered()
        self.exchange.offer(
            [Offer(one.guard, format) for one in offered for format in one.importers],
            [Offer(one.guard, format) for one in offered for format in one.exporters],
            log.error,
        )

    def _offered(self) -> list[Offered]:
        return [one.offered for one in self.loaded.values()]

    def _asked(self, hook: str) -> list[Implementation]:
        return [one for _, one in self._listeners[hook]]

    def find(self) -> list[Found]:
        """Every plugin that could be loaded now. Raises OSError when a folder can't be read."""
        return find(self._settings.plugins_dir, self._installed)[0]

    def introduce(self, loaded: Loaded) -> None:
        """Tell a plugin that came late, or was left alone, what is there, as if it came now."""
        if self.loaded.get(loaded.found.name) is not loaded:
            return  # it is being switched off
        implemented = self.loader.registry.implemented_by(loaded.found.name)
        queue = loaded.services.queue
        for document in self._documents.values():
            if "document_opened" in implemented:
                queue.push(document.id, implemented["document_opened"], document)
            for session in document.sessions.values() if "session_joined" in implemented else ():
                queue.push(document.id, implemented["session_joined"], document, session)

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
            )
            for name, one in self.loaded.items()
        ]
        off = [Listed(one.name, "off", one.where, "switched off") for one in self.loader.off]
        wrong = [
            Listed(one.name, "problem", one.where, one.sentence) for one in self.loader.problems
        ]
        return sorted(on + off + wrong, key=lambda one: one.name)

    def implements(self, hook: str) -> bool:
        """Whether any plugin implements a hook."""
        return bool(self._listeners[hook])

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
        halves = []
        for name, loaded in self.loaded.items():
            folder = self.static_folder(name)
            if folder is None:
                continue
            base = f"/plugins/{name}/static/{name}"
            # A browser runs a module once, however its file has changed, unless its address has.
            again = f"?{loaded.generation}" if loaded.generation else ""
            script = f"{base}.js{again}" if (folder / f"{name}.js").is_file() else None
            styles = (f"{base}.css{again}",) if (folder / f"{name}.css").is_file() else ()
            if script or styles:
                halves.append(BrowserHalf(name, script, styles))
        return halves

    def static_folder(self, name: str) -> Path | None:
        """What is served below ``/plugins/NAME/static``; None when the plugin has no such."""
        return self._folder(name, "static")

    def template_folders(self) -> list[Path]:
        """Where templates are looked for; each plugin's are below ``NAME/`` in its folder."""
        folders = (self._folder(name, "templates") for name in self.loaded)
        return [folder for folder in folders if folder is not None]

    def _folder(self, name: str, kind: str) -> Path | None:
        loaded = self.loaded.get(name)
        if loaded is None or loaded.folder is None:
            return None
        folder = loaded.folder / kind
        return folder if folder.is_dir() else None

    def health(self) -> dict[str, Health]:
        """How each plugin is doing."""
        return {name: one.services.health() for name, one in self.loaded.items()}

    def close_breaker(self, name: str) -> bool:
        """Close a plugin's circuit breaker by hand; False when there is no such plugin."""
        loaded = self.loaded.get(name)
        if loaded is None:
            return False
        log.warning("plugin %s was switched on by hand", name)
        loaded.services.guard.close()
        return True

    # Start and stop.

    def attach(self, store: Store) -> None:
        """Keep what plugins keep in ``store``, and read documents from there."""
        self._archive.store = store
        for one in self.loaded.values():
            self.loader.attach(one, store)

    def offline(self, rooms: Opens, store: Store) -> Server:
        """What commands are handed: the documents, without a server or any hook around them."""
        self.attach(store)
        server = Server(self._settings.base_path, rooms, self)
        for one in self.loaded.values():
            one.services.start = Started(server)
        return server

    async def start(
        self,
        rooms: Opens | None = None,
        store: Store | None = None,
        http: Any = None,
        admit: Admit | None = None,
    ) -> None:
        """Tell the plugins that the server starts, and wait for them, each within its budget.

        ``rooms`` opens documents for them, ``store`` keeps their state, ``http`` is the client
        session that they share, which its owner closes after `stop`, ``admit`` says who sends a
        request to a route of theirs.
        """
        if store is not None:
            self.attach(store)
        self._started = Started(Server(self._settings.base_path, rooms, self), http, admit)
        self._watchdog = Watchdog(
            self._whose, self._blocked, self._bounds.late, self._bounds.blocked
        )
        self._watchdog.start()
        await asyncio.gather(*(self.begin(one) for one in self.loaded.values()))

    async def begin(self, loaded: Loaded) -> None:
        """Tell one plugin that the server has started."""
        assert self._started is not None, "the server has not started"
        loaded.services.start = self._started
        implemented = self.loader.registry.implemented_by(loaded.found.name)
        if "server_started" in implemented:
            await implemented["server_started"].ask((self._started.server,), ())
        for seconds, work in loaded.offered.schedules:
            loaded.services.tasks.spawn("schedule", keep(loaded.services.guard, seconds, work))

    async def told(self) -> None:
        """Return when the plugins were told everything that happened until now."""
        await asyncio.gather(*(one.services.queue.drain() for one in self.loaded.values()))

    async def stop(self) -> None:
        """Tell the plugins what still waits for them, then that the server stops; end them.

        Comes after the rooms are closed. Takes some three seconds at most.
        """
        await asyncio.gather(*(self.finish(one) for one in self.loaded.values()))
        for one in self._offered():
            one.withdraw()
        if self._watchdog is not None:
            self._watchdog.stop()
            self._watchdog = None

    async def finish(self, loaded: Loaded) -> None:
        """Tell one plugin what still waits for it, then that the server stops for it; end it."""
        services = loaded.services
        with contextlib.suppress(TimeoutError):
            await asyncio.wait_for(services.queue.drain(), DRAIN)
        # Its last chance to put something away, also if it was left alone for a while.
        services.guard.breaker.close()
        implemented = self.loader.registry.implemented_by(loaded.found.name)
        if "server_stopping" in implemented:
            server = services.start.server if services.start else self._no_server()
            await implemented["server_stopping"].ask((server,), ())
        await services.queue.cancel()
        count = await services.tasks.cancel(END)
        if count:
            log.error("plugin %s: %d background tasks do not end", loaded.found.name, count)

    def _no_server(self) -> Server:
        return Server(self._settings.base_path, None, self)

    def _whose(self, file: str) -> str | None:
        """Which plugin a file belongs to."""
        for name, loaded in self.loaded.items():
            place = loaded.place
            if file == place or file.startswith(place + os.sep):
                return name
        return None

    def _blocked(self, culprit: Culprit, seconds: float, stack: str) -> None:
        loaded = self.loaded.get(culprit.plugin)
        if loaded is not None:
            trip = seconds >= self._bounds.blocked
            loaded.services.guard.blocked(culprit.where, seconds, stack, trip=trip)

    # Documents for plugins: `collab.plugins.server.House`.

    def document_of(self, room: OpenRoom) -> Document:
        """The one `Document` of an open room."""
        document = self._documents.get(room.document.id)
        if document is None or not document.is_of(room):
            document = Document(room.document, room, self._archive)
            self._documents[document.id] = document
        return document

    def document(self, record: DocumentRecord) -> Document:
        """A document as plugins see it, open or not."""
        return self._documents.get(record.id) or Document(record, None, self._archive)

    def open_documents(self) -> list[Document]:
        """The documents that are open now."""
        return list(self._documents.values())

    async def list_documents(
        self, search: str, limit: int, cursor: str | None
    ) -> tuple[list[Document], str | None]:
        """Some documents, and the cursor of the next ones."""
        page = await self._store().documents(search=search, limit=limit, cursor=cursor)
        return [self.document(record) for record in page.documents], page.next

    async def make_document(self, title: str, type: str, content: Any) -> Document:
        """Make a document; without ``content`` (None), with what plugins have it begin with.

        Raises `CollabError` that says what is wrong with it.
        """
        limit = self._settings.limits.document_size
        given = content.ops if isinstance(content, Delta) else content
        record, delta = new_document(title, type, "" if given is None else given, limit)

        def check(answer: str | Delta) -> Delta:
            ops = answer.ops if isinstance(answer, Delta) else answer
            return first_content(type, ops, limit)

        if given is None:
            begun = await self.gate.initial_content(self.document(record), check)
            delta = delta if begun is None else begun
        await self._store().create(record, msgspec.json.encode(delta.ops))
        self.created(record)
        return self.document(record)

    async def import_file(
        self, format: str, data: bytes, filename: str, title: str | None = None
    ) -> Document:
        """Make a document of a file in a format that a plugin reads. Raises `CollabError`."""
        plugin, imported, own = await self.exchange.read(format, data, filename)
        document = await self.make_document(title or own, imported.type, content_of(imported))
        state = self.loaded[plugin].plugin.state
        for key, value in imported.state.items():
            try:
                await state.set(key, value, document=document)
            except (TypeError, ValueError) as error:
                raise CollabError(
                    errors.INTERNAL, f"The plugin {plugin} could not keep what belongs to it."
                ) from error
        return document

    async def document_at(self, id: str, revision: int | None = None) -> Document:
        """A document as it was at a revision (default: as it is saved), for reading only.

        Raises `CollabError`: there is no such document or revision.
        """
        record, contents = await self._archive.load(id, revision)
        return self._frozen(record, contents)

    def _frozen(self, record: DocumentRecord, contents: Contents) -> Document:
        return Document(record, FrozenRoom(record, contents), self._archive)

    def _store(self) -> Store:
        if self._archive.store is None:
            raise LookupError("There is no store yet: it is there from server_started on.")
        return self._archive.store

    # What happens to documents. The web floor tells.

    def created(self, document: DocumentRecord) -> None:
        """A document was made."""
        self._tell("document_created", self.document(document))

    def document_renamed(self, record: DocumentRecord) -> None:
        """A document has another title, which ``record`` has."""
        self._tell("document_renamed", self.document(record))

    def document_deleted(self, record: DocumentRecord) -> None:
        """A document was deleted, and its room closed."""
        self._tell("document_deleted", self.document(record))

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
        document = self.document_of(room)
        kind = document_type(room.document.type)
        for one in self._vetting:
            try:
                # A copy: what a plugin does to it is its own affair.
                answer = await one.ask((document, session, delta.slice()), Delta)
            except Veto as veto:
                sentence = " ".join(str(veto.sentence).split())[:SENTENCE_LENGTH]
                name, wait = one.guard.plugin, veto.retry_after
                if wait is None:
                    raise CollabError(errors.VETOED, sentence, plugin=name) from veto
                raise CollabError(
                    errors.SLOW_DOWN, sentence, plugin=name, retry_after=wait
                ) from veto
            if answer is not None:
                try:
                    kind.validate(answer)
                except InvalidOperation as error:
                    one.guard.failed("before_operation", error)
                else:
                    delta = answer
        return delta

    async def missing(self, id: str) -> tuple[DocumentRecord, Delta] | None:
        """A document that is not in the store, if a plugin has it from elsewhere."""
        return await self.gate.find_document(id)

    def saved(self, room: OpenRoom, revision: int) -> None:
        self._tell("snapshot_saved", self.document_of(room), revision)

    def opened(self, room: OpenRoom) -> None:
        self._tell("document_opened", self.document_of(room))

    def closed(self, room: OpenRoom) -> None:
        document = self.document_of(room)
        self._tell("document_closed", document)
        self._documents.pop(document.id, None)
        self._tracks.pop(document.id, None)
        for one in self.loaded.values():
            one.services.forget(document.id)

    def joined(self, room: OpenRoom, session: Session) -> None:
        self._tell("session_joined", self.document_of(room), session)

    def changed(self, room: OpenRoom, session: Session) -> None:
        """A session's user has another name or colour."""
        self._tell("session_changed", self.document_of(room), session)

    def left(self, room: OpenRoom, session: Session) -> None:
        document = self.document_of(room)
        self._tell("session_left", document, session)
        for one in self.loaded.values():
            one.services.flow.forget(document.id, session.id)

    def message(self, room: OpenRoom, session: Session, plugin: str, data: Any) -> None:
        receiver = self._receivers.get(plugin)
        if receiver is None:
            if plugin in self.leaving:
                return
            said = (
                f"The plugin {plugin} takes no messages."
                if plugin in self.loaded
                else errors.NO_PLUGIN.sentence
            )
            error = messages.Error(errors.NO_PLUGIN.code, said)
            session.send(Frame(messages.encode(error)))
            return
        queue, implementation = receiver
        document = self.document_of(room)
        queue.push(document.id, implementation, document, session, data)

    def committed(
        self, room: OpenRoom, operations: Sequence[StoredOperation], deltas: Sequence[Delta]
    ) -> None:
        track = self._tracks.get(room.document.id)
        if track is not None:
            track.extend([one.client for one in operations], deltas)
        if self._observing:
            document = self.document_of(room)
            for stored, delta in zip(operations, deltas, strict=True):
                self._tell("operation_committed", document, Operation(stored, delta))

    def _tell(self, hook: str, document: Document, *arguments: Any) -> None:
        for queue, implementation in self._listeners[hook]:
            queue.push(document.id, implementation, document, *arguments)

    def _track(self, document: Document) -> Track:
        if self._documents.get(document.id) is not document:
            raise NotOpen(document.id)
        track = self._tracks.get(document.id)
        if track is None:
            track = self._tracks[document.id] = Track(document.revision)
        return track


def purpose(plugin: type[Plugin]) -> str:
    """The first line of a plugin's docstring."""
    lines = (plugin.__doc__ or "").strip().splitlines()
    return lines[0] if lines else ""
