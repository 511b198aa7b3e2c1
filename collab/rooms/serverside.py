"""Edits made on the server, by scripts over HTTP and by plugins: who waits for which revision."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Sequence

from collab.protocol.errors import CollabError
from collab.rooms.journal import Ordered
from collab.storage.port import Kept


class ServerSide:
    """The room's own client: its place in the order, and what its edits are waited for."""

    def __init__(self) -> None:
        self.client = "server-" + secrets.token_urlsafe(9)
        self._sequence = 0
        self._awaiting: dict[int, asyncio.Future[int]] = {}
        self._kept: dict[int, Sequence[Kept]] = {}
        """By the revision that it is to be committed with, what plugins keep."""

    @property
    def next(self) -> int:
        """The sequence number of the next edit."""
        return self._sequence + 1

    def ordered(self, revision: int, keep: Sequence[Kept]) -> None:
        """The next edit was ordered; what plugins ``keep`` is committed with it.

        Comes in the turn in which it was ordered: the journal can't have taken it yet.
        """
        self._sequence += 1
        if keep:
            self._kept[revision] = keep

    async def committed(self, revision: int) -> int:
        """Return when that revision is on disk. Raises what `fail` was given."""
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._awaiting[revision] = future
        return await future

    def kept_with(self, batch: Sequence[Ordered]) -> Sequence[Kept]:
        """What plugins keep from these operations on; of one key, the last."""
        if not self._kept:
            return ()
        found = {
            (one.plugin, one.key): one
            for operation, _ in batch
            for one in self._kept.get(operation.revision, ())
        }
        return list(found.values())

    def saved(self, batch: Sequence[Ordered]) -> None:
        """These operations are on disk: tell whoever waits."""
        if not self._awaiting and not self._kept:
            return
        for operation, _ in batch:
            self._kept.pop(operation.revision, None)
            waiter = self._awaiting.pop(operation.revision, None)
            if waiter is not None and not waiter.done():
                waiter.set_result(operation.revision)

    def fail(self, error: CollabError) -> None:
        """Nothing more will be committed: tell whoever waits."""
        for waiter in self._awaiting.values():
            if not waiter.done():
                waiter.set_exception(error)
        self._awaiting.clear()
