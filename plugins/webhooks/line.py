"""What waits for one URL: sent one after the other, in order, until it has arrived."""

from __future__ import annotations

import asyncio
import hashlib
import logging
import random
from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from urllib.parse import urlsplit

import msgspec

from .events import LOST, Event, lost
from .shelf import Shelf

LONGEST_PAUSE = 600.0
"""Seconds between two attempts at most, where the receiver does not ask for more."""

LONGEST_WISH = 3600.0
"""Seconds that a receiver may ask us to wait (``Retry-After``)."""


class NotTaken(Exception):
    """An attempt failed. ``wait``: the seconds that the receiver asked for."""

    def __init__(self, sentence: str, wait: float = 0.0) -> None:
        self.wait = wait
        super().__init__(sentence)


Send = Callable[[Event], Awaitable[None]]
"""Makes one attempt. Raises `NotTaken`."""


@dataclass(frozen=True, slots=True)
class Patience:
    """How long deliveries are tried."""

    retry: float
    """Seconds until the second attempt; each later pause is twice as long."""
    give_up: float
    """Seconds after which an event is too old to be sent."""
    queue: int
    """Events that may wait."""


class Line:
    """The events that wait for one URL, the first of which is being sent.

    Each is kept on the shelf until it has arrived, under a key that says its place. When too
    many wait, or the first one is too old, the oldest give way to one event that counts them.
    """

    def __init__(
        self,
        url: str,
        send: Send,
        shelf: Shelf,
        patience: Patience,
        log: logging.Logger,
        now: Callable[[], float],
        chance: Callable[[], float] = random.random,
    ) -> None:
        """``now`` is seconds since 1970; ``chance`` from 0 to 1 spreads attempts."""
        self.host = urlsplit(url).hostname
        """What the log calls it: the rest of a URL may be a secret."""
        self.prefix = hashlib.sha256(url.encode()).hexdigest()[:16] + "."
        """What its keys on the shelf begin with."""
        self._send = send
        self._shelf = shelf
        self._patience = patience
        self._log = log
        self._now = now
        self._chance = chance
        self._waiting: deque[tuple[int, Event]] = deque()
        self._filled = asyncio.Event()
        self._sending = False
        self._next = 1
        self._failures = 0

    def __len__(self) -> int:
        return len(self._waiting)

    def restore(self, key: str, value: object) -> None:
        """Take in what was kept under one of its keys. Comes before anything else, in order."""
        number = int(key.removeprefix(self.prefix))
        self._waiting.append((number, msgspec.convert(value, Event)))
        self._next = number + 1
        self._filled.set()

    def put(self, event: Event) -> None:
        """Let an event wait its turn."""
        while len(self._waiting) >= self._patience.queue:
            # Not the one that may just be arriving.
            self._give_up(1 if self._sending else 0, 2)
        self._keep(self._next, event)
        self._waiting.append((self._next, event))
        self._next += 1
        self._filled.set()

    async def run(self) -> None:
        """Deliver whatever comes, for ever."""
        while True:
            await self._filled.wait()
            if many := self._too_old():
                self._give_up(0, many)
            number, event = self._waiting[0]
            self._sending = True
            try:
                await self._send(event)
            except NotTaken as refusal:
                self._sending = False
                await asyncio.sleep(self._pause(refusal))
            else:
                self._sending = False
                self._arrived(number)

    def _arrived(self, number: int) -> None:
        if self._failures:
            self._log.warning("%s takes events again; %d waited", self.host, len(self))
            self._failures = 0
        self._waiting.popleft()
        self._shelf.discard(self._key(number))
        if not self._waiting:
            self._filled.clear()

    def _pause(self, refusal: NotTaken) -> float:
        """Seconds until the next attempt."""
        pause = min(self._patience.retry * 2.0**min(self._failures, 30), LONGEST_PAUSE)
        if not self._failures:
            self._log.warning(
                "%s took no event (%s); trying again, %d wait", self.host, refusal, len(self)
            )
        self._failures += 1
        return max(pause * (0.5 + self._chance() / 2), min(refusal.wait, LONGEST_WISH))

    def _too_old(self) -> int:
        """How many at the front have to be given up, one that counts such before them included."""
        since = self._now() - self._patience.give_up
        count = 0
        old = False
        for _, event in self._waiting:
            if event.event != LOST:
                if event.time >= since:
                    break
                old = True
            count += 1
        return count if old else 0

    def _give_up(self, index: int, many: int) -> None:
        """Put one event that counts them in the place of so many."""
        count = 0
        for _ in range(many):
            number, event = self._waiting[index]
            del self._waiting[index]
            self._shelf.discard(self._key(number))
            count += event.count or 1
        if count == many:  # otherwise it was said before
            self._log.error("%s takes too long to take events: the oldest are given up", self.host)
        marker = lost(self._now(), count)
        self._keep(number, marker)
        self._waiting.insert(index, (number, marker))

    def _keep(self, number: int, event: Event) -> None:
        self._shelf.put(self._key(number), msgspec.to_builtins(event))

    def _key(self, number: int) -> str:
        return f"{self.prefix}{number:012d}"
