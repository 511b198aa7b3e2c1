"""What a plugin's migration may change: SQLite itself refuses the rest, statement by statement."""

from __future__ import annotations

import sqlite3
from collections.abc import Callable

# Of what SQLite tells of a statement, the argument that names the table; see its documentation
# of sqlite3_set_authorizer.
_NAMED_FIRST = {
    sqlite3.SQLITE_INSERT,
    sqlite3.SQLITE_UPDATE,
    sqlite3.SQLITE_DELETE,
    sqlite3.SQLITE_CREATE_TABLE,
    sqlite3.SQLITE_CREATE_TEMP_TABLE,
    sqlite3.SQLITE_CREATE_VTABLE,
    sqlite3.SQLITE_CREATE_VIEW,
    sqlite3.SQLITE_CREATE_TEMP_VIEW,
    sqlite3.SQLITE_DROP_TABLE,
    sqlite3.SQLITE_DROP_TEMP_TABLE,
    sqlite3.SQLITE_DROP_VTABLE,
    sqlite3.SQLITE_DROP_VIEW,
    sqlite3.SQLITE_DROP_TEMP_VIEW,
    sqlite3.SQLITE_ATTACH,
    sqlite3.SQLITE_DETACH,
}
_NAMED_SECOND = {
    sqlite3.SQLITE_ALTER_TABLE,
    sqlite3.SQLITE_CREATE_INDEX,
    sqlite3.SQLITE_CREATE_TEMP_INDEX,
    sqlite3.SQLITE_CREATE_TRIGGER,
    sqlite3.SQLITE_CREATE_TEMP_TRIGGER,
    sqlite3.SQLITE_DROP_INDEX,
    sqlite3.SQLITE_DROP_TEMP_INDEX,
    sqlite3.SQLITE_DROP_TRIGGER,
    sqlite3.SQLITE_DROP_TEMP_TRIGGER,
}


class Authority:
    """Lets the tables be changed that ``owns`` says yes to."""

    def __init__(self, owns: Callable[[str], bool]) -> None:
        self._owns = owns
        self.refused: str | None = None
        """The table that was not to be changed."""

    def __call__(
        self, action: int, first: str | None, second: str | None, *where: str | None
    ) -> int:
        if action in _NAMED_FIRST:
            table = first or ""
        elif action in _NAMED_SECOND:
            table = second or ""
        else:
            return sqlite3.SQLITE_OK
        # SQLite's own: the schema, which every statement that makes a table writes to.
        if table.startswith("sqlite_") or self._owns(table):
            return sqlite3.SQLITE_OK
        self.refused = table
        return sqlite3.SQLITE_DENY
