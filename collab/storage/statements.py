"""The SQL of the log, in SQLAlchemy's words: what every database understands.

Made once: a database that compiles statements by itself knows them again by their identity.
"""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    Integer,
    Table,
    and_,
    bindparam,
    delete,
    func,
    insert,
    or_,
    select,
    union_all,
    update,
)

from collab.storage.database import Database
from collab.storage.port import DocumentRecord
from collab.storage.tables import authors, clients, documents, operations, snapshots

HIDDEN = ""
"""The epoch of a document that is being written (`collab.storage.whole`): nobody sees it yet."""

_shown = documents.c.epoch != HIDDEN
_hidden = documents.c.epoch == HIDDEN

_last_operation = (
    select(func.max(operations.c.revision))
    .where(operations.c.document == documents.c.id)
    .scalar_subquery()
)
_last_snapshot = (
    select(func.max(snapshots.c.revision))
    .where(snapshots.c.document == documents.c.id)
    .scalar_subquery()
)
_RECORD = select(
    documents.c.id,
    documents.c.title,
    documents.c.type,
    documents.c.epoch,
    # A snapshot is never ahead of the log, except of one that was compacted away entirely.
    func.coalesce(_last_operation, _last_snapshot).label("revision"),
    documents.c.created,
    documents.c.updated,
).where(_shown)
ONE = _RECORD.where(documents.c.id == bindparam("document"))
_LIST = _RECORD.order_by(documents.c.updated.desc(), documents.c.id).limit(bindparam("limit"))
_FURTHER = or_(
    documents.c.updated < bindparam("updated"),
    and_(documents.c.updated == bindparam("updated"), documents.c.id > bindparam("id")),
)
_SOUGHT = documents.c.title_folded.like(bindparam("sought"), escape="\\")
PAGES = {
    # (searching?, after a cursor?)
    (False, False): _LIST,
    (False, True): _LIST.where(_FURTHER),
    (True, False): _LIST.where(_SOUGHT),
    (True, True): _LIST.where(_SOUGHT).where(_FURTHER),
}

_newest = (
    select(func.max(snapshots.c.revision))
    .where(snapshots.c.document == bindparam("document"))
    .where(snapshots.c.revision <= bindparam("until"))
    .scalar_subquery()
)
SNAPSHOTS = select(
    snapshots.c.revision,
    snapshots.c.encoding,
    snapshots.c.content,
    snapshots.c.hash,
    snapshots.c.seal,
).where(snapshots.c.document == bindparam("document"))
SNAPSHOT = SNAPSHOTS.where(snapshots.c.revision == _newest)
OLDEST = (
    select(snapshots.c.revision, snapshots.c.hash)
    .where(snapshots.c.document == bindparam("document"))
    .order_by(snapshots.c.revision)
    .limit(1)
)
NEXT_SNAPSHOT = (
    SNAPSHOTS.where(snapshots.c.revision > bindparam("since"))
    .order_by(snapshots.c.revision)
    .limit(1)
)
_OPERATION = (
    select(
        operations.c.revision,
        operations.c.client,
        operations.c.sequence,
        operations.c.author,
        operations.c.time,
        operations.c.delta,
        operations.c.hash,
    )
    .where(operations.c.document == bindparam("document"))
    .where(operations.c.revision <= bindparam("until"))
    .order_by(operations.c.revision)
)
# With the operation that made the snapshot's revision: its hash is that of the snapshot.
SINCE_SNAPSHOT = _OPERATION.where(operations.c.revision >= _newest)
SINCE = _OPERATION.where(operations.c.revision > bindparam("since")).limit(bindparam("limit"))
HASHES = union_all(
    select(operations.c.hash)
    .where(operations.c.document == bindparam("document"))
    .where(operations.c.revision == bindparam("revision")),
    # What the log begins with is no operation.
    select(snapshots.c.hash)
    .where(snapshots.c.document == bindparam("document"))
    .where(snapshots.c.revision == bindparam("revision")),
)
LAST_SENT = select(func.max(clients.c.revision)).where(
    clients.c.document == bindparam("document")
)
LAST_SEQUENCE = (
    select(clients.c.sequence, clients.c.revision)
    .where(clients.c.document == bindparam("document"))
    .where(clients.c.client == bindparam("client"))
)

AUTHORS = (
    select(authors.c.author, authors.c.name, authors.c.color, authors.c.since)
    .where(authors.c.document == bindparam("document"))
    .order_by(authors.c.since, authors.c.author)
    .limit(bindparam("limit"))
)

CREATE = insert(documents)
RENAME = (
    update(documents)
    .where(documents.c.id == bindparam("document"))
    .values(title=bindparam("new"), title_folded=bindparam("folded"))
)
DELETE = delete(documents).where(documents.c.id == bindparam("document")).where(_shown)
SHOW = (
    update(documents)
    .where(documents.c.id == bindparam("document"))
    .where(_hidden)
    .values(epoch=bindparam("shown"))
)
ABANDON = delete(documents).where(documents.c.id == bindparam("document")).where(_hidden)
DELETE_HIDDEN = delete(documents).where(_hidden)
TOUCH = (
    update(documents)
    .where(documents.c.id == bindparam("document"))
    .where(documents.c.updated < bindparam("time"))
    .values(updated=bindparam("time"))
)


def new_row(document: DocumentRecord) -> dict[str, Any]:
    """The parameters of `CREATE`."""
    return {
        "id": document.id,
        "title": document.title,
        "title_folded": document.title.casefold(),
        "type": document.type,
        "epoch": document.epoch,
        "created": document.created,
        "updated": document.updated,
    }


class StateStatements:
    """The statements for what plugins keep, in the server's table or in the documents'."""

    def __init__(self, database: Database, table: Table) -> None:
        mine = table.c.plugin == bindparam("owner")
        if "document" in table.c:
            mine = and_(mine, table.c.document == bindparam("of"))
        this = and_(mine, table.c.key == bindparam("this"))
        self.get = select(table.c.value).where(this)
        # Not LIKE, which finds capitals too, nor a range, which depends on the collation.
        begins = func.substr(table.c.key, 1, bindparam("size", type_=Integer))
        named = and_(mine, begins == bindparam("prefix"))
        self.list = select(table.c.key, table.c.value).where(named).order_by(table.c.key)
        self.set = database.upsert(table)
        self.remove = delete(table).where(this)
