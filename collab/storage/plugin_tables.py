"""The tables that plugins have of their own: whose a table is, and what is done with them.

A plugin's tables are called ``NAME_…``; ``NAME_migrations`` notes which of its steps were taken.
Statements are run by SQLAlchemy, so that columns may be of any of its types.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

from alembic.script import ScriptDirectory
from sqlalchemy import Connection, Inspector, MetaData, Table, inspect
from sqlalchemy.sql.dml import UpdateBase
from sqlalchemy.sql.selectable import SelectBase

from collab.storage.migrate import VERSION_TABLE, Steps, is_newer, one_at_a_time, take_steps
from collab.storage.port import StorageError, TableStep, TablesUnusable
from collab.storage.runs import Runs
from collab.storage.tables import documents, metadata

ROWS = 100_000
"""Rows that a query may have."""

_AT_ONCE = 500
"""Rows that are handed to the database together."""

_VERSIONS = "_migrations"
_REBUILT = "_alembic_tmp_"
_OURS = frozenset([*metadata.tables, VERSION_TABLE])


class PluginTables:
    """`collab.storage.port.Tables` in any database."""

    def __init__(self, runs: Runs) -> None:
        self._runs = runs
        self._running: set[asyncio.Task[Any]] = set()

    async def migrate(self, plugin: str, folder: Path) -> Sequence[str]:
        names = await self._runs.reading(plugin, _table_names)
        others = _plugins(names) - {plugin}
        owns = partial(_owns, plugin, others)
        # To its end, also when nobody waits for it any more.
        work = partial(_migrate, plugin, folder, owns)
        migrating = asyncio.create_task(self._migrate(work, owns))
        self._running.add(migrating)
        migrating.add_done_callback(self._running.discard)
        return await asyncio.shield(migrating)

    async def _migrate(
        self, work: Callable[[Connection], list[str]], owns: Callable[[str], bool]
    ) -> Sequence[str]:
        try:
            async with one_at_a_time():
                return await self._runs.migrating(work, owns)
        except TablesUnusable:
            raise
        except StorageError as error:
            raise TablesUnusable(f"its tables can't be migrated: {error}") from error

    async def read(
        self, plugin: str, statement: Any, parameters: Mapping[str, Any]
    ) -> Sequence[Any]:
        if not isinstance(statement, SelectBase):
            raise TypeError(f"A SELECT can be read, not {type(statement).__name__}.")
        return await self._runs.reading(plugin, partial(_read, statement, parameters))

    async def write(self, plugin: str, steps: Sequence[TableStep]) -> list[int]:
        for step in steps:
            if not isinstance(step.statement, UpdateBase):
                raise TypeError(
                    "An INSERT, UPDATE or DELETE can be written, not"
                    f" {type(step.statement).__name__}."
                )
            name = getattr(step.statement.table, "name", None)
            if not isinstance(name, str) or not _owns(plugin, frozenset(), name):
                raise ValueError(
                    f"The table {name} is not one of {plugin}: its tables are called {plugin}_…"
                )
        return await self._runs.writing(plugin, partial(_write, steps)) if steps else []

    async def of_documents(self) -> dict[str, list[Table]]:
        return await self._runs.reading("", _of_documents)


def _owns(plugin: str, others: Iterable[str], table: str) -> bool:
    """Whether a table is a plugin's. What two names fit is that plugin's whose name is longer."""
    table = table.removeprefix(_REBUILT)
    if table == plugin + _VERSIONS:
        return True
    return (
        table.startswith(f"{plugin}_")
        and table not in _OURS
        and not table.endswith(_VERSIONS)
        and not any(
            len(other) > len(plugin) and table.startswith(f"{other}_") for other in others
        )
    )


def _plugins(tables: Iterable[str]) -> frozenset[str]:
    """The plugins that have tables."""
    return frozenset(
        name.removesuffix(_VERSIONS)
        for name in tables
        if name.endswith(_VERSIONS) and name not in _OURS
    )


def _table_names(connection: Connection) -> list[str]:
    return inspect(connection).get_table_names()


def _of_documents(connection: Connection) -> dict[str, list[Table]]:
    inspector = inspect(connection)
    names = inspector.get_table_names()
    plugins = _plugins(names)
    owners = {
        name: plugin
        for name in names
        for plugin in plugins
        if _owns(plugin, plugins, name) and _is_of_document(inspector, name)
    }
    reflected = MetaData()
    if owners:
        reflected.reflect(connection, only=list(owners))
    found: dict[str, list[Table]] = {}
    for table in reflected.sorted_tables:
        if table.name in owners:
            found.setdefault(owners[table.name], []).append(table)
    return found


def _is_of_document(inspector: Inspector, table: str) -> bool:
    return any(
        key["constrained_columns"] == ["document"] and key["referred_table"] == documents.name
        for key in inspector.get_foreign_keys(table)
    )


def _read(statement: Any, parameters: Mapping[str, Any], connection: Connection) -> Sequence[Any]:
    rows = connection.execute(statement, dict(parameters)).fetchmany(ROWS + 1)
    if len(rows) > ROWS:
        raise StorageError(f"The query has more than {ROWS} rows: ask for fewer at once.")
    return rows


def _write(steps: Sequence[TableStep], connection: Connection) -> list[int]:
    changed = []
    for statement, rows in steps:
        if rows is None:
            changed.append(connection.execute(statement).rowcount)
            continue
        # Some at once: what takes too long is found between two statements too.
        parts = [rows[start : start + _AT_ONCE] for start in range(0, len(rows), _AT_ONCE)]
        changed.append(
            sum(
                connection.execute(statement, [dict(row) for row in part]).rowcount
                for part in parts
            )
        )
    return changed


def _migrate(
    plugin: str, folder: Path, owns: Callable[[str], bool], connection: Connection
) -> list[str]:
    def check(connection: Connection, current: str | None, known: ScriptDirectory) -> None:
        if is_newer(current, known):
            raise TablesUnusable(
                f"a later version of it has migrated its tables to {current}, and this version"
                f" knows {known.get_current_head()} at most: install the later version again, or"
                " restore a backup from before"
            )

    try:
        return take_steps(connection, Steps(folder, plugin + _VERSIONS, check))
    except TablesUnusable:
        raise
    except (Exception, SystemExit) as error:
        # Whatever a step is made of, it is the plugin's.
        reason = getattr(error, "orig", None) or error
        raise TablesUnusable(
            f"a migration of its tables failed, and was undone ({type(reason).__name__}:"
            f" {reason}): mend the plugin, or go back to the version before"
        ) from error
