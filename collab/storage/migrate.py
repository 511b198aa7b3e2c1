"""Bring a database to the tables of this version, with Alembic run from code.

``migrations/`` holds the steps: in a checkout at its top, in an installed package inside it.
"""

from __future__ import annotations

import logging
from collections.abc import Sequence
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, inspect
from sqlalchemy.exc import SQLAlchemyError
from sqlalchemy.ext.asyncio import AsyncEngine

from collab.protocol.settings import Settings
from collab.storage.place import prepare_place
from collab.storage.port import DatabaseTooNew, DatabaseUnusable
from collab.storage.sqlite import migration_engine

log = logging.getLogger(__name__)


async def migrate(settings: Settings) -> Sequence[str]:
    """Migrate the database of ``settings``; the names of the steps taken, none if up to date.

    Raises `DatabaseTooNew` or `DatabaseUnusable` with a sentence; a step that fails is undone.
    """
    return await upgrade(migration_engine(prepare_place(settings), settings.durability))


async def upgrade(engine: AsyncEngine) -> Sequence[str]:
    """Take every step that is missing, each in a transaction of its own, and dispose ``engine``.

    What is missing is asked within that transaction, which holds other writers off: of two
    servers that start at once, one migrates.
    """
    taken: list[str] = []
    try:
        async with engine.connect() as connection:
            while True:
                async with connection.begin():
                    step = await connection.run_sync(_take_step)
                if step is None:
                    return taken
                log.info("migrated the database to %s", step)
                taken.append(step)
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        raise DatabaseUnusable(
            f"The database {engine.url.database} could not be migrated: {reason}. The step that"
            " failed was undone."
        ) from error
    finally:
        await engine.dispose()


def migrations_folder() -> Path:
    """Where the steps are."""
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def _take_step(connection: Connection) -> str | None:
    """Take the next step; its name, or None when there is none."""
    name = connection.engine.url.database
    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    config.attributes["connection"] = connection
    known = ScriptDirectory.from_config(config)
    current = MigrationContext.configure(connection).get_current_revision()
    if current is None and inspect(connection).get_table_names():
        raise DatabaseUnusable(
            f"The database {name} holds tables of another program. Give Collab a database of"
            " its own."
        )
    if current is not None and current not in {step.revision for step in known.walk_revisions()}:
        raise DatabaseTooNew(
            f"The database {name} is newer than this version of Collab: it was migrated to"
            f" {current}, and this version knows {known.get_current_head()} at most. Upgrade"
            " Collab, or restore a backup from before."
        )
    if current == known.get_current_head():
        return None
    command.upgrade(config, "+1")
    return MigrationContext.configure(connection).get_current_revision()
