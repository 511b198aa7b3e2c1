"""Where a range was before an edit: what exports of earlier revisions need."""

from __future__ import annotations

from collections.abc import Iterable

from collab.ot import Delta

from .texts import units


def earlier(start: int, end: int, deltas: Iterable[Delta]) -> tuple[int, int]:
    """Where a range was before all of ``deltas``, which are given in their order.

    What is in a text that was inserted since was where that text begins. Text that was deleted
    at an end of the range was outside of it; an empty range held what was deleted there.
    """
    for delta in reversed(list(deltas)):
        before = _before(start, delta, after_deleted=True), _before(end, delta, False)
        start, end = min(before), max(before)
    return start, end


def _before(position: int, delta: Delta, after_deleted: bool) -> int:
    old = new = 0
    for op in delta.ops:
        if "delete" in op:
            if position == new and not after_deleted:
                return old
            old += op["delete"]
            continue
        inserted = op.get("insert")
        if inserted is None:
            length = op["retain"]
        else:
            length = units(inserted) if isinstance(inserted, str) else 1
        if position < new + length:
            return old + position - new if inserted is None else old
        new += length
        if inserted is None:
            old += length
    return old + position - new
