"""The log ``collab.security``: who did what that concerns security, and from where.

Visitors can't fill it. Of each event, an address may cause some lines and all addresses together
some more; the log says when it begins to leave lines out, and later how many they were. What the
operator does is never left out.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from enum import Enum
from typing import Final

from aiohttp import web

from collab.protocol.messages import User
from collab.protocol.token_bucket import TokenBuckets
from collab.web.proxies import peer
from collab.web.sources import network_of

log = logging.getLogger("collab.security")

BURST: Final = 20
"""Lines of one event that an address may cause at once."""
RATE: Final = 0.1
"""Lines of one event per second that it may cause for long."""
BURST_OF_ALL: Final = 200
"""Lines of one event that all addresses together may cause at once."""
RATE_OF_ALL: Final = 1.0
"""Lines of one event per second that they may cause for long."""
MOST_ADDRESSES: Final = 10_000
"""Addresses that are remembered at once."""
_LONGEST: Final = 200
"""Characters of a text that a visitor has chosen."""
_BOUNDED: Final = {"bounded": True}
"""Tells the log's own limiter, which knows no addresses, that these lines are bounded already."""


class Event(Enum):
    """What is written down; the value is how a line begins."""

    WRONG_TOKEN = "refused a bearer token"
    WRONG_LINK = "refused an operator's link"
    SIGNED_IN = "signed in as operator"
    SIGNED_OUT = "signed out as operator"
    DELETED = "deleted the document"
    SWITCHED = "switched a plugin"
    ADMINISTERED = "administered"

    @property
    def level(self) -> int:
        refused = self in (Event.WRONG_TOKEN, Event.WRONG_LINK)
        return logging.WARNING if refused else logging.INFO


class SecurityLog:
    """Writes the log of one server. ``clock`` counts seconds and never goes back."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        self._by_address = TokenBuckets(RATE, BURST, clock, MOST_ADDRESSES)
        self._of_all = TokenBuckets(RATE_OF_ALL, BURST_OF_ALL, clock)
        self._left_out: dict[Event, int] = {}

    def write(
        self, request: web.Request, event: Event, about: str = "", *,
        user: User | None = None, operator: bool = False,
    ) -> None:
        """Write down that ``user`` (None: nobody who is known) did something.

        ``about`` says what it was about. ``operator``: they have proved to be the operator.
        """
        address = peer(request).address or "an unknown address"
        if not operator and not self._admits(event, address):
            return
        by = "" if user is None else f" by {shown(user.id)} {shown(user.name)}"
        what = f"{event.value} {about}" if about else event.value
        log.log(event.level, "%s from %s%s", what, address, by, extra=_BOUNDED)

    def _admits(self, event: Event, address: str) -> bool:
        wait = self._by_address.try_take((event, network_of(address)))
        if wait or self._of_all.try_take(event):
            if event not in self._left_out:
                log.log(
                    event.level, "%s too often, last from %s: further lines are left out for a"
                    " while", event.value, address, extra=_BOUNDED,
                )
            self._left_out[event] = self._left_out.get(event, 0) + 1
            return False
        count = self._left_out.pop(event, 0)
        if count:
            left_out = "%s: %d lines were left out"
            log.log(event.level, left_out, event.value, count, extra=_BOUNDED)
        return True


def shown(text: str) -> str:
    """A text that a visitor has chosen, in quotes, with no line break or control character in
    it."""
    return repr(text[:_LONGEST])


SECURITY_LOG = web.AppKey("security_log", SecurityLog)


def write(
    request: web.Request, event: Event, about: str = "", *,
    user: User | None = None, operator: bool = False,
) -> None:
    """Write into the log of the server that answers ``request``; see `SecurityLog.write`."""
    request.config_dict[SECURITY_LOG].write(request, event, about, user=user, operator=operator)
