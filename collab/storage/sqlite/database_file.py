"""Whether the files that the connections have open are still the database that its path names.

SQLite goes on in a file that was deleted or replaced under it, and its commits succeed: they are
on a disk where nobody will find them. So the open files are compared with what lies under their
names, and nothing more is written once they differ or anybody has read something damaged.

Only the names are looked at: opening and closing one of these files would release the locks that
SQLite holds on it in this process (see "How To Corrupt An SQLite Database File", 2.2).
"""

from __future__ import annotations

import os
import sqlite3
import time
from collections.abc import Callable
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from collab.storage.port import DatabaseUnusable
from collab.storage.sqlite.sentences import damaged, is_damage

INTERVAL = 1.0
"""Seconds between two comparisons while edits are being saved."""

_Identity = tuple[int, int]
"""Device and inode."""


class DatabaseFile:
    """The files of one database, shared by all connections of a server to it."""

    def __init__(self, path: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._path = path
        self._log = path.with_name(path.name + "-wal")
        self._clock = clock
        self._checked = -INTERVAL
        self._connections = 0
        self._database: _Identity | None = None
        self._write_ahead: _Identity | None = None
        self._sizes = (0, 0)
        self._damaged = False

    def opening(self) -> None:
        """Look before a connection is opened: SQLite would make a database that is missing.

        Raises `DatabaseUnusable`.
        """
        if self._database is not None:
            self._compare()

    def opened(self) -> None:
        """Note that a connection was opened; the first one says which files are ours.

        Raises `DatabaseUnusable` when a later one got other files than the first.
        """
        self._compare()
        self._connections += 1

    def closed(self) -> None:
        """Note that a connection was closed."""
        self._connections -= 1
        if self._connections == 0:
            # SQLite removes the write-ahead log with its last connection and makes a new one.
            self._write_ahead = None
            self._sizes = self._sizes[0], 0

    def check(self, connection: sqlite3.Connection) -> None:
        """Compare, if the last comparison was `INTERVAL` seconds ago; before a transaction.

        ``connection`` is the writer's. Raises `DatabaseUnusable`.
        """
        if self._clock() - self._checked >= INTERVAL:
            self.check_now(connection)
        elif self._damaged:
            raise DatabaseUnusable(damaged(self._path))

    def check_now(self, connection: sqlite3.Connection) -> None:
        """Compare at once. Raises `DatabaseUnusable` with a sentence."""
        if self._damaged:
            raise DatabaseUnusable(damaged(self._path))
        sizes = self._compare()
        if sizes[0] < self._sizes[0] or sizes[1] < self._sizes[1]:
            self._check_whole(connection)
            sizes = self._compare()
        self._sizes = sizes
        self._checked = self._clock()

    def noticed(self, error: BaseException) -> None:
        """Take note of what a connection met: damage that one has read, all stop writing for."""
        found: BaseException | None = error
        while found is not None and not isinstance(found, sqlite3.Error):
            found = found.orig if isinstance(found, DBAPIError) else found.__cause__
        if isinstance(found, sqlite3.Error) and is_damage(found):
            self._damaged = True

    def _compare(self) -> tuple[int, int]:
        """The sizes of the database and of its write-ahead log, bytes."""
        database, size = self._stat(self._path)
        self._database = self._database or database
        if database != self._database:
            raise DatabaseUnusable(
                f"The database {self._path} was {'replaced' if database else 'moved or deleted'}"
                " while the server runs, so nothing more is saved. What was saved before can still"
                " be read and exported from this server. Put that file back, or stop the server"
                " and restore a backup."
            )
        write_ahead, log_size = self._stat(self._log)
        self._write_ahead = self._write_ahead or write_ahead
        if write_ahead != self._write_ahead:
            raise DatabaseUnusable(
                f"{self._log.name}, a part of the database {self._path}, was"
                f" {'replaced' if write_ahead else 'moved or deleted'} while the server runs, so"
                " nothing more is saved. What was saved before can still be read and exported from"
                " this server. Put that file back, or stop the server and restore a backup."
            )
        return size, log_size

    def _check_whole(self, connection: sqlite3.Connection) -> None:
        """Tell files that SQLite has shortened itself from files that were cut off.

        Other programs may write the log back and empty it, or vacuum the database.
        """
        try:
            _, logged, written = connection.execute("PRAGMA wal_checkpoint(PASSIVE)").fetchone()
            [page] = connection.execute("PRAGMA page_size").fetchone()
            [pages] = connection.execute("PRAGMA page_count").fetchone()
        except sqlite3.Error as error:
            self.noticed(error)
            raise
        size, log_size = self._compare()
        # https://www.sqlite.org/fileformat2.html: a log has a header of 32 bytes, then frames,
        # each with a header of 24 bytes and a page.
        log_cut = logged > 0 and log_size < 32 + logged * (24 + page)
        if log_cut or (logged == written and size < pages * page):
            self._damaged = True
            raise DatabaseUnusable(damaged(self._path))

    @staticmethod
    def _stat(path: Path) -> tuple[_Identity | None, int]:
        try:
            found = os.stat(path)
        except FileNotFoundError:
            return None, 0
        return (found.st_dev, found.st_ino), found.st_size
