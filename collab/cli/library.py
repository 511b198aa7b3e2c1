"""The documents that a command works on: in the database itself, or through a running server."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, Literal, Protocol

from msgspec import Struct

Format = Literal["text", "delta"]
"""Plain text, or the JSON of a delta."""


class Entry(Struct, frozen=True):
    """A document without its content. Times are seconds since 1970 (UTC)."""

    id: str
    title: str
    type: str
    revision: int
    created: float
    updated: float


class Library(Protocol):
    """Every method raises `Failure` when it can't: missing, when there is no such document."""

    def documents(self, search: str = "") -> Iterator[Entry]:
        """Those whose title contains ``search``, last changed first."""

    def document(self, id: str) -> Entry: ...

    def create(self, title: str, type: str, content: Any) -> Entry:
        """``content`` is text, or the list of inserts of a delta."""

    def delete(self, id: str) -> None: ...

    def content(self, id: str, format: Format, revision: int | None = None) -> Iterator[bytes]:
        """What a document holds, in pieces; fails before the first piece or not at all."""
