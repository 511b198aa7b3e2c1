"""Plain text as chunks of code units."""

from __future__ import annotations

import zlib
from collections.abc import Iterator
from typing import Self

from collab.ot.chunks import FILL, LARGE, SMALL, Chunked, cuts_character, past_end
from collab.ot.delta import Delta
from collab.ot.errors import InvalidOperation
from collab.ot.parts import Part
from collab.ot.splice import as_splice
from collab.ot.units import cuts_pair, refuse_nul, to_text


class TextContent(Chunked[str]):
    """The content of a document of type `text`: inserts are plain texts, nothing has attributes."""

    __slots__ = ()

    def __init__(self, delta: Delta | None = None) -> None:
        parts = delta.parts if delta is not None else []
        if any(type(part) is not str for part in parts):
            raise InvalidOperation("A text document is made of plain text only.")
        text = "".join(part for part in parts if type(part) is str)
        refuse_nul(text)
        super().__init__(self._divide(text))

    def apply(self, delta: Delta) -> None:
        """Apply an edit; see Content.apply."""
        parts = delta.parts
        splice = as_splice(parts)
        if splice is None:
            self._apply_many(parts)
            return
        position, text, deleted = splice
        end = position + deleted
        if end > self._length:
            raise past_end(end, self._length)
        start = self._start
        at = self._at
        if position < start or end > start + self._sizes[at]:
            self._find(position)
            start = self._start
            at = self._at
        chunk = self._chunks[at]
        left = position - start
        right = end - start
        if right > len(chunk):
            self._apply_many(parts)
            return
        if not chunk.isascii() and (cuts_pair(chunk, left) or cuts_pair(chunk, right)):
            raise cuts_character(position if cuts_pair(chunk, left) else end)
        if "\0" in text:
            refuse_nul(text)
        fresh = f"{chunk[:left]}{text}{chunk[right:]}"
        size = len(fresh)
        if size > LARGE or (size < SMALL and len(chunk) != self._length):
            self._replace_chunks(left, deleted, text)
            return
        grown = len(text) - deleted
        self._chunks[at] = fresh
        self._sizes[at] = size
        self._length += grown
        self._drift += grown

    def _apply_many(self, parts: list[Part]) -> None:
        """Apply any delta: first check all of it, then change, from the end."""
        self.check(Delta.of_parts(parts))
        edits: list[tuple[int, int, str]] = []
        position = 0
        fresh = ""
        for part in parts:
            if type(part) is str:
                fresh = part
                edits.append((position, 0, part))
            elif type(part) is not int:
                continue  # `check` admits none
            elif part > 0:
                position += part
                fresh = ""
            else:
                if fresh:
                    edits.pop()
                edits.append((position, -part, fresh))
                position -= part
                fresh = ""
        for place, deleted, text in reversed(edits):
            self._replace(place, deleted, text)

    def delta(self) -> Delta:
        """Return the whole as a delta of inserts."""
        text = "".join(self._walk())
        return Delta.of_parts([text] if text else [])

    def parts(self) -> Iterator[Part]:
        """Yield the text in pieces; see `Content.parts`."""
        return filter(None, self._walk())

    def pieces(self) -> Iterator[str]:
        """Yield the text in pieces that never cut a character."""
        return map(to_text, self._walk())

    def copy(self) -> Self:
        """Return an independent copy, which shares the chunks."""
        copy = object.__new__(type(self))
        copy._share(self)
        return copy

    def checksum(self) -> int:
        """Return the CRC-32 of the text as UTF-16LE."""
        crc = 0
        for chunk in self._walk():
            crc = zlib.crc32(chunk.encode("utf-16-le", "surrogatepass"), crc)
        return crc

    def _admit(self, part: Part) -> None:
        if type(part) is str:
            refuse_nul(part)
        elif type(part) is not int:
            raise InvalidOperation("A text document has no attributes and no embeds.")

    def _size(self, chunk: str) -> int:
        return len(chunk)

    def _part(self, chunk: str, start: int, end: int) -> str:
        return chunk[start:end]

    def _join(self, chunks: list[str]) -> str:
        return "".join(chunks)

    def _divide(self, chunk: str) -> list[str]:
        if len(chunk) <= LARGE:
            return [chunk]
        pieces = []
        start = 0
        while start < len(chunk):
            # The last two share what is left, so that none is small.
            left = len(chunk) - start
            end = start + (FILL if left >= 2 * FILL else left if left <= LARGE // 2 else left // 2)
            if cuts_pair(chunk, end):
                end += 1
            pieces.append(chunk[start:end])
            start = end
        return pieces

    def _large(self, chunk: str) -> bool:
        return len(chunk) > LARGE

    def _small(self, chunk: str) -> bool:
        return len(chunk) < SMALL

    def _cuts_pair(self, chunk: str, at: int) -> bool:
        return cuts_pair(chunk, at)
