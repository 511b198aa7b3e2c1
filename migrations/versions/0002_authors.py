"""What the authors in a document's log are called, which two plugins had kept until then."""

import sqlalchemy as sa
from alembic import op

from collab.protocol.messages import User
from collab.storage.earlier import KEY, names_kept

revision = "0002"
down_revision = "0001"

KEEPERS = ("authorship", "history")
"""The plugins that had noted names. Of a document with two, the latter's count."""


def upgrade() -> None:
    authors = op.create_table(
        "authors",
        sa.Column(
            "document",
            sa.Text,
            sa.ForeignKey("documents.id", ondelete="CASCADE"),
            primary_key=True,
        ),
        sa.Column("author", sa.Text, primary_key=True),
        sa.Column("name", sa.Text, nullable=False),
        sa.Column("color", sa.Text, nullable=False),
        sa.Column("since", sa.BigInteger, nullable=False),
        sqlite_with_rowid=False,
    )
    take_over(op.get_bind(), authors)


def take_over(connection: sa.Connection, authors: sa.Table) -> None:
    """Bring the names that plugins had kept into the table; what is no such value stays."""
    state = sa.table(
        "plugin_document_state",
        sa.column("document"),
        sa.column("plugin"),
        sa.column("key"),
        sa.column("value"),
    )
    kept = sa.and_(state.c.plugin.in_(KEEPERS), state.c.key == KEY)
    # One document at a time: all names of all documents may be much.
    for document in connection.scalars(sa.select(state.c.document).where(kept).distinct()).all():
        here = sa.and_(kept, state.c.document == document)
        users: dict[str, User] = {}
        for plugin, value in connection.execute(
            sa.select(state.c.plugin, state.c.value).where(here).order_by(state.c.plugin)
        ).all():
            found = names_kept(value)
            if found is None:
                continue
            users |= {user.id: user for user in found}
            connection.execute(sa.delete(state).where(here, state.c.plugin == plugin))
        since = first_revisions(connection, document) if users else {}
        rows = [
            {
                "document": document,
                "author": user.id,
                "name": user.name,
                "color": user.color,
                "since": since.get(user.id, 1),
            }
            for user in users.values()
        ]
        if rows:
            connection.execute(sa.insert(authors), rows)


def first_revisions(connection: sa.Connection, document: str) -> dict[str, int]:
    """Of each author in a document's log, the first revision."""
    operations = sa.table(
        "operations", sa.column("document"), sa.column("revision"), sa.column("author")
    )
    found = connection.execute(
        sa.select(operations.c.author, sa.func.min(operations.c.revision))
        .where(operations.c.document == document)
        .group_by(operations.c.author)
    )
    return dict(iter(found))
