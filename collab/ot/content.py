"""What a document holds, whatever its type: edited in place, read as a delta or as text."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Sequence
from typing import Self

from collab.ot.delta import Delta
from collab.ot.parts import Part


class Content(ABC):
    """The content of a document at one revision. Lengths and positions are in units."""

    __slots__ = ()

    @property
    @abstractmethod
    def length(self) -> int:
        """The length in UTF-16 code units; an embed counts 1."""

    @abstractmethod
    def apply(self, delta: Delta) -> None:
        """Apply an edit, at a cost that follows the edit's size and not the document's.

        Raises InvalidOperation, and changes nothing, when the edit reaches past the end (a plain
        retain too), has a boundary inside a character, or is not for this type of document.
        """

    def check(self, delta: Delta) -> None:
        """Raise InvalidOperation when `apply` would; change nothing.

        A type with an algebra of its own may answer without the copy that this makes.
        """
        self.copy().apply(delta)

    @abstractmethod
    def delta(self) -> Delta:
        """Return the whole as a delta of inserts."""

    def parts(self) -> Iterator[Part]:
        """Yield the inserts that make the whole, long texts in pieces that never cut a character.

        Do not edit before the last one is taken. Neighbours may have equal attributes.
        """
        return iter(self.delta().parts)

    def part_count(self, ranges: Sequence[tuple[int, int]] | None = None) -> int:
        """Return how many `parts` there are, or not many more.

        With `ranges`, which are in order and do not overlap: in the chunks that these are in.
        """
        return sum(1 for _ in self.parts())

    @abstractmethod
    def pieces(self) -> Iterator[str]:
        """Yield the plain text in pieces that never cut a character. Embeds are left out.

        Do not edit before the last piece is taken; `copy` first if you need to.
        """

    def text(self) -> str:
        """Return the plain text. Embeds are left out."""
        return "".join(self.pieces())

    @abstractmethod
    def copy(self) -> Self:
        """Return an independent copy, which shares the chunks that neither changes."""

    @abstractmethod
    def checksum(self) -> int:
        """Return the CRC-32 by which two copies of a document are compared."""
