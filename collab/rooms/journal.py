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


TOUCH = 1.0
"""Seconds between notes of which documents were changed when."""


class Writer(Protocol):
    """What the journal asks of a room."""

    id: str

    def take(self) -> Sequence[Ordered]:
        """Hand over what was ordered since the last call; what is left is submitted again."""

    def record(self, batch: Sequence[Ordered]) -> Append:
        """These operations, and what has to be on disk with them."""

    def committed(self, batch: Sequence[Ordered]) -> None:
        """The batch is on disk: tell everybody."""

    def failed(self, error: BaseException) -> None:
        """What was taken can't be committed, or nobody knows whether it was."""


Taken = tuple[Writer, Sequence[Ordered]]
Outcome = tuple[Writer, Sequence[Ordered], BaseException | None]


class Journal:
    """Commits what rooms have ordered; the only writer of the log."""

    def __init__(self, store: Store) -> None:
        self._store = store
        self._waiting: dict[str, Writer] = {}
        self._running: asyncio.Task[None] | None = None
        self._times: dict[str, float] = {}
        self._touching: asyncio.TimerHandle | None = None
        self.commits = 0
        """Transactions committed since the start."""
        self.failures = 0
        """Transactions that failed, or whose outcome is not known, since the start."""

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
        await self._touch()

    async def _run(self) -> None:
        try:
            saved: list[Taken] = []
            while self._waiting or saved:
                batch = self._take()
                commit = asyncio.ensure_future(self._commit(batch)) if batch else None
                if commit is not None and saved:
                    await asyncio.sleep(0)  # lets the transaction start before the fan-out
                for room, operations in saved:
                    self._publish(room, operations)
                saved = []
                for room, operations, error in await self._outcome(commit, batch):
                    if error is None:
                        saved.append((room, operations))
                    else:
                        log.error("document %s: %s", room.id, str(error) or type(error).__name__)
                        room.failed(error)
        finally:
            self._running = None

    async def _outcome(
        self, commit: asyncio.Future[list[Outcome]] | None, batch: list[Taken]
    ) -> list[Outcome]:
        if commit is None:
            return []
        try:
            return await commit
        except asyncio.CancelledError as error:
            task = asyncio.current_task()
            if task is not None and task.cancelling():
                raise  # it is the journal that is told to end
            # Nobody knows whether the cancelled commit happened; the deduplication record
            # does, when the senders come back.
            return [(room, operations, error) for room, operations in batch]

    def _publish(self, room: Writer, operations: Sequence[Ordered]) -> None:
        try:
            room.committed(operations)
        except Exception as error:
            log.exception("document %s: what was committed could not be told", room.id)
            room.failed(error)

    def _take(self) -> list[Taken]:
        rooms, self._waiting = self._waiting, {}
        return [(room, operations) for room in rooms.values() if (operations := room.take())]

    async def _commit(self, batch: list[Taken]) -> list[Outcome]:
        """Commit a batch; what is on disk, and what is not or may not be, with the reason."""
        try:
            await self._store.append([room.record(ops) for room, ops in batch])
        except Exception as error:
            self.failures += 1
            if len(batch) == 1:
                room, ops = batch[0]
                return [(room, ops, error)]
            # One document that can't be written must not take the others with it. What the
            # failed transaction did write after all is refused here as a conflict, and
            # found in the deduplication record when its sender comes back.
            outcomes = []
            for entry in batch:
                outcomes += await self._commit([entry])
            return outcomes
        self.commits += 1
        self._changed(batch)
        return [(room, ops, None) for room, ops in batch]

    def _changed(self, batch: list[Taken]) -> None:
        """Note that documents were changed; the store is told now and then, not every time."""
        for room, operations in batch:
            self._times[room.id] = operations[-1][0].time
        if self._touching is None:
            loop = asyncio.get_running_loop()
            self._touching = loop.call_later(TOUCH, lambda: loop.create_task(self._touch()))

    async def _touch(self) -> None:
        if self._touching is not None:
            self._touching.cancel()
            self._touching = None
        times, self._times = self._times, {}
        if times:
            try:
                await self._store.touch(times)
            except Exception as error:
                # Only the order of the list depends on it.
                log.warning("the times of %d documents were not noted: %s", len(times), error)
