"""A request as plugins see it."""

from __future__ import annotations

from aiohttp import web

from collab.plugins.access import Request
from collab.web.proxies import peer, socket_peer


def seen(request: web.Request) -> Request:
    """What ``authenticate`` is shown of a request."""
    visitor = peer(request)
    path = request.path
    base = visitor.base_path
    return Request(
        method=request.method,
        path=path[len(base) :] if base and path.startswith(base) else path,
        query=request.query,
        headers=request.headers,
        cookies=request.cookies,
        remote=visitor.address,
        neighbour=socket_peer(request),
        secure=visitor.scheme == "https",
    )
