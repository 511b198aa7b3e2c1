"""Rate limits on what visitors do, which nobody gets past by dropping a cookie."""

from __future__ import annotations

from collections.abc import Callable, Hashable

from collab.protocol.token_bucket import TokenBuckets
from collab.rooms.port import Session

ADDRESS_TIMES = 10
"""How many times as much as one person all guests at one address may do together: behind one
address there may be an office, or a school."""


class VisitorBuckets:
    """A token bucket for each person; guests share another with all guests at their address.

    Whoever has logged in can be found, and has their own bucket only. A guest who comes with a
    new cookie has a full bucket of their own, and what is left in that of their address.
    """

    def __init__(
        self,
        rate: float,
        burst: float,
        clock: Callable[[], float],
        *,
        address_times: float = ADDRESS_TIMES,
    ) -> None:
        """One person may do ``burst`` at once and ``rate`` a second for long."""
        self._people = TokenBuckets(rate, burst, clock)
        self._addresses = TokenBuckets(rate * address_times, burst * address_times, clock)

    def try_take(self, session: Session, count: float = 1.0, about: Hashable = None) -> float:
        """Take ``count`` tokens and return 0; else take nothing, and return the seconds until
        they are there. With ``about``, such as a document's id, for that alone.
        """
        person, address = (about, session.user.id), (about, session.source)
        wait = self._people.wait(person, count)
        if session.user.guest:
            wait = max(wait, self._addresses.wait(address, count))
        if not wait:
            self._people.take(person, count)
            if session.user.guest:
                self._addresses.take(address, count)
        return wait
