"""The log of a running server: who floods it is cut short, so that it does not fill the disk."""

from __future__ import annotations

import logging
import sys
import threading
import time
from collections.abc import Callable

from collab.protocol.token_bucket import TokenBuckets

log = logging.getLogger(__name__)

BURST = 256 * 1024
"""Characters that one logger may write at once."""

RATE = 8 * 1024
"""Characters per second it may write for long."""

REST = BURST / 4
"""How much it has to be allowed again before what it writes is taken again."""

OVERHEAD = 100
"""Characters that every line is counted besides its message."""

TRACEBACK = 2000
"""Characters that a traceback is counted as."""

OURS = "collab."
OF_PLUGINS = "collab.plugins."


class Bounded(logging.Filter):
    """Lets through what the server itself says, and of every other logger no flood."""

    def __init__(self, clock: Callable[[], float] = time.monotonic) -> None:
        super().__init__()
        self._characters = TokenBuckets(RATE, BURST, clock)
        """By logger."""
        self._lock = threading.RLock()  # it tells of itself through itself
        self._left_out: dict[str, int] = {}
        """By logger: how many lines, of those that have to rest."""

    def filter(self, record: logging.LogRecord) -> bool:
        """Whether a line is to be written."""
        name = record.name
        if name.startswith(OURS) and not name.startswith(OF_PLUGINS):
            return True
        with self._lock:
            if name in self._left_out:
                if self._characters.level(name) < REST:
                    self._left_out[name] += 1
                    return False
                count = self._left_out.pop(name)
                log.warning("%s wrote too much: %d lines were left out", name, count)
            if self._characters.take(name, _size(record)):
                self._left_out[name] = 0
                log.warning("%s writes too much: it is left out of the log for a while", name)
            return True


def start_log(level: str) -> None:
    """Write the log to standard error, from ``level`` on."""
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(Bounded())
    logging.basicConfig(
        level=level.upper(),
        format="%(asctime)s %(levelname)s %(name)s: %(message)s",
        handlers=[handler],
    )
    logging.getLogger("alembic").setLevel(logging.WARNING)  # it tells of every look it takes


def _size(record: logging.LogRecord) -> int:
    try:
        length = len(record.getMessage())
    except Exception:  # wrong arguments, or what is written fails: the handler says so
        length = 0
    return OVERHEAD + length + (TRACEBACK if record.exc_info else 0)
