"""How much one plugin may say: a flood of messages waits here, not in everybody's outbox."""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from collab.protocol.token_bucket import TokenBuckets

BURST = 64 * 1024
"""Bytes a plugin may send at once to everybody in one document."""

RATE = 192 * 1024
"""Bytes per second it may send for long."""

ALONE = 3
"""To one session it may send so many times as much: what somebody who comes has to be told."""

OVERHEAD = 200
"""Bytes that every message is counted besides its own."""


class Flow:
    """One plugin's sending, bounded for each document and each session apart.

    `admit` waits until there is room again, so that a plugin that says too much is slowed
    down, runs into the time budget of its hook, and hurts nobody else.
    """

    def __init__(
        self, clock: Callable[[], float], burst: int = BURST, rate: float = RATE
    ) -> None:
        self._documents = TokenBuckets(rate, burst, clock)
        self._sessions = TokenBuckets(rate * ALONE, burst * ALONE, clock)

    def __len__(self) -> int:
        return len(self._documents) + len(self._sessions)

    async def admit(self, document: str, session: str | None, size: int) -> None:
        """Return when ``size`` bytes may go to the session (None: to the whole document)."""
        buckets = self._documents if session is None else self._sessions
        key = document if session is None else (document, session)
        while True:
            wait = buckets.wait(key)
            if not wait:
                break
            await asyncio.sleep(wait)
        # A large message may take more than there is; what follows waits for it.
        buckets.take(key, size + OVERHEAD)
