"""What the framework does for one plugin behind its base class."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from collab.plugins.document import Document
from collab.plugins.flow import Flow
from collab.plugins.guard import Guard, Health
from collab.plugins.positions import Positions, Track
from collab.plugins.queue import Queue
from collab.plugins.tasks import Tasks


@dataclass(slots=True)
class Services:
    """One plugin's guard, queue, tasks, sending and positions."""

    guard: Guard
    queue: Queue
    tasks: Tasks
    flow: Flow
    track: Callable[[Document], Track]
    """What moves positions in an open document. Raises `NotOpen`."""
    followed: dict[str, Positions]
    """The plugin's positions by document id."""

    def positions(self, document: Document) -> Positions:
        """The plugin's positions in an open document. Raises `NotOpen`."""
        positions = self.followed.get(document.id)
        if positions is None:
            positions = self.followed[document.id] = Positions(self.track(document))
        return positions

    def forget(self, document: str) -> None:
        """A document was closed."""
        self.followed.pop(document, None)
        self.flow.forget(document)

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
        )
