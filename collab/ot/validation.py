"""The door: any JSON value becomes a normalised list of parts, or an error that says where."""

from __future__ import annotations

import math
from typing import Any

from collab.ot.attributes import Attributes
from collab.ot.errors import InvalidOperation
from collab.ot.parts import Part, chop, size, tidy
from collab.ot.units import to_units

MAX_LENGTH = 2**31 - 1
"""The longest a retain, a delete or an insert may be, in units."""

MAX_DEPTH = 32
"""How many objects and arrays may stand inside one another in an embed or in attributes."""

MAX_EXACT = 2**53 - 1
"""The largest whole number that a browser reads exactly."""

INHERITED_NAMES = frozenset(
    {
        "__defineGetter__",
        "__defineSetter__",
        "__lookupGetter__",
        "__lookupSetter__",
        "__proto__",
        "constructor",
        "hasOwnProperty",
        "isPrototypeOf",
        "propertyIsEnumerable",
        "toLocaleString",
        "toString",
        "valueOf",
    }
)
"""Names that every JavaScript object has without being given them. Browsers would lose an
attribute or an embed of such a name, or take it to be there where it is not."""

_KINDS = ("insert", "retain", "delete")


def parse(ops: object) -> list[Part]:
    """Return the parts of a delta in its JSON form (a list of objects).

    Raises InvalidOperation, whose sentence counts the delta's elements from 0.
    """
    if not isinstance(ops, (list, tuple)):
        raise InvalidOperation(f"A delta is a list of operations, not {_described(ops)}.")
    parts: list[Part] = []
    untidy = False
    last = 0  # what the last part is: 0 nothing or a plain retain, 1 an insert, 2 anything else
    for op in ops:
        # Most of what people type is one plain insert, retain or delete: no detours for these.
        if type(op) is dict and len(op) == 1:
            for key, value in op.items():
                if type(value) is int:
                    if 0 < value <= MAX_LENGTH:
                        if key == "retain":
                            if last == 0 and parts:
                                untidy = True
                            parts.append(value)
                            last = 0
                            continue
                        if key == "delete":
                            if last == 2:
                                untidy = True
                            parts.append(-value)
                            last = 2
                            continue
                elif type(value) is str and key == "insert" and value:
                    if not value.isascii():
                        value = _units(value, len(parts))
                    if last:
                        untidy = True
                    parts.append(value)
                    last = 1
                    continue
                parts.append(_part(op, len(parts)))
                untidy = True
                last = 2
        else:
            parts.append(_part(op, len(parts)))
            untidy = True
            last = 2
    if untidy:
        parts = tidy(parts)
        for part in parts:
            if size(part) > MAX_LENGTH:
                raise InvalidOperation(f"Neighbours add up to more than {MAX_LENGTH} units.")
    return chop(parts)


def _part(op: object, index: int) -> Part:
    """Return one element of a delta, checked from every side."""
    if not isinstance(op, dict):
        raise InvalidOperation(f"Element {index} is not an object but {_described(op)}.")
    kinds = [kind for kind in _KINDS if kind in op]
    if len(kinds) != 1:
        raise InvalidOperation(
            f"Element {index} must have exactly one of insert, retain and delete;"
            f" it has {' and '.join(kinds) or 'none'}."
        )
    kind = kinds[0]
    for key in op:
        if key != kind and key != "attributes":
            raise InvalidOperation(f"Element {index} has an unknown key: {key!r:.80}.")
    attributes = check_attributes(op.get("attributes"), f"Element {index}")
    value = op[kind]
    if kind == "insert":
        return insert_part(value, attributes, f"Element {index}")
    if type(value) is not int or not 0 < value <= MAX_LENGTH:
        raise InvalidOperation(
            f"Element {index}: a {kind} is a whole number from 1 to {MAX_LENGTH},"
            f" not {_described(value)}."
        )
    if kind == "delete":
        if attributes is not None:
            raise InvalidOperation(f"Element {index}: a delete has no attributes.")
        return -value
    return (value, attributes) if attributes else value


def insert_part(value: object, attributes: Attributes | None, where: str) -> Part:
    """Return an insert of a text or an embed; attributes that are null are dropped."""
    style = None
    if attributes:
        style = {key: v for key, v in attributes.items() if v is not None} or None
    if isinstance(value, str):
        if not value:
            raise InvalidOperation(f"{where} inserts an empty text.")
        text = _units(value, where)
        return (text, style) if style else text
    if not isinstance(value, dict):
        raise InvalidOperation(
            f"{where}: an insert is a text or an object with one key, not {_described(value)}."
        )
    if not value:
        raise InvalidOperation(f"{where}: an embed has a key that names its type.")
    return (check_object(value, where), style)


def check_attributes(attributes: object, where: str) -> Attributes | None:
    """Return a copy of an object of attributes; None for null and for an empty one."""
    if attributes is None or attributes == {}:
        return None
    if not isinstance(attributes, dict):
        raise InvalidOperation(f"{where}: attributes are an object, not {_described(attributes)}.")
    return check_object(attributes, where)


def refuse_inherited_names(value: object, where: str) -> None:
    """Raise InvalidOperation when an embed or attributes hold one of `INHERITED_NAMES`.

    For what comes in: a document may hold one from before they were refused, and is still read.
    """
    if isinstance(value, dict):
        for key, item in value.items():
            if key in INHERITED_NAMES:
                raise InvalidOperation(f"{where}: {key} is no name for an attribute or an embed.")
            refuse_inherited_names(item, where)
    elif isinstance(value, list):
        for item in value:
            refuse_inherited_names(item, where)


def check_object(value: dict[Any, Any], where: str) -> dict[str, Any]:
    """Return a copy of a JSON object that every part of the system can hold, or raise."""
    copy = _checked(value, where, 1)
    assert isinstance(copy, dict)
    return copy


def _checked(value: object, where: str, depth: int) -> object:
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, str):
        _check_text(value, where)
        return value
    if isinstance(value, int):
        if not -MAX_EXACT <= value <= MAX_EXACT:
            raise InvalidOperation(f"{where}: a number is too large to be exact in a browser.")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InvalidOperation(f"{where}: {value} is no number in JSON.")
        # 1.0 and 1 are one number in JSON.
        return int(value) if value.is_integer() and abs(value) <= MAX_EXACT else value
    if depth > MAX_DEPTH:
        raise InvalidOperation(f"{where} is nested deeper than {MAX_DEPTH}.")
    if isinstance(value, list):
        return [_checked(item, where, depth + 1) for item in value]
    if not isinstance(value, dict):
        raise InvalidOperation(f"{where}: {type(value).__name__} is no JSON value.")
    copy: dict[str, object] = {}
    for key, item in value.items():
        if not isinstance(key, str):
            raise InvalidOperation(f"{where}: a key of an object is a text, not {key!r:.80}.")
        _check_text(key, where)
        copy[key] = _checked(item, where, depth + 1)
    return copy


def _check_text(text: str, where: str) -> None:
    """Raise unless a text inside an embed or attributes can be stored anywhere."""
    _units(text, where)
    if "\0" in text:
        raise InvalidOperation(f"{where}: a text may not contain U+0000.")


def _units(text: str, where: str | int) -> str:
    try:
        return to_units(text)
    except InvalidOperation as error:
        name = where if isinstance(where, str) else f"Element {where}"
        raise InvalidOperation(f"{name}: {error}") from None


def _described(value: object) -> str:
    if value is None:
        return "null"
    if isinstance(value, (bool, float)):
        return str(value).lower()
    if isinstance(value, int):
        return str(value) if abs(value) < 10**20 else "a number of more than 20 digits"
    names: dict[type, str] = {str: "a text", list: "a list", tuple: "a list", dict: "an object"}
    return names.get(type(value), type(value).__name__)
