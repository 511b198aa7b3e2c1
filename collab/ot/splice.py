"""The delta that nearly everybody makes nearly always: at one place, delete and insert plain text.

A splice is (position, text, deleted): retain `position` units, insert `text`, delete `deleted`
units. Two of them compose and transform by a little arithmetic, many times faster than lists of
parts do. Where the answer would not be a splice, the functions here say None.
"""

from __future__ import annotations

from typing import TypeAlias

from collab.ot.errors import InvalidOperation
from collab.ot.parts import Part
from collab.ot.units import cuts_pair

Splice: TypeAlias = tuple[int, str, int]


def as_splice(parts: list[Part]) -> Splice | None:
    """Read parts as a splice, if that is what they are."""
    count = len(parts)
    if count == 2:
        first, second = parts
        if type(first) is int:
            if first > 0:
                if type(second) is str:
                    return first, second, 0
                if type(second) is int:
                    return first, "", -second
        elif type(first) is str and type(second) is int and second < 0:
            return 0, first, -second
    elif count == 1:
        first = parts[0]
        if type(first) is str:
            return 0, first, 0
        if type(first) is int and first < 0:
            return 0, "", -first
    elif count == 3:
        first, second, third = parts
        if (
            type(second) is str
            and type(first) is int
            and first > 0
            and type(third) is int
            and third < 0
        ):
            return first, second, -third
    return None


def as_parts(position: int, text: str, deleted: int) -> list[Part]:
    """Write a splice as parts in normal form."""
    if deleted:
        if text:
            return [position, text, -deleted] if position else [text, -deleted]
        return [position, -deleted] if position else [-deleted]
    if text:
        return [position, text] if position else [text]
    return []


def transform_splices(a: Splice, b: Splice, priority: bool) -> list[Part] | None:
    """Return the parts of `b` as they are to be applied after `a`; None if that is no splice."""
    position, theirs, gone = a
    start, text, deleted = b
    end = position + gone
    stop = start + deleted
    if position > start:
        if position < stop:
            if theirs:  # it parts what we delete
                return None
            deleted = position - start if end >= stop else deleted - gone
    elif position < start:
        if end <= start:
            start += len(theirs) - gone
        else:  # it deletes the place we are at, perhaps some of what we delete
            start = position + len(theirs)
            deleted = stop - end if end < stop else 0
    else:
        if theirs:
            if priority or not text:
                start += len(theirs)
            elif end < stop:  # our text stays left of theirs, which is not for us to delete
                return None
        deleted = stop - end if end < stop else 0
    if deleted:
        if text:
            return [start, text, -deleted] if start else [text, -deleted]
        return [start, -deleted] if start else [-deleted]
    if text:
        return [start, text] if start else [text]
    return []


def compose_splices(a: Splice, b: Splice) -> list[Part]:
    """Return the parts of a-then-b. Raises InvalidOperation where b cuts a character of a's."""
    at, text, deleted = a
    position, fresh, gone = b
    end = position + gone
    until = at + len(text)
    if position > until:
        between = position - until
        return [*as_parts(at, text, deleted), *as_parts(between, fresh, gone)]
    if end < at:
        return [*as_parts(position, fresh, gone), *as_parts(at - end, text, deleted)]
    left = position - at if position > at else 0
    right = end - at if end < until else len(text)
    if cuts_pair(text, left) or cuts_pair(text, right):
        raise InvalidOperation("A composed delta would cut a character in half.")
    return as_parts(
        at if at < position else position,
        text[:left] + fresh + text[right:],
        deleted + gone - (right - left),
    )
