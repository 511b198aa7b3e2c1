"""A bar that shows how far long work has come, to a person at a terminal and nobody else."""

from __future__ import annotations

import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

WIDTH = 30
PATIENCE = 0.3
"""Seconds of work before a bar appears: short work needs none."""
_INTERVAL = 0.1


class Progress:
    """Counts up to ``total`` steps of something; ``what`` stands before the bar."""

    def __init__(self, what: str, total: int, stream: TextIO) -> None:
        self._what, self._total, self._stream = what, total, stream
        self._done = 0
        self._next = time.monotonic() + PATIENCE
        self._shown = False

    def advance(self, steps: int = 1) -> None:
        """So many steps more are done."""
        self._done = min(self._done + steps, self._total)
        now = time.monotonic()
        if self._stream.isatty() and (now >= self._next or (self._shown and self.complete)):
            self._next = now + _INTERVAL
            self._shown = True
            self._stream.write(f"\r{self._line()}")
            self._stream.flush()

    @property
    def complete(self) -> bool:
        return self._done >= self._total

    def _line(self) -> str:
        share = self._done / self._total if self._total else 1.0
        filled = round(share * WIDTH)
        return f"{self._what} [{'#' * filled}{'.' * (WIDTH - filled)}] {share:4.0%}"

    def clear(self) -> None:
        """Take the bar away, so that what is written next starts on a line of its own."""
        if self._shown:
            self._stream.write("\r" + " " * len(self._line()) + "\r")
            self._stream.flush()


@contextmanager
def progress(what: str, total: int, stream: TextIO | None = None) -> Iterator[Progress]:
    """A bar on standard error for as long as the work in the block takes."""
    bar = Progress(what, total, stream or sys.stderr)
    try:
        yield bar
    finally:
        bar.clear()
