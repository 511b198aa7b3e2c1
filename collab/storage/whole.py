"""Everything that is kept of a document: read as of one moment, seen again whole or not at all.

A long log is written in several transactions, so that what others save comes between them.
Until the last one, which shows it, the document is not there for anybody.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import bindparam, func, insert, select

from collab.storage import rows, statements
from collab.storage.database import Database, Query, Step, author_rows
from collab.storage.packing import pack, unpack
from collab.storage.port import (
    Author,
    Belongings,
    Conflict,
    Damaged,
    DocumentRecord,
    Kept,
    Sent,
    Snapshot,
    StorageError,
    StoredOperation,
    Tables,
    Violation,
)
from collab.storage.tables import (
    authors,
    clients,
    operations,
    plugin_document_state,
    snapshots,
)

log = logging.getLogger(__name__)

OPERATIONS = 1000
"""Operations that are written in one transaction: edits wait while it runs."""

SIZE = 1024 * 1024
"""Bytes of deltas in one transaction, or a little more."""

_oldest = (
    select(func.min(snapshots.c.revision))
    .where(snapshots.c.document == bindparam("document"))
    .scalar_subquery()
)
_SNAPSHOT = statements.SNAPSHOTS.where(snapshots.c.revision == _oldest)
_FIRST = select(func.min(operations.c.revision)).where(
    operations.c.document == bindparam("document")
)
_CLIENTS = (
    select(clients.c.client, clients.c.sequence, clients.c.revision)
    .where(clients.c.document == bindparam("document"))
    .order_by(clients.c.client)
)
_AUTHORS = statements.AUTHORS.limit(None)
_STATE = (
    select(
        plugin_document_state.c.plugin,
        plugin_document_state.c.key,
        plugin_document_state.c.value,
    )
    .where(plugin_document_state.c.document == bindparam("document"))
    .order_by(plugin_document_state.c.plugin, plugin_document_state.c.key)
)
_OPERATIONS = insert(operations)
_SNAPSHOTS = insert(snapshots)


async def read_belongings(database: Database, tables: Tables, id: str) -> Belongings | None:
    """What `collab.storage.port.Store.belongings` promises. Raises `StorageError`."""
    of = {"document": id}
    own = [(plugin, one) for plugin, some in (await tables.of_documents()).items() for one in some]
    asked = [
        statements.ONE,
        _SNAPSHOT,
        _FIRST,
        _CLIENTS,
        _AUTHORS,
        _STATE,
        *(rows.query(one) for _, one in own),
    ]
    record, oldest, begun, sent, noted, state, *theirs = await database.read(
        [Query(one, of) for one in asked], settled=True
    )
    if not record:
        return None
    if not oldest:
        raise Damaged(id, 0, "it is missing, and so are all snapshots")
    if begun[0][0] is not None and begun[0][0] <= oldest[0][0]:
        raise Damaged(id, max(begun[0][0] - 1, 0), "what the log begins with is missing")
    return Belongings(
        DocumentRecord(*record[0]),
        await unpack(id, oldest[0]),
        [Sent(*row) for row in sent],
        [Author(*row) for row in noted],
        [Kept(*row) for row in state],
        [rows.read(*one, found) for one, found in zip(own, theirs, strict=True) if found],
    )


async def write_whole(
    database: Database,
    tables: Tables,
    belongings: Belongings,
    operations: Sequence[StoredOperation],
    further: Sequence[Snapshot],
) -> None:
    """What `collab.storage.port.Store.restore` promises."""
    id = belongings.document.id
    # First: what does not fit is known before anything is written.
    last = await _last_steps(database, tables, belongings)
    row = statements.new_row(belongings.document) | {"epoch": statements.HIDDEN}
    first = await pack(id, belongings.snapshot)
    try:
        try:
            await database.commit([Step(statements.CREATE, [row]), Step(_SNAPSHOTS, [first])])
        except Violation:
            raise Conflict(id, f"There is a document {id} already.") from None
        for part in _parts(operations):
            await database.commit([Step(_OPERATIONS, [_row(id, one) for one in part])])
        for snapshot in further:
            await database.commit([Step(_SNAPSHOTS, [await pack(id, snapshot)])])
        try:
            [shown, *_] = await database.commit(last)
        except Violation as violation:
            raise rows.not_beside(violation) from None
        if not shown:
            raise StorageError(
                f"Document {id} was removed while it was written, by another server that started"
                " on the same database. Stop that one, and import the file again."
            )
    except Conflict:
        raise
    except BaseException:
        await _give_up(database, id)
        raise


async def remove_unfinished(database: Database) -> None:
    """Remove what a server that ended left of documents that it was writing."""
    try:
        [removed] = await database.commit([Step(statements.DELETE_HIDDEN, [{}])])
    except StorageError as error:
        log.warning("documents whose import broke off are not removed yet: %s", error)
        return
    if removed:
        log.warning("removed what was left of imports that broke off (%d): repeat them", removed)


async def _give_up(database: Database, id: str) -> None:
    """Remove a document that is not shown yet; the next start does it when this fails."""
    try:
        await database.commit([Step(statements.ABANDON, [{"document": id}])])
    except StorageError as error:
        log.warning("document %s, whose import broke off, is not removed yet: %s", id, error)


async def _last_steps(database: Database, tables: Tables, belongings: Belongings) -> list[Step]:
    """The transaction that shows the document, with all that plugins could see before.

    Raises `Unfit`.
    """
    document = belongings.document
    of: dict[str, Any] = {"document": document.id}
    steps = [Step(statements.SHOW, [of | {"shown": document.epoch}])]
    if belongings.clients:
        sent = [
            of | {"client": one.client, "sequence": one.sequence, "revision": one.revision}
            for one in belongings.clients
        ]
        # A database may have noted those of the log by itself.
        steps.append(Step(database.upsert(clients), sent))
    if belongings.authors:
        steps.append(Step(insert(authors), author_rows(document.id, belongings.authors)))
    if belongings.state:
        values = [
            of | {"plugin": one.plugin, "key": one.key, "value": one.value}
            for one in belongings.state
        ]
        steps.append(Step(insert(plugin_document_state), values))
    if belongings.tables:
        there = await tables.of_documents()
        # There may be many, to be put into an order.
        for one in await asyncio.to_thread(rows.fitting, belongings.tables, there):
            steps.append(Step(rows.statement(one), rows.parameters(one, document.id)))
    return steps


def _parts(operations: Sequence[StoredOperation]) -> Iterator[list[StoredOperation]]:
    part: list[StoredOperation] = []
    size = 0
    for one in operations:
        part.append(one)
        size += len(one.delta)
        if len(part) >= OPERATIONS or size >= SIZE:
            yield part
            part, size = [], 0
    if part:
        yield part


def _row(id: str, operation: StoredOperation) -> dict[str, Any]:
    return {
        "document": id,
        "revision": operation.revision,
        "client": operation.client,
        "sequence": operation.sequence,
        "author": operation.author,
        "time": operation.time,
        "delta": operation.delta.decode(),
        "hash": operation.hash,
    }
