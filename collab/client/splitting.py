"""Cutting an edit that is larger than the server takes at once into two that follow each other."""

from __future__ import annotations

import json
from typing import Any

from collab.ot import Delta

Op = dict[str, Any]

ROOM = 256
"""Bytes of a message that are not its delta."""


def split(
    delta: Delta, units: int, size: int, parts: int | None = None
) -> tuple[Delta, Delta | None]:
    """``(first, rest)`` with ``first.compose(rest) == delta``; ``rest`` is None if it fits whole.

    ``first`` inserts at most ``units`` UTF-16 code units and takes at most ``size`` bytes of
    JSON, except that it always makes some progress: a character or an embed is never cut.
    It has half as many parts as ``parts`` says may be sent, since what others write meanwhile may
    part it further before it is sent again.
    """
    most = None if parts is None else max(parts // 2, 1)
    ops = delta.ops
    first: list[Op] = []
    output = 0
    progress = False
    for index, op in enumerate(ops):
        if most is not None and progress and len(first) >= most:
            remaining = ops[index:]
            break
        text = op.get("insert")
        # A character takes a byte at least: what is longer need not be written out.
        if isinstance(text, str) and len(text) > min(units, size):
            length, cost = len(text), size + 1
        else:
            length, cost = inserted_units(op), _bytes(op)
        plain_retain = "retain" in op and "attributes" not in op
        if (cost > size or length > units) and not plain_retain:
            if isinstance(text, str):
                taken = _beginning(op, units, size) or ("" if progress else text[0])
                if taken:
                    part = {**op, "insert": taken}
                    first.append(part)
                    output += inserted_units(part)
                remaining = ops[index + 1 :]
                if taken != text:
                    remaining.insert(0, {**op, "insert": text[len(taken) :]})
                break
            if progress:
                remaining = ops[index:]
                break
        first.append(op)
        units -= length
        size -= cost
        output += length or op.get("retain", 0)
        progress = progress or not plain_retain
    else:
        return delta, None
    if not remaining:
        return delta, None
    return Delta(first), Delta([{"retain": output}, *remaining] if output else remaining)


def inserted_units(op: Op) -> int:
    """How many UTF-16 code units an op inserts; an embed counts as one."""
    if "insert" not in op:
        return 0
    return _units(op["insert"]) if isinstance(op["insert"], str) else 1


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2


def _bytes(op: Op) -> int:
    """What an op takes in JSON, its comma included; never less than it does on the wire."""
    return len(json.dumps(op)) + 1


def _beginning(op: Op, units: int, size: int) -> str:
    """As much of an insert as fits, in whole characters; not necessarily all that would."""
    text: str = op["insert"][: max(units, 0)]
    while text and (excess := _units(text) - units) > 0:
        text = text[: len(text) - (excess + 1) // 2]
    while text and _bytes({**op, "insert": text}) > size:
        text = text[: len(text) // 2]
    return text
