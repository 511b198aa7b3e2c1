"""How transactions are run on any database that SQLAlchemy knows.

A transaction is known whole before it begins, a list of statements and their rows: so a
database that has a cheaper way to run one (`collab.storage.sqlite`) can take it in one go.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Container, Coroutine, Iterable, Mapping, Sequence
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import (
    CompoundSelect,
    Select,
    Table,
    bindparam,
    column,
    delete,
    func,
    insert,
    select,
    table,
    update,
)
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.exc import IntegrityError, SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncConnection, AsyncEngine
from sqlalchemy.sql.dml import UpdateBase

from collab.storage.port import Append, Author, Kept, StorageError, Violation
from collab.storage.runs import EngineRuns, Runs
from collab.storage.tables import (
    authors,
    clients,
    operations,
    plugin_document_state,
    snapshots,
)

T = TypeVar("T")

# INSERT … ON CONFLICT is the same for both, but SQLAlchemy has no word for it in common.
_UPSERTING: dict[str, Callable[[Table], Any]] = {
    "postgresql": postgresql.insert,
    "sqlite": sqlite.insert,
}
_OPERATIONS = insert(operations)
_LAST_OPERATION = select(func.max(operations.c.revision)).where(
    operations.c.document == bindparam("document")
)
_LAST_SNAPSHOT = select(func.max(snapshots.c.revision)).where(
    snapshots.c.document == bindparam("document")
)
_SEQUENCES = select(clients.c.client, clients.c.sequence).where(
    clients.c.document == bindparam("document")
)
_MIGRATIONS = table("alembic_version", column("version_num"))
_VERSION = select(_MIGRATIONS.c.version_num)
_SAME_VERSION = update(_MIGRATIONS).values(version_num=_MIGRATIONS.c.version_num)
_REMOVE_STATE = (
    delete(plugin_document_state)
    .where(plugin_document_state.c.document == bindparam("of"))
    .where(plugin_document_state.c.plugin == bindparam("owner"))
    .where(plugin_document_state.c.key == bindparam("this"))
)


class Step(NamedTuple):
    """A statement, and a mapping of its parameters for every time that it runs (at least one).

    An iterator's are made while the transaction runs, so that many need not all be there.
    """

    statement: UpdateBase
    rows: Iterable[Mapping[str, Any]]


class Query(NamedTuple):
    """A SELECT and its parameters."""

    statement: Select[Any] | CompoundSelect[Any]
    parameters: Mapping[str, Any]


class Database:
    """Runs transactions through two engines of SQLAlchemy: one writes, one reads.

    A transaction runs in a task of its own: cancelling who waits for it does not cut it in two,
    and its connection always comes back to the pool.
    """

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader
        self.runs: Runs = EngineRuns(writer, reader)
        """How what plugins want of their own tables is run."""
        self._running: set[asyncio.Task[Any]] = set()

    async def close(self) -> None:
        """Let go of every connection, after what still runs."""
        await self._settle()
        await self._reader.dispose()
        await self._writer.dispose()

    def upsert(self, table: Table, *, keep: Container[str] = ()) -> UpdateBase:
        """A statement that inserts a row, or replaces what is not the key of one that is there.

        What is in the columns ``keep`` stays as it is there.
        """
        statement = _UPSERTING[self._writer.dialect.name](table)
        upsert: UpdateBase = statement.on_conflict_do_update(
            index_elements=[column for column in table.columns if column.primary_key],
            set_={
                column.name: statement.excluded[column.name]
                for column in table.columns
                if not column.primary_key and column.name not in keep
            },
        )
        return upsert

    async def commit(self, steps: Sequence[Step]) -> list[int]:
        """Run statements in one transaction; how many rows each has changed.

        On disk when it returns. Raises `Violation`, or `StorageError` when the outcome is unknown.
        """
        return await self._whole(self._commit(steps))

    async def prove(self) -> None:
        """Write something that changes nothing, and read it. Raises `StorageError`."""
        await self.commit([Step(_SAME_VERSION, [{}])])
        await self.read([Query(_VERSION, {})])

    async def append(self, appends: Sequence[Append]) -> None:
        """Write operations, and who sent them, in one transaction.

        Raises `Violation` for operations that do not follow the log, and as `commit` does.
        """
        await self._whole(self._append(appends))

    async def read(
        self, queries: Sequence[Query], *, settled: bool = False
    ) -> list[Sequence[Sequence[Any]]]:
        """The rows of each SELECT, all as of one moment. Raises `StorageError`.

        When ``settled``, the moment comes after the end of every transaction whose caller was
        cancelled: what it has or has not written is seen.
        """
        if settled:
            await self._settle()
        try:
            async with self._reader.begin() as connection:
                return [
                    (await connection.execute(statement, dict(parameters))).all()
                    for statement, parameters in queries
                ]
        except UnicodeEncodeError:
            return [[] for _ in queries]  # Half a character is in no database.
        except (SQLAlchemyError, OSError) as error:
            raise StorageError(f"The database could not read: {error}") from error

    async def _commit(self, steps: Sequence[Step]) -> list[int]:
        async with self._writer.begin() as connection:
            return await _run(connection, steps)

    async def _append(self, appends: Sequence[Append]) -> None:
        async with self._writer.begin() as connection:
            for append in appends:
                await _check(connection, append)
                # The key of the table refuses a revision that is taken.
                await _run(connection, self._steps(append))

    def _steps(self, append: Append) -> list[Step]:
        of = {"document": append.document}
        rows = [
            of
            | {
                "revision": operation.revision,
                "client": operation.client,
                "sequence": operation.sequence,
                "author": operation.author,
                "time": operation.time,
                "delta": operation.delta.decode(),
                "hash": operation.hash,
            }
            for operation in append.operations
        ]
        last = {
            operation.client: of
            | {
                "client": operation.client,
                "sequence": operation.sequence,
                "revision": operation.revision,
            }
            for operation in append.operations
        }
        return [
            Step(_OPERATIONS, rows),
            Step(self.upsert(clients), list(last.values())),
            *self.further_steps(append),
        ]

    def further_steps(self, append: Append) -> list[Step]:
        """The statements for what is noted of the authors, and what plugins keep."""
        steps = []
        if append.authors:
            noted = author_rows(append.document, append.authors)
            steps.append(Step(self.upsert(authors, keep=("since",)), noted))
        return steps + self.state_steps(append.document, append.state)

    def state_steps(self, document: str, state: Sequence[Kept]) -> list[Step]:
        """The statements for what plugins keep for a document."""
        kept = [
            {"document": document, "plugin": one.plugin, "key": one.key, "value": one.value}
            for one in state
            if one.value is not None
        ]
        removed = [
            {"of": document, "owner": one.plugin, "this": one.key}
            for one in state
            if one.value is None
        ]
        steps = []
        if kept:
            steps.append(Step(self.upsert(plugin_document_state), kept))
        if removed:
            steps.append(Step(_REMOVE_STATE, removed))
        return steps

    async def _whole(self, transaction: Coroutine[Any, Any, T]) -> T:
        """Run a transaction to its end, whether or not somebody goes on waiting for it."""
        task = asyncio.create_task(transaction)
        self._running.add(task)
        task.add_done_callback(self._ended)
        try:
            return await asyncio.shield(task)
        except IntegrityError as error:
            raise Violation(str(error.orig)) from error
        except (SQLAlchemyError, OSError) as error:
            raise StorageError(f"The database could not save: {error}") from error

    def _ended(self, task: asyncio.Task[Any]) -> None:
        self._running.discard(task)
        if not task.cancelled():
            task.exception()  # Seen: nobody may be left to whom it matters.

    async def _settle(self) -> None:
        if self._running:
            await asyncio.wait(self._running)


def author_rows(document: str, noted: Sequence[Author]) -> list[dict[str, Any]]:
    """The parameters of an insert into `collab.storage.tables.authors`."""
    return [
        {
            "document": document,
            "author": one.id,
            "name": one.name,
            "color": one.color,
            "since": one.since,
        }
        for one in noted
    ]


async def _check(connection: AsyncConnection, append: Append) -> None:
    """Raise `Violation` for what the keys of the tables don't refuse: gaps and repetitions."""
    of = {"document": append.document}
    last = (await connection.execute(_LAST_OPERATION, of)).scalar()
    if last is None:
        last = (await connection.execute(_LAST_SNAPSHOT, of)).scalar()
    if last is None or append.operations[0].revision != last + 1:
        raise Violation(f"document {append.document} is at revision {last}")
    sequences = {
        row.client: row.sequence for row in (await connection.execute(_SEQUENCES, of)).all()
    }
    for operation in append.operations:
        if operation.sequence <= sequences.get(operation.client, 0):
            raise Violation(f"client {operation.client} has sent {operation.sequence} before")
        sequences[operation.client] = operation.sequence


async def _run(connection: AsyncConnection, steps: Sequence[Step]) -> list[int]:
    return [
        (await connection.execute(statement, [dict(row) for row in rows])).rowcount
        for statement, rows in steps
    ]
