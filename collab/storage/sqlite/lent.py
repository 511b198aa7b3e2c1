"""Work of SQLAlchemy on a connection that somebody else owns and lends, in a bounded time.

It is called on the thread of that connection, and has come to its end when it returns.
"""

from __future__ import annotations

import sqlite3
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeVar

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import DBAPIError, IntegrityError, SQLAlchemyError
from sqlalchemy.pool import StaticPool

from collab.storage.port import StorageError, TablesUnusable
from collab.storage.runs import understood
from collab.storage.sqlite.authority import Authority
from collab.storage.sqlite.sentences import error_name, sentence

T = TypeVar("T")

_CLOSED = "The database is closed."

_LOOK = 10_000
"""Instructions of SQLite's machine between two looks at the clock: a fraction of a millisecond."""


class Lent:
    """Transactions of one kind, on whichever connection is lent."""

    def __init__(self, path: Path, begin: str) -> None:
        self._path = path
        self._begin = begin
        self._engine: Engine | None = None
        self._of: sqlite3.Connection | None = None
        self._stopped = False

    def stop(self) -> None:
        """Break off what runs, and refuse what comes; from any thread."""
        self._stopped = True

    def run(
        self, work: Callable[[Connection], T], seconds: float, connection: sqlite3.Connection
    ) -> T:
        """Run ``work`` in a transaction. Raises `Violation`, rolled back, and `StorageError`."""
        if self._stopped:
            raise StorageError(_CLOSED)
        if self._engine is None or self._of is not connection:
            self._engine, self._of = _engine(connection, self._begin), connection
        try:
            with (
                _bounded(connection, seconds, self._path, lambda: self._stopped),
                self._engine.begin() as transaction,
            ):
                return work(transaction)
        except StorageError as error:
            if self._stopped:
                raise StorageError(_CLOSED) from error
            raise


def migrate(
    path: Path,
    work: Callable[[Connection], T],
    owns: Callable[[str], bool],
    seconds: float,
    stopped: Callable[[], bool],
    connection: sqlite3.Connection,
) -> T:
    """Run ``work``, which begins transactions of its own, and may change the tables that
    ``owns`` says yes to. It is broken off when ``stopped`` says so, which any thread may ask.

    Raises `StorageError`: the connection may not be used any more.
    """
    authority = Authority(owns)
    end = time.monotonic() + seconds
    engine = _engine(connection, "BEGIN IMMEDIATE")

    @event.listens_for(engine, "commit")
    def check(transaction: Connection) -> None:
        changed = sorted(name for name in before ^ _tables(connection) if not owns(name))
        foreign = authority.refused or (changed[0] if changed else None)
        if foreign is not None:
            raise TablesUnusable(_foreign(foreign))
        for table in filter(owns, _tables(connection)):
            if connection.execute(f'PRAGMA foreign_key_check("{table}")').fetchone():
                raise TablesUnusable(
                    f"a migration of its tables was undone: it would leave rows in {table}"
                    " without the rows that they belong to"
                )

    with _bounded(connection, seconds, path, stopped):
        # A migration rebuilds tables: with foreign keys on, dropping the old one would delete
        # every row that refers to it. What it leaves is checked instead.
        connection.execute("PRAGMA foreign_keys = 0")
        before = _tables(connection)
        connection.set_authorizer(authority)
        try:
            with engine.connect() as transactions:
                return work(transactions)
        except StorageError as error:
            if authority.refused is not None:
                raise TablesUnusable(_foreign(authority.refused)) from error
            if stopped():
                raise StorageError(_CLOSED) from error
            if time.monotonic() > end:
                raise TablesUnusable(
                    f"a migration of its tables took longer than {seconds:g} seconds, and was"
                    " undone: mend the plugin, or go back to the version before"
                ) from error
            raise
        finally:
            connection.set_authorizer(None)
            connection.set_progress_handler(None, 0)
            connection.rollback()
            connection.execute("PRAGMA foreign_keys = 1")


def _foreign(table: str) -> str:
    return (
        f"a migration of its tables was undone: it would change the table {table}, which is not"
        " one of the plugin's (they are called by its name and _)"
    )


def _tables(connection: sqlite3.Connection) -> set[str]:
    rows = connection.execute("SELECT name FROM sqlite_schema WHERE type IN ('table', 'view')")
    return {name for (name,) in rows if not name.startswith("sqlite_")}


def _engine(connection: sqlite3.Connection, begin: str) -> Engine:
    engine = create_engine(
        "sqlite://", creator=lambda: connection, poolclass=StaticPool, pool_reset_on_return=None
    )

    @event.listens_for(engine, "begin")
    def begun(transaction: Connection) -> None:
        transaction.exec_driver_sql(begin)

    return engine


@contextmanager
def _bounded(
    connection: sqlite3.Connection,
    seconds: float,
    path: Path,
    stopped: Callable[[], bool] = lambda: False,
) -> Iterator[None]:
    """Interrupt what takes longer, or what was ``stopped``.

    Raises `StorageError` for everything that fails in SQL.
    """
    end = time.monotonic() + seconds
    connection.set_progress_handler(lambda: stopped() or time.monotonic() > end, _LOOK)
    try:
        yield
    except IntegrityError as error:
        raise understood(error) from error
    except DBAPIError as error:
        raise StorageError(_said(error.orig, seconds, path)) from error
    except sqlite3.Error as error:
        raise StorageError(_said(error, seconds, path)) from error
    except SQLAlchemyError as error:
        raise understood(error) from error
    except (UnicodeEncodeError, OverflowError) as error:
        raise StorageError(f"A value can't be kept in the database: {error}.") from error
    finally:
        connection.set_progress_handler(None, 0)
        try:
            connection.rollback()  # A COMMIT that was refused leaves its transaction open.
        except sqlite3.Error as error:
            raise StorageError(_said(error, seconds, path)) from error


def _said(error: BaseException | None, seconds: float, path: Path) -> str:
    assert isinstance(error, sqlite3.Error), "SQLite's errors are of this kind"
    if error_name(error).startswith("SQLITE_INTERRUPT"):
        return (
            f"This took longer than {seconds:g} seconds, and was stopped: ask for less at once,"
            " or give the table an index."
        )
    return sentence(error, path)
