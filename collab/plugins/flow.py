"""How much one plugin may say: a flood of messages waits here, not in everybody's outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

BURST = 64 * 1024
"""Bytes a plugin may send at once to everybody in one document."""

RATE = 192 * 1024
"""Bytes per second it may send for long."""

ALONE = 3
"""To one session it may send so many times as much: what somebody who comes has to be told."""

OVERHEAD = 200
"""Bytes that every message is counted besides its own."""

PRUNE = 1000
"""Documents that are remembered before it is worth while to look which have rested."""


class Flow:
    """One plugin's sending, bounded for each document and each session apart.

    `admit` waits until there is room again, so that a plugin that says too much is slowed
    down, runs into the time budget of its hook, and hurts nobody else.
    """

    def __init__(
        self, clock: Callable[[], float], burst: int = BURST, rate: float = RATE
    ) -> None:
        self._clock = clock
        self._burst = burst
        self._rate = rate
        self._buckets: dict[str, dict[str | None, tuple[float, float]]] = {}
        self._prune = PRUNE

    def __len__(self) -> int:
        return len(self._buckets)

    async def admit(self, document: str, session: str | None, size: int) -> None:
        """Return when ``size`` bytes may go to the session (None: to the whole document)."""
        while True:
            now = self._clock()
            buckets = self._buckets.get(document)
            if buckets is None:
                buckets = self._begin(document, now)
            times = 1 if session is None else ALONE
            burst, rate = float(self._burst * times), self._rate * times
            level, then = buckets.get(session, (burst, now))
            level = min(burst, level + (now - then) * rate)
            if level > 0:
                # A large message may take more than there is; what follows waits for it.
                buckets[session] = (level - size - OVERHEAD, now)
                return
            buckets[session] = (level, now)
            await asyncio.sleep((1 - level) / rate)

    def _begin(self, document: str, now: float) -> dict[str | None, tuple[float, float]]:
        """Buckets for one document more. It may be one that is not open, and never closes."""
        if len(self._buckets) >= self._prune:
            self._buckets = {
                key: buckets
                for key, buckets in self._buckets.items()
                if any(
                    level + (now - then) * self._rate < self._burst
                    for level, then in buckets.values()
                )
            }
            # Not before there are twice as many again: a look at all of them has to be earned.
            self._prune = max(PRUNE, 2 * len(self._buckets))
        buckets = self._buckets[document] = {}
        return buckets

    def forget(self, document: str, session: str | None = None) -> None:
        """A session, or (None) a whole document, is gone."""
        if session is None:
            self._buckets.pop(document, None)
        elif document in self._buckets:
            self._buckets[document].pop(session, None)
