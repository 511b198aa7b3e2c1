"""Positions and ranges as ``before_operation`` is shown them: where they are in the content that
its delta applies to. They are moved there from the committed revision when somebody looks."""

from __future__ import annotations

from collections.abc import Hashable, Iterator
from typing import Any, NoReturn

from collab.plugins.ordered import OrderedRoom
from collab.plugins.positions import Positions
from collab.plugins.ranges import Range, Ranges
from collab.protocol import errors
from collab.protocol.errors import CollabError


class OrderedPositions(Positions):
    """A plugin's positions at the newest ordered revision, for reading only."""

    def __init__(self, positions: Positions, room: OrderedRoom) -> None:
        # Not the base's: it follows nothing and holds nothing.
        self._positions = positions
        self._room = room

    @property
    def revision(self) -> int:
        return self._room.revision

    def get(self, key: Hashable) -> tuple[int, ...] | None:
        return self._positions.ahead(key, self._room.ordering if self._room.asking else None)

    def items(self) -> Iterator[tuple[Hashable, tuple[int, ...]]]:
        found = [(key, self.get(key)) for key, _ in self._positions.items()]
        return iter([(key, indices) for key, indices in found if indices is not None])

    def __contains__(self, key: Hashable) -> bool:
        return key in self._positions

    def __len__(self) -> int:
        return len(self._positions)

    def set(
        self,
        key: Hashable,
        *indices: int,
        revision: int | None = None,
        owner: str | None = None,
    ) -> tuple[int, ...]:
        _refuse()

    def discard(self, key: Hashable) -> bool:
        _refuse()

    def leave(self) -> None:
        """It follows nothing."""


class OrderedRanges(Ranges):
    """A plugin's ranges at the newest ordered revision, for reading only."""

    def __init__(self, ranges: Ranges, room: OrderedRoom) -> None:
        # Not the base's: it follows nothing and holds nothing.
        self._ranges = ranges
        self._room = room

    @property
    def revision(self) -> int:
        return self._room.revision

    async def get(self, key: str) -> Range | None:
        return (await self.all()).get(key)

    async def all(self) -> dict[str, Range]:
        return await self._ranges.at(self._room.ordering if self._room.asking else None)

    async def add(
        self, key: str, start: int, end: int, data: Any = None, *, revision: int | None = None
    ) -> Range:
        _refuse()

    async def update(self, key: str, data: Any) -> bool:
        _refuse()

    async def remove(self, key: str) -> bool:
        _refuse()

    async def flush(self) -> None:
        _refuse()

    def leave(self) -> None:
        """It follows nothing."""


def _refuse() -> NoReturn:
    raise CollabError(
        errors.READ_ONLY,
        "before_operation is shown positions and ranges to read: change them in another hook.",
    )
