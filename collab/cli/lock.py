"""One process at a time works on a data directory: the server, or a command that writes.

The lock belongs to an open file, so the system lets go of it however the process ends.
"""

from __future__ import annotations

import errno
import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from collab.cli.failure import Exit, Failure

_LONGEST = 1000
"""Bytes that are read of what the file says."""


class Lock:
    """A lock that is held; its file says by whom."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor

    def tell(self, words: str) -> None:
        """Let others know who holds it, such as ``the server at http://127.0.0.1:8080/``."""
        os.ftruncate(self._descriptor, 0)
        os.pwrite(self._descriptor, f"{os.getpid()} {words}\n".encode(), 0)


@contextmanager
def locked(data_dir: Path, words: str, *, takes_url: bool = False) -> Iterator[Lock]:
    """Hold the data directory, made when there is none; ``words`` tell others what for.

    ``takes_url``: whether the command can be given the ``--url`` of a server that holds it.

    Raises `Failure`: taken, when another process holds it; failed, when it can't be used.
    """
    path = data_dir / "lock"
    try:
        data_dir.mkdir(parents=True, exist_ok=True, mode=0o700)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    except OSError as error:
        raise Failure(
            f"The data directory {data_dir} can't be used: {error.strerror}. Give another one with"
            " --data-dir, or let this user write there."
        ) from None
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno not in (errno.EWOULDBLOCK, errno.EACCES):
                raise Failure(f"{path} can't be locked: {error.strerror}.") from None
            told = os.pread(descriptor, _LONGEST, 0)
            raise Failure(_in_use(data_dir, told, takes_url), Exit.TAKEN) from None
        lock = Lock(descriptor)
        lock.tell(words)
        yield lock
        os.ftruncate(descriptor, 0)
    finally:
        os.close(descriptor)


def served_at(data_dir: Path) -> str | None:
    """The address of the server that holds the data directory: a URL, or ``unix:`` and a path.

    None when no server does. Raises OSError when the lock can't be read.
    """
    try:
        descriptor = os.open(data_dir / "lock", os.O_RDONLY | os.O_CLOEXEC)
    except FileNotFoundError:
        return None
    try:
        fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        return _address(os.pread(descriptor, _LONGEST, 0))
    finally:
        os.close(descriptor)
    return None  # what is written there is from a server that was killed


def _address(told: bytes) -> str | None:
    words = told.decode(errors="replace").strip()
    address = words.rpartition(" at ")[2]
    return address if address != words and ":" in address else None


def _in_use(data_dir: Path, told: bytes, takes_url: bool) -> str:
    process, _, words = told.decode(errors="replace").strip().partition(" ")
    holder = f"{words} (process {process})" if words else "another process"
    url = _address(told) or ""
    if "://" not in url:
        hint = ""
    elif takes_url:
        hint = f" To work with its documents, add --url {url} to the command."
    else:
        hint = " Stop it first: this works on the database itself."
    return f"The data directory {data_dir} is in use by {holder}.{hint}"
