"""What a client has to change when the server committed something else than it sent."""

from __future__ import annotations

from typing import Any

from collab.ot import Delta
from collab.ot.attributes import same

_UNKNOWN = "\uffff"
"""Stands for a character that the client deleted and therefore does not know any more. No
character at all in Unicode: what a document holds is never mistaken for it in earnest, and
when it is, the document is merely read afresh."""


def correction(sent: Delta, committed: Delta) -> Delta | None:
    """The delta that leads from the text after ``sent`` to the text after ``committed``.

    None when that can't be known from the two alone, because it would bring back what
    ``sent`` had deleted, or a format that it had changed: then the document has to be read afresh.
    """
    relative = _relative(sent, committed)
    if relative is None:
        return None
    base = sum(op.get("retain", 0) + op.get("delete", 0) for op in sent.ops)
    undo = _unformatted(sent).invert(Delta().insert(_UNKNOWN * base) if base else Delta())
    correct = undo.compose(relative)
    for op in correct.ops:
        if isinstance(op.get("insert"), str) and _UNKNOWN in op["insert"]:
            return None
    return correct


def _unformatted(delta: Delta) -> Delta:
    """``delta`` without what it does to the formats of what it retains."""
    result = Delta()
    for op in delta.ops:
        if "retain" in op:
            result.retain(op["retain"])
        elif "delete" in op:
            result.delete(op["delete"])
        else:
            result.insert(op["insert"], op.get("attributes"))
    return result


def _relative(sent: Delta, committed: Delta) -> Delta | None:
    """``committed`` with the formats of what it retains as changes of what ``sent`` left there.

    None when ``sent`` changed a format that ``committed`` leaves as it was, whatever that is.
    """
    result, walk = Delta(), _Formats(sent)
    for op in committed.ops:
        if "insert" in op:
            result.insert(op["insert"], op.get("attributes"))
            continue
        theirs = op.get("attributes", {})
        for length, ours in walk.next(op.get("retain", 0) + op.get("delete", 0)):
            if "delete" in op:
                result.delete(length)
            elif not ours.keys() <= theirs.keys():
                return None
            else:
                changed = {
                    key: value
                    for key, value in theirs.items()
                    if key not in ours or not same(ours[key], value)
                }
                result.retain(length, changed or None)
    return result if not any(ours for _, ours in walk.rest()) else None


class _Formats:
    """What a delta does to the formats of the text it applies to, from its beginning on."""

    def __init__(self, delta: Delta) -> None:
        self._steps: list[tuple[int, dict[str, Any]]] = [
            (op.get("retain", 0) + op.get("delete", 0), op.get("attributes", {}))
            for op in reversed(delta.ops)
            if "insert" not in op
        ]

    def next(self, length: int) -> list[tuple[int, dict[str, Any]]]:
        """The next units, in pieces of equal formats: how many, and what becomes of them."""
        found = []
        while length and self._steps:
            size, formats = self._steps.pop()
            if size > length:
                self._steps.append((size - length, formats))
            found.append((min(size, length), formats))
            length -= found[-1][0]
        return [*found, (length, {})] if length else found

    def rest(self) -> list[tuple[int, dict[str, Any]]]:
        """Everything that was not asked for yet."""
        return self._steps
