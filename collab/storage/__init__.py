"""The durable log: documents, their operations and snapshots, what plugins keep.

``port``      what the rooms ask of a store, and its errors
``memory``    the twin in memory
``log``       the store in a database; ``database`` runs its transactions, ``sqlite`` on SQLite
``chain``     the hashes that prove a history
``tables``    the tables; ``migrate`` makes them
``whole``     everything that is kept of a document, out and in; ``rows`` of plugins' tables
``backup``    the file that holds it
``plugin_tables``  those that plugins have of their own; ``runs`` bounds what is done with them
"""

from __future__ import annotations

from collab.protocol.settings import Settings
from collab.storage.log import DatabaseStore
from collab.storage.memory import MemoryStore
from collab.storage.migrate import migrate as _migrate
from collab.storage.migrate import require_current
from collab.storage.place import existing_place, prepare_place
from collab.storage.port import Store
from collab.storage.sqlite import SqliteDatabase, reading_engine

__all__ = ["DatabaseStore", "MemoryStore", "Store", "open_store", "open_store_for_reading"]


async def open_store(settings: Settings) -> Store:
    """The store of ``settings``, its database made and migrated.

    Raises `collab.storage.port.DatabaseUnusable` with a sentence for the operator.
    """
    await _migrate(settings)
    store = DatabaseStore(
        await SqliteDatabase.open(prepare_place(settings), settings.durability)
    )
    await store.recover()
    return store


async def open_store_for_reading(settings: Settings) -> Store:
    """The store of ``settings`` as it is, also while a server uses it: nothing can be written.

    Raises `collab.storage.port.DatabaseUnusable`, also when it is of another version.
    """
    path = existing_place(settings)
    engine = reading_engine(path)
    try:
        await require_current(engine)
    finally:
        await engine.dispose()
    return DatabaseStore(await SqliteDatabase.open_reading(path))
