"""Whether a document is what was written: its log, its snapshots, and what deduplicates.

The store checks each hash as it reads; here is what only the whole of a document can tell.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence

import msgspec

from collab.ot import Content, Delta, InvalidOperation, document_types
from collab.rooms.replay import first_content
from collab.storage import chain
from collab.storage.port import (
    Belongings,
    Damaged,
    Loaded,
    Sent,
    Snapshot,
    Store,
    StoredOperation,
)

PART = 1000
"""Revisions between two words of how far it has come."""


async def check(
    store: Store,
    id: str,
    *,
    advanced: Callable[[int], None] = lambda revisions: None,
) -> int | None:
    """Read all of a document; its last revision. None when there is no such document.

    The log is applied to the first content, and each snapshot has to be what that gives. (Of a
    type that is not known here, nothing can be applied.) ``advanced`` is told how many revisions
    were read since it was told last. Raises `Damaged` for the first revision that is not what was
    written, and `StorageError` for a database that can't be read.
    """
    belongings = await store.belongings(id)
    if belongings is None:
        return None
    first, head = belongings.snapshot, belongings.document.revision
    if first.revision == 0 and first.hash != chain.origin(
        belongings.document.type, 0, first.content
    ):
        raise chain.changed(id, 0)
    snapshots = _Snapshots(id, store.snapshots(id), _content(belongings))
    await snapshots.reached(first.revision, first.hash)
    last: dict[str, Sent] = {}
    revision = first.revision
    async for operation in store.operations(id, first.revision, head):
        revision = operation.revision
        last[operation.client] = Sent(operation.client, operation.sequence, revision)
        snapshots.apply(operation)
        if revision == snapshots.next:
            await snapshots.reached(revision, operation.hash)
        if revision % PART == 0:
            advanced(PART)
    if revision != head:
        raise chain.missing(id, revision + 1)
    _check_clients(id, belongings.clients, last, first.revision, head)
    further = snapshots.next is not None
    # A snapshot that was kept meanwhile is of a revision that came meanwhile.
    if further and not [one async for one in store.operations(id, head, head + 1)]:
        raise chain.missing(id, head + 1)
    return head


class _Snapshots:
    """Compares the snapshots of a document with its log, while that is read."""

    def __init__(
        self, id: str, snapshots: AsyncIterator[Snapshot], content: Content | None
    ) -> None:
        """``content`` is what the log begins with; None: nothing is applied to it."""
        self.next: int | None = -1
        """The revision of the next one; None when there is none."""
        self._id = id
        self._snapshots = snapshots
        self._content = content
        self._found: Snapshot | Damaged | None = None

    def apply(self, operation: StoredOperation) -> None:
        """The next operation of the log."""
        if self._content is None:
            return
        try:
            self._content.apply(Delta(msgspec.json.decode(operation.delta)))
        except (ValueError, InvalidOperation) as error:
            raise Damaged(
                self._id, operation.revision, f"it does not fit the content before it ({error})"
            ) from error

    async def reached(self, revision: int, hash: bytes) -> None:
        """The log was read up to ``revision``, which has that ``hash``. Raises `Damaged`."""
        if self.next == -1:
            await self._advance()
        if self.next != revision:
            return
        found = self._found
        if isinstance(found, Damaged):
            raise found
        if found is not None and (found.hash != hash or not self._holds(found)):
            raise Damaged(self._id, revision, "its snapshot is not what the log gives")
        await self._advance()

    def _holds(self, snapshot: Snapshot) -> bool:
        if self._content is None:
            return True
        kept = Delta(msgspec.json.decode(snapshot.content))
        return bool(kept.ops == self._content.delta().ops)

    async def _advance(self) -> None:
        try:
            self._found = await anext(self._snapshots, None)
        except Damaged as damaged:
            self._found = damaged
        self.next = None if self._found is None else self._found.revision


def _content(belongings: Belongings) -> Content | None:
    """What the log begins with; None for a document of a type that is not known here."""
    document = belongings.document
    if all(one.name != document.type for one in document_types()):
        return None
    return first_content(Loaded(document, belongings.snapshot, ()))


def _check_clients(
    id: str, clients: Sequence[Sent], last: dict[str, Sent], oldest: int, head: int
) -> None:
    """Whether what deduplicates says what the log says. Raises `Damaged`."""
    noted = {one.client: one for one in clients}
    beyond = [one.revision for one in clients if one.revision > head]
    if beyond:
        raise chain.missing(id, head + 1)
    differing = [one.revision for one in last.values() if noted.get(one.client) != one]
    differing += [
        one.revision for one in clients if one.client not in last and one.revision > oldest
    ]
    if differing:
        raise Damaged(
            id, min(differing), "who sent what last is noted otherwise than the log says"
        )


