"""An edit made on the server that is larger than one may be: taken as several, one after another.

A page's content that is put anew, or an earlier revision that is restored, may change everything.
As one operation it would keep the event loop from everybody else, and each reader would have to
take it at once. So it is cut into operations such as any client may send.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Protocol

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
    """Deltas that follow each other and together are ``delta``, none of them too large."""
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
    for part in _deletes_first(delta.parts):
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


def _deletes_first(parts: list[Part]) -> Iterator[Part]:
    """Parts, what is deleted at a place before what is inserted there: so a document that is
    replaced does not grow past its limit in between."""
    inserts: list[Part] = []
    for part in parts:
        if is_insert(part):
            inserts.append(part)
            continue
        if type(part) is int and part < 0:
            yield part
            continue
        yield from inserts
        inserts = []
        yield part
    yield from inserts


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


class Orders(Protocol):
    """What gives operations their place."""

    @property
    def newest(self) -> int:
        """The last revision that was given."""

    def history(self, since: int) -> Sequence[tuple[str, Delta]]:
        """The operations after a revision, and the client of each. Raises `CollabError`."""

    async def take(self, base: int, delta: Delta, *, last: bool) -> int:
        """Have a delta taken that was made on revision ``base``; its revision.

        ``last``: nothing of the edit comes after it. Raises `CollabError`.
        """


async def take_in_turn(pieces: Sequence[Delta], base: int, client: str, orders: Orders) -> int:
    """Have all ``pieces`` taken, made on revision ``base`` by ``client``; the last's revision.

    What others write between two of them moves those that follow. Raises `CollabError`: what
    was taken before stays.
    """
    theirs: list[tuple[str, Delta]] = []  # since `base`, as it applies after the pieces so far
    revision = base
    for number, piece in enumerate(pieces, 1):
        newest = orders.newest
        theirs += orders.history(revision)
        piece, theirs = _moved(piece, theirs, client)
        if piece.empty:
            revision = newest
            continue
        revision = await orders.take(newest, piece, last=number == len(pieces))
        # Others may have been faster while it was looked at.
        between = orders.history(newest)[: revision - newest - 1]
        theirs += _moved(piece, between, client)[1]
    return revision


def _moved(
    piece: Delta, theirs: Iterable[tuple[str, Delta]], client: str
) -> tuple[Delta, list[tuple[str, Delta]]]:
    """``piece`` as it applies after operations that were made on the same content, and they as
    they apply after it."""
    moved: list[tuple[str, Delta]] = []
    for author, delta in theirs:
        first = precedes(author, client)
        moved.append((author, piece.transform(delta, not first)))
        piece = delta.transform(piece, first)
    return piece, moved
