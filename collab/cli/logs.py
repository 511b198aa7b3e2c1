"""The log of a running server: nothing that a visitor or a plugin causes can fill the disk with it.

A line that comes again and again is written now and then, with how many were left out, and every
line has a bound on its length. What plugins print, and what threads of theirs die of, goes the
same way.
"""

from __future__ import annotations

import io
import logging
import re
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import TextIO

from collab.plugins.discovery import FOLDER_PACKAGE
from collab.protocol.token_bucket import TokenBuckets

log = logging.getLogger(__name__)

LINES = 30
"""Lines of one kind that may be written at once. Lines of one kind differ by what is filled in."""

LINES_RATE = 0.5
"""Lines of one kind that may be written per second for long."""

BURST = 256 * 1024
"""Characters that one logger which is not the server's own may write at once."""

RATE = 8 * 1024
"""Characters per second it may write for long."""

RESUME = 0.25
"""The part of its bucket that has to be full again before lines of a kind are written again."""

OVERHEAD = 100
"""Characters that every line is counted besides its message."""

MESSAGE_LENGTH = 4000
"""Characters of a message that are written."""

TRACEBACK_LENGTH = 8000
"""Characters of a traceback that are written: the first and the last of them."""

OURS = "collab."
OF_PLUGINS = "collab.plugins."
PRINTED = "printed."
"""What the loggers of printed lines begin with; the name of the module that prints follows."""


class LogLimiter(logging.Filter):
    """Leaves out what is written too often. It belongs to a handler, which holds a lock."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._lines = TokenBuckets(LINES_RATE, LINES, clock)
        """By kind of line: for the server's own loggers."""
        self._characters = TokenBuckets(RATE, BURST, clock)
        """By logger: for plugins and libraries, of whose lines nobody knows the kinds."""
        self._left_out: dict[object, int] = {}

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is to be written. It says so when lines like it were left out before."""
        name = record.name
        # What bounds itself says so: `collab.security` does for each address.
        if name == __name__ or getattr(record, "bounded", False):
            return True
        if name.startswith(OURS) and not name.startswith(OF_PLUGINS):
            kind: object = (name, record.msg) if isinstance(record.msg, str) else name
            buckets, size = self._lines, 1
        else:
            kind, buckets, size = name, self._characters, min(_size(record), BURST)
        left_out = self._left_out.get(kind)
        if left_out is not None and buckets.level(kind) < buckets.burst * RESUME:
            self._left_out[kind] = left_out + 1
            return False
        if buckets.try_take(kind, size):
            self._left_out[kind] = 1
            log.warning("%s writes too much: lines are left out for a while", name)
            return False
        if left_out is not None:
            del self._left_out[kind]
            log.warning("%s wrote too much: %d lines were left out", name, left_out)
        return True


class BoundedFormatter(logging.Formatter):
    """Writes lines of bounded length, in which nothing that is filled in looks like a line."""

    def format(self, record: logging.LogRecord) -> str:
        return _plain(super().format(record))

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802  # logging's name.
        record.message = _cut(record.message, MESSAGE_LENGTH)
        return super().formatMessage(record)

    def formatException(self, ei: object) -> str:  # noqa: N802  # logging's name.
        return _cut(super().formatException(ei), TRACEBACK_LENGTH)  # type: ignore[arg-type]


_CONTROLS = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069]")
"""What moves a terminal's cursor, hides what follows, or turns the text around; not the newline."""


def _plain(text: str) -> str:
    """Text without control characters, further lines indented: a forged line begins nowhere."""
    shown = _CONTROLS.sub(lambda found: ascii(found[0])[1:-1], text)
    return shown.replace("\n", "\n    ")


def _cut(text: str, length: int) -> str:
    if len(text) <= length:
        return text
    half = length // 2
    return f"{text[:half]} … {len(text) - 2 * half} characters left out … {text[-half:]}"


class PrintedLines(io.TextIOBase):
    """Stands in the place of standard output and error: what is printed goes to the log."""

    def __init__(self, level: int) -> None:
        self._level = level
        self._begun = ""
        self._writing = threading.local()

    def writable(self) -> bool:
        return True

    def write(self, text: str) -> int:
        """Log every line that is whole by now. Raises TypeError for what is no text."""
        if not isinstance(text, str):
            raise TypeError(f"only text can be printed, not {type(text).__name__}")
        if getattr(self._writing, "now", False):
            return len(text)  # The log itself can't be written, and says so here.
        *lines, self._begun = (self._begun + text).split("\n")
        if len(self._begun) > MESSAGE_LENGTH:
            lines, self._begun = [*lines, self._begun], ""
        if any(lines):
            self._writing.now = True
            try:
                logger = logging.getLogger(_who_prints())
                for line in filter(None, lines):
                    logger.log(self._level, "%s", line)
            finally:
                self._writing.now = False
        return len(text)

    def flush(self) -> None:
        """Log the line that was begun."""
        if self._begun:
            self.write("\n")


def _who_prints() -> str:
    """The logger for what the code prints that has called `PrintedLines.write`."""
    frame: FrameType | None = sys._getframe(1)
    while frame is not None and frame.f_globals is globals():
        frame = frame.f_back
    module = str(frame.f_globals.get("__name__", "")) if frame is not None else ""
    if module.startswith(FOLDER_PACKAGE + "."):
        return OF_PLUGINS + module.split(".")[1]
    return PRINTED + module


def start_log(level: str, stream: TextIO | None = None) -> None:
    """Write the log to standard error (or ``stream``), from ``level`` on."""
    handler = logging.StreamHandler(stream or sys.stderr)
    handler.addFilter(LogLimiter())
    handler.setFormatter(BoundedFormatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=level.upper(), handlers=[handler])
    logging.captureWarnings(True)
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every look it takes


@contextmanager
def prints_logged() -> Iterator[TextIO]:
    """Meanwhile whatever this process prints goes to the log; gives the real standard output."""
    out, errors = sys.stdout, sys.stderr
    sys.stdout, sys.stderr = PrintedLines(logging.INFO), PrintedLines(logging.WARNING)
    try:
        yield out
    finally:
        sys.stdout, sys.stderr = out, errors


def _size(record: logging.LogRecord) -> int:
    try:
        length = len(record.getMessage())
    except Exception:  # wrong arguments, or what is written fails: the handler says so
        length = 0
    return OVERHEAD + min(length, MESSAGE_LENGTH) + (TRACEBACK_LENGTH if record.exc_info else 0)
