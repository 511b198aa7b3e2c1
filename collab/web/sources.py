"""Where visitors come from, as plugins may know it: enough to count, too little to tell."""

from __future__ import annotations

import hmac
import secrets
from ipaddress import ip_address
from typing import Final

from aiohttp import web

from collab.web.proxies import peer

_NETWORK: Final = 64
"""Bits of an IPv6 address that count: a provider gives each customer that much, or more."""


class Sources:
    """Turns addresses into keys, by a secret that is forgotten when the server ends."""

    def __init__(self) -> None:
        self._secret = secrets.token_bytes(32)

    def of(self, request: web.Request) -> str:
        """The key of a visitor's address (see `collab.Session.source`)."""
        network = network_of(peer(request).address)
        return hmac.digest(self._secret, network.encode(), "sha256").hex()[:22]


SOURCES = web.AppKey("sources", Sources)


def network_of(address: str) -> str:
    """What one customer of a provider has: an IPv4 address, or the /64 that an IPv6 one is in.

    ``unix`` and what else is no IP address stay as they are.
    """
    try:
        parsed = ip_address(address)
    except ValueError:
        return address
    if parsed.version == 4:
        return str(parsed)
    if parsed.ipv4_mapped is not None:
        return str(parsed.ipv4_mapped)
    return f"{parsed.packed[: _NETWORK // 8].hex()}/{_NETWORK}"
