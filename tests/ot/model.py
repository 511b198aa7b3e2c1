"""A document as a plain list, and what an operation does to it: slow, and plainly right.

Nothing here uses the algebra under test. An item is a UTF-16 code unit or an embed, with its
attributes.
"""

from __future__ import annotations

from typing import Any

Op = dict[str, Any]
Item = tuple[object, dict[str, Any]]


def units(text: str) -> list[int]:
    """Return the UTF-16 code units of a text."""
    data = text.encode("utf-16-le")
    return [data[i] | data[i + 1] << 8 for i in range(0, len(data), 2)]


def items(ops: list[Op]) -> list[Item]:
    """Return the items that inserts insert."""
    found: list[Item] = []
    for op in ops:
        content = op["insert"]
        style = op.get("attributes") or {}
        found += [
            (unit, style) for unit in (units(content) if isinstance(content, str) else [content])
        ]
    return found


def applied(document: list[Item], ops: list[Op]) -> list[Item]:
    """Return the document after an operation."""
    result: list[Item] = []
    position = 0
    for op in ops:
        if "insert" in op:
            result += items([op])
            continue
        count = op.get("delete") or op["retain"]
        taken = document[position : position + count]
        assert len(taken) == count, "past the end"
        position += count
        if "retain" in op:
            for content, style in taken:
                new = {**style, **(op.get("attributes") or {})}
                result.append((content, {k: v for k, v in new.items() if v is not None}))
    return result + document[position:]


def text_of(document: list[Item]) -> str:
    """Return the plain text of a document."""
    data = b"".join(unit.to_bytes(2, "little") for unit, _ in document if isinstance(unit, int))
    return data.decode("utf-16-le")
