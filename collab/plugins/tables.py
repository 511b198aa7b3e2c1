"""What a plugin keeps in tables of its own, made by the migrations in its folder."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from collab.storage.port import StorageError, Store, TableStep, Violation

__all__ = ["StorageError", "Tables", "Violation"]


class Tables:
    """The tables of one plugin, called by its name and ``_``.

    Statements are SQLAlchemy's. Everything raises `StorageError` when the database can't do it,
    or when it takes too long: ten seconds for a read, two for a write, which edits wait for.
    """

    def __init__(self, plugin: str, store: Store | None) -> None:
        self._plugin = plugin
        self._store = store

    def attach(self, store: Store) -> None:
        """From now on the tables are in the database of ``store``."""
        self._store = store

    async def read(
        self, statement: Any, parameters: Mapping[str, Any] | None = None
    ) -> list[Any]:
        """The rows of a SELECT, at most 100,000, each a named tuple. Raises TypeError.

        A plugin's reads run one after the other, and hold nobody else up.
        """
        return list(await self._opened().tables.read(self._plugin, statement, parameters or {}))

    async def write(self, *steps: Any | tuple[Any, Sequence[Mapping[str, Any]]]) -> list[int]:
        """Run statements in one transaction, all of them or none; the rows each has changed.

        A step is an INSERT, UPDATE or DELETE, or a tuple of one and the mappings of its
        parameters for every time that it runs. All is on disk when this returns. Raises
        `Violation` (nothing was written): a key was taken, or a row is missing that others refer
        to, such as the document. Raises ValueError for a table that is not the plugin's,
        TypeError for another statement. After another `StorageError`, or when the call was
        cancelled, it may have been written: read what is there.
        """
        return await self._opened().tables.write(
            self._plugin,
            [TableStep(*step) if isinstance(step, tuple) else TableStep(step) for step in steps],
        )

    def _opened(self) -> Store:
        if self._store is None:
            raise LookupError("There is no store yet: it is there from server_started on.")
        return self._store
