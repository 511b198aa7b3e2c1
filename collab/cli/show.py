"""``collab settings``: what is in force, and where each value comes from."""

from __future__ import annotations

import re
from typing import Any

from collab.cli.documents import print_table
from collab.cli.loading import Loaded
from collab.cli.options import OPTIONS

SECRET = re.compile(r"secret|password|passwd|token|key", re.IGNORECASE)
_PASSWORD = re.compile(r"(://[^/:@]*:)[^/@]*@")
HIDDEN = "********"


def print_settings(loaded: Loaded) -> None:
    """A line for each setting, secrets left out."""
    rows = []
    for option in OPTIONS:
        value: Any = loaded.settings
        for name in option.path:
            value = getattr(value, name)
        if not option.is_table or not value:
            rows.append((option.key, _shown(option.key, value), loaded.source(option.key)))
            continue
        for path, one in _flat(value, option.path):
            key = ".".join(path)
            shown = HIDDEN if SECRET.search(key) else _shown(key, one)
            rows.append((key, shown, loaded.source(key)))
    print_table(("SETTING", "VALUE", "FROM"), rows)


def _flat(table: dict[str, Any], path: tuple[str, ...]) -> list[tuple[tuple[str, ...], Any]]:
    found: list[tuple[tuple[str, ...], Any]] = []
    for name, value in table.items():
        here = (*path, name)
        deeper = isinstance(value, dict) and path == ("plugins",)
        found += _flat(value, here) if deeper else [(here, value)]
    return found


def _shown(key: str, value: Any) -> str:
    if value is None or value in ("", (), {}):
        return "-"
    if isinstance(value, tuple):
        return ", ".join(value)
    return _PASSWORD.sub(rf"\g<1>{HIDDEN}@", str(value)) if key == "database" else str(value)
