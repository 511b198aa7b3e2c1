"""Plugins that decide who may do what, or which edits are taken, and are not running: nobody can
ask them.

What such a plugin would say is not known, so a server that misses one serves its operator only.
Whether a plugin decides is seen without running its code, which may be what is broken:

- the settings rely on it when they name it: by a table ``plugins.NAME``, or in ``plugins_on``;
- one that nobody names counts when it would be on, and its files hold the name of a hook that
  decides, or ``fail_closed``, or can't be read;
- of a bundled plugin both have to be so: with its default settings none of them decides;
- ``plugins_off`` is how an operator says that a plugin shall not decide.
"""

from __future__ import annotations

import importlib.util
import os
import re
from collections.abc import Iterator
from importlib.metadata import EntryPoint
from pathlib import Path

from collab.plugins.guard import HARMLESS

QUESTIONS = frozenset({"authenticate", "authorize"})
"""The hooks that decide who somebody is and what they may do."""

_NAMED = re.compile(rb"authenticate|authori[sz]e|fail_closed")
"""One of `QUESTIONS`, also as somebody writes it who finds that it is not called; or the mark of
an implementation that may not be passed over."""

_CODE = frozenset({".py", ".pyd", ".so"})


def may_decide(source: Path | EntryPoint, *, bundled: bool, named: bool, switched_on: bool) -> bool:
    """Whether a plugin that is not running has to be taken for one that decides.

    ``named``: the settings name it. ``switched_on``: it would run if it could.
    """
    if bundled:
        return named and mentions(source)
    return named or (switched_on and mentions(source))


def mentions(source: Path | EntryPoint) -> bool:
    """Whether a plugin's files name what `_NAMED` stands for; also when they can't be read."""
    try:
        place = source if isinstance(source, Path) else _installed(source)
        return place is None or any(_NAMED.search(file.read_bytes()) for file in _code(place))
    except HARMLESS:  # an installed package may have an import hook that fails
        return True


def _code(place: Path) -> Iterator[Path]:
    """The files of a plugin's code, in a folder or the one file. Raises OSError."""
    if not place.is_dir():
        yield place
        return
    for folder, _, names in os.walk(place, onerror=_raise):
        yield from (Path(folder, name) for name in names if Path(name).suffix in _CODE)


def _raise(error: OSError) -> None:
    raise error


def _installed(point: EntryPoint) -> Path | None:
    """Where the innermost package of an entry point is, found without importing any of it."""
    top, *below = point.module.split(".")
    spec = importlib.util.find_spec(top)
    if spec is None or spec.origin is None:
        return None
    if spec.submodule_search_locations is None:
        return Path(spec.origin)
    place = Path(spec.origin).parent
    for name in below:
        if not (place / name).is_dir():
            break
        place /= name
    return place
