"""Documents in the database itself, while no server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import msgspec

from collab.cli.failure import Exit, Failure
from collab.cli.library import Entry, Format
from collab.cli.lock import locked
from collab.protocol.errors import CollabError
from collab.protocol.settings import Settings
from collab.rooms.new import new_document
from collab.rooms.replay import replayed
from collab.storage import open_store
from collab.storage.port import DocumentRecord, Loaded, StorageError, Store

T = TypeVar("T")


class DirectLibrary:
    """A `Library` on an open store; its coroutines run on ``loop``."""

    def __init__(self, store: Store, loop: asyncio.Runner, settings: Settings) -> None:
        self._store, self._loop, self._settings = store, loop, settings

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
        try:
            record, delta = new_document(
                title, type, content, self._settings.limits.document_size
            )
        except CollabError as error:
            raise Failure(error.sentence) from error
        self._run(self._store.create(record, msgspec.json.encode(delta.ops)))
        return _entry(record)

    def delete(self, id: str) -> None:
        if not self._run(self._store.delete(id)):
            raise _missing(id)

    def content(self, id: str, format: Format, revision: int | None = None) -> Iterator[bytes]:
        try:
            loaded = self._run(self._store.load(id, revision))
        except ValueError as error:
            raise Failure(str(error), Exit.MISSING) from error
        if loaded is None:
            raise _missing(id)
        return _pieces(loaded, format)


def _pieces(loaded: Loaded, format: Format) -> Iterator[bytes]:
    content = replayed(loaded)
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
def open_directly(settings: Settings, words: str) -> Iterator[DirectLibrary]:
    """The documents of the data directory, which is locked meanwhile; ``words`` say what for.

    Raises `Failure`: taken, while a server runs.
    """
    with locked(settings.data_dir, words), asyncio.Runner() as loop:
        try:
            store = loop.run(open_store(settings))
        except (StorageError, OSError) as error:
            raise Failure(str(error)) from error
        try:
            yield DirectLibrary(store, loop, settings)
        finally:
            loop.run(store.close())
