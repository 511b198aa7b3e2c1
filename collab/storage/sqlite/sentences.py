"""What SQLite's errors mean to an operator, and what to do next."""

from __future__ import annotations

import sqlite3
from pathlib import Path

_DAMAGED = (
    "The database {path} is damaged. Stop the server, keep a copy of the file and restore a backup."
)

_SENTENCES = {
    "SQLITE_FULL": "The disk of {path} is full: nothing was saved. Free some space; saving goes"
    " on by itself.",
    # A part of the file is missing: it was cut off.
    "SQLITE_IOERR_SHORT_READ": _DAMAGED,
    "SQLITE_IOERR": "The disk of {path} reported an error ({error}): what was being saved may be"
    " lost. Look at the disk; saving is tried again with every edit.",
    "SQLITE_READONLY": "The database {path} can't be written to: check the rights of the file and"
    " of its folder, and that the disk is not mounted read-only.",
    "SQLITE_BUSY": "The database {path} is locked by another program. Stop that program; saving"
    " goes on by itself.",
    "SQLITE_CANTOPEN": "The database {path} can't be opened: check that its folder exists and that"
    " its rights let this user read and write.",
    "SQLITE_NOTADB": "{path} is not a SQLite database, or is damaged from its first bytes. Move it"
    " away or restore a backup.",
    "SQLITE_CORRUPT": _DAMAGED,
    "SQLITE_PERM": "This user has no right to use the database {path}.",
    "SQLITE_TOOBIG": "Something to be saved in {path} is larger than SQLite's limit.",
    "SQLITE_NOMEM": "There is not enough memory to use the database {path}.",
}


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite has read what can't be right."""
    damage = ("SQLITE_CORRUPT", "SQLITE_NOTADB", "SQLITE_IOERR_SHORT_READ")
    return error_name(error).startswith(damage)


def damaged(path: Path) -> str:
    """The sentence for a database that is damaged."""
    return _DAMAGED.format(path=path)


def sentence(error: sqlite3.Error, path: Path) -> str:
    """What happened, for whoever runs the server."""
    code = error_name(error)
    for prefix, text in _SENTENCES.items():
        if code.startswith(prefix):
            return text.format(path=path, error=error)
    return f"The database {path} failed: {error}."


def error_name(error: sqlite3.Error) -> str:
    """SQLite's (extended) name of an error, such as SQLITE_IOERR_FSYNC; empty when it has none."""
    return getattr(error, "sqlite_errorname", "")
