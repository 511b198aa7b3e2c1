"""Token buckets, of which every rate limit is made: so much at once, so much a second for long."""

from __future__ import annotations

from collections.abc import Callable, Hashable

MOST_KEYS = 100_000
"""Keys whose buckets are kept at once. Beyond that the one that was used least recently is dropped,
which is as good as filling it: memory is bounded whoever comes."""


class TokenBucket:
    """One bucket: it holds ``burst`` tokens at most, and gets ``rate`` new ones per second.

    Whoever uses it passes the time, in seconds of a clock that never goes back.
    """

    __slots__ = ("_level", "_then", "burst", "rate")

    def __init__(self, rate: float, burst: float, now: float) -> None:
        """It begins full. ``rate`` and ``burst`` are more than 0."""
        self.rate = rate
        self.burst = float(burst)
        self._level = self.burst
        self._then = now

    def level(self, now: float) -> float:
        """Tokens in it; less than 0 while it is in debt."""
        return min(self.burst, self._level + (now - self._then) * self.rate)

    def wait(self, now: float, count: float = 1.0) -> float:
        """Seconds until ``count`` tokens are there (more than ``burst``: until it is full)."""
        missing = min(count, self.burst) - self.level(now)
        return missing / self.rate if missing > 0 else 0.0

    def take(self, now: float, count: float = 1.0) -> float:
        """Take ``count`` tokens, also those that are not there yet; returns the seconds until it
        is out of debt.
        """
        self._level = level = self.level(now) - count
        self._then = now
        return -level / self.rate if level < 0 else 0.0

    def try_take(self, now: float, count: float = 1.0) -> float:
        """Take ``count`` tokens if they are there, and return 0; else take nothing, and return
        the seconds until they are.
        """
        wait = self.wait(now, count)
        if not wait:
            self.take(now, count)
        return wait


class TokenBuckets:
    """A bucket for each key (a person, an address, a document), all of one size.

    For one thread. A full bucket is as good as none and is not kept: each `take` drops what has
    filled up since, at a constant cost, so there is never a look at all keys at once.
    """

    def __init__(
        self, rate: float, burst: float, clock: Callable[[], float], most: int = MOST_KEYS
    ) -> None:
        self.rate = rate
        self.burst = burst
        self._clock = clock
        self._most = most
        self._buckets: dict[Hashable, TokenBucket] = {}
        """The one that was used least recently first."""

    def __len__(self) -> int:
        return len(self._buckets)

    def level(self, key: Hashable) -> float:
        """Tokens in the key's bucket; see `TokenBucket.level`."""
        bucket = self._buckets.get(key)
        return float(self.burst) if bucket is None else bucket.level(self._clock())

    def wait(self, key: Hashable, count: float = 1.0) -> float:
        """See `TokenBucket.wait`."""
        bucket = self._buckets.get(key)
        return 0.0 if bucket is None else bucket.wait(self._clock(), count)

    def take(self, key: Hashable, count: float = 1.0) -> float:
        """See `TokenBucket.take`."""
        now = self._clock()
        return self._used(key, now).take(now, count)

    def try_take(self, key: Hashable, count: float = 1.0) -> float:
        """See `TokenBucket.try_take`."""
        now = self._clock()
        bucket = self._buckets.get(key)
        if bucket is not None and (wait := bucket.wait(now, count)):
            return wait  # what is refused makes nobody's bucket a newer one
        self._used(key, now).take(now, count)
        return 0.0

    def forget(self, key: Hashable) -> None:
        """Drop a key's bucket: its owner is gone."""
        self._buckets.pop(key, None)

    def _used(self, key: Hashable, now: float) -> TokenBucket:
        """The key's bucket, from now on the one that was used last."""
        buckets = self._buckets
        bucket = buckets.pop(key, None) or TokenBucket(self.rate, self.burst, now)
        while buckets:
            oldest = next(iter(buckets))
            full = buckets[oldest].level(now) >= self.burst
            if not full and len(buckets) < self._most:
                break
            del buckets[oldest]
        buckets[key] = bucket
        return bucket
