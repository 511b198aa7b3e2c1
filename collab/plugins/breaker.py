"""The circuit breaker: a plugin that keeps failing is left alone for a while."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import Literal

State = Literal["closed", "open", "trial"]

FAILURES = 10
"""So many failures …"""

WINDOW = 60.0
"""… within so many seconds open the breaker …"""

PAUSE = 30.0
"""… for so many seconds; then one call is let through to see whether it works again."""

LONGEST = 16
"""Each time it does not, the pause is twice as long, up to so many times the first: somebody may
wait for the call that is let through."""


class Breaker:
    """Closed: calls pass. Open: none does. Trial: one is under way and decides."""

    def __init__(
        self,
        clock: Callable[[], float],
        failures: int = FAILURES,
        window: float = WINDOW,
        pause: float = PAUSE,
    ) -> None:
        self.state: State = "closed"
        self._clock = clock
        self._limit = failures
        self._window = window
        self._pause = pause
        self._failures: deque[float] = deque(maxlen=failures)
        self._until = 0.0
        self._longer = 1

    def another(self) -> Breaker:
        """A closed one with the same bounds."""
        return Breaker(self._clock, self._limit, self._window, self._pause)

    @property
    def refuses(self) -> bool:
        """Whether a call would be refused now; asking changes nothing."""
        return self.state != "closed" and self._clock() < self._until

    @property
    def remaining(self) -> float:
        """Seconds until a call may be let through; 0 when it may be now."""
        return max(0.0, self._until - self._clock()) if self.state != "closed" else 0.0

    def admits(self) -> bool:
        """Whether this call may pass. Who is let through reports how it went."""
        if self.state == "closed":
            return True
        now = self._clock()
        if now < self._until:
            return False
        self.state = "trial"
        # A route may take hours, a call may never tell how it went: then another one is tried.
        self._until = now + self._pause
        return True

    def succeeded(self) -> bool:
        """A call went well. True when that closed the breaker."""
        if self.state != "trial":
            return False
        self.close()
        return True

    def failed(self) -> bool:
        """A call failed. True when that opened the breaker."""
        now = self._clock()
        self._failures.append(now)
        many = (
            len(self._failures) == self._limit and now - self._failures[0] <= self._window
        )
        if self.state == "trial":
            self._longer = min(2 * self._longer, LONGEST)
        elif self.state != "closed" or not many:
            return False
        self.open()
        return True

    def interrupted(self) -> None:
        """A call ended without telling anything: if it was the trial, the next one is."""
        if self.state == "trial":
            self.state = "open"
            self._until = self._clock()

    def open(self) -> None:
        """Refuse every call from now on, until the pause is over."""
        self.state = "open"
        self._until = self._clock() + self._pause * self._longer

    def close(self) -> None:
        """Let calls pass again, what failed before forgotten."""
        self.state = "closed"
        self._longer = 1
        self._failures.clear()
