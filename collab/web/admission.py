"""Who may open one more connection: places are counted before anything is waited for.

A limit that is checked, then waits for something, and only counts afterwards is none: all who
come meanwhile pass it. So a place is taken first and given back when the connection is over.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

from aiohttp import web

from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.networks import UNIX
from collab.protocol.settings import Limits
from collab.web.sources import network_of

RETRY_AFTER = 5.0
"""Seconds after which somebody for whom there was no place is asked to come back."""

SHARE = 0.8
"""The part of a document's places that one address may take: the others' are never all gone."""

_UNKNOWN = ("", UNIX)
"""Addresses that say nothing about who connects."""


class Admission:
    """Counts the connections that are open or being opened."""

    def __init__(self, limits: Limits) -> None:
        self._limits = limits
        self._taken: Counter[tuple[str, ...]] = Counter()

    @contextmanager
    def visitor(self, address: str, document: str) -> Iterator[None]:
        """Hold a place for whoever connects from an address, to the document of an id.

        Raises `CollabError` TOO_MANY_SESSIONS.
        """
        limits = self._limits
        with self._place(limits.sessions, "Too many connections are open on this server."):
            if address in _UNKNOWN:
                yield
                return
            place = network_of(address)
            most, there = limits.sessions_per_address, limits.sessions_per_document
            with (
                self._place(most, "Too many connections are open from your address.", place),
                self._place(
                    max(1, int(there * SHARE)),
                    "Too many connections to this document are open from your address.",
                    place,
                    document,
                ),
            ):
                yield

    @contextmanager
    def person(self, user: str) -> Iterator[None]:
        """Hold a place for the user of an id. Raises `CollabError` TOO_MANY_SESSIONS."""
        sentence = "You have too many connections open: close some tabs."
        with self._place(self._limits.sessions_per_person, sentence, "person", user):
            yield

    @contextmanager
    def _place(self, limit: int, sentence: str, *key: str) -> Iterator[None]:
        if self._taken[key] >= limit:
            raise CollabError(errors.TOO_MANY_SESSIONS, sentence, retry_after=RETRY_AFTER)
        self._taken[key] += 1
        try:
            yield
        finally:
            self._taken[key] -= 1
            if not self._taken[key]:
                del self._taken[key]


ADMISSION = web.AppKey("admission", Admission)
