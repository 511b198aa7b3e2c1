"""What guests may do in single documents: kept with each of them, so that it is in its backup."""

from __future__ import annotations

from typing import Literal

import msgspec

from collab import Document
from collab.plugins.state import State
from collab.storage.port import Conflict

May = Literal["write", "read", "nothing"]
STRICT: tuple[May, ...] = ("write", "read", "nothing")
"""What guests may do, the strictest at the end."""

KEY = "guests"
"""Under which it is kept in a document's state; a document without it follows the settings."""

REMEMBERED = 10_000
"""Documents of which it is known without asking the store."""


class Rights:
    """What guests may do, by document."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: dict[tuple[str, str], May] = {}
        """By id and epoch: one that was restored is asked about as one that was never seen."""
        self._changes = 0

    async def move(self) -> None:
        """Put what earlier versions kept beside the documents into them. Raises `StorageError`."""
        for id, may in msgspec.convert(await self._state.list(), dict[str, May]).items():
            try:
                await self._state.set(KEY, may, document=id)
            except Conflict:
                pass  # there is no such document any more
            await self._state.delete(id)

    async def of(self, document: Document) -> May:
        """Raises `StorageError`, and ValueError when what is kept is none of these words."""
        this = (document.id, document.record.epoch)
        known = self._known.get(this)
        if known is not None:
            return known
        while True:
            changes = self._changes
            kept = await self._state.get(KEY, STRICT[0], document=document)
            # What was changed meanwhile may be newer than what was read.
            if changes == self._changes:
                break
        return self._remember(this, msgspec.convert(kept, May))

    async def change(self, document: Document, may: May) -> None:
        """Raises `StorageError`."""
        if may == STRICT[0]:
            await self._state.delete(KEY, document=document)
        else:
            await self._state.set(KEY, may, document=document)
        self._changes += 1
        self._remember((document.id, document.record.epoch), may)

    def _remember(self, this: tuple[str, str], may: May) -> May:
        self._known.pop(this, None)
        while len(self._known) >= REMEMBERED:
            del self._known[next(iter(self._known))]
        self._known[this] = may
        return may
