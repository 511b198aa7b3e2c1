"""The port of the durable log: what the rooms ask of a store, whichever database it is.

Adapters: `collab.storage.memory.MemoryStore` (the twin that tests run on) and
`collab.storage.database.DatabaseStore`. The contract suite in
``tests/storage/test_contract.py`` holds for every one of them.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from pathlib import Path
from typing import Any, NamedTuple, Protocol

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


class Damaged(StorageError):
    """A document's log, or a snapshot of it, is not what was written there."""

    def __init__(self, document: str, revision: int, what: str) -> None:
        self.document = document
        self.revision = revision
        """The first one that differs, as far as was read."""
        super().__init__(
            f"The log of document {document} is damaged at revision {revision}: {what}."
        )


class Unfit(StorageError):
    """What a plugin kept in tables of its own can't be put into those there are."""


class Violation(StorageError):
    """A key was taken, or a row is missing that others refer to; nothing was written."""


class TablesUnusable(StorageError):
    """A plugin's own tables can't be used; the words say why, and what to do."""


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
    """Never empty. Made anew when the document is restored from a backup."""
    revision: int
    """The last committed revision; 0 for a document that was never edited."""
    created: float
    updated: float


class StoredOperation(Struct, frozen=True, gc=False):
    """Operation number ``revision``; ``delta`` is JSON that applies to ``revision - 1``.

    Thousands lie in memory, and hold nothing that could form a cycle: no garbage collection.
    """

    revision: int
    client: str
    sequence: int
    author: str
    time: float
    delta: bytes
    hash: bytes
    """Made of this and of the hash of the revision before (`collab.storage.chain`)."""


class Kept(Struct, frozen=True):
    """A value that a plugin keeps for a document under ``key``; None removes it."""

    plugin: str
    key: str
    value: bytes | None


class Author(Struct, frozen=True):
    """What somebody who wrote in a document was called when they last did: the log has ids."""

    id: str
    name: str
    color: str
    """``#rrggbb``"""
    since: int
    """The first revision by them for which this was noted."""


class Append(Struct, frozen=True):
    """Operations of one document, at least one, consecutive, the first following the log's last.

    ``state`` is what plugins keep for the document from then on, at most once for each key;
    ``authors`` are those of the operations that are not known yet, or by another name.
    """

    document: str
    operations: Sequence[StoredOperation]
    state: Sequence[Kept] = ()
    authors: Sequence[Author] = ()


class Snapshot(Struct, frozen=True):
    """The content at ``revision``, as JSON of a document delta."""

    revision: int
    content: bytes
    hash: bytes
    """Of the revision (`collab.storage.chain`); with that, a log that begins here is checked."""


class Loaded(Struct, frozen=True):
    """What opening a document needs: a snapshot and the operations that follow it."""

    document: DocumentRecord
    snapshot: Snapshot
    operations: Sequence[StoredOperation]

    @property
    def revision(self) -> int:
        """The one that the last operation made, which is the one that was asked for."""
        return self.operations[-1].revision if self.operations else self.snapshot.revision

    @property
    def hash(self) -> bytes:
        """Of that revision."""
        return self.operations[-1].hash if self.operations else self.snapshot.hash


class Sent(Struct, frozen=True):
    """What deduplicates: a client's last committed sequence number, and its revision."""

    client: str
    sequence: int
    revision: int


Value = None | int | float | str | bytes
"""What a column of a plugin's own table holds, as the database gives it."""


class Rows(Struct, frozen=True):
    """A document's rows in a plugin's own table, without the column that names the document."""

    plugin: str
    table: str
    columns: Sequence[str]
    rows: Sequence[Sequence[Value]]


class Belongings(Struct, frozen=True):
    """Everything that is kept of a document but its operations, as of one moment."""

    document: DocumentRecord
    snapshot: Snapshot
    """The oldest one: the log begins after it."""
    clients: Sequence[Sent]
    authors: Sequence[Author]
    state: Sequence[Kept]
    tables: Sequence[Rows]
    """In the order in which rows can be written: what others refer to comes first."""


class Page(Struct, frozen=True):
    """Some documents, and the cursor that asks for the next ones (None: there are no more)."""

    documents: Sequence[DocumentRecord]
    next: str | None


class TableStep(NamedTuple):
    """A statement on a plugin's table (SQLAlchemy's INSERT, UPDATE or DELETE)."""

    statement: Any
    rows: Sequence[Mapping[str, Any]] | None = None
    """The parameters of every time that it runs; None: it runs once and takes none."""


class Tables(Protocol):
    """The tables that plugins have of their own. Statements are those of SQLAlchemy.

    What a plugin asks for ends in bounded time, and holds up nobody else's reads.
    """

    async def migrate(self, plugin: str, folder: Path) -> Sequence[str]:
        """Take the migrations in ``folder`` that are missing; the names of those taken.

        A step that fails is undone, and so is one that touches a table whose name does not
        begin with the plugin's and ``_``. Raises `TablesUnusable`.
        """

    async def read(
        self, plugin: str, statement: Any, parameters: Mapping[str, Any]
    ) -> Sequence[Any]:
        """The rows of a SELECT, each a named tuple. Raises `StorageError`, TypeError."""

    async def write(self, plugin: str, steps: Sequence[TableStep]) -> list[int]:
        """Run statements in one transaction; how many rows each has changed.

        On disk when it returns. Raises `Violation` (nothing was written), ValueError for a table
        that is not the plugin's, TypeError, or `StorageError` when the outcome is not known.
        """

    async def of_documents(self) -> dict[str, list[Any]]:
        """The tables whose rows belong to documents, by plugin, as SQLAlchemy's ``Table``.

        These have a column ``document`` that refers to ``documents.id``; those that others
        refer to come first. Read from the database, so plugins that are off are among them.
        """


class Store(Protocol):
    """The durable log. Every coroutine that changes something returns once it is on disk."""

    @property
    def tables(self) -> Tables:
        """The tables of plugins."""

    async def close(self) -> None:
        """Let go of every connection, the log checkpointed."""

    async def prove(self) -> None:
        """Commit something that changes nothing, and read.

        Raises `StorageError` with a sentence when an edit could not be saved now.
        """

    async def create(
        self, document: DocumentRecord, content: bytes, state: Sequence[Kept] = ()
    ) -> None:
        """Make a document whose revision 0 is ``content``. Raises `Conflict` if the id is taken.

        Its hash is the `collab.storage.chain.origin` of the type and the content.
        ``state`` is what plugins keep for it: in the same transaction.

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

        Whether their hashes continue the chain is not asked here, but when they are read.

        For each document, the log, the deduplication record, what its authors are called and
        what plugins keep with these operations move together. All of it is on disk when this
        returns. Raises `Conflict` (nothing written) when a revision is taken or would leave a
        gap, when a client's sequence number is not above its last one, or when a document is
        gone; `StorageError` when the outcome is not known, which is also so when the call is
        cancelled: ask `last_sequence`.
        """

    async def last_sequence(self, document: str, client: str) -> tuple[int, int]:
        """The last committed sequence number of a client and its revision; (0, 0) for none.

        Answers after every append that was begun before it, abandoned ones too, has ended.
        """

    async def load(self, id: str, revision: int | None = None) -> Loaded | None:
        """The newest snapshot at or before ``revision`` (default: the head) and what follows it.

        The operations end at ``revision``; the caller applies them. None when there is no
        such document; ValueError when it has no such revision; `Damaged` when what was read is
        not what was written. Like `last_sequence`, it waits for appends that were begun before it.
        """

    async def hash_at(self, id: str, revision: int) -> bytes | None:
        """The hash of a revision; None when the log does not have it (any more)."""

    async def authors(self, id: str, limit: int) -> Sequence[Author]:
        """Who wrote in a document, in the order in which they first did; the first ``limit``."""

    def operations(
        self, id: str, since: int, until: int | None = None
    ) -> AsyncIterator[StoredOperation]:
        """Operations ``since + 1 …`` up to and with ``until`` (default: the head), in order.

        None for a document that does not exist. Reads page by page: what is appended meanwhile
        may be among them. Raises `Damaged` before the first that is not what was written.
        """

    def snapshots(self, id: str) -> AsyncIterator[Snapshot]:
        """The snapshots of a document, oldest first. Raises `Damaged` as `operations` does."""

    async def belongings(self, id: str) -> Belongings | None:
        """Everything that is kept of a document but its operations; None when there is none."""

    async def restore(
        self,
        belongings: Belongings,
        operations: Sequence[StoredOperation],
        snapshots: Sequence[Snapshot],
    ) -> None:
        """Make a document of what `belongings` and `operations` gave: all of it, or none.

        ``operations`` are consecutive and follow the belongings' snapshot, their hashes as well;
        ``snapshots`` are further ones, so that opening the document reads less. Until it is whole,
        there is no such document; others save theirs meanwhile. Raises `Conflict` if the id is
        taken, and `Unfit` for rows that can't be put into the tables there are; nothing is left
        then.
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

    async def list_state(
        self, plugin: str, document: str | None, prefix: str = ""
    ) -> dict[str, bytes]:
        """The keys that begin with ``prefix`` and their values that a plugin keeps, sorted."""
