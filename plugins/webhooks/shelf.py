"""Values that are kept in the plugin's state without anybody waiting for it."""

from __future__ import annotations

import asyncio
import logging
from typing import Any

from collab.plugins.state import State
from collab.storage.port import StorageError

RETRY = 5.0
"""Seconds until a write that failed is tried again."""


class Shelf:
    """JSON values by key. What is put here is written at once, but nobody waits.

    Changes are written in the order in which they were made; of several to one key that come
    while another is being written, only the last.
    """

    def __init__(self, state: State, log: logging.Logger) -> None:
        self._state = state
        self._log = log
        self._changes: dict[str, Any] = {}
        """What is not written yet; None: to be deleted."""
        self._written: set[str] = set()
        self._changed = asyncio.Event()
        self._writing = asyncio.Lock()

    async def load(self) -> dict[str, Any]:
        """Everything that is kept."""
        kept = await self._state.list()
        self._written.update(kept)
        return kept

    def put(self, key: str, value: Any) -> None:
        """Keep a value from now on."""
        self._changes.pop(key, None)
        self._changes[key] = value
        self._changed.set()

    def discard(self, key: str) -> None:
        """Keep it no longer."""
        self.put(key, None)

    async def run(self) -> None:
        """Write whatever comes, for ever."""
        while True:
            await self._changed.wait()
            self._changed.clear()
            try:
                await self.flush()
            except StorageError as error:
                self._log.warning("events can't be saved now: %s", error)
                await asyncio.sleep(RETRY)
                self._changed.set()

    async def flush(self) -> None:
        """Return when everything is on disk. Raises `StorageError`."""
        async with self._writing:
            while self._changes:
                key = next(iter(self._changes))
                value = self._changes.pop(key)
                try:
                    await self._write(key, value)
                except BaseException:
                    # It comes first again, unless something newer was put in its place.
                    self._changes = {key: value} | self._changes
                    raise

    async def _write(self, key: str, value: Any) -> None:
        if value is not None:
            self._written.add(key)
            await self._state.set(key, value)
        elif key in self._written:
            await self._state.delete(key)
            self._written.discard(key)
