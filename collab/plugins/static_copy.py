"""A plugin's static files as they were when it was loaded: its author writes over them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

COPY_SIZE = 4 * 1024 * 1024
"""Bytes of static files that are copied at most; of more there is no copy."""


@dataclass(frozen=True, slots=True)
class StaticCopy:
    """What was in a plugin's folder ``static``."""

    generation: int
    """`Loaded.generation` of that time."""
    files: Mapping[str, bytes]
    """By path from the folder, with ``/``."""


def copied(folder: Path | None, generation: int) -> StaticCopy | None:
    """The files in a folder; None when there is none, they are too large, or can't be read."""
    if folder is None:
        return None
    files = {}
    left = COPY_SIZE
    try:
        for path in folder.rglob("*"):
            if not path.is_file():
                continue
            left -= path.stat().st_size
            if left < 0:
                return None
            files[path.relative_to(folder).as_posix()] = path.read_bytes()
    except OSError:
        return None
    return StaticCopy(generation, files)
