"""Positions that move with the text, brought up to date only when somebody looks.

Committing an operation costs one append. A registry transforms its positions over what
has happened when it is read, or when `CATCH_UP` operations have piled up, so that ten
thousand positions cost nothing while nobody reads them.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable, Iterator, Sequence

from collab.ot import Delta
from collab.rooms.ordering import Ordering

CATCH_UP = 512
"""Committed operations that are remembered at least; twice as many at most."""


class OutOfReach(LookupError):
    """A position was given at a revision that is not remembered, or not yet there."""

    def __init__(self, revision: int, oldest: int, newest: int) -> None:
        super().__init__(
            f"Revision {revision} is out of reach; {oldest} to {newest} can be followed."
        )


def check_whole(*indices: int) -> None:
    """Raises TypeError when one of them is no whole number, as half of a length may be."""
    for index in indices:
        if type(index) is not int:
            raise TypeError(f"A position is a whole number, an int, not {type(index).__name__}.")


class Track:
    """What was committed lately in one document, for whoever follows positions in it."""

    def __init__(self, revision: int, catch_up: int = CATCH_UP) -> None:
        self.revision = revision
        """The last committed revision."""
        self._catch_up = catch_up
        self._steps: list[tuple[str, Delta]] = []
        self._registries: list[Callable[[], None]] = []

    @property
    def oldest(self) -> int:
        """The oldest revision positions can be followed from."""
        return self.revision - len(self._steps)

    def follow(self, catch_up: Callable[[], None]) -> None:
        """Call ``catch_up`` before anything is forgotten."""
        self._registries.append(catch_up)

    def unfollow(self, catch_up: Callable[[], None]) -> None:
        """Do not call ``catch_up`` any more."""
        self._registries.remove(catch_up)

    def extend(self, clients: Sequence[str], deltas: Sequence[Delta]) -> None:
        """Operations were committed."""
        self._steps.extend(zip(clients, deltas, strict=True))
        self.revision += len(deltas)
        if len(self._steps) > 2 * self._catch_up:
            for catch_up in self._registries:
                catch_up()
            del self._steps[: -self._catch_up]

    def move(self, indices: tuple[int, ...], since: int, owner: str | None) -> tuple[int, ...]:
        """Where positions of revision ``since`` are now. Raises `OutOfReach`.

        An insert exactly at a position leaves it where it is, unless its ``owner`` (a client's
        id) made it: who types pushes their own caret before them.
        """
        return _moved(indices, self._since(since), owner)

    def since(self, revision: int) -> list[Delta]:
        """What was committed after ``revision``. Raises `OutOfReach`."""
        return [delta for _, delta in self._since(revision)]

    def _since(self, revision: int) -> list[tuple[str, Delta]]:
        if not self.oldest <= revision <= self.revision:
            raise OutOfReach(revision, self.oldest, self.revision)
        return self._steps[len(self._steps) - (self.revision - revision) :]


def _moved(
    indices: tuple[int, ...], steps: Sequence[tuple[str, Delta]], owner: str | None
) -> tuple[int, ...]:
    for client, delta in steps:
        stays = client != owner
        indices = tuple([delta.transform_position(index, stays) for index in indices])
    return indices


class Positions:
    """One plugin's positions in one document, by whatever key it likes.

    A key holds one or more positions (a caret's anchor and head). Reading gives them at
    `revision`, the last committed one.
    """

    def __init__(self, track: Track, length: Callable[[], int]) -> None:
        """``length`` tells how long the document is at the last committed revision."""
        self._track = track
        self._length = length
        self._revision = track.revision
        self._held: dict[Hashable, tuple[tuple[int, ...], str | None]] = {}
        self._ahead: dict[Hashable, tuple[int, tuple[int, ...]]] = {}
        """By key, positions at an ordered revision that may not be committed."""
        track.follow(self._catch_up)

    def leave(self) -> None:
        """Follow them no more."""
        self._track.unfollow(self._catch_up)

    @property
    def revision(self) -> int:
        """The revision that positions are given at."""
        return self._track.revision

    def set(
        self,
        key: Hashable,
        *indices: int,
        revision: int | None = None,
        owner: str | None = None,
    ) -> tuple[int, ...]:
        """Hold positions of ``revision`` (default: the last committed); returns them as of now.

        ``owner`` is the id of a client whose own inserts at a position move it along.
        Raises TypeError for what is no whole number, ValueError for a position outside of the
        document, and `OutOfReach` for a revision that can't be followed; what ``key`` held before
        then stays.
        """
        check_whole(*indices)
        self._catch_up()
        if min(indices, default=0) < 0:
            raise ValueError(f"There is no position {min(indices)}.")
        if revision is not None:
            indices = self._track.move(indices, revision, owner)
        # However it moves, a position beyond the end stays as far beyond it.
        if max(indices, default=0) > (length := self._length()):
            raise ValueError(
                f"Position {max(indices)} is out of range in a document of {length}."
            )
        self._held[key] = (indices, owner)
        self._ahead.pop(key, None)
        return indices

    def get(self, key: Hashable) -> tuple[int, ...] | None:
        """Where a key's positions are now; None when there are none."""
        self._catch_up()
        held = self._held.get(key)
        return None if held is None else held[0]

    def discard(self, key: Hashable) -> bool:
        """Forget a key's positions; False when there were none."""
        self._ahead.pop(key, None)
        return self._held.pop(key, None) is not None

    def ahead(self, key: Hashable, ordering: Ordering | None) -> tuple[int, ...] | None:
        """Where a key's positions are at the newest ordered revision (None: the committed one).

        Each operation is looked at once, however often this is asked.
        """
        indices = self.get(key)
        if ordering is None or indices is None or ordering.revision == self._revision:
            return indices
        revision, moved = self._ahead.get(key, (self._revision, indices))
        if revision < self._revision:
            revision, moved = self._revision, indices
        moved = _moved(moved, ordering.since(revision), self._held[key][1])
        self._ahead[key] = (ordering.revision, moved)
        return moved

    def items(self) -> Iterator[tuple[Hashable, tuple[int, ...]]]:
        """All keys and where their positions are now."""
        self._catch_up()
        return iter([(key, indices) for key, (indices, _) in self._held.items()])

    def __contains__(self, key: Hashable) -> bool:
        return key in self._held

    def __len__(self) -> int:
        return len(self._held)

    def _catch_up(self) -> None:
        track = self._track
        if self._revision == track.revision:
            return
        for key, (indices, owner) in self._held.items():
            self._held[key] = (track.move(indices, self._revision, owner), owner)
        self._revision = track.revision
