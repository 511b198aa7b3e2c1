"""A log as people remember it: what one author did in one go is one entry."""

from __future__ import annotations

from collections.abc import Sequence

from msgspec import Struct

from collab.plugins.archive import Operation


class Stretch(Struct):
    """Consecutive operations of one author without a long pause."""

    first: int
    """The revision that the first of them made."""
    last: int
    author: str
    began: float
    """Seconds since 1970 (UTC)."""
    ended: float
    inserted: int
    """UTF-16 code units."""
    deleted: int


def stretches(operations: Sequence[Operation], pause: float) -> list[Stretch]:
    """Operations, oldest first, as stretches, oldest first.

    ``pause`` is how many seconds without an edit begin a new one.
    """
    found: list[Stretch] = []
    for operation in operations:
        delta = operation.delta
        inserted = delta.insert_length()
        deleted = inserted - delta.change_length()
        last = found[-1] if found else None
        if (
            last is not None
            and last.author == operation.author
            and operation.time - last.ended <= pause
        ):
            last.last = operation.revision
            last.ended = operation.time
            last.inserted += inserted
            last.deleted += deleted
        else:
            found.append(
                Stretch(
                    operation.revision, operation.revision, operation.author,
                    operation.time, operation.time, inserted, deleted,
                )
            )
    return found
