"""The port of the durable log: what the rooms ask of a store, whichever database it is.

Adapters: `collab.storage.memory.MemoryStore` (the twin that tests run on) and
`collab.storage.database.DatabaseStore`. The contract suite in
``tests/storage/test_contract.py`` holds for every one of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Protocol

from msgspec import Struct


class StorageError(Exception):
    """The store could not do it, in a sentence for the operator.

    Whether a failed append happened must be asked of the store (`Store.last_sequence`).
    """


class Conflict(StorageError):
    """Somebody else wrote that revision first, or the document is gone; nothing was written."""

    def __init__(self, document: str, message: str) -> None:
        self.document = document
        super().__init__(message)


class DatabaseUnusable(StorageError):
    """The database can't be opened at all: wrong file, wrong rights, no folder."""


class DatabaseTooNew(DatabaseUnusable):
    """A later version of Collab has migrated this database."""


class DocumentRecord(Struct, frozen=True):
    """A document without its content. Times are seconds since 1970 (UTC)."""

    id: str
    title: str
    type: str
    epoch: str
    """Made anew when the document is restored from a backup."""
    revision: int
    """The last committed revision; 0 for a document that was never edited."""
    created: float
    updated: float


class StoredOperation(Struct, frozen=True):
    """Operation number ``revision``; ``delta`` is JSON that applies to ``revision - 1``."""

    revision: int
    client: str
    sequence: int
    author: str
    time: float
    delta: bytes


class Kept(Struct, frozen=True):
    """A value that a plugin keeps for a document under ``key``; None removes it."""

    plugin: str
    key: str
    value: bytes | None


class Append(Struct, frozen=True):
    """Operations of one document, at least one, consecutive, the first following the log's last.

    ``state`` is what plugins keep for the document from then on, at most once for each key.
    """

    document: str
    operations: Sequence[StoredOperation]
    state: Sequence[Kept] = ()


class Snapshot(Struct, frozen=True):
    """The content at ``revision``, as JSON of a document delta."""

    revision: int
    content: bytes


class Loaded(Struct, frozen=True):
    """What opening a document needs: a snapshot and the operations that follow it."""

    document: DocumentRecord
    snapshot: Snapshot
    operations: Sequence[StoredOperation]


class Page(Struct, frozen=True):
    """Some documents, and the cursor that asks for the next ones (None: there are no more)."""

    documents: Sequence[DocumentRecord]
    next: str | None


class Store(Protocol):
    """The durable log. Every coroutine that changes something returns once it is on disk."""

    async def close(self) -> None:
        """Let go of every connection, the log checkpointed."""

    async def create(self, document: DocumentRecord, content: bytes) -> None:
        """Make a document whose revision 0 is ``content``. Raises `Conflict` if the id is taken.

        Whatever ``document.revision`` says, the new document is at revision 0.
        """

    async def document(self, id: str) -> DocumentRecord | None:
        """The document as it is now; None when there is none."""

    async def documents(
        self, *, search: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        """Documents whose title contains ``search`` (any case), last changed first.

        Raises ValueError for a cursor that is not one of ours.
        """

    async def rename(self, id: str, title: str) -> DocumentRecord | None:
        """Set the title; None when there is no such document."""

    async def delete(self, id: str) -> bool:
        """Remove a document and everything that belongs to it; False when there is none."""

    async def append(self, appends: Sequence[Append]) -> None:
        """Commit operations of several documents in one transaction, and who sent them.

        For each document, the log, the deduplication record and what plugins keep with these
        operations move together. All of it is on disk when this returns. Raises `Conflict`
        (nothing written) when a revision is taken or would leave a gap, when a client's sequence
        number is not above its last one, or when a document is gone; `StorageError` when the
        outcome is not known, which is also so when the call is cancelled: ask `last_sequence`.
        """

    async def last_sequence(self, document: str, client: str) -> tuple[int, int]:
        """The last committed sequence number of a client and its revision; (0, 0) for none.

        Answers after every append that was begun before it, abandoned ones too, has ended.
        """

    async def load(self, id: str, revision: int | None = None) -> Loaded | None:
        """The newest snapshot at or before ``revision`` (default: the head) and what follows it.

        The operations end at ``revision``; the caller applies them. None when there is no
        such document; ValueError when it has no such revision. Like `last_sequence`, it waits
        for appends that were begun before it.
        """

    def operations(
        self, id: str, since: int, until: int | None = None
    ) -> AsyncIterator[StoredOperation]:
        """Operations ``since + 1 …`` up to and with ``until`` (default: the head), in order.

        None for a document that does not exist. Reads page by page: what is appended meanwhile
        may be among them.
        """

    async def save_snapshot(self, id: str, snapshot: Snapshot) -> None:
        """Keep the content of a committed revision, so that opening it reads less.

        Raises `Conflict` when the document is gone.
        """

    async def touch(self, times: dict[str, float]) -> None:
        """Note when documents were last changed (id → seconds), for the list's order.

        A time earlier than the one noted, and a document that is gone, are passed over.
        """

    async def get_state(self, plugin: str, document: str | None, key: str) -> bytes | None:
        """A value that a plugin keeps, for a document or (None) for the whole server."""

    async def set_state(
        self, plugin: str, document: str | None, key: str, value: bytes | None
    ) -> None:
        """Keep a plugin's value (None removes it); a document's goes when the document goes.

        Raises `Conflict` when the document is gone.
        """

    async def list_state(self, plugin: str, document: str | None) -> dict[str, bytes]:
        """Every key and value that a plugin keeps, sorted by key."""
