"""The algorithms on lists of parts: compose, transform, invert, slice.

Each walks two lists side by side, taking from both as much as the shorter of the two current parts
holds. A list that has run out goes on as an endless retain, which leaves no edge cases over.
Results are collected roughly and brought into normal form once, so that the cost stays linear.
"""

from __future__ import annotations

from collab.ot import attributes as formats
from collab.ot.attributes import Attributes
from collab.ot.errors import InvalidOperation
from collab.ot.parts import Part, chop, is_insert, size, tidy
from collab.ot.units import cuts_pair

ENDLESS = 1 << 62


def cut(part: Part, start: int, length: int) -> Part:
    """Return `length` units of a part, from `start`. Raises when that leaves half a character."""
    if type(part) is int:
        return length if part > 0 else -length
    if type(part) is str:
        return cut_text(part, start, start + length)
    assert type(part) is tuple
    content, attributes = part
    if type(content) is str:
        return (cut_text(content, start, start + length), attributes)
    if type(content) is int:
        return (length, attributes)
    return part


def cut_text(text: str, start: int, end: int) -> str:
    """Return text[start:end]. Raises InvalidOperation when that leaves half a character."""
    if cuts_pair(text, start) or cuts_pair(text, end):
        raise InvalidOperation(
            f"A character would be cut in half ({start} to {end} of an insert of {len(text)})."
        )
    return text[start:end]


def compose(a: list[Part], b: list[Part]) -> list[Part]:
    """Return the parts of `a`, then `b`, as one."""
    out: list[Part] = []
    taken_a = taken_b = 0  # index of the part after the current one
    x: Part = 0  # the current part of a, how much of it is done and how much left
    y: Part = 0
    done_x = left_x = left_y = 0
    while True:
        if not left_y:
            if taken_b == len(b):
                break
            y = b[taken_b]
            taken_b += 1
            left_y = size(y)
        if is_insert(y):
            out.append(y)
            left_y = 0
            continue
        if not left_x:
            if taken_a == len(a):
                x, done_x, left_x = ENDLESS, 0, ENDLESS
            else:
                x = a[taken_a]
                taken_a += 1
                done_x, left_x = 0, size(x)
        if type(x) is int and x < 0:
            out.append(x)
            left_x = 0
            continue
        length = left_x if left_x < left_y else left_y
        if type(y) is int and y < 0:
            if not is_insert(x):
                out.append(-length)
            elif type(x) is str:
                cut_text(x, done_x, done_x + length)
            else:
                cut(x, done_x, length)
        else:
            kept = cut(x, done_x, length)
            out.append(kept if type(y) is int else _restyled(kept, y))
        done_x += length
        left_x -= length
        left_y -= length
    if left_x and x != ENDLESS:
        out.append(cut(x, done_x, left_x))
    out.extend(a[taken_a:])
    return chop(tidy(out))


def _restyled(part: Part, by: Part) -> Part:
    """Return an insert or a retain with the attributes of the retain `by` put on it."""
    content, old = part if type(part) is tuple else (part, None)
    assert type(by) is tuple and not isinstance(content, tuple)
    new = formats.compose(old, by[1], keep_null=type(content) is int)
    if new or isinstance(content, dict):
        return (content, new)
    return content


def transform(a: list[Part], b: list[Part], priority: bool) -> list[Part]:
    """Return the parts of `b` as they are to be applied after `a`."""
    out: list[Part] = []
    taken_a = taken_b = 0
    x: Part = 0
    y: Part = 0
    left_x = left_y = 0
    x_inserts = y_inserts = False
    kept = 0  # plain retain that is still to be written
    while True:
        if not left_y:
            if taken_b == len(b):
                break
            y = b[taken_b]
            taken_b += 1
            left_y = size(y)
            y_inserts = is_insert(y)
        if not left_x:
            if taken_a == len(a):
                x, left_x, x_inserts = ENDLESS, ENDLESS, False
            else:
                x = a[taken_a]
                taken_a += 1
                left_x = size(x)
                x_inserts = is_insert(x)
        if x_inserts and (priority or not y_inserts):
            kept += left_x
            left_x = 0
            continue
        if y_inserts:
            if kept:
                out.append(kept)
                kept = 0
            out.append(y)
            left_y = 0
            continue
        length = left_x if left_x < left_y else left_y
        left_x -= length
        left_y -= length
        if type(x) is int and x < 0:
            continue  # their delete makes our delete needless and takes away what we retain
        if type(y) is int:
            if y > 0:
                kept += length
                continue
            style: Attributes | None = None
        else:
            style = _transformed_style(x, y, priority)
            if not style:
                kept += length
                continue
        if kept:
            out.append(kept)
            kept = 0
        out.append((length, style) if style else -length)
    return tidy(out)


def _transformed_style(x: Part, y: Part, priority: bool) -> Attributes | None:
    assert type(y) is tuple
    return formats.transform(x[1] if type(x) is tuple else None, y[1], priority)


def transform_position(parts: list[Part], index: int, priority: bool) -> int:
    """Return where the place before unit `index` is after the parts were applied."""
    offset = 0
    for part in parts:
        if offset > index:
            break
        length = size(part)
        if is_insert(part):
            if offset < index or not priority:
                index += length
            offset += length
        elif type(part) is int and part < 0:
            index -= length if length < index - offset else index - offset
        else:
            offset += length
    return index


def invert(parts: list[Part], base: list[Part]) -> list[Part]:
    """Return what undoes the parts on the document `base`."""
    out: list[Part] = []
    taken = 0
    piece: Part = 0
    done = left = 0
    for part in parts:
        if is_insert(part):
            out.append(-size(part))
            continue
        plain = type(part) is int and part > 0
        rest = size(part)
        while rest:
            if not left:
                if taken == len(base):
                    raise InvalidOperation(f"The delta reaches {rest} units past the end.")
                piece = base[taken]
                taken += 1
                done, left = 0, size(piece)
            length = rest if rest < left else left
            original = cut(piece, done, length)
            if plain:
                out.append(length)
            elif type(part) is tuple:
                old = original[1] if type(original) is tuple else None
                undone = formats.invert(part[1], old)
                out.append((length, undone) if undone else length)
            else:
                out.append(original)
            rest -= length
            done += length
            left -= length
    return chop(tidy(out))


def cut_out(parts: list[Part], start: int, end: int) -> list[Part]:
    """Return the parts from unit `start` to unit `end`, each kind of part counted alike."""
    out: list[Part] = []
    offset = 0
    for part in parts:
        if offset >= end:
            break
        length = size(part)
        low = start - offset if start > offset else 0
        high = end - offset if end < offset + length else length
        if low < high:
            out.append(part if high - low == length else cut(part, low, high - low))
        offset += length
    return out
