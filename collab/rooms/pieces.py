"""An edit made on the server that is larger than one may be: taken as several, all or none.

A page's content that is replaced, or an earlier revision that is restored, may change everything.
As one operation it would keep the event loop from everybody else, and each reader would have to
take it at once. So it is cut into operations such as any client may send (see
`collab.rooms.vetting.Vetting.edit_large` for how they stay one edit).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from collab.ot import Delta, precedes
from collab.ot.parts import Part, is_insert, size, tidy
from collab.ot.units import cuts_pair
from collab.protocol.settings import Limits


def is_too_large(delta: Delta, limits: Limits) -> bool:
    """Whether an edit is more than one operation may be."""
    return (
        len(delta.parts) > limits.operation_parts
        or delta.insert_length() > limits.operation_size
    )


def in_pieces(delta: Delta, limits: Limits) -> list[Delta]:
    """Deltas that follow each other and together are ``delta``, none of them too large.

    What is deleted comes first: in between the document is never longer than before or after.
    """
    return [*_cut_up(_deletions(delta), limits), *_cut_up(_additions(delta), limits)]


def _cut_up(whole: Iterable[Part], limits: Limits) -> list[Delta]:
    # Each begins with a retain of its own.
    most = max(limits.operation_parts - 1, 1)
    pieces: list[Delta] = []
    parts: list[Part] = []
    start = end = room = 0

    def close() -> None:
        nonlocal parts, start, room
        if any(type(part) is not int or part < 0 for part in parts):
            pieces.append(Delta.of_parts(tidy([start, *parts] if start else parts)).chop())
        parts, start, room = [], end, limits.operation_size

    close()
    for part in whole:
        rest: Part | None = part
        while rest is not None:
            if len(parts) >= most or (is_insert(rest) and _beginning(rest, room) == 0):
                close()
            first, rest = _cut(rest, room)
            if is_insert(first):
                room -= size(first)
            if not (type(first) is int and first < 0):
                end += size(first)
            if type(first) is int and first > 0 and not parts:
                start += first
            else:
                parts.append(first)
    close()
    return pieces


def _deletions(delta: Delta) -> Iterator[Part]:
    """The part of an edit that deletes."""
    for part in delta.parts:
        if not is_insert(part):
            yield part if type(part) is int else size(part)


def _additions(delta: Delta) -> Iterator[Part]:
    """The rest of it, as it applies after its `_deletions`: what is inserted and formatted."""
    for part in delta.parts:
        if not (type(part) is int and part < 0):
            yield part


def _beginning(part: Part, units: int) -> int:
    """How many units of an insert fit into ``units``, in whole characters."""
    content = part[0] if type(part) is tuple else part
    if type(content) is not str or len(content) <= units:
        return size(part) if size(part) <= units else 0
    at = max(units, 0)
    return at - 1 if cuts_pair(content, at) else at


def _cut(part: Part, units: int) -> tuple[Part, Part | None]:
    """As much of a part as may be inserted, a character at least, and what is left of it."""
    content, style = part if type(part) is tuple else (part, None)
    if type(content) is not str or len(content) <= units:
        return part, None
    at = _beginning(part, units) or (2 if cuts_pair(content, 1) else 1)
    if at == len(content):
        return part, None
    first, rest = content[:at], content[at:]
    return ((first, style), (rest, style)) if style else (first, rest)


def moved(delta: Delta, theirs: Iterable[tuple[str, Delta]], client: str) -> Delta:
    """``delta``, which is ``client``'s, as it applies after operations that were made on the same
    content."""
    for author, other in theirs:
        delta = other.transform(delta, precedes(author, client))
    return delta
