"""The tables, as they are after the last migration (a test compares the two)."""

from __future__ import annotations

from typing import Any

from sqlalchemy import (
    BigInteger,
    Column,
    Double,
    ForeignKey,
    Index,
    LargeBinary,
    MetaData,
    Table,
    Text,
)

metadata = MetaData()


def _of_document() -> Column[str]:
    """A first key column: the row goes when its document goes."""
    return Column(
        "document", Text, ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )


documents = Table(
    "documents",
    metadata,
    Column("id", Text, primary_key=True),
    Column("title", Text, nullable=False),
    # The title in the form that a search compares: databases fold the case of ASCII only.
    Column("title_folded", Text, nullable=False),
    Column("type", Text, nullable=False),
    # Empty while the document is being written, see collab.storage.whole.
    Column("epoch", Text, nullable=False),
    Column("created", Double, nullable=False),
    Column("updated", Double, nullable=False),
)
Index("documents_by_change", documents.c.updated.desc(), documents.c.id)

# A hint for SQLite alone: rows lie in the order of their key, in one tree instead of two. A
# commit then writes half the pages, and the operations of a document lie side by side.
_IN_KEY_ORDER: dict[str, Any] = {"sqlite_with_rowid": False}

operations = Table(
    "operations",
    metadata,
    _of_document(),
    Column("revision", BigInteger, primary_key=True),
    Column("client", Text, nullable=False),
    Column("sequence", BigInteger, nullable=False),
    Column("author", Text, nullable=False),
    Column("time", Double, nullable=False),
    Column("delta", Text, nullable=False),
    # Made of the row and of the hash of the revision before, see collab.storage.chain.
    Column("hash", LargeBinary, nullable=False),
    **_IN_KEY_ORDER,
)

# What deduplicates. Kept apart from the log, so that compacting the log can't forget it.
clients = Table(
    "clients",
    metadata,
    _of_document(),
    Column("client", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    Column("revision", BigInteger, nullable=False),
    **_IN_KEY_ORDER,
)

# What those who wrote were called when they last did.
authors = Table(
    "authors",
    metadata,
    _of_document(),
    Column("author", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("color", Text, nullable=False),
    Column("since", BigInteger, nullable=False),
    **_IN_KEY_ORDER,
)

snapshots = Table(
    "snapshots",
    metadata,
    _of_document(),
    Column("revision", BigInteger, primary_key=True),
    # "plain" or "zlib", see collab.storage.packing.
    Column("encoding", Text, nullable=False),
    Column("content", LargeBinary, nullable=False),
    # Of the revision, and of the row as it is, see collab.storage.chain.
    Column("hash", LargeBinary, nullable=False),
    Column("seal", LargeBinary, nullable=False),
)

plugin_state = Table(
    "plugin_state",
    metadata,
    Column("plugin", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)

plugin_document_state = Table(
    "plugin_document_state",
    metadata,
    _of_document(),
    Column("plugin", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("value", LargeBinary, nullable=False),
)
