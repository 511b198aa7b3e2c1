"""What the framework does for one plugin behind its base class."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import Any

from collab.plugins.access import Action
from collab.plugins.archive import Archive
from collab.plugins.document import Document
from collab.plugins.earlier import EarlierRanges
from collab.plugins.flow import Flow
from collab.plugins.guard import Guard, Health
from collab.plugins.ordered_ranges import OrderedPositions, OrderedRanges
from collab.plugins.positions import Positions, Track
from collab.plugins.publishing import Publishing
from collab.plugins.queue import Queue
from collab.plugins.ranges import Ranges
from collab.plugins.server import Server
from collab.plugins.state import State
from collab.plugins.tasks import Tasks
from collab.protocol.messages import User

Admit = Callable[[Any, Action, str | None], Awaitable[User]]
"""Given a request, an action and the id of the document it is about. Raises `CollabError`."""


Read = Callable[[Any, int], Awaitable[bytes]]
"""Given a request and the bytes its body may have at most. Raises `CollabError`."""


@dataclass(frozen=True, slots=True)
class Started:
    """What is there once the server runs."""

    server: Server
    http: Any = None
    """An ``aiohttp.ClientSession``. (Not named: no web library on this floor.)"""
    admit: Admit | None = None
    """Who sends a request to a route, if they may do something."""
    publishing: Publishing | None = None
    """Where plugins hear each other."""
    read: Read | None = None
    """Read the body of a request to a route, within the server's bounds."""


@dataclass(slots=True)
class Services:
    """One plugin's guard, queue, tasks, sending, positions and ranges."""

    guard: Guard
    queue: Queue
    tasks: Tasks
    flow: Flow
    track: Callable[[Document], Track]
    """What moves positions in an open document. Raises `NotOpen`."""
    kept: State
    """Where ranges are stored."""
    archive: Archive
    followed: dict[str, Positions] = field(default_factory=dict)
    """The plugin's positions by document id."""
    ranged: dict[str, Ranges] = field(default_factory=dict)
    """The plugin's ranges by document id."""
    start: Started | None = None
    flushing: dict[str, asyncio.Task[None]] = field(default_factory=dict)
    """What stores the ranges of documents that were closed, by document id."""

    def started(self) -> Started:
        """What is there once the server runs. Raises LookupError before."""
        if self.start is None:
            raise LookupError("The server has not started: wait for server_started.")
        return self.start

    def ranges(self, document: Document) -> Ranges:
        """The plugin's ranges in an open document, or a view on them as of the revision that a
        document is shown at. Raises `NotOpen`."""
        if document.frozen:
            return EarlierRanges(document, self.kept, self.archive)
        ordered = document.ordered
        if ordered is not None:
            return OrderedRanges(self.ranges(ordered.lasting), ordered)
        ranges = self.ranged.get(document.id)
        if ranges is None:
            flushing = self.flushing.get(document.id)
            ranges = Ranges(document, self.track(document), self.kept, self.archive, flushing)
            self.ranged[document.id] = ranges
        return ranges

    def positions(self, document: Document) -> Positions:
        """The plugin's positions in an open document, or a view on them as of the revision that
        a document is shown at. Raises `NotOpen`."""
        ordered = document.ordered
        if ordered is not None:
            return OrderedPositions(self.positions(ordered.lasting), ordered)
        positions = self.followed.get(document.id)
        if positions is None:
            positions = Positions(self.track(document), lambda: document.length)
            self.followed[document.id] = positions
        return positions

    def forget(self, document: str) -> None:
        """A document was closed."""
        self.followed.pop(document, None)
        ranges = self.ranged.pop(document, None)
        if ranges is not None and ranges.stale and not self.tasks.ended:
            flushing = self.flushing[document] = self.tasks.run("ranges", ranges.flush())
            flushing.add_done_callback(lambda task: self._flushed(document, task))

    def _flushed(self, document: str, task: asyncio.Task[None]) -> None:
        if self.flushing.get(document) is task:
            del self.flushing[document]

    def leave(self) -> None:
        """The plugin has ended: its positions in open documents are followed no more."""
        for positions in self.followed.values():
            positions.leave()
        for ranges in self.ranged.values():
            ranges.leave()

    def health(self) -> Health:
        """How the plugin is doing."""
        guard = self.guard
        return Health(
            state=guard.breaker.state,
            calls=guard.calls,
            failures=guard.failures,
            skipped=guard.skipped,
            last_error=guard.last_error,
            slowest_hook=guard.slowest_hook,
            slowest=guard.slowest,
            waiting=self.queue.waiting,
            hanging=guard.hanging,
            tasks=len(self.tasks),
            browser_failures=guard.browser_failures,
            last_browser_error=guard.last_browser_error,
        )
