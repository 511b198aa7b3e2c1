"""The smallest edit between two documents, and a good one when the smallest would take too long.

Documents are compared character by character, not unit by unit, so that no edit ever cuts a pair;
an embed is one character that equals its equals. What two documents have in common is retained, and
only its attributes changed.
"""

from __future__ import annotations

from collections.abc import Iterator

from collab.ot import attributes as formats
from collab.ot.canonical import canonical
from collab.ot.combine import cut_out
from collab.ot.errors import InvalidOperation
from collab.ot.matching import Tokens, matches
from collab.ot.parts import Part, chop, is_insert, size, tidy
from collab.ot.trimming import common_end, common_start, cuts_character
from collab.ot.units import to_text, to_units

LARGE = 128 * 1024
"""Units of two documents, up to which they are compared character by character at once."""

FINEST = 2 * 1024 * 1024
"""Units of what is left of two documents without what they begin and end with. More is taken to
be another text: it would take a second, and a list of each character."""


def diff(a: list[Part], b: list[Part]) -> list[Part]:
    """Return the parts that make document `a` into document `b`.

    Raises InvalidOperation unless both are documents.
    """
    if not (all(map(is_insert, a)) and all(map(is_insert, b))):
        raise InvalidOperation("Only two documents can be compared: deltas of inserts only.")
    long, other = sum(map(size, a)), sum(map(size, b))
    if long + other <= LARGE:
        return _compared(a, b)
    head = common_start(a, b)
    while cuts_character(a, head) or cuts_character(b, head):
        head -= 1
    tail = min(common_end(a, b), min(long, other) - head)
    while cuts_character(a, long - tail) or cuts_character(b, other - tail):
        tail -= 1
    before, after = cut_out(a, head, long - tail), cut_out(b, head, other - tail)
    if long + other - 2 * (head + tail) <= FINEST:
        changed = _compared(before, after)
    else:
        removed = long - tail - head
        changed = [*after, -removed] if removed else after
    return chop(tidy([head, *changed] if head else changed))


def _compared(a: list[Part], b: list[Part]) -> list[Part]:
    embeds: dict[str, int] = {}
    before, after = _tokens(a, embeds), _tokens(b, embeds)
    if not (isinstance(before, str) and isinstance(after, str)):
        before, after = list(before), list(after)
    old, new = _Reader(a), _Reader(b)
    out: list[Part] = []
    i = j = 0
    for start, other, count in [*matches(before, after), (len(before), len(after), 0)]:
        for _ in old.take(start - i):
            pass
        out.extend(new.take(other - j))
        if old.passed:
            out.append(-old.passed)
        i, j = start + count, other + count
        old.passed = 0
        _restyle(old, new, count, out)
        old.passed = 0
    return chop(tidy(out))


def _restyle(old: _Reader, new: _Reader, count: int, out: list[Part]) -> None:
    """Retain `count` characters that are equal, and change the attributes that are not."""
    while count:
        length = min(count, old.left, new.left)
        old.passed = 0
        (had,) = old.take(length)
        (has,) = new.take(length)
        change = formats.diff(_style(had), _style(has))
        out.append((old.passed, change) if change else old.passed)
        count -= length


def _style(part: Part) -> formats.Attributes | None:
    return part[1] if type(part) is tuple else None


class _Reader:
    """Reads a document by characters, and counts the units that went by in `passed`."""

    def __init__(self, parts: list[Part]) -> None:
        self._parts = iter(parts)
        self._text: str | None = None  # of the current part, as an ordinary string; None: an embed
        self._part: Part = ""
        self._done = 0
        self._rest = 0
        self.passed = 0

    @property
    def left(self) -> int:
        """How many characters the current part still has."""
        if not self._rest:
            self._next()
        return self._rest

    def _next(self) -> None:
        self._part = next(self._parts)
        content = self._part[0] if type(self._part) is tuple else self._part
        self._text = to_text(content) if type(content) is str else None
        self._done = 0
        self._rest = 1 if self._text is None else len(self._text)

    def take(self, count: int) -> Iterator[Part]:
        """Yield the inserts that make up the next `count` characters."""
        while count:
            length = min(count, self.left)
            if self._text is None:
                self.passed += 1
                piece = self._part
            else:
                text = to_units(self._text[self._done : self._done + length])
                self.passed += len(text)
                piece = (text, self._part[1]) if type(self._part) is tuple else text
            self._done += length
            self._rest -= length
            count -= length
            yield piece


def _tokens(parts: list[Part], embeds: dict[str, int]) -> Tokens:
    """Return a document as a text, or as a list of characters and embeds' numbers."""
    if all(type(part[0] if type(part) is tuple else part) is str for part in parts):
        return to_text("".join(_content(part) for part in parts))
    tokens: list[object] = []
    for part in parts:
        if type(part) is tuple and type(part[0]) is dict:
            tokens.append(embeds.setdefault(canonical(part[0]), len(embeds)))
        else:
            tokens.extend(to_text(_content(part)))
    return tokens


def _content(part: Part) -> str:
    content = part[0] if type(part) is tuple else part
    assert type(content) is str
    return content
