"""How what plugins want of a database is run: work on a connection of SQLAlchemy, bounded."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, Protocol, TypeVar

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError, SQLAlchemyError, StatementError
from sqlalchemy.ext.asyncio import AsyncEngine

from collab.storage.port import StorageError, Violation

T = TypeVar("T")

READ_LIMIT = 10.0
"""Seconds that a plugin's query may take."""

WRITE_LIMIT = 2.0
"""Seconds that a plugin's transaction may take: edits wait while it runs."""

MIGRATION_LIMIT = 60.0
"""Seconds that a plugin's migrations may take: edits wait while they run."""


class Runs(Protocol):
    """Everything raises what the work raises, `Violation`, or `StorageError`: the database
    failed, or it took too long."""

    async def reading(self, plugin: str, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction, which holds up nobody but that plugin."""

    async def writing(self, plugin: str, work: Callable[[Connection], T]) -> T:
        """Run ``work`` in a transaction. Once it has begun, it comes to its end, also when the
        caller is cancelled, and what the plugin reads next is from after it."""

    async def migrating(
        self, work: Callable[[Connection], T], owns: Callable[[str], bool]
    ) -> T:
        """Run ``work``, which begins transactions of its own, and may change the tables that
        ``owns`` says yes to."""


class EngineRuns:
    """Through SQLAlchemy's engines alone. (That a plugin changes its own tables only, and ends
    in time, is for the database to see to.)"""

    def __init__(self, writer: AsyncEngine, reader: AsyncEngine) -> None:
        self._writer = writer
        self._reader = reader
        self._running: set[asyncio.Task[Any]] = set()

    async def reading(self, plugin: str, work: Callable[[Connection], T]) -> T:
        return await self._whole(self._reader, work)

    async def writing(self, plugin: str, work: Callable[[Connection], T]) -> T:
        return await self._whole(self._writer, work)

    async def migrating(
        self, work: Callable[[Connection], T], owns: Callable[[str], bool]
    ) -> T:
        try:
            async with self._writer.connect() as connection:
                return await connection.run_sync(work)
        except SQLAlchemyError as error:
            raise understood(error) from error

    async def _whole(self, engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
        task = asyncio.create_task(_run(engine, work))
        self._running.add(task)
        task.add_done_callback(self._running.discard)
        return await asyncio.shield(task)


async def _run(engine: AsyncEngine, work: Callable[[Connection], T]) -> T:
    try:
        async with engine.begin() as connection:
            return await connection.run_sync(work)
    except SQLAlchemyError as error:
        raise understood(error) from error


def understood(error: SQLAlchemyError) -> StorageError:
    """What a failure in SQLAlchemy is to a plugin."""
    if isinstance(error, IntegrityError):
        return Violation(f"Nothing was written: {error.orig}.")
    # Without the statement and its parameters, which are somebody's words.
    reason = (error.orig if isinstance(error, StatementError) else None) or error
    return StorageError(f"The database could not do it: {reason}")
