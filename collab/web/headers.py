"""The headers that every answer has, whoever makes it."""

from __future__ import annotations

from aiohttp import web

SERVER = "Collab"
"""Without versions: they tell an attacker which faults to try."""


async def add_headers(request: web.Request, response: web.StreamResponse) -> None:
    """Called before each answer leaves: what it says itself about caching stays."""
    headers = response.headers
    headers["Server"] = SERVER
    headers.setdefault("X-Content-Type-Options", "nosniff")
    if "Cache-Control" not in headers:
        # An answer depends on who asks; one with an ETag may be kept, and is asked for again.
        headers["Cache-Control"] = "private, no-cache" if "ETag" in headers else "no-store"
