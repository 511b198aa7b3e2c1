"""The documents that a command works on: in the database itself, or through a running server."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Protocol

from msgspec import Struct

from collab.storage.backup import EXTENSION, FORMAT

EXTENSIONS = {"text": "txt", "delta": "json", FORMAT: EXTENSION}
"""Of files of plain text, of the JSON of a delta, and of documents whole; plugins bring other
formats."""


class Entry(Struct, frozen=True):
    """A document without its content. Times are seconds since 1970 (UTC)."""

    id: str
    title: str
    type: str
    revision: int
    created: float
    updated: float


class Restored(Entry, frozen=True):
    """A document that was made of a backup."""

    original: str
    """The id that it had when it was exported."""


class Library(Protocol):
    """Every method raises `Failure` when it can't: missing, when there is no such document."""

    def documents(self, search: str = "") -> Iterator[Entry]:
        """Those whose title contains ``search``, last changed first."""

    def document(self, id: str) -> Entry: ...

    def create(self, title: str, type: str, content: Any) -> Entry:
        """``content`` is text, or the list of inserts of a delta."""

    def delete(self, id: str) -> None: ...

    def content(self, id: str, format: str, revision: int | None = None) -> Iterator[bytes]:
        """What a document holds, in pieces; fails before the first piece or not at all."""

    def extension(self, format: str, type: str = "text") -> str:
        """Of files of a format that documents of that type are exported to."""

    def import_file(self, format: str, data: bytes, filename: str, title: str | None) -> Entry:
        """Make a document of a file in a format that a plugin brings."""

    def restore(self, data: bytes, title: str | None, without: Sequence[str]) -> Restored:
        """Bring back the document of a backup, without the rows of some plugins' tables."""
