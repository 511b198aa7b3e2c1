"""What is different between two revisions, in pieces to be shown one after the other."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from typing import Literal

from msgspec import Struct

from collab.ot import Delta

from ..authorship.attribution import Run

CONTEXT = 160
"""Units of unchanged text that are shown before and after a change."""

_WORD_CUT_AFTER = re.compile(r"(?<=\s)\S+\Z")
_WORD_CUT_BEFORE = re.compile(r"\A\S+\s+(?=\S)")

MOST = 5000
"""Pieces at most; what comes after is left out, and said so."""

OBJECT = "\ufffc"
"""Stands for an embed, which is one unit as well."""


class Piece(Struct, omit_defaults=True):
    """Some text, and what became of it."""

    kind: Literal["same", "added", "removed", "formatted", "skipped"]
    text: str = ""
    length: int = 0
    """Of what is skipped, in units."""
    author: str | None = None
    """Who wrote what was added or removed."""


def plain(delta: Delta) -> str:
    """The text of a document, unit for unit: an embed is one character that stands for it."""
    return "".join(
        op["insert"] if isinstance(op["insert"], str) else OBJECT for op in delta.ops
    )


def difference(
    old: Delta, new: Delta, wrote_old: Sequence[Run], wrote_new: Sequence[Run]
) -> tuple[list[Piece], bool]:
    """The pieces, and whether that is all.

    ``old`` and ``new`` are documents, ``wrote_…`` the authors of their units. Costs what
    `Delta.diff` does, which is bounded: run it in a thread.
    """
    before, after = _Text(old, wrote_old), _Text(new, wrote_new)
    pieces: list[Piece] = []
    ops = old.diff(new).ops
    for number, op in enumerate(ops):
        if len(pieces) >= MOST:
            return pieces, False
        if "insert" in op:
            length = 1 if isinstance(op["insert"], dict) else _units(op["insert"])
            pieces += (Piece("added", text, author=who) for who, text in after.take(length))
        elif "delete" in op:
            pieces += (
                Piece("removed", text, author=who) for who, text in before.take(op["delete"])
            )
        else:
            text = before.pass_by(op["retain"])
            after.pass_by(op["retain"])
            if "attributes" in op:
                pieces.append(Piece("formatted", text))
            else:
                pieces += _same(text, first=number == 0, last=False)
    rest = before.pass_by(before.left)
    pieces += _same(rest, first=not ops, last=True)
    return pieces, True


def _same(text: str, *, first: bool, last: bool) -> Iterator[Piece]:
    """Unchanged text: in full when it is short, else what lies around changes."""
    head = "" if first else text[:CONTEXT]
    tail = "" if last else text[len(text) - CONTEXT :]
    if len(text) <= 2 * CONTEXT:
        head, tail = text, ""
    else:
        head, tail = _WORD_CUT_AFTER.sub("", head), _WORD_CUT_BEFORE.sub("", tail)
    skipped = text[len(head) : len(text) - len(tail)]
    if head:
        yield Piece("same", head)
    if skipped:
        yield Piece("skipped", length=_units(skipped))
    if tail:
        yield Piece("same", tail)


class _Text:
    """Reads a text from its beginning, by units and authors."""

    def __init__(self, document: Delta, runs: Sequence[Run]) -> None:
        self._units = plain(document).encode("utf-16-le")
        self._runs = iter(runs)
        self._author = ""
        self._run = 0  # units left of the present run
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._units) // 2 - self._at

    def pass_by(self, length: int) -> str:
        """The next units as text."""
        return "".join(text for _, text in self.take(length))

    def take(self, length: int) -> Iterator[tuple[str, str]]:
        """Authors and texts of the next units."""
        while length:
            while not self._run:
                # Past the runs there is nobody: a log and its runs are read one after the other.
                run = next(self._runs, Run("", length))
                self._author, self._run = run.author, run.length
            taken = min(length, self._run)
            piece = self._units[2 * self._at : 2 * (self._at + taken)]
            self._at += taken
            self._run -= taken
            length -= taken
            yield self._author, piece.decode("utf-16-le", "replace")


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
