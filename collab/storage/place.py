"""Which database the settings name, and its folder."""

from __future__ import annotations

from pathlib import Path

from sqlalchemy import make_url
from sqlalchemy.exc import ArgumentError

from collab.protocol.settings import Settings
from collab.storage.port import DatabaseUnusable

DATABASE_FILE = "collab.sqlite3"
"""The name of the database in the data directory."""


def prepare_place(settings: Settings) -> Path:
    """The SQLite file of ``settings``; the data directory is made when it is not there.

    Raises `DatabaseUnusable` with a sentence.
    """
    if settings.database is not None:
        path = _named_file(settings.database)
    else:
        path = settings.data_dir / DATABASE_FILE
        try:
            settings.data_dir.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise DatabaseUnusable(
                f"The data directory {settings.data_dir} can't be made: {error.strerror}."
            ) from error
    if not path.parent.is_dir():
        raise DatabaseUnusable(f"There is no folder {path.parent} for the database {path.name}.")
    if path.is_dir():
        raise DatabaseUnusable(f"{path} is a folder; name the database file in it.")
    return path.absolute()


def existing_place(settings: Settings) -> Path:
    """The SQLite file of ``settings``, which is there. Raises `DatabaseUnusable`."""
    if settings.database is not None:
        path = _named_file(settings.database)
    else:
        path = settings.data_dir / DATABASE_FILE
    if not path.is_file():
        raise DatabaseUnusable(f"There is no database {path}.")
    return path.absolute()


def _named_file(database: str) -> Path:
    example = "write sqlite:///folder/file.sqlite3, or sqlite:////folder/file.sqlite3 from the root"
    try:
        url = make_url(database)
    except ArgumentError:
        raise DatabaseUnusable(f"{database!r} is not the URL of a database: {example}.") from None
    if url.get_backend_name() != "sqlite":
        raise DatabaseUnusable(
            f"A {url.get_backend_name()} database can't be used yet, only SQLite: {example}."
        )
    if url.database in (None, "", ":memory:") or url.query:
        raise DatabaseUnusable(f"{database!r} does not name a database file alone: {example}.")
    return Path(str(url.database))
