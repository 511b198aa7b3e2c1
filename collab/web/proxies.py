"""Who is really at the other end: forwarded headers, believed from configured proxies only.

A proxy in front of Collab tells what it saw in ``X-Forwarded-For``, ``-Proto``, ``-Host``
and ``-Prefix``. Anybody can send these headers, so they count only when the socket itself
leads to an address in ``trusted_proxies``. From anybody else they are ignored, and so is
whatever makes no sense in them: a request is never refused because of its proxy headers.
"""

from __future__ import annotations

import re
import socket
from collections.abc import Iterable
from dataclasses import dataclass

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from collab.protocol.networks import UNIX, Networks, parse_address
from collab.protocol.settings import Settings

_SCHEMES = {"http": "http", "https": "https", "ws": "http", "wss": "https"}
_HOST = re.compile(r"(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?", re.IGNORECASE)
_PREFIX = re.compile(r"(?:/[A-Za-z0-9_.-]+)+")
_WITH_PORT = re.compile(r"\[([^\]]+)\](?::\d+)?|([0-9.]+):\d+")


@dataclass(frozen=True, slots=True)
class Peer:
    """The other end of a request as it looks with the trusted proxies taken away."""

    address: str
    """IP address; ``unix`` for an unknown process on this machine, empty when it is gone."""
    scheme: str
    """``http`` or ``https``: what the browser speaks."""
    host: str
    """Host and perhaps port in the browser's address line; empty when it was not sent."""
    base_path: str
    """The path before Collab's own, such as ``/team/docs``; empty at the top."""


_PEER = web.RequestKey("peer", Peer)


def clean_prefix(text: str) -> str:
    """``text`` as a base path: empty, or starting with a slash and not ending in one.

    Raises ValueError when it has anything but letters, digits and ``_ . - /`` in it, an empty
    segment or one of dots: what comes out can be put before any path of a page.
    """
    path = text.strip().rstrip("/")
    if not path:
        return ""
    if not path.startswith("/"):
        path = "/" + path
    if not _PREFIX.fullmatch(path) or any(not part.strip(".") for part in path[1:].split("/")):
        raise ValueError(
            f"{text!r} is no path such as /team/docs (letters, digits, '-', '_' and '.',"
            " with single slashes between)"
        )
    return path


class Trust(Networks):
    """The proxies whose word counts. Raises ValueError for what is neither network nor unix."""

    def origin_of(self, peer: str, forwarded_for: Iterable[str]) -> str:
        """The nearest address that is no trusted proxy, seen from ``peer`` backwards.

        ``forwarded_for`` are the lines of ``X-Forwarded-For``, each of which may hold several
        addresses, the nearest last. The walk ends at the first untrusted one, or before one
        that names nobody (``unknown``): what stands further left anybody may have written.
        """
        nearest = peer
        hops = [hop for line in forwarded_for for hop in line.split(",")]
        while hops and nearest in self:
            address = _address(hops.pop())
            if address is None:
                break
            nearest = address
        return nearest


def _address(hop: str) -> str | None:
    """One element of ``X-Forwarded-For`` without its port; None when it is no address."""
    hop = hop.strip().strip('"')
    if hop == "unix:":  # nginx's name for who connects to it through a unix socket
        return UNIX
    with_port = _WITH_PORT.fullmatch(hop)
    parsed = parse_address((with_port[1] or with_port[2]) if with_port else hop)
    return None if parsed is None else str(parsed)


def socket_peer(request: web.BaseRequest) -> str:
    """Who the socket leads to: an address, ``unix``, or nothing once the connection is lost."""
    connection = request.get_extra_info("socket")
    if connection is not None and connection.family == getattr(socket, "AF_UNIX", None):
        return UNIX
    parsed = parse_address(request.remote or "")
    return "" if parsed is None else str(parsed)


def _last(request: web.BaseRequest, header: str) -> str:
    """The value that the nearest proxy wrote: the right-most one."""
    lines = request.headers.getall(header, ())
    return lines[-1].rpartition(",")[2].strip() if lines else ""


def resolve(request: web.BaseRequest, trust: Trust, base_path: str) -> Peer:
    """What `peer` answers for a request that reached a server mounted at ``base_path``."""
    address = socket_peer(request)
    scheme = request.scheme
    host = request.headers.get("Host", "")
    if address in trust:
        scheme = _SCHEMES.get(_last(request, "X-Forwarded-Proto").lower(), scheme)
        forwarded_host = _last(request, "X-Forwarded-Host")
        if _HOST.fullmatch(forwarded_host):
            host = forwarded_host
        if not base_path:
            try:
                base_path = clean_prefix(_last(request, "X-Forwarded-Prefix"))
            except ValueError:
                base_path = ""
        address = trust.origin_of(address, request.headers.getall("X-Forwarded-For", ()))
    return Peer(address, scheme, host, base_path)


def middleware(settings: Settings) -> Middleware:
    """Works out every request's `Peer`. Goes first, so that everything else can ask for it.

    Raises ValueError when ``trusted_proxies`` or ``base_path`` can't be understood.
    """
    trust = Trust(settings.trusted_proxies)
    base = clean_prefix(settings.base_path)

    @web.middleware
    async def know_the_peer(request: web.Request, handler: Handler) -> web.StreamResponse:
        request[_PEER] = resolve(request, trust, base)
        return await handler(request)

    return know_the_peer


def peer(request: web.BaseRequest) -> Peer:
    """Who sent this request, proxies taken away."""
    return request[_PEER]


def base_path(request: web.BaseRequest) -> str:
    """What every URL to Collab's own pages starts with: empty, or such as ``/team/docs``.

    It is the setting ``base_path`` when the proxy keeps the prefix, else the
    ``X-Forwarded-Prefix`` of a trusted proxy that strips it.
    """
    return peer(request).base_path
