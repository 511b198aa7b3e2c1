"""Text that was deleted and is written again where it was: its thread meets it there.

The framework's ranges come back when exactly what was deleted is inserted at once. Undoing step
by step, undoing before the deletion was even sent, and undoing after somebody has written at
that place are not that. So for each range that has become empty we follow what is inserted
where it was, until that holds the quoted text again.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from collab.ot import Delta
from collab.plugins.archive import Operation
from collab.plugins.ranges import Range

SHORT = 3
"""UTF-16 code units below which a quotation has to be all that was inserted: many words have
an "a" in them."""

LONGEST = 100_000
"""UTF-16 code units that are followed at one place."""

MOST = 20_000
"""Ranges times edits that are followed at once; above it, ranges that are not empty are not."""


@dataclass(slots=True)
class Trace:
    """A range as we know it, or (``gone``) what was inserted since where it was."""

    start: int
    end: int
    gone: bool = False
    text: bytes = b""
    """What lies from ``start`` up to ``end``, as UTF-16LE; only when it is ``gone``."""

    def follow(self, delta: Delta) -> None:
        """Move over one edit."""
        index = 0
        before = b""
        """What this edit has inserted right here: it may replace what is deleted next."""
        for op in delta.ops:
            if "retain" in op:
                index += op["retain"]
                before = b""
            elif "delete" in op:
                self._delete(index, op["delete"], before)
            else:
                inserted = op["insert"]
                # An embed is one unit that is in no quotation.
                text = (inserted if isinstance(inserted, str) else "\0").encode("utf-16-le")
                before += text
                self._insert(index, text)
                index += len(text) // 2
            if index > self.end:
                break

    def _insert(self, index: int, text: bytes) -> None:
        length = len(text) // 2
        if self.gone and self.start <= index <= self.end:
            at = 2 * (index - self.start)
            self.text = self.text[:at] + text + self.text[at:]
            self.end += length
        elif index <= self.start:
            self.start += length
            self.end += length
        elif index < self.end:
            self.end += length

    def _delete(self, index: int, length: int, before: bytes) -> None:
        if self.gone:
            first = max(index - self.start, 0)
            last = max(index + length - self.start, 0)
            self.text = self.text[: 2 * first] + self.text[2 * last :]
        self.start = _without(self.start, index, length)
        self.end = _without(self.end, index, length)
        if not self.gone and self.start == self.end:
            self.gone = True
            self.text = before
            self.start -= len(before) // 2

    def find(self, quote: str) -> tuple[int, int] | None:
        """Where the quoted text is again; None when it isn't, or might be in two places."""
        wanted = quote.encode("utf-16-le")
        if not wanted or len(self.text) > 2 * LONGEST:
            return None
        if len(wanted) < 2 * SHORT and self.text != wanted:
            return None
        at = _aligned(self.text, wanted, 0)
        if at < 0 or _aligned(self.text, wanted, at + 2) >= 0:
            return None
        start = self.start + at // 2
        return start, start + len(wanted) // 2


class Returning:
    """The ranges of one document, and what has become of those that are empty."""

    def __init__(self) -> None:
        self.looking = asyncio.Lock()
        """Held while somebody goes on to another revision."""
        self._traces: dict[str, tuple[int, Trace]] = {}
        """By id: a revision, and the trace at it."""

    def know(self, revision: int, ranges: Mapping[str, Range]) -> None:
        """Remember where ranges are that are not known yet."""
        for id, one in ranges.items():
            self._traces.setdefault(id, (revision, _trace(one)))

    def since(self, revision: int) -> int:
        """The earliest revision whose edits have to be followed."""
        return min([at for at, _ in self._traces.values()], default=revision)

    def follow(
        self, revision: int, ranges: Mapping[str, Range], operations: Iterable[Operation]
    ) -> tuple[dict[str, Trace], set[str]]:
        """Go on to ``revision``, by all edits until then. ``ranges`` are those of that revision.

        Returns what was inserted where empty ranges are, and the other ranges which are not
        where somebody thinks who only moved them along: they were empty, or smaller, and are
        again what they were.
        """
        steps = [(operation.revision, operation.delta) for operation in operations]
        few = len(steps) * len(ranges) <= MOST
        known, self._traces = self._traces, {}
        empty = {}
        strayed = set()
        for id, one in ranges.items():
            at, trace = known.get(id, (revision, _trace(one)))
            if few or _empty(one):
                for made, delta in steps:
                    if at < made <= revision:
                        trace.follow(delta)
            if _empty(one):
                empty[id] = trace
            else:
                if not few or trace.gone or (trace.start, trace.end) != one[:2]:
                    strayed.add(id)
                trace = _trace(one)
            self._traces[id] = revision, trace
        return empty, strayed


def _empty(range: Range) -> bool:
    return range.start == range.end


def _trace(range: Range) -> Trace:
    return Trace(range.start, range.end, _empty(range))


def _without(position: int, index: int, length: int) -> int:
    return position if position <= index else max(index, position - length)


def _aligned(text: bytes, wanted: bytes, start: int) -> int:
    """Where ``wanted`` begins in ``text``, at an even place from ``start`` on; -1: nowhere."""
    at = text.find(wanted, start)
    while at >= 0 and at % 2:
        at = text.find(wanted, at + 1)
    return at
