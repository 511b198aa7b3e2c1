"""A long sequence in small chunks, in which an edit costs its own size, not the sequence's.

Chunks stand in blocks of a few dozen, and blocks in groups; the sizes of all three are at hand, so
that a position is found in three short walks. A cursor stays on the chunk that was edited last:
people type in one place for a while, and then nothing needs finding. What the block under the
cursor has grown is added to the sums when the cursor leaves (`_drift`).

Chunks are values: an edit puts a new one in the place of an old, so that copies share them.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator
from typing import Generic, TypeVar

from collab.ot.content import Content
from collab.ot.delta import Delta
from collab.ot.errors import InvalidOperation
from collab.ot.parts import Part, is_insert
from collab.ot.parts import size as size_of

C = TypeVar("C")

FILL = 2048
"""Units in a fresh chunk."""

SMALL = 512
"""A chunk with fewer units is joined with its neighbour."""

LARGE = 4096
"""A chunk with more units is divided."""

BLOCK_FILL = 24
"""Chunks in a fresh block."""

BLOCK_LARGE = 48
"""A block with more chunks is divided."""

GROUP = 16
"""Blocks in a group."""


class Chunked(Content, Generic[C]):
    """A document's content as chunks of type C. Subclasses say what a chunk is."""

    __slots__ = (
        "_at",
        "_block",
        "_blocks",
        "_chunks",
        "_drift",
        "_length",
        "_sizes",
        "_sizes_of",
        "_start",
        "_sums",
        "_totals",
    )

    _blocks: list[list[C]]
    _sizes_of: list[list[int]]  # in parallel to _blocks: the units of each chunk
    _totals: list[int]  # the units of each block
    _sums: list[int]  # the units of each GROUP blocks
    _length: int
    # The cursor: chunk _at of block _block, which begins at unit _start.
    _block: int
    _chunks: list[C]
    _sizes: list[int]
    _at: int
    _start: int
    _drift: int

    def __init__(self, chunks: list[C]) -> None:
        chunks = chunks or [self._join([])]
        self._blocks = [chunks[i : i + BLOCK_FILL] for i in range(0, len(chunks), BLOCK_FILL)]
        self._sizes_of = [list(map(self._size, block)) for block in self._blocks]
        self._length = sum(map(sum, self._sizes_of))
        self._rebuild()

    # -- what a chunk is --------------------------------------------------------------------------

    @abstractmethod
    def _size(self, chunk: C) -> int:
        """Return the units of a chunk."""

    @abstractmethod
    def _part(self, chunk: C, start: int, end: int) -> C:
        """Return the chunk from unit `start` to unit `end`."""

    @abstractmethod
    def _join(self, chunks: list[C]) -> C:
        """Return chunks as one."""

    @abstractmethod
    def _divide(self, chunk: C) -> list[C]:
        """Return a chunk in pieces that are not large, each of whole characters."""

    @abstractmethod
    def _large(self, chunk: C) -> bool:
        """Say whether a chunk ought to be divided."""

    @abstractmethod
    def _small(self, chunk: C) -> bool:
        """Say whether a chunk ought to be joined with its neighbour."""

    @abstractmethod
    def _cuts_pair(self, chunk: C, at: int) -> bool:
        """Say whether a boundary at unit `at` would be inside a character."""

    @abstractmethod
    def _admit(self, part: Part) -> None:
        """Raise InvalidOperation for a part that no edit of this type of document has."""

    # -- checking ---------------------------------------------------------------------------------

    def check(self, delta: Delta) -> None:
        """Raise InvalidOperation when `apply` would; see Content.check."""
        position = 0
        for part in delta.parts:
            self._admit(part)
            if is_insert(part):
                self._check_boundary(position)
            elif type(part) is int and part > 0:
                position += part
                if position > self._length:
                    raise past_end(position, self._length)
            else:
                self._check_boundary(position)
                position += size_of(part)
                self._check_boundary(position)

    # -- finding ----------------------------------------------------------------------------------

    @property
    def length(self) -> int:
        """The length in units."""
        return self._length

    def _rebuild(self) -> None:
        """Count the blocks afresh, and put the cursor at the beginning."""
        totals = self._totals = list(map(sum, self._sizes_of))
        self._sums = [sum(totals[i : i + GROUP]) for i in range(0, len(totals), GROUP)]
        self._block = self._at = self._start = self._drift = 0
        self._chunks = self._blocks[0]
        self._sizes = self._sizes_of[0]

    def _settle(self) -> None:
        """Add what the block under the cursor has grown to the sums that it is part of."""
        self._totals[self._block] += self._drift
        self._sums[self._block // GROUP] += self._drift
        self._drift = 0

    def _seek(self, position: int) -> int:
        """Put the cursor on the chunk that holds `position` and return the offset there.

        Where two chunks meet it is the end of the first.
        """
        start = self._start
        if start < position <= start + self._sizes[self._at]:
            return position - start
        return self._find(position)

    def _find(self, position: int) -> int:
        """Do as `_seek`, knowing that it is another chunk."""
        if self._drift:
            self._settle()
        rest = position
        block = 0
        for total in self._sums:
            if rest <= total:
                break
            rest -= total
            block += GROUP
        for total in self._totals[block : block + GROUP]:
            if rest <= total:
                break
            rest -= total
            block += 1
        sizes = self._sizes_of[block]
        at = 0
        for size in sizes:
            if rest <= size:
                break
            rest -= size
            at += 1
        self._block = block
        self._chunks = self._blocks[block]
        self._sizes = sizes
        self._at = at
        self._start = position - rest
        return rest

    def _check_boundary(self, position: int) -> None:
        """Raise InvalidOperation when `position` is past the end or inside a character."""
        if position > self._length:
            raise past_end(position, self._length)
        offset = self._seek(position)
        if self._cuts_pair(self._chunks[self._at], offset):
            raise cuts_character(position)

    def _walk(self) -> Iterator[C]:
        """Yield all chunks in order."""
        for block in self._blocks:
            yield from block

    def _read(self, start: int, end: int) -> Iterator[C]:
        """Yield the pieces of chunks from unit `start` to unit `end`."""
        if start >= end:
            return
        offset = self._seek(start)
        block, at = self._block, self._at
        left = end - start
        while True:
            chunks, sizes = self._blocks[block], self._sizes_of[block]
            while at < len(chunks):
                until = min(sizes[at], offset + left)
                if until > offset:
                    yield self._part(chunks[at], offset, until)
                    left -= until - offset
                    if not left:
                        return
                offset = 0
                at += 1
            block += 1
            at = 0

    # -- changing ---------------------------------------------------------------------------------

    def _replace(self, position: int, deleted: int, fresh: C) -> None:
        """Put `fresh` in the place of `deleted` units. The boundaries have been checked."""
        offset = self._seek(position)
        chunk, size = self._chunks[self._at], self._sizes[self._at]
        if offset + deleted <= size:
            whole = self._join(
                [self._part(chunk, 0, offset), fresh, self._part(chunk, offset + deleted, size)]
            )
            grown = self._size(whole) - size
            alone = size == self._length
            if not self._large(whole) and (alone or not self._small(whole)):
                self._chunks[self._at] = whole
                self._sizes[self._at] = size + grown
                self._length += grown
                self._drift += grown
                return
        self._replace_chunks(offset, deleted, fresh)

    def _replace_chunks(self, offset: int, deleted: int, fresh: C) -> None:
        """Replace `deleted` units from `offset` in the chunk under the cursor, whatever that takes.

        Chunks and blocks that become too small are joined, too large ones divided.
        """
        self._settle()
        first, at = self._block, self._at
        left = self._part(self._chunks[at], 0, offset)
        before, sizes_before = self._chunks[:at], self._sizes[:at]
        # Find the chunk in which the deletion ends.
        last, end, rest = first, at, offset + deleted
        while rest > self._sizes_of[last][end]:
            rest -= self._sizes_of[last][end]
            end += 1
            if end == len(self._sizes_of[last]):
                last, end = last + 1, 0
        right = self._part(self._blocks[last][end], rest, self._sizes_of[last][end])
        after, sizes_after = self._blocks[last][end + 1 :], self._sizes_of[last][end + 1 :]
        middle = self._join([left, fresh, right])
        grown = self._size(fresh) - deleted
        if self._small(middle):
            if before:
                middle = self._join([before.pop(), middle])
                del sizes_before[-1]
            elif after:
                middle = self._join([middle, after.pop(0)])
                del sizes_after[0]
        divided = self._divide(middle)
        chunks = [*before, *divided, *after]
        sizes = [*sizes_before, *map(self._size, divided), *sizes_after]
        if len(chunks) < BLOCK_FILL // 4:
            if last + 1 < len(self._blocks):
                last += 1
                chunks = chunks + self._blocks[last]
                sizes = sizes + self._sizes_of[last]
            elif first:
                first -= 1
                chunks = self._blocks[first] + chunks
                sizes = self._sizes_of[first] + sizes
        # An empty chunk is no more than the whole of an empty document.
        if 0 in sizes:
            chunks = [chunk for chunk, size in zip(chunks, sizes, strict=True) if size]
            sizes = [size for size in sizes if size]
        if not chunks and last - first + 1 == len(self._blocks):
            chunks, sizes = [self._join([])], [0]
        self._length += grown
        if first == last and 0 < len(chunks) <= BLOCK_LARGE:
            self._blocks[first] = self._chunks = chunks
            self._sizes_of[first] = self._sizes = sizes
            self._block, self._drift = first, grown
            self._settle()
            self._home()
            return
        count = (len(chunks) + BLOCK_FILL - 1) // BLOCK_FILL
        each = -(-len(chunks) // count) if count else 1
        blocks = [chunks[i : i + each] for i in range(0, len(chunks), each)]
        self._blocks[first : last + 1] = blocks
        self._sizes_of[first : last + 1] = [
            sizes[i : i + each] for i in range(0, len(sizes), each)
        ]
        self._rebuild()

    def _home(self) -> None:
        """Put the cursor at the beginning, from where every position is found."""
        self._block = self._at = self._start = 0
        self._chunks = self._blocks[0]
        self._sizes = self._sizes_of[0]

    def _share(self, other: Chunked[C]) -> None:
        """Become a copy of `other` that has its chunks in common with it."""
        self._blocks = [block[:] for block in other._blocks]
        self._sizes_of = [sizes[:] for sizes in other._sizes_of]
        self._length = other._length
        self._rebuild()


def past_end(position: int, length: int) -> InvalidOperation:
    """Return the error for an operation that is longer than the document."""
    return InvalidOperation(
        f"Position {position} is out of range for a document of length {length}."
    )


def cuts_character(position: int) -> InvalidOperation:
    """Return the error for an operation that would leave half a character."""
    return InvalidOperation(f"Position {position} is inside a character (a surrogate pair).")
