"""What a room does beside editing, now and then: snapshots, checksums, and the tasks for them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any

from collab.ot import Content
from collab.protocol import messages
from collab.protocol.contents import is_large
from collab.protocol.frames import Frame
from collab.rooms.committed import Committed
from collab.rooms.snapshots import Snapshots
from collab.rooms.turns import SERVER, aside

log = logging.getLogger(__name__)

class Upkeep:
    """The background work of one room."""

    def __init__(
        self,
        document: str,
        committed: Committed,
        snapshots: Snapshots,
        checksum_interval: float,
        broadcast: Callable[[Frame], None],
        saved: Callable[[int], None],
    ) -> None:
        """``saved`` is called with the revision of each snapshot that is in the store."""
        self._document = document
        self._committed = committed
        self._snapshots = snapshots
        self._interval = checksum_interval
        self._broadcast = broadcast
        self._saved = saved
        self._checksum_due: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()

    @property
    def busy(self) -> bool:
        """Whether anything runs."""
        return bool(self._tasks)

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Run something in the background; what it raises is logged."""
        task = asyncio.get_running_loop().create_task(work, name=f"room {self._document}")
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("document %s: a task failed", self._document, exc_info=task.exception())

    async def settle(self) -> None:
        """Return when nothing that was spawned is still running."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def committed(self, length: int, *, watched: bool) -> None:
        """The document, now of ``length`` units, has changed; ``watched``: and somebody sees it."""
        if watched and self._checksum_due is None:
            self._checksum_due = asyncio.get_running_loop().call_later(
                self._interval, self._announce_checksum
            )
        if self._snapshots.due(self._committed.revision, length):
            self._snapshot()

    def closing(self, length: int) -> None:
        """Before the room closes: keep its content in the store, where that is worth it."""
        if self._snapshots.worthwhile(self._committed.revision, length):
            self._snapshot()

    def stop(self) -> None:
        """Announce nothing more."""
        if self._checksum_due is not None:
            self._checksum_due.cancel()

    def _snapshot(self) -> None:
        committed = self._committed
        self.spawn(self._save(committed.revision, committed.content.copy(), committed.hash))

    async def _save(self, revision: int, content: Content, hash: bytes) -> None:
        if await self._snapshots.save(revision, content, hash):
            self._saved(revision)

    def _announce_checksum(self) -> None:
        self._checksum_due = None
        self.spawn(
            self._send_checksum(self._committed.revision, self._committed.content.copy())
        )

    async def _send_checksum(self, revision: int, content: Content) -> None:
        # Clients that are further when it comes let it pass.
        large = is_large(content)
        value = await aside(content.checksum, SERVER) if large else content.checksum()
        self._broadcast(Frame(messages.encode(messages.Checksum(revision, value))))
