"""`If-Match` and `If-None-Match` of requests that change something: RFC 9110, 13.1."""

from __future__ import annotations

import asyncio
from typing import NamedTuple
from weakref import WeakValueDictionary

from aiohttp import ETag, web

from collab.protocol import errors
from collab.protocol.errors import CollabError

MEDIA = ("application/json", "text/plain")
"""What a content can be had as."""


class Version(NamedTuple):
    """Which content of a document it is."""

    hash: bytes
    """Of the revision: another history has another one (`collab.storage.chain`)."""
    revision: int

    def tag(self, media: str) -> str:
        """The ETag of the content as one of the `MEDIA`, without its quotes."""
        return f"{self.hash.hex()}.{media}"

    def tags(self) -> list[str]:
        """All of its ETags."""
        return [self.tag(media) for media in MEDIA]


class Turns:
    """One change of a document's title, or its deletion, after the other: between the look at
    ``If-Match`` and the change nobody else makes one."""

    def __init__(self) -> None:
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    def of(self, document: str) -> asyncio.Lock:
        """The lock of the document with an id, for ``async with``."""
        lock = self._locks.get(document)
        if lock is None:
            lock = self._locks[document] = asyncio.Lock()
        return lock


TURNS = web.AppKey("turns", Turns)

ANY = "*"


def require_match(request: web.Request, *tags: str) -> None:
    """Go on only if the request means what is there now, which has one of these ETags.

    ``tags`` are without quotes. Raises `CollabError` PRECONDITION_FAILED, and BAD_REQUEST for a
    header that can't be read: taken for none, it would let through what it was sent to stop.
    """
    if "If-Match" in request.headers:
        wanted = _parsed("If-Match", request.if_match)
        # Whether it is weak or not: ours say exactly what is meant, and a proxy that compresses
        # an answer makes its ETag a weak one.
        if not any(one.value == ANY or one.value in tags for one in wanted):
            raise CollabError(errors.PRECONDITION_FAILED)
    if "If-None-Match" in request.headers:
        unwanted = _parsed("If-None-Match", request.if_none_match)
        if any(one.value == ANY or one.value in tags for one in unwanted):
            raise CollabError(errors.PRECONDITION_FAILED)


def _parsed(header: str, tags: tuple[ETag, ...] | None) -> tuple[ETag, ...]:
    if not tags:
        raise CollabError(
            errors.BAD_REQUEST, f'{header} has to be * or ETags in quotes, such as "abc".'
        )
    return tags
