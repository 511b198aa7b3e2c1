"""Ranges as they were: a view on them for a document that is frozen at a revision."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Any, NoReturn

from collab.ot import Delta
from collab.plugins.archive import Archive, Operation
from collab.plugins.document import Document
from collab.plugins.positions import Track
from collab.plugins.ranges import Held, Range, Ranges, inserted_length, move
from collab.plugins.state import State
from collab.protocol import errors
from collab.protocol.errors import CollabError


class EarlierRanges(Ranges):
    """The ranges that had been added by a revision, where they were then, for reading only.

    What is kept with a range is what is kept now, and one that was removed since is not there.
    Text that was deleted at an end of a range since was outside of it; an empty range held what
    was deleted there.
    """

    def __init__(self, document: Document, kept: State, archive: Archive) -> None:
        super().__init__(document, Track(document.revision), kept, archive)

    async def add(
        self, key: str, start: int, end: int, data: Any = None, *, revision: int | None = None
    ) -> Range:
        self._refuse()

    async def update(self, key: str, data: Any) -> bool:
        self._refuse()

    async def remove(self, key: str) -> bool:
        self._refuse()

    async def flush(self) -> None:
        self._refuse()

    def _refuse(self) -> NoReturn:
        raise CollabError(
            errors.READ_ONLY, "These are the ranges as they were: they can't be changed."
        )

    async def _load(self) -> dict[str, Held]:
        stored = await self._stored()
        revision = self.revision
        held = {key: one for key, one in stored.items() if one.made <= revision}
        revisions = [one.revision for one in held.values()]
        first, last = min(revisions, default=revision), max(revisions, default=revision)
        operations = await self._archive.history(
            self._document.id, min(first, revision), max(last, revision)
        )
        await asyncio.to_thread(_bring, list(held.values()), revision, operations)
        return held


def _bring(held: Sequence[Held], revision: int, operations: Sequence[Operation]) -> None:
    """Bring ranges to ``revision``, each from its own."""
    deltas = [(operation.revision, operation.delta) for operation in operations]
    for one in held:
        for made, delta in deltas:
            if one.revision < made <= revision:
                move(one, delta)
        for made, delta in reversed(deltas):
            if revision < made <= one.revision:
                one.start, one.end = before(one.start, one.end, delta)


def before(start: int, end: int, delta: Delta) -> tuple[int, int]:
    """Where a range was before an edit. What is in a text that it inserted was where that begins.

    Text that was deleted at an end of the range was outside; an empty range held it.
    """
    ends = _before(start, delta, after_deleted=True), _before(end, delta, after_deleted=False)
    return min(ends), max(ends)


def _before(position: int, delta: Delta, after_deleted: bool) -> int:
    old = new = 0
    for op in delta.ops:
        if "delete" in op:
            if position == new and not after_deleted:
                return old
            old += op["delete"]
            continue
        inserted = op.get("insert")
        length = op["retain"] if inserted is None else inserted_length(inserted)
        if position < new + length:
            return old + position - new if inserted is None else old
        new += length
        if inserted is None:
            old += length
    return old + position - new
