"""A disk that a test can cut the power of, fill, or break: a SQLite VFS in Python.

The files are real ones, written through at once, as those of an operating system are seen by
its programs. Beside them the disk remembers what a power cut would leave: of each file what was
written before its last xSync, and of what was written since, as much as the cut happens to keep.
"""

from __future__ import annotations

import itertools
import random
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import apsw

from tests.storage.apsw_connection import ApswConnection

Write = tuple[int, bytes]
"""An offset and what was written there; without bytes, the size that the file was cut to."""

_numbers = itertools.count()


class Disk:
    """A VFS under a name of its own. Close it when its connections are closed."""

    def __init__(self) -> None:
        self.name = f"disk{next(_numbers)}"
        self.syncs = 0
        """How often SQLite asked for something to be made durable."""
        self.events = 0
        """Writes and syncs."""
        self.broken: Callable[[str, str], Exception | None] | None = None
        """Given "write" or "sync" and the name of a file: what to raise, or None."""
        self.at_event: Callable[[], None] | None = None
        """Called after every write and every sync."""
        self._durable: dict[str, bytearray] = {}
        self._unsynced: dict[str, list[Write]] = {}
        self._vfs = _Vfs(self)

    def close(self) -> None:
        self._vfs.unregister()

    def connect(self, database: str, **options: Any) -> sqlite3.Connection:
        """In the place of `sqlite3.connect`."""
        return ApswConnection(database, self.name)  # Its double.

    def cut(self, folder: Path, chance: random.Random | None = None) -> None:
        """Write to ``folder`` what a power cut at this moment would leave.

        Unsynced writes are lost; with ``chance``, each of them may have reached the disk.
        """
        for name, durable in self._durable.items():
            left = bytearray(durable)
            if chance is not None:
                for write in self._unsynced.get(name, ()):
                    if chance.random() < 0.5:
                        _apply(left, write)
            (folder / name).write_bytes(left)

    def _touch(self, what: str, name: str) -> None:
        if self.broken is not None:
            error = self.broken(what, name)
            if error is not None:
                raise error

    def _wrote(self, name: str, write: Write) -> None:
        self._unsynced.setdefault(name, []).append(write)
        self._happened()

    def _synced(self, name: str) -> None:
        self.syncs += 1
        durable = self._durable.setdefault(name, bytearray())
        for write in self._unsynced.pop(name, ()):
            _apply(durable, write)
        self._happened()

    def _happened(self) -> None:
        self.events += 1
        if self.at_event is not None:
            self.at_event()

    def _deleted(self, name: str) -> None:
        self._durable.pop(name, None)
        self._unsynced.pop(name, None)


def _apply(content: bytearray, write: Write) -> None:
    offset, data = write
    if not data:
        del content[offset:]
        return
    if len(content) < offset:
        content.extend(bytes(offset - len(content)))
    content[offset : offset + len(data)] = data


class _Vfs(apsw.VFS):
    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        super().__init__(disk.name, "")

    def xOpen(self, name: Any, flags: list[int]) -> apsw.VFSFile:  # noqa: N802 (SQLite's name)
        return _File(self._disk, name, flags)

    def xDelete(self, name: str, sync: bool) -> None:  # noqa: N802
        super().xDelete(name, sync)
        self._disk._deleted(Path(name).name)


class _File(apsw.VFSFile):
    def __init__(self, disk: Disk, name: Any, flags: list[int]) -> None:
        self._disk = disk
        path = name.filename() if isinstance(name, apsw.URIFilename) else name
        self._name = Path(path).name if path else ""
        super().__init__("", name, flags)

    def xWrite(self, data: bytes, offset: int) -> None:  # noqa: N802
        self._disk._touch("write", self._name)
        super().xWrite(data, offset)
        self._disk._wrote(self._name, (offset, bytes(data)))

    def xTruncate(self, size: int) -> None:  # noqa: N802
        self._disk._touch("write", self._name)
        super().xTruncate(size)
        self._disk._wrote(self._name, (size, b""))

    def xSync(self, flags: int) -> None:  # noqa: N802
        # What the file holds is in the hands of the operating system; this disk says what is
        # durable, so the real one need not be waited for.
        self._disk._touch("sync", self._name)
        self._disk._synced(self._name)
