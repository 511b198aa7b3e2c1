"""The algebra of attributes (formats), on plain dicts or None. The same as quill-delta 5.1.

None and {} both mean "nothing"; results that are empty are None, except for `invert`. A value of
None in an attribute means "take it away". Values are any JSON and are never changed, so they may be
shared.
"""

from __future__ import annotations

from typing import Any

Attributes = dict[str, Any]


def same(a: object, b: object) -> bool:
    """Say whether two JSON values are identical. Unlike Python's ==, True is not 1."""
    return a is b or (a == b and _same_types(a, b))


def _same_types(a: object, b: object) -> bool:
    # a == b is known: only a boolean that met a number is left to find.
    if isinstance(a, dict) and isinstance(b, dict):
        return all(_same_types(value, b[key]) for key, value in a.items())
    if isinstance(a, list) and isinstance(b, list):
        return all(map(_same_types, a, b))
    return isinstance(a, bool) is isinstance(b, bool)


def compose(
    a: Attributes | None, b: Attributes | None, keep_null: bool = False
) -> Attributes | None:
    """Return what `a` and then `b` amount to; `b` wins. `keep_null` keeps b's removals."""
    if not b:
        return a or None
    composed = b if keep_null else {key: v for key, v in b.items() if v is not None}
    if a:
        composed = {**composed, **{key: v for key, v in a.items() if key not in b}}
    return composed or None


def transform(
    a: Attributes | None, b: Attributes | None, priority: bool = False
) -> Attributes | None:
    """Return `b` as it is to be applied after `a`. With `priority` a's values stay."""
    if not b:
        return None
    if not a or not priority:
        return b
    return {key: value for key, value in b.items() if key not in a} or None


def invert(attributes: Attributes | None, base: Attributes | None) -> Attributes:
    """Return what undoes `attributes` on something that had `base`."""
    inverted: Attributes = {}
    had = base or {}
    for key, value in had.items():
        if attributes and key in attributes and not _identical(value, attributes[key]):
            inverted[key] = value
    for key in attributes or {}:
        if key not in had:
            inverted[key] = None
    return inverted


def _identical(a: object, b: object) -> bool:
    # quill-delta compares with ===, by which two equal objects or lists are different.
    return not isinstance(a, (dict, list)) and same(a, b)


def diff(a: Attributes | None, b: Attributes | None) -> Attributes | None:
    """Return what makes `a` into `b`."""
    before, after = a or {}, b or {}
    changes = {key: after.get(key) for key in before if key not in after}
    for key, value in after.items():
        if key not in before or not same(before[key], value):
            changes[key] = value
    return changes or None
