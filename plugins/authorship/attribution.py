"""Who wrote which character: runs of units by author, kept up to date edit by edit.

Nothing here knows of stores, sessions or requests. A run is an author and a number of UTF-16
code units; runs lie in chunks, so that an edit in a long document touches one chunk. Chunks are
never changed in place: a copy shares them, and a checkpoint costs a list of references.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple, Protocol, TypedDict

from collab.ot import Delta

BEGINNING = ""
"""The author of what a document was made with, which the log does not name."""

LARGE = 128
"""A chunk with more runs is divided."""

SMALL = 16
"""A chunk with fewer runs is joined with the next one."""


class Run(NamedTuple):
    """So many units in a row by one author."""

    author: str
    length: int


class Operation(Protocol):
    """What is needed of a committed operation."""

    @property
    def revision(self) -> int: ...
    @property
    def author(self) -> str: ...
    @property
    def delta(self) -> Delta: ...


Chunk = tuple[Run, ...]


class Attribution:
    """The authors of a document's units at one revision."""

    __slots__ = ("_at", "_before", "_chunks", "_sizes", "length", "revision")

    def __init__(self, runs: Iterable[Run] = (), revision: int = 0) -> None:
        self.revision = revision
        """The revision it speaks of."""
        self._chunks: list[Chunk] = _divided(list(_joined(runs))) or [()]
        self._sizes = [_size(chunk) for chunk in self._chunks]
        self.length = sum(self._sizes)
        """Units in the document."""
        self._at = 0  # the chunk that was looked at last …
        self._before = 0  # … and the units before it

    def runs(self) -> list[Run]:
        """All runs in order; neighbours are by different authors."""
        return list(_joined(run for chunk in self._chunks for run in chunk))

    def authors(self) -> dict[str, int]:
        """How many units each author has, in the order of their first."""
        found: dict[str, int] = {}
        for chunk in self._chunks:
            for author, length in chunk:
                found[author] = found.get(author, 0) + length
        return found

    def copy(self) -> Attribution:
        """An independent copy, which shares the chunks."""
        copy = Attribution.__new__(Attribution)
        copy.revision = self.revision
        copy.length = self.length
        copy._chunks = self._chunks.copy()
        copy._sizes = self._sizes.copy()
        copy._at = copy._before = 0
        return copy

    def extend(self, operations: Iterable[Operation]) -> None:
        """Go on by operations of the log, which follow `revision` without a gap.

        Raises ValueError when one does not follow, or does not fit.
        """
        for operation in operations:
            if operation.revision != self.revision + 1:
                raise ValueError(
                    f"Revision {operation.revision} does not follow {self.revision}."
                )
            self.apply(operation.delta, operation.author)
            self.revision = operation.revision

    def apply(self, delta: Delta, author: str) -> None:
        """Take an edit into account. Formatting changes no author.

        Raises ValueError when it reaches past the end.
        """
        index = 0
        for op in delta.ops:
            if "insert" in op:
                length = _units(op["insert"])
                self._check(index)
                self._insert(index, length, author)
                index += length
            elif "delete" in op:
                self._check(index + op["delete"])
                self._delete(index, op["delete"])
            else:
                index += op["retain"]
                self._check(index)

    def _check(self, index: int) -> None:
        if index > self.length:
            raise ValueError(f"Position {index} is past the end of {self.length} units.")

    def _seek(self, index: int) -> int:
        """Go to the chunk that unit ``index`` is in, or ends with; returns its offset there."""
        while index < self._before:
            self._at -= 1
            self._before -= self._sizes[self._at]
        while index > self._before + self._sizes[self._at]:
            self._before += self._sizes[self._at]
            self._at += 1
        return index - self._before

    def _insert(self, index: int, length: int, author: str) -> None:
        offset = self._seek(index)
        chunk = self._chunks[self._at]
        place, inside = _find(chunk, offset)
        if place < len(chunk) and chunk[place].author == author:
            changed = _with(chunk, place, chunk[place].length + length)
        elif not inside and place and chunk[place - 1].author == author:
            changed = _with(chunk, place - 1, chunk[place - 1].length + length)
        elif inside:
            whole = chunk[place]
            changed = (
                *chunk[:place],
                Run(whole.author, inside),
                Run(author, length),
                Run(whole.author, whole.length - inside),
                *chunk[place + 1 :],
            )
        else:
            changed = (*chunk[:place], Run(author, length), *chunk[place:])
        self.length += length
        self._put(changed, self._sizes[self._at] + length)

    def _delete(self, index: int, length: int) -> None:
        while length:
            offset = self._seek(index)
            if offset == self._sizes[self._at]:
                self._before += offset
                self._at += 1
                offset = 0
            chunk = self._chunks[self._at]
            gone = min(length, self._sizes[self._at] - offset)
            first, skip = _find(chunk, offset)
            last, keep = _find(chunk, offset + gone)
            middle = []
            if skip:
                middle.append(Run(chunk[first].author, skip))
            if keep:
                middle.append(Run(chunk[last].author, chunk[last].length - keep))
                last += 1
            changed = tuple(_joined((*chunk[:first], *middle, *chunk[last:])))
            self.length -= gone
            length -= gone
            self._put(changed, self._sizes[self._at] - gone)

    def _put(self, chunk: Chunk, size: int) -> None:
        """Replace the chunk at hand, and keep chunks neither too long nor too short."""
        at = self._at
        if len(chunk) > LARGE:
            parts = _divided(chunk)
            self._chunks[at : at + 1] = parts
            self._sizes[at : at + 1] = [_size(part) for part in parts]
        elif len(chunk) < SMALL and at + 1 < len(self._chunks):
            chunk = (*chunk, *self._chunks[at + 1])
            parts = _divided(chunk) or [()]
            self._chunks[at : at + 2] = parts
            self._sizes[at : at + 2] = [_size(part) for part in parts]
        elif not chunk and at:
            del self._chunks[at], self._sizes[at]
            self._at -= 1
            self._before -= self._sizes[self._at]
        else:
            self._chunks[at] = chunk
            self._sizes[at] = size


class Packed(TypedDict):
    """A JSON form: the authors, and for each run the number of its author and its length."""

    revision: int
    authors: list[str]
    runs: list[int]


def pack(attribution: Attribution) -> Packed:
    """The JSON form of an attribution."""
    numbers: dict[str, int] = {}
    runs: list[int] = []
    for author, length in attribution.runs():
        runs += (numbers.setdefault(author, len(numbers)), length)
    return {"revision": attribution.revision, "authors": list(numbers), "runs": runs}


def unpack(revision: int, authors: Sequence[str], runs: Sequence[int]) -> Attribution:
    """What `pack` made. Raises ValueError, IndexError for anything else."""
    pairs = zip(runs[::2], runs[1::2], strict=True)
    return Attribution([Run(authors[number], length) for number, length in pairs], revision)


def _find(chunk: Chunk, offset: int) -> tuple[int, int]:
    """The run that begins at or holds ``offset``, and how far into it that is."""
    for place, run in enumerate(chunk):
        if offset < run.length:
            return place, offset
        offset -= run.length
    return len(chunk), 0


def _with(chunk: Chunk, place: int, length: int) -> Chunk:
    return (*chunk[:place], Run(chunk[place].author, length), *chunk[place + 1 :])


def _joined(runs: Iterable[Run]) -> Iterator[Run]:
    """Runs, neighbours of one author joined, empty ones left out."""
    last: Run | None = None
    for run in runs:
        if not run.length:
            continue
        if last is not None and last.author == run.author:
            last = Run(run.author, last.length + run.length)
            continue
        if last is not None:
            yield last
        last = run
    if last is not None:
        yield last


def _divided(runs: Sequence[Run]) -> list[Chunk]:
    """Chunks of some half of the most that one may hold."""
    half = LARGE // 2
    if len(runs) <= LARGE:
        return [tuple(runs)] if runs else []
    return [tuple(runs[start : start + half]) for start in range(0, len(runs), half)]


def _size(chunk: Chunk) -> int:
    return sum(run.length for run in chunk)


def _units(inserted: str | dict[str, object]) -> int:
    """UTF-16 code units; an embed has one."""
    if not isinstance(inserted, str):
        return 1
    return len(inserted) if inserted.isascii() else len(inserted.encode("utf-16-le")) // 2
