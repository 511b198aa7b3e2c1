"""Every revision has a hash made of the one before it, and every snapshot is sealed.

The tables are made again instead of changed: a column that may not be empty needs a value for
every row, and those are what is computed here, some rows at a time.
"""

from collections.abc import Iterator

import sqlalchemy as sa
from alembic import op

from collab.storage import chain
from collab.storage.packing import open_content, sealed

revision = "0003"
down_revision = "0002"

PAGE = 1000
"""Operations that are in memory at once."""

SIZE = 1024 * 1024
"""Bytes of deltas that are in memory at once, or those of a few operations more."""


def of_document() -> sa.Column[str]:
    return sa.Column(
        "document", sa.Text, sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )


def upgrade() -> None:
    op.rename_table("operations", "operations_before")
    op.rename_table("snapshots", "snapshots_before")
    operations = op.create_table(
        "operations",
        of_document(),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("delta", sa.Text, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sqlite_with_rowid=False,
    )
    snapshots = op.create_table(
        "snapshots",
        of_document(),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("encoding", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
        sa.Column("hash", sa.LargeBinary, nullable=False),
        sa.Column("seal", sa.LargeBinary, nullable=False),
    )
    connection = op.get_bind()
    documents = sa.table("documents", sa.column("id"), sa.column("type"))
    for id, type in connection.execute(sa.select(documents.c.id, documents.c.type)).all():
        Document(connection, id, type).take_over(operations, snapshots)
    op.drop_table("operations_before")
    op.drop_table("snapshots_before")


class Document:
    """What there is of one document in the tables as they were."""

    operations = sa.table(
        "operations_before",
        *map(sa.column, ("document", "revision", "client", "sequence", "author", "time", "delta")),
    )
    snapshots = sa.table(
        "snapshots_before", *map(sa.column, ("document", "revision", "encoding", "content"))
    )

    def __init__(self, connection: sa.Connection, id: str, type: str) -> None:
        self.connection, self.id, self.type = connection, id, type

    def take_over(self, operations: sa.Table, snapshots: sa.Table) -> None:
        """Chain the log, and note the hash of each revision that has a snapshot."""
        of = self.snapshots.c.document == self.id
        kept = list(
            self.connection.scalars(
                sa.select(self.snapshots.c.revision).where(of).order_by(self.snapshots.c.revision)
            )
        )
        hash = self.origin(kept[0]) if kept else chain.origin(self.type, 0, b"")
        hashes = dict.fromkeys(kept[:1], hash)
        wanted = set(kept)
        names = operations.columns.keys()
        for page in self.pages():
            rows = []
            for row in page:
                hash = chain.follow(hash, *row[:-1], row[-1].encode())
                rows.append(dict(zip(names, (self.id, *row, hash), strict=True)))
                if row[0] in wanted:
                    hashes[row[0]] = hash
            self.connection.execute(sa.insert(operations), rows)
        for one in kept:
            encoding, content = self.snapshot(one)
            # A snapshot of a revision that the log lacks was damaged before, and stays it.
            row = sealed(self.id, one, hashes.get(one, b""), encoding, content)
            self.connection.execute(sa.insert(snapshots), row)

    def snapshot(self, revision: int) -> tuple[str, bytes]:
        encoding, content = self.connection.execute(
            sa.select(self.snapshots.c.encoding, self.snapshots.c.content)
            .where(self.snapshots.c.document == self.id)
            .where(self.snapshots.c.revision == revision)
        ).one()
        return encoding, content

    def origin(self, revision: int) -> bytes:
        encoding, content = self.snapshot(revision)
        try:
            content = open_content(encoding, content)
        except ValueError:
            pass  # It was damaged before: that it can't be read is said when it is read.
        return chain.origin(self.type, revision, content)

    def pages(self) -> Iterator[list[sa.Row]]:
        """The operations in order, some at a time."""
        columns = [one for one in self.operations.c if one.name != "document"]
        page = (
            sa.select(*columns)
            .where(self.operations.c.document == self.id)
            .where(self.operations.c.revision > sa.bindparam("since"))
            .order_by(self.operations.c.revision)
            .limit(sa.bindparam("limit"))
        )
        since, limit = -1, PAGE
        while found := self.connection.execute(page, {"since": since, "limit": limit}).all():
            yield list(found)
            since = found[-1][0]
            # A document whose edits are large is read in smaller parts.
            size = sum(len(row[-1]) for row in found) // len(found) + 1
            limit = max(1, min(PAGE, SIZE // size))
