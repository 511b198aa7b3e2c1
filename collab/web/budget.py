"""Memory that visitors make the server hold: so much in total, and so much for each address."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.web.sources import network_of

COME_BACK: Final = 5.0
"""Seconds after which somebody is asked to come back when the budget is used up."""


class ByteBudget:
    """How many bytes of one kind are in memory, in total and for each address."""

    def __init__(self, total: int, share: int, sentence: str) -> None:
        """``total`` bytes for everybody, of which one address may use ``share``; ``sentence`` is
        for whoever wants more than that."""
        self._total = total
        self.share = share
        """Bytes that one address may use."""
        self._sentence = sentence
        self._used: Counter[str] = Counter()

    @property
    def used(self) -> int:
        """Bytes that are held now."""
        return self._used.total()

    def take(self, address: str, count: int) -> None:
        """Count bytes that are held for ``address``; of IPv6, all addresses in its /64 are one.

        Raises `CollabError`: SLOW_DOWN past its share, BUSY when the budget is used up.
        """
        address = network_of(address)
        if self._used[address] + count > self.share:
            raise CollabError(errors.SLOW_DOWN, self._sentence, retry_after=COME_BACK)
        if self.used + count > self._total:
            raise CollabError(errors.BUSY, retry_after=COME_BACK)
        self._used[address] += count

    def give_back(self, address: str, count: int) -> None:
        """Those bytes are not needed any more."""
        address = network_of(address)
        self._used[address] -= count
        if self._used[address] <= 0:
            del self._used[address]

    @contextmanager
    def held(self, address: str, count: int) -> Iterator[None]:
        """`take` for the block. Raises `CollabError`."""
        self.take(address, count)
        try:
            yield
        finally:
            self.give_back(address, count)
