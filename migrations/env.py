"""Runs migrations on the connection that `collab.storage.migrate` hands over.

The transaction is that module's too. `render_as_batch` lets a step alter a table of SQLite.
"""

from alembic import context

context.configure(
    connection=context.config.attributes["connection"],
    version_table=context.config.attributes["version_table"],
    render_as_batch=True,
)
with context.begin_transaction():
    context.run_migrations()
