"""Who else has a database open, and when that is dangerous.

SQLite keeps several programs apart by itself, and the writers of two servers only slow each
other down. Before 3.51.3 it had a fault, though (the "WAL-reset bug"): two connections that
write at once could, in a rare race, damage the file. One server has one writer; so only its
neighbours matter.
"""

from __future__ import annotations

import logging
import os
import sqlite3
from pathlib import Path

try:
    import fcntl
except ImportError:  # Windows has no such locks; there nobody is warned.
    fcntl = None  # type: ignore[assignment]  # A module, or None where there is none.

log = logging.getLogger(__name__)

_MENDED = ((3, 51, 3), (3, 50, 7), (3, 44, 6))
"""The first version without the fault, and the versions that it was mended in afterwards."""


def has_reset_bug(version: tuple[int, int, int]) -> bool:
    """Whether that version of SQLite can damage a database that two connections write to."""
    mended, *branches = _MENDED
    if version >= mended:
        return False
    return not any(version[:2] == branch[:2] and version >= branch for branch in branches)


class Presence:
    """Makes a server's use of a database known to other servers on the same machine.

    It is a shared lock on the folder, which a program that ends, however it ends, lets go of.
    """

    def __init__(self, path: Path) -> None:
        self._folder: int | None = None
        if fcntl is None:
            return
        try:
            self._folder = os.open(path.parent, os.O_RDONLY)
            alone = _lock(self._folder, fcntl.LOCK_EX)
            _lock(self._folder, fcntl.LOCK_SH)
        except OSError:
            return  # A file system without such locks: nobody is warned.
        if not alone and has_reset_bug(sqlite3.sqlite_version_info[:3]):
            log.warning(
                "Another Collab uses a database in %s, and SQLite %s has a fault that can damage"
                " a database with two writers. Stop one of them, or use SQLite 3.51.3 or later.",
                path.parent,
                sqlite3.sqlite_version,
            )

    def close(self) -> None:
        """Let go."""
        if self._folder is not None:
            os.close(self._folder)
            self._folder = None


def _lock(folder: int, kind: int) -> bool:
    try:
        fcntl.flock(folder, kind | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
