"""What a plugin keeps in the store: JSON values by key, its own and each document's."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from collab.ot import Delta
from collab.plugins.document import Document
from collab.protocol.messages import WRITTEN, User
from collab.storage.port import Kept, Store

KEY_LENGTH = 200
"""Characters in a key at most."""

VALUE_SIZE = 1024 * 1024
"""Bytes of JSON in a value at most."""


class State:
    """Key-value state of one plugin. A document's values are in its backup, and go when it goes.

    ``document`` is a `Document`, a document's id, or None for the plugin's own values.
    Everything raises `StorageError` when the store can't do it.
    """

    def __init__(self, plugin: str, store: Store | None) -> None:
        self._plugin = plugin
        self._store = store

    def attach(self, store: Store) -> None:
        """From now on values are kept in ``store``."""
        self._store = store

    async def get(
        self, key: str, default: Any = None, *, document: Document | str | None = None
    ) -> Any:
        """The value kept under ``key``, or ``default``."""
        value = await self._opened().get_state(self._plugin, _id(document), key)
        return default if value is None else msgspec.json.decode(value)

    async def set(
        self, key: str, value: Any, *, document: Document | str | None = None
    ) -> None:
        """Keep a JSON value; it is on disk when this returns. Raises ValueError, TypeError."""
        await self._opened().set_state(self._plugin, _id(document), key, encoded(key, value))

    async def transaction(
        self,
        document: Document,
        values: Mapping[str, Any],
        *,
        operation: Delta,
        author: str | User,
        revision: int | None = None,
    ) -> int:
        """Edit an open document and keep values for it: both are on disk, or neither is.

        ``operation``, ``author`` and ``revision`` are as for `Document.apply`, and so is what
        this returns and raises. A value of None removes its key.
        """
        keep = kept(self._plugin, values)
        return await document.apply(operation, author=author, revision=revision, keep=keep)

    async def delete(self, key: str, *, document: Document | str | None = None) -> None:
        """Forget what is kept under ``key``, if anything is."""
        await self._opened().set_state(self._plugin, _id(document), key, None)

    async def list(
        self, *, prefix: str = "", document: Document | str | None = None
    ) -> dict[str, Any]:
        """The values whose keys begin with ``prefix``, by key and sorted."""
        values = await self._opened().list_state(self._plugin, _id(document), prefix)
        return {key: msgspec.json.decode(value) for key, value in values.items()}

    def _opened(self) -> Store:
        if self._store is None:
            raise LookupError("There is no store yet: it is there from server_started on.")
        return self._store


def kept(plugin: str, values: Mapping[str, Any]) -> list[Kept]:
    """Values as the store takes them; one of None removes its key. Raises ValueError, TypeError."""
    return [
        Kept(plugin, key, None if value is None else encoded(key, value))
        for key, value in values.items()
    ]


def encoded(key: str, value: Any) -> bytes:
    """A value as JSON. Raises ValueError, TypeError: it, or its key, can't be kept."""
    # What the database can't take is refused here: with an edit, it would take the room along.
    if not isinstance(key, str):
        raise TypeError(f"A key is a str, not {type(key).__name__}.")
    if not 0 < len(key) <= KEY_LENGTH:
        raise ValueError(f"A key has 1 to {KEY_LENGTH} characters, this one {len(key)}.")
    if not WRITTEN.fullmatch(key):
        raise ValueError(f"A key holds no NUL and no half characters, as {key!r:.50} does.")
    encoded = msgspec.json.encode(value)
    if len(encoded) > VALUE_SIZE:
        raise ValueError(
            f"A value has at most {VALUE_SIZE} bytes of JSON, {key!r} {len(encoded)}."
        )
    return encoded


def _id(document: Document | str | None) -> str | None:
    return document.id if isinstance(document, Document) else document
