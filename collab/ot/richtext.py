"""Rich text as chunks of runs: texts with attributes, and embeds."""

from __future__ import annotations

import zlib
from collections.abc import Iterator, Sequence
from typing import Self

from collab.ot import attributes as formats
from collab.ot.canonical import canonical
from collab.ot.chunks import FILL, LARGE, SMALL, Chunked
from collab.ot.combine import cut_out
from collab.ot.delta import Delta
from collab.ot.errors import InvalidOperation
from collab.ot.parts import Embed, Part, is_insert, join_inserts, size
from collab.ot.units import cuts_pair, refuse_nul, to_text

Runs = list[Part]
"""Inserts, neighbouring texts of equal attributes joined. Never changed in place."""

RUNS_FILL = 16
"""Runs in a fresh chunk."""

RUNS_LARGE = 32
"""A chunk with more runs is divided."""

RUNS_AT_ONCE = 500
"""Runs that are written for the checksum at once: the whole would be a large thing to let go of."""

RUNS_SMALL = 4
"""A chunk with fewer runs, and few units, is joined with its neighbour."""


class RichContent(Chunked[Runs]):
    """The content of a document of type `richtext`: any inserts, any attributes."""

    __slots__ = ()

    def __init__(self, delta: Delta | None = None) -> None:
        parts = delta.parts if delta is not None else []
        if not all(map(is_insert, parts)):
            raise InvalidOperation("A document is made of inserts only.")
        for part in parts:
            _check_insert(part)
        super().__init__(self._divide(parts.copy()))

    def apply(self, delta: Delta) -> None:
        """Apply an edit; see Content.apply."""
        if self._apply_in_run(delta.parts):
            return
        self.check(delta)
        edits: list[tuple[int, int, Runs]] = []
        position = 0
        fresh: Runs = []
        for part in delta.parts:
            if is_insert(part):
                if not fresh:
                    edits.append((position, 0, fresh))
                fresh.append(part)
                continue
            length = size(part)
            if type(part) is int and part > 0:
                position += length
            else:
                if type(part) is int:
                    if fresh:
                        edits.pop()
                    edits.append((position, length, fresh))
                else:
                    edits.append((position, length, self._restyled(position, length, part)))
                position += length
            fresh = []
        for place, deleted, runs in reversed(edits):
            self._replace(place, deleted, runs)

    def _apply_in_run(self, parts: list[Part]) -> bool:
        """Apply what is typed or deleted inside one run, the quick way; False if it is not that."""
        position = deleted = 0
        text = ""
        style: formats.Attributes | None = None
        for part in parts:
            if type(part) is str:
                if text:
                    return False
                text = part
            elif type(part) is tuple:
                content, style = part
                if text or type(content) is not str:
                    return False
                text = content
            elif type(part) is int and part < 0:
                deleted = -part
            elif type(part) is int and not (position or text or deleted):
                position = part
            else:
                return False
        if position + deleted > self._length or "\0" in text:
            return False
        offset = self._seek(position)
        runs = self._chunks[self._at]
        for index, run in enumerate(runs):
            content, attributes = _run(run)
            if type(content) is not str:  # an embed
                offset -= 1
                if offset < 0:
                    return False
                continue
            length = len(content)
            if offset > length or (
                offset == length and (deleted or not formats.same(style, attributes))
            ):
                offset -= length
                continue
            end = offset + deleted
            if (
                end > length
                or (text and not formats.same(style, attributes))
                or cuts_pair(content, offset)
                or cuts_pair(content, end)
            ):
                return False
            fresh = f"{content[:offset]}{text}{content[end:]}"
            grown = len(text) - deleted
            units = self._sizes[self._at] + grown
            if not fresh or units > LARGE:
                return False
            if units < SMALL and len(runs) < RUNS_SMALL and units - grown != self._length:
                return False
            changed = runs.copy()
            changed[index] = (fresh, attributes) if attributes else fresh
            self._chunks[self._at] = changed
            self._sizes[self._at] = units
            self._length += grown
            self._drift += grown
            return True
        return False

    def _restyled(self, position: int, length: int, part: Part) -> Runs:
        """Return the runs of a range with a retain's attributes put on them."""
        assert type(part) is tuple
        restyled: Runs = []
        for runs in self._read(position, position + length):
            for run in runs:
                content, old = _run(run)
                new = formats.compose(old, part[1])
                restyled.append((content, new) if new or type(content) is not str else content)
        return restyled

    def delta(self) -> Delta:
        """Return the whole as a delta of inserts."""
        return Delta.of_parts(self._join(list(self._walk())))

    def parts(self) -> Iterator[Part]:
        """Yield the runs of all chunks; see `Content.parts`."""
        for runs in self._walk():
            yield from runs

    def part_count(self, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        """Return how many runs there are, without looking at each; see `Content.part_count`."""
        if ranges is None:
            return sum(map(len, self._walk()))
        count = offset = 0
        waiting = iter(ranges)
        start, end = next(waiting, (self._length, self._length))
        for block, sizes in zip(self._blocks, self._sizes_of, strict=True):
            for chunk, length in zip(block, sizes, strict=True):
                while end <= offset and end < self._length:
                    start, end = next(waiting, (self._length, self._length))
                offset += length
                if start < offset and end > offset - length:
                    count += len(chunk)
        return count

    def pieces(self) -> Iterator[str]:
        """Yield the plain text in pieces that never cut a character. Embeds are left out."""
        for runs in self._walk():
            for run in runs:
                content = run[0] if type(run) is tuple else run
                if type(content) is str:
                    yield to_text(content)

    def copy(self) -> Self:
        """Return an independent copy, which shares the chunks."""
        copy = object.__new__(type(self))
        copy._share(self)
        return copy

    def checksum(self) -> int:
        """Return the CRC-32 of the delta's canonical JSON as UTF-16LE."""
        parts = self.delta().parts
        crc = zlib.crc32("[".encode("utf-16-le"))
        for start in range(0, len(parts), RUNS_AT_ONCE):
            ops = Delta.of_parts(parts[start : start + RUNS_AT_ONCE]).ops
            text = ("," if start else "") + ",".join(map(canonical, ops))
            crc = zlib.crc32(text.encode("utf-16-le"), crc)
        return zlib.crc32("]".encode("utf-16-le"), crc)

    def _admit(self, part: Part) -> None:
        _check_insert(part)

    def _size(self, chunk: Runs) -> int:
        return sum(map(size, chunk))

    def _part(self, chunk: Runs, start: int, end: int) -> Runs:
        return cut_out(chunk, start, end)

    def _join(self, chunks: list[Runs]) -> Runs:
        joined: Runs = []
        join_inserts([run for runs in chunks for run in runs], joined)
        return joined

    def _divide(self, chunk: Runs) -> list[Runs]:
        if not self._large(chunk):
            return [chunk]
        pieces: list[Runs] = []
        piece: Runs = []
        units = 0
        for run in chunk:
            done, length = 0, size(run)
            while done < length:
                until = min(length, done + FILL - units)
                content = run[0] if type(run) is tuple else run
                if type(content) is str and cuts_pair(content, until):
                    until += 1
                piece.extend(cut_out([run], done, until))
                units += until - done
                done = until
                if units >= FILL or len(piece) >= RUNS_FILL:
                    pieces.append(piece)
                    piece, units = [], 0
        if piece:
            pieces.append(piece)
        return pieces

    def _large(self, chunk: Runs) -> bool:
        return len(chunk) > RUNS_LARGE or self._size(chunk) > LARGE

    def _small(self, chunk: Runs) -> bool:
        return len(chunk) < RUNS_SMALL and self._size(chunk) < SMALL

    def _cuts_pair(self, chunk: Runs, at: int) -> bool:
        for run in chunk:
            length = size(run)
            if at < length:
                content = run[0] if type(run) is tuple else run
                return type(content) is str and cuts_pair(content, at)
            at -= length
        return False


def _run(part: Part) -> tuple[str | int | Embed, formats.Attributes | None]:
    """Return what a run inserts, and its attributes."""
    if type(part) is tuple:
        return part
    assert not isinstance(part, tuple)
    return part, None


def _check_insert(part: Part) -> None:
    content = part[0] if type(part) is tuple else part
    if type(content) is str:
        refuse_nul(content)
