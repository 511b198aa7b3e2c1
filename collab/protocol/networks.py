"""Networks that a setting names: whose word counts, such as that of a proxy in front."""

from __future__ import annotations

from collections.abc import Iterable
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network
from typing import Final

UNIX: Final = "unix"
"""Stands for whoever connects through the unix socket, in settings and as an address."""

_MAPPED: Final = IPv6Network("::ffff:0:0/96")
"""IPv4 addresses written as IPv6."""


class Networks:
    """Some networks, and perhaps the unix socket. Raises ValueError for what is neither."""

    def __init__(self, networks: Iterable[str]) -> None:
        names = [name.strip() for name in networks]
        self.unix = UNIX in names
        self._networks = [_network(name) for name in names if name != UNIX]

    def __contains__(self, address: str) -> bool:
        if address == UNIX:
            return self.unix
        parsed = parse_address(address)
        return parsed is not None and any(parsed in network for network in self._networks)

    @property
    def everybody(self) -> bool:
        """Whether any address of a family is in them."""
        return any(network.prefixlen == 0 for network in self._networks)


def parse_address(address: str) -> IPv4Address | IPv6Address | None:
    """An IP address; IPv4 written as IPv6 (``::ffff:10.0.0.1``) is what it means."""
    try:
        parsed = ip_address(address)
    except ValueError:
        return None
    if isinstance(parsed, IPv6Address) and parsed.ipv4_mapped is not None:
        return parsed.ipv4_mapped
    return parsed


def _network(name: str) -> IPv4Network | IPv6Network:
    try:
        network = ip_network(name, strict=False)
    except ValueError:
        raise ValueError(
            f"{name!r} is neither a network such as 10.0.0.0/8 or ::1 nor the word unix"
        ) from None
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        mapped = network.network_address.ipv4_mapped
        return IPv4Network((mapped, network.prefixlen - 96))
    return network
