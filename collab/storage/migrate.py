"""Bring a database to the tables of this version, with Alembic run from code.

``migrations/`` holds our own steps: in a checkout at its top, in an installed package inside it.
The steps of plugins (`collab.storage.plugin_tables`) are taken by the same machinery.
"""

from __future__ import annotations

import asyncio
import logging
import threading
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
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

VERSION_TABLE = "alembic_version"
"""Where our own steps are noted."""

_TURN = threading.Lock()


@dataclass(frozen=True, slots=True)
class Steps:
    """A series of migrations, and where those that were taken are noted."""

    folder: Path
    """What holds the steps."""
    version_table: str
    check: Callable[[Connection, str | None, ScriptDirectory], None]
    """Asked before a step, in its transaction, with the last step that was taken (None: none).
    Raises when it can't be taken."""


async def migrate(settings: Settings) -> Sequence[str]:
    """Migrate the database of ``settings``; the names of the steps taken, none if up to date.

    Raises `DatabaseTooNew` or `DatabaseUnusable` with a sentence; a step that fails is undone.
    """
    return await upgrade(migration_engine(prepare_place(settings), settings.durability))


async def upgrade(engine: AsyncEngine) -> Sequence[str]:
    """Take every step of ours that is missing, and dispose ``engine``."""
    try:
        async with one_at_a_time(), engine.connect() as connection:
            steps = Steps(migrations_folder() / "versions", VERSION_TABLE, _check)
            taken = await connection.run_sync(take_steps, steps)
    except SQLAlchemyError as error:
        reason = getattr(error, "orig", None) or error
        raise DatabaseUnusable(
            f"The database {engine.url.database} could not be migrated: {reason}. The step that"
            " failed was undone."
        ) from error
    finally:
        await engine.dispose()
    for step in taken:
        log.info("migrated the database to %s", step)
    return taken


async def require_current(engine: AsyncEngine) -> None:
    """Raise `DatabaseUnusable` unless every step of ours was taken; ``engine`` only reads."""
    steps = Steps(migrations_folder() / "versions", VERSION_TABLE, _check)
    async with one_at_a_time(), engine.connect() as connection:
        await connection.run_sync(_require_current, steps)


def _require_current(connection: Connection, steps: Steps) -> None:
    known = ScriptDirectory.from_config(_config(steps))
    current = _current(connection, steps)
    steps.check(connection, current, known)
    if current != known.get_current_head():
        raise DatabaseUnusable(
            f"The database {connection.engine.url.database} is of an earlier version of Collab:"
            " bring it to this one first, with collab migrate."
        )


@asynccontextmanager
async def one_at_a_time() -> AsyncIterator[None]:
    """Wait until nobody else in this process migrates: Alembic keeps what it is at in its modules,
    so that two databases that are migrated at once would be mixed up."""
    if not _TURN.acquire(blocking=False):
        turn = asyncio.get_running_loop().run_in_executor(None, _TURN.acquire)
        try:
            await asyncio.shield(turn)
        except asyncio.CancelledError:
            turn.add_done_callback(lambda _: _TURN.release())
            raise
    try:
        yield
    finally:
        _TURN.release()


def migrations_folder() -> Path:
    """Where the steps are, and the ``env.py`` that every step is run by."""
    package = Path(__file__).parents[1]
    installed = package / "migrations"
    return installed if installed.is_dir() else package.parent / "migrations"


def take_steps(connection: Connection, steps: Steps) -> list[str]:
    """Take every step that is missing, each in a transaction of its own; their names.

    What is missing is asked within that transaction, which holds other writers off: of two
    servers that start at once, one migrates.
    """
    taken: list[str] = []
    while True:
        with connection.begin():
            step = _take_step(connection, steps)
        if step is None:
            return taken
        taken.append(step)


def _take_step(connection: Connection, steps: Steps) -> str | None:
    """Take the next step; its name, or None when there is none."""
    config = _config(steps)
    config.attributes["connection"] = connection
    config.attributes["version_table"] = steps.version_table
    known = ScriptDirectory.from_config(config)
    current = _current(connection, steps)
    steps.check(connection, current, known)
    if current == known.get_current_head():
        return None
    command.upgrade(config, "+1")
    return _current(connection, steps)


def _config(steps: Steps) -> Config:
    config = Config()
    config.set_main_option("script_location", _escaped(migrations_folder()))
    config.set_main_option("version_locations", _escaped(steps.folder))
    # A folder's name may hold whatever else separates them.
    config.set_main_option("path_separator", "newline")
    return config


def _current(connection: Connection, steps: Steps) -> str | None:
    options = {"version_table": steps.version_table}
    return MigrationContext.configure(connection, opts=options).get_current_revision()


def _check(connection: Connection, current: str | None, known: ScriptDirectory) -> None:
    name = connection.engine.url.database
    if current is None and inspect(connection).get_table_names():
        raise DatabaseUnusable(
            f"The database {name} holds tables of another program. Give Collab a database of"
            " its own."
        )
    if is_newer(current, known):
        raise DatabaseTooNew(
            f"The database {name} is newer than this version of Collab: it was migrated to"
            f" {current}, and this version knows {known.get_current_head()} at most. Upgrade"
            " Collab, or restore a backup from before."
        )


def is_newer(current: str | None, known: ScriptDirectory) -> bool:
    """Whether a step was taken that is not among those that are known."""
    return current is not None and current not in {
        step.revision for step in known.walk_revisions()
    }


def _escaped(folder: Path) -> str:
    """A path as Alembic's configuration takes it."""
    return str(folder).replace("%", "%%")
