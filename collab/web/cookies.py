"""The cookies of a request, all of them: a name may come more than once."""

from __future__ import annotations

from typing import Final

from aiohttp import web

PREFIX: Final = "collab_"
"""What the names of our cookies begin with."""


def cookies(request: web.Request, name: str) -> list[str]:
    """Every value of the cookie ``name``, the one for the longest path first, as browsers send
    them.

    There is more than one when another Collab is mounted above this one on the same host.
    """
    return [value for found, value in _pairs(request) if found == name and value]


def has_our_cookie(request: web.Request) -> bool:
    """Whether a browser sent any cookie of Collab's along."""
    return any(name.startswith(PREFIX) and value for name, value in _pairs(request))


def _pairs(request: web.Request) -> list[tuple[str, str]]:
    pairs = ";".join(request.headers.getall("Cookie", ())).split(";")
    found = (pair.strip().partition("=") for pair in pairs)
    return [(name, value) for name, _, value in found]
