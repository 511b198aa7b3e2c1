"""What two documents begin and end with alike: text, embeds and attributes."""

from __future__ import annotations

from collab.ot.attributes import Attributes, same
from collab.ot.parts import Embed, Part, size
from collab.ot.units import cuts_pair

STEP = 64 * 1024
"""Units that are compared in one go."""


def common_start(a: list[Part], b: list[Part]) -> int:
    """Return how many units two documents have in common from their beginnings."""
    return _common(a, b, backwards=False)


def common_end(a: list[Part], b: list[Part]) -> int:
    """Return how many units two documents have in common up to their ends."""
    return _common(a, b, backwards=True)


def cuts_character(parts: list[Part], position: int) -> bool:
    """Say whether a document would be cut inside a character before unit `position`."""
    for part in parts:
        length = size(part)
        if position < length:
            content, _ = _read(part)
            return isinstance(content, str) and cuts_pair(content, position)
        position -= length
    return False


def _common(a: list[Part], b: list[Part], *, backwards: bool) -> int:
    parts_a, parts_b = iter(reversed(a) if backwards else a), iter(reversed(b) if backwards else b)
    done = 0
    text_a = text_b = ""
    style_a: Attributes | None = None
    style_b: Attributes | None = None
    at_a = at_b = 0  # how much of the texts is done
    while True:
        if at_a == len(text_a):
            content, style_a = _read(next(parts_a, None))
            if not isinstance(content, str):
                if at_b < len(text_b):
                    return done
                other, style_b = _read(next(parts_b, None))
                if content is None or not (same(content, other) and same(style_a, style_b)):
                    return done
                done += 1
                text_a = text_b = ""
                at_a = at_b = 0
                continue
            text_a, at_a = content, 0
        if at_b == len(text_b):
            content, style_b = _read(next(parts_b, None))
            if not isinstance(content, str):
                return done
            text_b, at_b = content, 0
        if not same(style_a, style_b):
            return done
        length = min(len(text_a) - at_a, len(text_b) - at_b, STEP)
        one, two = _slice(text_a, at_a, length, backwards), _slice(text_b, at_b, length, backwards)
        if one != two:
            return done + _equal(one, two, backwards)
        done += length
        at_a += length
        at_b += length


def _read(part: Part | None) -> tuple[str | int | Embed | None, Attributes | None]:
    if part is None:
        return None, None
    if type(part) is tuple:
        return part
    assert not isinstance(part, tuple)
    return part, None


def _slice(text: str, at: int, length: int, backwards: bool) -> str:
    if backwards:
        return text[len(text) - at - length : len(text) - at]
    return text[at : at + length]


def _equal(one: str, two: str, backwards: bool) -> int:
    """Return how many units two different texts of one length have in common at one end."""
    low, high = 0, len(one)  # so many are equal; so many are not
    while high - low > 1:
        middle = (low + high) // 2
        if _slice(one, 0, middle, backwards) == _slice(two, 0, middle, backwards):
            low = middle
        else:
            high = middle
    return low
