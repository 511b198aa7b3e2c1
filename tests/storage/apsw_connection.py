"""A connection of APSW in the dress of `sqlite3.Connection`, so that a store runs over it.

It has what aiosqlite, SQLAlchemy and our own code call, and raises `sqlite3`'s exceptions.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable, Sequence
from typing import Any

import apsw

_CLASSES: dict[type[apsw.Error], type[sqlite3.Error]] = {
    apsw.ConstraintError: sqlite3.IntegrityError,
    apsw.NotADBError: sqlite3.DatabaseError,
    apsw.CorruptError: sqlite3.DatabaseError,
}


def _as_sqlite3(error: apsw.Error) -> sqlite3.Error:
    translated = _CLASSES.get(type(error), sqlite3.OperationalError)(str(error))
    code: int = getattr(error, "extendedresult", 0) or getattr(error, "result", apsw.SQLITE_ERROR)
    names: dict[int, str] = {
        **apsw.mapping_result_codes,  # Maps both ways.
        **apsw.mapping_extended_result_codes,
    }
    translated.sqlite_errorcode = code
    translated.sqlite_errorname = names.get(code, "SQLITE_ERROR")
    return translated


class ApswCursor:
    """A statement that has run, with all of its rows."""

    arraysize = 1
    lastrowid = 0

    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection
        self.description: tuple[Any, ...] | None = None
        self.rowcount = -1
        self._rows: list[tuple[Any, ...]] = []

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> ApswCursor:
        return self.executemany(sql, [parameters])

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> ApswCursor:
        cursor = self._connection.cursor()
        cursor.exec_trace = self._describe
        self._rows, self.rowcount = [], 0
        try:
            for row in rows:
                before = self._connection.total_changes()
                self._rows += cursor.execute(sql, tuple(row)).fetchall()
                if self._connection.total_changes() != before:
                    self.rowcount += self._connection.changes()
        except apsw.Error as error:
            raise _as_sqlite3(error) from error
        return self

    def fetchone(self) -> tuple[Any, ...] | None:
        return self._rows.pop(0) if self._rows else None

    def fetchall(self) -> list[tuple[Any, ...]]:
        rows, self._rows = self._rows, []
        return rows

    def close(self) -> None:
        self._rows = []

    def _describe(self, cursor: apsw.Cursor, sql: str, bindings: Any) -> bool:
        columns = cursor.get_description()
        self.description = tuple((*column[:1], *[None] * 6) for column in columns) or None
        return True


class ApswConnection:
    """A connection through the VFS of that name."""

    isolation_level = None
    row_factory = None

    def __init__(self, uri: str, vfs: str) -> None:
        flags = apsw.SQLITE_OPEN_READWRITE | apsw.SQLITE_OPEN_CREATE | apsw.SQLITE_OPEN_URI
        try:
            self._connection = apsw.Connection(uri, flags, vfs)
        except apsw.Error as error:
            raise _as_sqlite3(error) from error

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def cursor(self) -> ApswCursor:
        return ApswCursor(self._connection)

    def execute(self, sql: str, parameters: Sequence[Any] = ()) -> ApswCursor:
        return self.cursor().execute(sql, parameters)

    def executemany(self, sql: str, rows: Iterable[Sequence[Any]]) -> ApswCursor:
        return self.cursor().executemany(sql, rows)

    def create_function(self, *arguments: Any, **options: Any) -> None:
        """SQLAlchemy brings a regular expression matcher that nothing here uses."""

    def commit(self) -> None:
        if self._connection.in_transaction:
            self.execute("COMMIT")

    def rollback(self) -> None:
        if self._connection.in_transaction:
            self.execute("ROLLBACK")

    def close(self) -> None:
        try:
            self._connection.close()
        except apsw.Error as error:
            raise _as_sqlite3(error) from error
