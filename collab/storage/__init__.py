"""The durable log: documents, their operations and snapshots, what plugins keep.

``port``      what the rooms ask of a store, and its errors
``memory``    the twin in memory
``log``       the store in a database; ``database`` runs its transactions, ``sqlite`` on SQLite
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
from collab.storage.place import prepare_place
from collab.storage.port import Store
from collab.storage.sqlite import SqliteDatabase

__all__ = ["DatabaseStore", "MemoryStore", "Store", "open_store"]


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
