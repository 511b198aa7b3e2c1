"""How long to wait before connecting again."""

from __future__ import annotations

import random
from collections.abc import Callable


class Backoff:
    """Exponential, with full jitter: a thousand clients of a restarted server come back
    spread over the whole interval, not in a wave.

    ``first`` and ``longest`` are the intervals, in seconds, that the first and the later
    attempts are spread over; ``chance`` gives numbers from 0 up to 1.
    """

    def __init__(
        self,
        first: float = 0.25,
        longest: float = 30.0,
        chance: Callable[[], float] = random.random,
    ) -> None:
        self.first = first
        self.longest = longest
        self.attempts = 0
        self._chance = chance

    def next(self, retry_after: float | None = None) -> float:
        """Seconds to wait now. ``retry_after`` is the server's own wish: never earlier."""
        interval: float = min(self.longest, self.first * 2.0 ** min(self.attempts, 30))
        self.attempts += 1
        return (retry_after or 0.0) + self._chance() * interval

    def reset(self) -> None:
        """It worked: the next interruption starts from the shortest interval."""
        self.attempts = 0
