"""How many connections one address has open, requests and WebSockets together.

Without a bound, one visitor opens as many as the process may have files, sends nothing, and nobody
else gets in.
"""

from __future__ import annotations

import asyncio
import logging
from collections import Counter
from typing import Any, Final

from aiohttp import web

from collab.protocol.networks import Networks, parse_address
from collab.web.sources import network_of

log = logging.getLogger(__name__)

SPARE: Final = 256
"""Connections that an address may have open besides those that may be WebSockets."""


class Callers:
    """Cuts what comes from an address that has too many connections open.

    Those of trusted proxies, and of the unix socket, are not counted: everybody comes from there.
    """

    def __init__(self, most: int, trusted: Networks) -> None:
        self._most = most
        self._trusted = trusted
        self._open: Counter[str] = Counter()
        self._places: dict[object, str] = {}
        self._told: set[str] = set()
        """Addresses of which the log has said it, until half of their connections are closed."""

    def watch(self, server: web.Server) -> None:
        """Count the connections of ``server`` from now on: aiohttp has no hook for that."""
        made, lost = server.connection_made, server.connection_lost

        def connection_made(handler: Any, transport: asyncio.Transport) -> None:
            made(handler, transport)
            if not self._opened(handler, transport.get_extra_info("peername")):
                # Not at once: aiohttp can't lose a connection before it has begun with it.
                asyncio.get_running_loop().call_soon(transport.abort)

        def connection_lost(handler: Any, error: BaseException | None = None) -> None:
            lost(handler, error)
            self._closed(handler)

        vars(server).update(connection_made=connection_made, connection_lost=connection_lost)

    def _opened(self, connection: object, name: Any) -> bool:
        """Whether a connection from the peer with a socket's ``name`` may stay open."""
        address = parse_address(name[0]) if isinstance(name, tuple) and name else None
        if address is None or str(address) in self._trusted:
            return True
        place = self._places[connection] = network_of(str(address))
        self._open[place] += 1
        if self._open[place] <= self._most:
            return True
        if place not in self._told:
            self._told.add(place)
            log.warning(
                "%s has %d connections open: further ones are cut. When that is a proxy of yours,"
                " the setting trusted_proxies has to name it.", place, self._most,
            )
        return False

    def _closed(self, connection: object) -> None:
        place = self._places.pop(connection, None)
        if place is None:
            return
        self._open[place] -= 1
        if self._open[place] <= self._most // 2:
            self._told.discard(place)
        if not self._open[place]:
            del self._open[place]
