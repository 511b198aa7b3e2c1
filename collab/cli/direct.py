"""Documents in the database itself, while no server runs."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec
from msgspec.structs import asdict

from collab.cli.failure import Exit, Failure
from collab.cli.library import EXTENSIONS, Entry, Restored
from collab.cli.lock import locked
from collab.ot import document_types
from collab.plugins.manager import PluginManager
from collab.protocol.contents import Bounds
from collab.protocol.errors import CollabError
from collab.protocol.settings import Settings
from collab.rooms.new import new_document
from collab.rooms.replay import replayed
from collab.rooms.restoring import restore
from collab.storage import open_store
from collab.storage.backup import FORMAT, written
from collab.storage.port import DocumentRecord, Loaded, StorageError, Store

T = TypeVar("T")


class DirectLibrary:
    """A `Library` on an open store; its coroutines run on ``loop``."""

    def __init__(self, store: Store, loop: asyncio.Runner, settings: Settings) -> None:
        self._store, self._loop, self._settings = store, loop, settings
        self._manager: PluginManager | None = None
        self._migrated: dict[str, Sequence[str]] = {}

    def _run(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._loop.run(work)
        except StorageError as error:
            raise Failure(str(error)) from error

    def documents(self, search: str = "") -> Iterator[Entry]:
        cursor = None
        while True:
            page = self._run(self._store.documents(search=search, limit=200, cursor=cursor))
            yield from map(_entry, page.documents)
            cursor = page.next
            if cursor is None:
                return

    def document(self, id: str) -> Entry:
        found = self._run(self._store.document(id))
        if found is None:
            raise _missing(id)
        return _entry(found)

    def create(self, title: str, type: str, content: Any) -> Entry:
        self._learn(type)
        try:
            bounds = Bounds.of(self._settings.limits)
            record, first = new_document(title, type, content, bounds)
        except CollabError as error:
            raise Failure(error.sentence) from error
        self._run(self._store.create(record, first))
        return _entry(record)

    def delete(self, id: str) -> None:
        if not self._run(self._store.delete(id)):
            raise _missing(id)

    def extension(self, format: str, type: str = "text") -> str:
        if format == "text":
            self._learn(type)
            return next((one.extension for one in document_types() if one.name == type), "txt")
        if format in EXTENSIONS:
            return EXTENSIONS[format]
        offer = self._plugins().exchange.exporters.get(format)
        if offer is None:
            names = ", ".join(dict.fromkeys([*EXTENSIONS, *self._plugins().exchange.exporters]))
            raise Failure(f"There is no format {format} to export; there is: {names}.", Exit.USAGE)
        return offer.format.extension

    def import_file(self, format: str, data: bytes, filename: str, title: str | None) -> Entry:
        importers = self._plugins().exchange.importers
        if format not in importers:
            names = ", ".join(dict.fromkeys([*EXTENSIONS, *importers]))
            raise Failure(f"There is no format {format} to import; there is: {names}.", Exit.USAGE)
        return self._told(self._import(format, data, filename, title))

    def restore(self, data: bytes, title: str | None, without: Sequence[str]) -> Restored:
        self._plugins()  # they bring types of documents, and tables for what they keep
        bounds = Bounds.of(self._settings.limits)
        work = restore(self._store, data, bounds, title=title, without=without)
        restored = self._told(work)
        return Restored(**asdict(_entry(restored.record)), original=restored.original)

    async def _import(self, format: str, data: bytes, filename: str, title: str | None) -> Entry:
        plugins = self._plugins()
        document = await plugins.house.import_file(format, data, filename, title)
        return _entry(document.record)

    async def _export(self, id: str, format: str, revision: int | None) -> bytes:
        plugins = self._plugins()
        document = await plugins.house.document_at(id, revision)
        _, data = await plugins.exchange.export(format, document)
        return data

    def _each(self, pieces: AsyncIterator[T]) -> Iterator[T]:
        while (piece := self._run(_next(pieces))) is not None:
            yield piece

    def _told(self, work: Coroutine[Any, Any, T]) -> T:
        try:
            return self._run(work)
        except CollabError as error:
            missing = error.code.code in ("no_document", "bad_revision")
            raise Failure(error.sentence, Exit.MISSING if missing else Exit.FAILED) from error

    def _learn(self, type: str) -> None:
        """Load the plugins when one of them may bring a type of documents."""
        if all(one.name != type for one in document_types()):
            self._plugins()

    def _plugins(self) -> PluginManager:
        """Loaded when somebody asks for what they bring."""
        if self._manager is None:
            self._manager = PluginManager(self._settings)
            try:
                self._manager.load()
            except ValueError as error:
                raise Failure(str(error), Exit.USAGE) from error
            self._manager.attach(self._store)
            self._migrated = self._run(self._manager.prepare())
        return self._manager

    def migrate_plugins(self) -> dict[str, Sequence[str]]:
        """Bring the plugins' own tables to their versions; the steps taken, by plugin.

        What is wrong with a plugin is logged.
        """
        self._plugins()
        return self._migrated

    def content(self, id: str, format: str, revision: int | None = None) -> Iterator[bytes]:
        if format == FORMAT:
            pieces = self._run(written(self._store, id))
            if pieces is None:
                raise _missing(id)
            return self._each(pieces)
        if format not in EXTENSIONS:
            self.extension(format)
            return iter([self._told(self._export(id, format, revision))])
        try:
            loaded = self._run(self._store.load(id, revision))
        except ValueError as error:
            raise Failure(str(error), Exit.MISSING) from error
        if loaded is None:
            raise _missing(id)
        self._learn(loaded.document.type)
        return _pieces(loaded, format)


async def _next(pieces: AsyncIterator[T]) -> T | None:
    return await anext(pieces, None)


def _pieces(loaded: Loaded, format: str) -> Iterator[bytes]:
    try:
        content = replayed(loaded)
    except CollabError as error:
        raise Failure(error.sentence) from error
    if format == "delta":
        yield msgspec.json.encode(content.delta().ops)
    else:
        for piece in content.pieces():
            yield piece.encode()


def _entry(record: DocumentRecord) -> Entry:
    return msgspec.convert(record, Entry, from_attributes=True)


def _missing(id: str) -> Failure:
    return Failure(f"There is no document {id}.", Exit.MISSING)


@contextmanager
def open_directly(
    settings: Settings, words: str, *, takes_url: bool = False
) -> Iterator[DirectLibrary]:
    """The documents of the data directory, which is locked meanwhile; ``words`` say what for.

    ``takes_url``: the command can work through a running server instead.

    Raises `Failure`: taken, while a server runs.
    """
    with locked(settings.data_dir, words, takes_url=takes_url), asyncio.Runner() as loop:
        try:
            store = loop.run(open_store(settings))
        except (StorageError, OSError) as error:
            raise Failure(str(error)) from error
        try:
            yield DirectLibrary(store, loop, settings)
        finally:
            loop.run(store.close())
