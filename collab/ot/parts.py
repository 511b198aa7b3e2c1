"""The packed form of a delta: a list in which each part is as small as it can be.

    "text"                 insert text (in UTF-16 code units)
    5                      retain 5 units
    -3                     delete 3 units
    ("text", attributes)   insert formatted text
    (embed, attributes)    insert an embed, of length 1; attributes may be None
    (5, attributes)        retain 5 units and change their attributes

Normal form: no empty part, neighbours of one kind and equal attributes are one part, an insert
stands before a delete at the same place. The end of a list is followed by an endless plain retain,
so that a plain retain at the end says nothing and is dropped.
"""

from __future__ import annotations

from typing import Any, TypeAlias

from collab.ot.attributes import Attributes, same

Embed: TypeAlias = dict[str, Any]
Rich: TypeAlias = tuple[str | int | Embed, Attributes | None]
Part: TypeAlias = str | int | Rich


def size(part: Part) -> int:
    """Return how many units a part inserts, retains or deletes."""
    if type(part) is str:
        return len(part)
    if type(part) is int:
        return part if part > 0 else -part
    assert type(part) is tuple
    content = part[0]
    if type(content) is str:
        return len(content)
    return content if type(content) is int else 1


def is_insert(part: Part) -> bool:
    """Say whether a part inserts."""
    return type(part) is str or (type(part) is tuple and type(part[0]) is not int)


def tidy(parts: list[Part]) -> list[Part]:
    """Return the parts in normal form, but for a plain retain at the end, in linear time."""
    out: list[Part] = []
    inserts: list[Part] = []
    deleted = 0
    for part in parts:
        if type(part) is int and part < 0:
            deleted += part
        elif is_insert(part):
            inserts.append(part)
        else:
            if inserts or deleted:
                _close(out, inserts, deleted)
                inserts = []
                deleted = 0
            out.append(_merged_retain(out.pop(), part, out) if out else part)
    if inserts or deleted:
        _close(out, inserts, deleted)
    return out


def _merged_retain(last: Part, part: Part, out: list[Part]) -> Part:
    """Return one retain for two, or put the first back when they differ."""
    if type(last) is int and type(part) is int and last > 0:
        return last + part
    if type(last) is tuple and type(part) is tuple:
        kept, more = last[0], part[0]
        if type(kept) is int and type(more) is int and same(last[1], part[1]):
            return (kept + more, last[1])
    out.append(last)
    return part


def _close(out: list[Part], inserts: list[Part], deleted: int) -> None:
    join_inserts(inserts, out)
    if deleted:
        out.append(deleted)


def join_inserts(inserts: list[Part], out: list[Part]) -> None:
    """Append inserts to `out`, neighbouring texts of equal attributes as one."""
    texts: list[str] = []
    attributes: Attributes | None = None
    for part in inserts:
        if type(part) is str:
            text, style = part, None
        elif type(part) is tuple and type(part[0]) is str:
            text, style = part[0], part[1]
        else:
            _write(out, texts, attributes)
            out.append(part)
            texts = []
            continue
        if texts and not same(style, attributes):
            _write(out, texts, attributes)
            texts = []
        attributes = style
        texts.append(text)
    _write(out, texts, attributes)


def _write(out: list[Part], texts: list[str], attributes: Attributes | None) -> None:
    if texts:
        text = texts[0] if len(texts) == 1 else "".join(texts)
        out.append((text, attributes) if attributes else text)


def chop(parts: list[Part]) -> list[Part]:
    """Drop, in place, a plain retain at the end."""
    if parts:
        last = parts[-1]
        if type(last) is int and last > 0:
            parts.pop()
    return parts


def equal(a: list[Part], b: list[Part]) -> bool:
    """Say whether two lists are the same delta; strictly, so that True is not 1."""
    if a != b:
        return False
    return all(
        type(one) is not tuple
        or (type(two) is tuple and same(one[0], two[0]) and same(one[1], two[1]))
        for one, two in zip(a, b, strict=True)
    )
