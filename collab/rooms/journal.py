"""Group commit: one transaction holds everything that every room has waiting.

While a transaction runs, the next one fills; so the number of transactions a second is what
the disk gives, and the number of edits a second is not bound by it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence
from typing import Protocol

from collab.ot import Delta
from collab.storage.port import Append, Store, StoredOperation

log = logging.getLogger(__name__)

Ordered = tuple[StoredOperation, Delta]
"""An operation that has its revision and may not be on disk yet."""


class Writer(Protocol):
    """What the journal asks of a room."""

    id: str

    def take(self) -> Sequence[Ordered]:
        """Hand over everything ordered since the last call."""

    def committed(self, batch: Sequence[Ordered]) -> None:
        """The batch is on disk: tell everybody."""

    def failed(self, error: BaseException) -> None:
        """What was taken can't be committed, or nobody knows whether it was."""


class Journal:
    """Commits what rooms have ordered; the only writer of the log."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, Writer] = {}
        self._running: asyncio.Task[None] | None = None
        self.commits = 0
        """Transactions committed since the start."""

    def submit(self, room: Writer) -> None:
        """Say that ``room`` has something to be taken."""
        self._waiting[room.id] = room
        if self._running is None:
            # A task of its own: whoever submits may be cancelled, a commit may not.
            self._running = asyncio.get_running_loop().create_task(self._run(), name="journal")

    async def drain(self) -> None:
        """Return when everything submitted so far is committed or has failed."""
        while self._running is not None:
            await asyncio.shield(self._running)

    async def _run(self) -> None:
        try:
            published: list[tuple[Writer, Sequence[Ordered]]] = []
            while self._waiting or published:
                batch = self._take()
                commit = asyncio.ensure_future(self._commit(batch)) if batch else None
                if commit is not None and published:
                    await asyncio.sleep(0)  # lets the transaction start before the fan-out
                for room, operations in published:
                    self._publish(room, operations)
                published = await commit if commit is not None else []
        finally:
            self._running = None

    def _publish(self, room: Writer, operations: Sequence[Ordered]) -> None:
        try:
            room.committed(operations)
        except Exception as error:
            log.exception("document %s: what was committed could not be told", room.id)
            room.failed(error)

    def _take(self) -> list[tuple[Writer, Sequence[Ordered]]]:
        rooms, self._waiting = self._waiting, {}
        return [(room, operations) for room in rooms.values() if (operations := room.take())]

    async def _commit(
        self, batch: list[tuple[Writer, Sequence[Ordered]]]
    ) -> list[tuple[Writer, Sequence[Ordered]]]:
        """Commit a batch; returns the part of it that is on disk."""
        try:
            await self._store.append(
                [Append(room.id, [operation for operation, _ in ops]) for room, ops in batch]
            )
        except asyncio.CancelledError as error:
            # Nobody knows whether it was committed. A second try would not know either, when
            # it is cancelled too; the deduplication record does, when the senders come back.
            for room, _ in batch:
                log.error("document %s: the commit was cancelled", room.id)
                room.failed(error)
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise
            return []
        except Exception as error:
            if len(batch) == 1:
                room, _ = batch[0]
                log.error("document %s: %s", room.id, error)
                room.failed(error)
                return []
            # One document that can't be written must not take the others with it. What the
            # failed transaction did write after all is refused here as a conflict, and
            # found in the deduplication record when its sender comes back.
            saved = []
            for entry in batch:
                saved += await self._commit([entry])
            return saved
        self.commits += 1
        return batch
