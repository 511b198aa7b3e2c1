"""How transactions are run on SQLite: one function each, on the thread of its connection.

The event loop and that thread share one interpreter lock, and a loop that is busy gives it away
late. So what counts on the hot path is how often the thread must ask for it, which is a few
times for every statement that is run. An append is therefore a single statement: its rows come
together, what deduplicates is written by a trigger, and it is a transaction of its own, without
BEGIN and COMMIT. (Only one has more that is long, that plugins keep something with, or that
brings an author.)
"""

from __future__ import annotations

import asyncio
import sqlite3
from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from functools import lru_cache, partial
from itertools import chain
from pathlib import Path
from typing import Any, NamedTuple, TypeVar, cast

from sqlalchemy.dialects.sqlite.aiosqlite import SQLiteDialect_aiosqlite
from sqlalchemy.sql import ClauseElement
from sqlalchemy.sql.compiler import SQLCompiler

from collab.storage.database import Database, Query, Step
from collab.storage.port import Append, StorageError, Violation
from collab.storage.sqlite.connection import Connect, Durability, open_connection
from collab.storage.sqlite.database_file import DatabaseFile
from collab.storage.sqlite.engines import Held, hold
from collab.storage.sqlite.neighbours import Presence
from collab.storage.sqlite.runs import SqliteRuns
from collab.storage.sqlite.sentences import sentence
from collab.storage.tables import operations

T = TypeVar("T")

# The columns of our tables are of types that SQLite takes and gives as they are, so what is
# compiled here needs none of SQLAlchemy's processing of parameters and results.
_DIALECT = SQLiteDialect_aiosqlite(paramstyle="qmark")

# Temporary: they belong to the writer's connection, not to the schema of the database.
_TRIGGERS = (
    """
    CREATE TEMP TRIGGER follow BEFORE INSERT ON main.operations
    BEGIN
        SELECT raise(ABORT, 'the revision before is missing')
        WHERE NOT EXISTS (
            SELECT 1 FROM operations
            WHERE document = new.document AND revision = new.revision - 1
        ) AND NOT EXISTS (
            SELECT 1 FROM snapshots
            WHERE document = new.document AND revision = new.revision - 1
        );
        SELECT raise(ABORT, 'the client has sent this before')
        FROM clients
        WHERE document = new.document AND client = new.client AND sequence >= new.sequence;
    END
    """,
    """
    CREATE TEMP TRIGGER deduplicate AFTER INSERT ON main.operations
    BEGIN
        INSERT INTO clients (document, client, sequence, revision)
        VALUES (new.document, new.client, new.sequence, new.revision)
        ON CONFLICT (document, client)
        DO UPDATE SET sequence = excluded.sequence, revision = excluded.revision;
    END
    """,
)


_ROWS = 64
"""Rows that one statement appends: there is a statement for each number of rows, and Python keeps
128 of them prepared."""


@lru_cache(maxsize=_ROWS)
def _append_statement(rows: int) -> str:
    names = ", ".join(column.name for column in operations.columns)
    row = f"({', '.join('?' * len(operations.columns))})"
    return f"INSERT INTO {operations.name} ({names}) VALUES {', '.join([row] * rows)}"


class SqliteDatabase(Database):
    """Runs transactions in SQLite: one connection writes, another reads. (Plugins read their
    own tables over others.)

    Each engine's only connection stays checked out. Nothing can come between the statements of
    a transaction anyhow, and handing connections in and out would cost more than small commits.
    """

    def __init__(
        self,
        path: Path,
        file: DatabaseFile,
        writer: Held,
        reader: Held,
        another: Callable[[], Awaitable[Held]],
        presence: Presence | None,
    ) -> None:
        """``another`` makes a further connection that reads; ``presence`` is that of a server."""
        super().__init__(writer.engine, reader.engine)
        self.runs = self._plugins = SqliteRuns(path, writer.thread, another)
        self._path = path
        self._file = file
        self._writing = writer
        self._reading = reader
        self._presence = presence
        self._abandoned = 0
        self._settled = 0

    @classmethod
    async def open(
        cls, path: Path, durability: Durability = "full", connect: Connect = sqlite3.connect
    ) -> SqliteDatabase:
        """Connect to a migrated database. Raises `DatabaseUnusable` with a sentence."""

        def write() -> sqlite3.Connection:
            connection = open_connection(path, "writer", durability, connect)
            for trigger in _TRIGGERS:
                connection.execute(trigger)
            return connection

        file = DatabaseFile(path)
        writer = await hold(path, write, file, "writer")
        read = partial(
            hold,
            path,
            partial(open_connection, path, "reader", durability, connect),
            file,
            "reader",
        )
        try:
            reader = await read()
        except BaseException:
            await writer.close()
            raise
        return cls(path, file, writer, reader, read, Presence(path))

    @classmethod
    async def open_reading(cls, path: Path) -> SqliteDatabase:
        """Connect to a migrated database only to read it, also while a server uses it.

        Raises `DatabaseUnusable` with a sentence.
        """
        file = DatabaseFile(path)
        connect = partial(open_connection, path, "reader", "full")
        read = partial(hold, path, connect, file, "reader")
        other = await read()
        try:
            reader = await read()
        except BaseException:
            await other.close()
            raise
        return cls(path, file, other, reader, read, None)

    async def close(self) -> None:
        # The writer goes last: who closes last writes the log back, and a reader can't.
        await self._plugins.close()
        await self._reading.close()
        await self._writing.close()
        if self._presence is not None:
            self._presence.close()

    async def commit(self, steps: Sequence[Step]) -> list[int]:
        compiled = [
            # A map: of a long log each row is made when it is written, and on that thread.
            (statement.sql, map(statement.values, rows))
            for statement, rows in ((_compiled(step.statement), step.rows) for step in steps)
        ]
        return await self._write(partial(_transaction, compiled))

    async def prove(self) -> None:
        await self._write(self._file.check_now)
        await super().prove()

    async def append(self, appends: Sequence[Append]) -> None:
        rows = [
            (
                append.document,
                operation.revision,
                operation.client,
                operation.sequence,
                operation.author,
                operation.time,
                operation.delta.decode(),
                operation.hash,
            )
            for append in appends
            for operation in append.operations
        ]
        parts = [rows[start : start + _ROWS] for start in range(0, len(rows), _ROWS)]
        steps: list[tuple[str, Iterable[tuple[Any, ...]]]] = [
            (_append_statement(len(part)), [tuple(chain.from_iterable(part))]) for part in parts
        ]
        for append in appends:
            if append.state or append.authors:
                for step in self.further_steps(append):
                    statement = _compiled(step.statement)
                    steps.append((statement.sql, [statement.values(row) for row in step.rows]))
        if len(steps) == 1:
            [(sql, [values])] = steps
            await self._write(partial(_execute, sql, values))
        else:
            await self._write(partial(_transaction, steps))

    async def read(
        self, queries: Sequence[Query], *, settled: bool = False
    ) -> list[Sequence[Sequence[Any]]]:
        compiled = [
            (statement.sql, statement.values(parameters))
            for statement, parameters in (
                (_compiled(query.statement), query.parameters) for query in queries
            )
        ]
        if settled:
            await self._settle()
        try:
            return await self._reading.thread.run(partial(_select, compiled))
        except UnicodeEncodeError:
            return [[] for _ in queries]  # Half a character is in no database.
        except sqlite3.Error as error:
            raise StorageError(sentence(error, self._path)) from error

    async def _write(self, function: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._writing.thread.run(function)
        except sqlite3.IntegrityError as error:
            raise Violation(str(error)) from error
        except sqlite3.Error as error:
            raise StorageError(sentence(error, self._path)) from error
        except asyncio.CancelledError:
            # The function is in the queue of the thread, and nothing takes it out again.
            self._abandoned += 1
            raise

    async def _settle(self) -> None:
        abandoned = self._abandoned
        if abandoned != self._settled:
            # The thread does one thing after the other: once it does this, it has done those.
            await self._writing.thread.settle()
            self._settled = abandoned


class _Compiled(NamedTuple):
    """A statement as SQLite takes it."""

    sql: str
    names: tuple[str, ...]
    constants: Mapping[str, Any]

    def values(self, parameters: Mapping[str, Any]) -> tuple[Any, ...]:
        """The parameters in the order of the question marks."""
        given = {**self.constants, **parameters}
        return tuple([given[name] for name in self.names])


@lru_cache(maxsize=256)
def _compiled(statement: ClauseElement) -> _Compiled:
    compiled = cast(SQLCompiler, statement.compile(dialect=_DIALECT))
    constants = {name: bind.value for name, bind in compiled.binds.items() if not bind.required}
    return _Compiled(str(compiled), tuple(compiled.positiontup or ()), constants)


def _transaction(
    steps: Sequence[tuple[str, Iterable[tuple[Any, ...]]]], connection: sqlite3.Connection
) -> list[int]:
    connection.execute("BEGIN IMMEDIATE")
    try:
        changed = [connection.executemany(sql, rows).rowcount for sql, rows in steps]
    except sqlite3.IntegrityError:
        connection.execute("ROLLBACK")
        raise
    connection.execute("COMMIT")
    return changed


def _execute(sql: str, parameters: tuple[Any, ...], connection: sqlite3.Connection) -> None:
    connection.execute(sql, parameters)


def _select(
    queries: Sequence[tuple[str, tuple[Any, ...]]], connection: sqlite3.Connection
) -> list[Sequence[Sequence[Any]]]:
    if len(queries) == 1:
        [(sql, parameters)] = queries
        return [connection.execute(sql, parameters).fetchall()]
    connection.execute("BEGIN")
    found: list[Sequence[Sequence[Any]]] = [
        connection.execute(sql, parameters).fetchall() for sql, parameters in queries
    ]
    connection.execute("COMMIT")
    return found
