"""Documents and operations for the tests of storage."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TypeVar

from msgspec.structs import replace

from collab.storage import chain
from collab.storage.port import (
    Append,
    Belongings,
    DocumentRecord,
    Snapshot,
    Store,
    StoredOperation,
)

S = TypeVar("S", bound=Store)


def document(id: str = "notes", title: str = "Notes", updated: float = 1000.5) -> DocumentRecord:
    return DocumentRecord(id, title, "text", "epoch-1", 0, 1000.25, updated)


def operation(
    revision: int, client: str = "ann", sequence: int | None = None, text: str = "x"
) -> StoredOperation:
    """Operation ``revision``, which is also its client's sequence number unless told.

    Its hash is that in a log of nothing but such operations on `EMPTY`; `chaining` and `bare`
    are for others.
    """
    delta = f'[{{"insert":"{text}"}}]'.encode()
    number = revision if sequence is None else sequence
    made = StoredOperation(revision, client, number, "Ann", 1700000000.125 + revision, delta, b"")
    while len(_PLAIN) < revision:
        _PLAIN.append(operation(len(_PLAIN)).hash)
    hash = chain.followed(_PLAIN[revision - 1], made)
    return replace(made, hash=hash)


def append(
    first: int, count: int = 1, *, document: str = "notes", client: str = "ann"
) -> Sequence[Append]:
    """``count`` operations of one client from revision ``first`` on."""
    return [
        Append(document, [operation(first + index, client) for index in range(count)]),
    ]


def snapshot(revision: int, content: bytes) -> Snapshot:
    """One that a log begins with; `chaining` puts the hash of any other right."""
    return Snapshot(revision, content, chain.origin("text", revision, content))


def bare(operations: Sequence[StoredOperation]) -> list[StoredOperation]:
    """What was read, without the hashes."""
    return [replace(one, hash=b"") for one in operations]


EMPTY = b"[]"

_PLAIN = [chain.origin("text", 0, EMPTY)]
"""By revision, the hashes of a log of nothing but `operation`."""


def chaining(store: S) -> S:
    """``store``, in which everything gets the hash that it has there."""
    append, save, restore = store.append, store.save_snapshot, store.restore

    async def chained_append(appends: Sequence[Append]) -> None:
        last: dict[str, bytes] = {}
        whole = []
        for one in appends:
            before = one.operations[0].revision - 1
            hash = last.get(one.document) or await store.hash_at(one.document, before) or b""
            operations = list(chain.chained(hash, one.operations))
            last[one.document] = operations[-1].hash
            whole.append(replace(one, operations=operations))
        await append(whole)

    async def chained_save(id: str, one: Snapshot) -> None:
        await save(id, replace(one, hash=await store.hash_at(id, one.revision) or b""))

    async def chained_restore(
        belongings: Belongings,
        operations: Sequence[StoredOperation],
        snapshots: Sequence[Snapshot],
    ) -> None:
        whole = list(chain.chained(belongings.snapshot.hash, operations))
        hashes = {one.revision: one.hash for one in whole}
        await restore(
            belongings,
            whole,
            [replace(one, hash=hashes[one.revision]) for one in snapshots],
        )

    vars(store).update(
        append=chained_append, save_snapshot=chained_save, restore=chained_restore
    )
    return store
