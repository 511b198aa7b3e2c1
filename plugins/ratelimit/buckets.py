"""Token buckets: so much at once, so much per second for long."""

from __future__ import annotations

from collections.abc import Callable, Hashable

PRUNE = 1000
"""Buckets that are kept before it is worth while to look for full ones."""


class Buckets:
    """One bucket for each key, all of the same size.

    A bucket holds ``burst`` tokens and gets ``rate`` new ones per second; ``rate`` 0 means that
    there is no limit. A full bucket is as good as none, and is not kept.
    """

    def __init__(self, rate: float, burst: float, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._levels: dict[Hashable, tuple[float, float]] = {}
        """By key: how much it held, and when (seconds)."""
        self._prune = PRUNE

    def __len__(self) -> int:
        return len(self._levels)

    def wait(self, key: Hashable) -> float:
        """Seconds until a token is there to be taken; 0 when one is."""
        if not self._rate:
            return 0.0
        return max(0.0, (1 - self._level(key)) / self._rate)

    def take(self, key: Hashable) -> None:
        """Take a token, which has to be there."""
        if not self._rate:
            return
        self._levels[key] = (self._level(key) - 1, self._clock())
        if len(self._levels) > self._prune:
            self._forget_full_ones()

    def _level(self, key: Hashable) -> float:
        level, then = self._levels.get(key, (self._burst, 0.0))
        return min(self._burst, level + (self._clock() - then) * self._rate)

    def _forget_full_ones(self) -> None:
        self._levels = {
            key: held for key, held in self._levels.items() if self._level(key) < self._burst
        }
        # Not before there are twice as many again: a look at all of them has to be earned.
        self._prune = max(PRUNE, 2 * len(self._levels))
