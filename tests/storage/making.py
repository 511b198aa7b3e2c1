"""Documents and operations for the tests of storage."""

from __future__ import annotations

from collections.abc import Sequence

from collab.storage.port import Append, DocumentRecord, StoredOperation


def document(id: str = "notes", title: str = "Notes", updated: float = 1000.5) -> DocumentRecord:
    return DocumentRecord(id, title, "text", "epoch-1", 0, 1000.25, updated)


def operation(
    revision: int, client: str = "ann", sequence: int | None = None, text: str = "x"
) -> StoredOperation:
    """Operation ``revision``, which is also its client's sequence number unless told."""
    delta = f'[{{"insert":"{text}"}}]'.encode()
    number = revision if sequence is None else sequence
    return StoredOperation(revision, client, number, "Ann", 1700000000.125 + revision, delta)


def append(
    first: int, count: int = 1, *, document: str = "notes", client: str = "ann"
) -> Sequence[Append]:
    """``count`` operations of one client from revision ``first`` on."""
    return [
        Append(document, [operation(first + index, client) for index in range(count)]),
    ]


EMPTY = b"[]"
