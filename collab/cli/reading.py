"""The files that a command is given."""

from __future__ import annotations

import sys
from pathlib import Path

from collab.cli.failure import Failure

STDIN = "-"


def read_file(name: str) -> bytes:
    """What a file, or for ``-`` standard input, holds. Raises `Failure`."""
    try:
        return sys.stdin.buffer.read() if name == STDIN else Path(name).read_bytes()
    except OSError as error:
        raise Failure(f"{name} can't be read: {error.strerror}.") from None
