"""Named ranges that move with the text and survive a restart.

A range is stored once, with the revision that its positions were given at. In memory it moves
along as positions do; when it is read again after a restart, it is moved over the operations
that the log holds since. Storing it anew, now and then, only makes that shorter.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Iterable, Sequence
from typing import Any, NamedTuple

import msgspec
from msgspec.structs import replace

from collab.ot import Delta
from collab.plugins.archive import Archive
from collab.plugins.document import Document
from collab.plugins.positions import Track, check_whole
from collab.plugins.state import State, encoded
from collab.rooms.ordering import Ordering
from collab.storage.port import Conflict

STALE = 1000
"""Operations after which ranges are stored anew when their document is closed."""


class Range(NamedTuple):
    """Where a range is now, and what the plugin keeps with it."""

    start: int
    end: int
    data: Any


class _Cut(msgspec.Struct, array_like=True):
    """A deletion of ``length`` units that took an end of a range with it.

    When as much is inserted there again, as undoing does, that end is where it was, counted
    from there; None for an end that was not taken.
    """

    at: int
    length: int
    start: int | None
    end: int | None


class Held(msgspec.Struct):
    """A range as it is stored, at ``revision``."""

    start: int
    end: int
    revision: int
    data: Any = None
    cuts: list[_Cut] = []
    made: int = 0
    """The revision that it was first given at."""


CUTS = 8
"""Deletions that are remembered for each range."""


class Ranges:
    """One plugin's ranges in one open document, by keys of its choice (1 to 200 characters).

    What is inserted exactly at the start or the end of a range stays outside. A range whose
    text is deleted is empty, and comes back with its text when the deletion is undone.
    """

    def __init__(
        self,
        document: Document,
        track: Track,
        state: State,
        archive: Archive,
        flushing: asyncio.Task[None] | None = None,
    ) -> None:
        """``flushing`` still stores the ranges of when the document was open before."""
        self._document = document
        self._track = track
        self._state = state
        self._archive = archive
        self._flushing = flushing
        self._held: dict[str, Held] | None = None
        """At `_revision`; None until they are loaded."""
        self._revision = 0
        self._ahead: tuple[int, dict[str, Held]] | None = None
        """At an ordered revision that may not be committed."""
        self._loading = asyncio.Lock()
        track.follow(self._catch_up)

    @property
    def revision(self) -> int:
        """The revision that ranges are given at: the last committed one."""
        return self._track.revision

    async def add(
        self, key: str, start: int, end: int, data: Any = None, *, revision: int | None = None
    ) -> Range:
        """Hold the units from ``start`` up to ``end``, in the place of what ``key`` held before.

        The positions are those of ``revision`` (default: the newest), up to some 500 back.
        On disk when it returns. Raises ValueError for positions outside of the document,
        `OutOfReach` for a revision that can't be followed any more, and what `State.set` raises
        for a key or ``data``; what ``key`` held before then stays. TypeError: a position is no
        whole number.
        """
        check_whole(start, end)
        encoded(key, data)
        held = await self._loaded()
        if not 0 <= start <= end:
            raise ValueError(f"A range can't go from {start} to {end}.")
        fresh = Held(start, end, self._track.revision, data)
        made = fresh.revision if revision is None else revision
        fresh.made = min(made, held[key].made) if key in held else made
        if revision is not None:
            for delta in self._track.since(revision):
                move(fresh, delta)
        if fresh.end > self._document.length:
            raise ValueError(
                f"A range can't end at {fresh.end} in a document of {self._document.length}."
            )
        self._catch_up()
        held[key] = fresh
        self._ahead = None
        await self._store(key, fresh)
        return Range(fresh.start, fresh.end, data)

    async def update(self, key: str, data: Any) -> bool:
        """Keep something else with a range, which stays where it is; False when there is none.

        Raises what `State.set` raises for ``data``; what was kept then stays.
        """
        encoded(key, data)
        held = (await self._loaded()).get(key)
        if held is None:
            return False
        self._catch_up()
        held.data = data
        self._ahead = None
        await self._store(key, held)
        return True

    async def remove(self, key: str) -> bool:
        """Forget a range; False when there was none."""
        if (await self._loaded()).pop(key, None) is None:
            return False
        self._ahead = None
        await self._state.delete(key, document=self._document)
        return True

    async def get(self, key: str) -> Range | None:
        """Where a range is now, and what is kept with it."""
        held = (await self._loaded()).get(key)
        if held is None:
            return None
        self._catch_up()
        return Range(held.start, held.end, held.data)

    async def all(self) -> dict[str, Range]:
        """Every range by its key, as of `revision`."""
        return await self.at(None)

    async def at(self, ordering: Ordering | None) -> dict[str, Range]:
        """Every range by its key at the newest ordered revision (None: the committed one).

        Each operation is looked at once, however often this is asked.
        """
        held = await self._loaded()
        self._catch_up()
        if ordering is not None and ordering.revision != self._revision:
            revision, ahead = self._ahead or (0, {})
            if self._ahead is None or revision < self._revision:
                revision, ahead = self._revision, {key: _copy(one) for key, one in held.items()}
            for _, delta in ordering.since(revision):
                for one in ahead.values():
                    move(one, delta)
            self._ahead = ordering.revision, ahead
            held = ahead
        return {key: Range(one.start, one.end, one.data) for key, one in held.items()}

    @property
    def stale(self) -> bool:
        """Whether so much has happened since ranges were stored that they should be anew."""
        return any(
            self.revision - one.revision >= STALE for one in (self._held or {}).values()
        )

    def leave(self) -> None:
        """Move them no more."""
        self._track.unfollow(self._catch_up)

    async def flush(self) -> None:
        """Store where the ranges are now."""
        self._catch_up()
        for key, held in list((self._held or {}).items()):
            with contextlib.suppress(Conflict):  # the document was deleted
                await self._store(key, held)

    async def _store(self, key: str, held: Held) -> None:
        held.revision = self._revision
        await self._state.set(key, msgspec.to_builtins(held), document=self._document)

    async def _loaded(self) -> dict[str, Held]:
        async with self._loading:
            if self._held is None:
                self._held = await self._load()
                self._revision = self._track.revision
            return self._held

    async def _load(self) -> dict[str, Held]:
        if self._flushing is not None:
            await asyncio.wait([self._flushing])
            self._flushing = None
        held = await self._stored()
        revision = min([one.revision for one in held.values()], default=self.revision)
        # What the track does not reach is in the log; meanwhile more may be committed.
        while revision < self._track.oldest:
            for operation in await self._archive.history(
                self._document.id, revision, self._track.revision
            ):
                self._move_all(held, operation.revision, [operation.delta])
                revision = operation.revision
        self._move_all(held, revision + 1, self._track.since(revision))
        return held

    async def _stored(self) -> dict[str, Held]:
        stored = await self._state.list(document=self._document)
        return {key: msgspec.convert(value, Held) for key, value in stored.items()}

    def _move_all(self, held: dict[str, Held], first: int, deltas: Sequence[Delta]) -> None:
        """Move ranges over the operations ``first …``, each from its own revision on."""
        for revision, delta in enumerate(deltas, first):
            for one in held.values():
                if one.revision < revision:
                    move(one, delta)

    def _catch_up(self) -> None:
        if self._held is None or self._revision == self._track.revision:
            return
        for delta in self._track.since(self._revision):
            for one in self._held.values():
                move(one, delta)
        self._revision = self._track.revision


def _copy(held: Held) -> Held:
    """One that moves by itself; what the plugin keeps with it is the same."""
    cuts = [replace(cut) for cut in held.cuts]
    return replace(held, cuts=cuts)


def moved(start: int, end: int, deltas: Iterable[Delta]) -> tuple[int, int]:
    """Where a range is after some edits, one after the other."""
    held = Held(start, end, 0)
    for delta in deltas:
        move(held, delta)
    return held.start, held.end


def inserted_length(inserted: Any) -> int:
    """The length of what an op inserts, text or an embed."""
    return len(inserted.encode("utf-16-le")) // 2 if isinstance(inserted, str) else 1


def move(held: Held, delta: Delta) -> None:
    """Move a range over one delta."""
    index = 0
    for op in delta.ops:
        if "retain" in op:
            index += op["retain"]
        elif "delete" in op:
            _delete(held, index, op["delete"])
        else:
            length = inserted_length(op["insert"])
            _insert(held, index, length)
            index += length
        if index > held.end and all(index > cut.at for cut in held.cuts):
            return


def _insert(held: Held, index: int, length: int) -> None:
    empty = held.start == held.end
    if index < held.start or (index == held.start and not empty):
        held.start += length
        held.end += length
    elif index < held.end:
        held.end += length
    back = next(
        (cut for cut in reversed(held.cuts) if (cut.at, cut.length) == (index, length)), None
    )
    if back is not None:
        held.cuts = [cut for cut in held.cuts if cut is not back]
        if back.start is not None:
            held.start = index + back.start
        if back.end is not None:
            held.end = index + back.end
    for cut in held.cuts:
        if index < cut.at:
            cut.at += length


def _delete(held: Held, index: int, length: int) -> None:
    stop = index + length
    start = held.start - index if index <= held.start < stop else None
    end = held.end - index if index < held.end <= stop else None
    took = held.start < held.end and (start is not None or end is not None)
    last = held.cuts[-1] if held.cuts else None
    if last is not None and index <= last.at <= stop:
        # Deleting on and on, letter by letter, is undone at once.
        before = last.at - index
        last.start = _joined(last.start, start, before, last.length)
        last.end = _joined(last.end, end, before, last.length)
        last.at, last.length = index, last.length + length
    elif took:
        held.cuts = [*held.cuts[1 - CUTS :], _Cut(index, length, start, end)]
    for cut in held.cuts:
        cut.at = _without(cut.at, index, length)
    held.start = _without(held.start, index, length)
    held.end = _without(held.end, index, length)


def _joined(earlier: int | None, now: int | None, before: int, gone: int) -> int | None:
    """Where an end was in the text of two deletions, ``gone`` units taken out at ``before``."""
    if earlier is not None:
        return earlier + before
    return now if now is None or now <= before else now + gone


def _without(position: int, index: int, length: int) -> int:
    return position if position <= index else max(index, position - length)
