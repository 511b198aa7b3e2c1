"""How fast one person may do something: a token bucket for each, for plugins to use."""

from __future__ import annotations

from collections.abc import Callable, Hashable

PRUNE = 1000
"""People that are remembered before it is worth while to look for those who have rested."""


class Pace:
    """So many at once, so many per second for long, for each key apart."""

    def __init__(self, rate: float, burst: int, clock: Callable[[], float]) -> None:
        self._rate = rate
        self._burst = burst
        self._clock = clock
        self._levels: dict[Hashable, tuple[float, float]] = {}
        """By key: how many may follow, and when that was so (seconds)."""

    def take(self, key: Hashable) -> float:
        """0 when one more is allowed, which is counted; else how many seconds to wait."""
        level = self._level(key)
        if level < 1:
            return (1 - level) / self._rate
        if len(self._levels) >= PRUNE:
            for rested in [one for one in self._levels if self._level(one) >= self._burst]:
                del self._levels[rested]
        self._levels[key] = (level - 1, self._clock())
        return 0.0

    def _level(self, key: Hashable) -> float:
        level, then = self._levels.get(key, (float(self._burst), 0.0))
        return min(float(self._burst), level + (self._clock() - then) * self._rate)
