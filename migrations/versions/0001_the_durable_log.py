"""The durable log: documents, operations, deduplication, snapshots, plugins' state."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def of_document() -> sa.Column[str]:
    return sa.Column(
        "document", sa.Text, sa.ForeignKey("documents.id", ondelete="CASCADE"), primary_key=True
    )


def upgrade() -> None:
    op.create_table(
        "documents",
        sa.Column("id", sa.Text, primary_key=True),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("title_folded", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("epoch", sa.Text, nullable=False),
        sa.Column("created", sa.Double, nullable=False),
        sa.Column("updated", sa.Double, nullable=False),
    )
    op.create_index("documents_by_change", "documents", [sa.text("updated DESC"), "id"])
    op.create_table(
        "operations",
        of_document(),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("client", sa.Text, nullable=False),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("author", sa.Text, nullable=False),
        sa.Column("time", sa.Double, nullable=False),
        sa.Column("delta", sa.Text, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "clients",
        of_document(),
        sa.Column("client", sa.Text, primary_key=True),
        sa.Column("sequence", sa.BigInteger, nullable=False),
        sa.Column("revision", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "snapshots",
        of_document(),
        sa.Column("revision", sa.BigInteger, primary_key=True),
        sa.Column("encoding", sa.Text, nullable=False),
        sa.Column("content", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "plugin_state",
        sa.Column("plugin", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
    op.create_table(
        "plugin_document_state",
        of_document(),
        sa.Column("plugin", sa.Text, primary_key=True),
        sa.Column("key", sa.Text, primary_key=True),
        sa.Column("value", sa.LargeBinary, nullable=False),
    )
