"""One process at a time on a data directory."""

from __future__ import annotations

import errno
import fcntl
import subprocess
import sys
from pathlib import Path

import pytest

from collab.cli.failure import Exit, Failure
from collab.cli.lock import locked

HOLD = """
import sys
from pathlib import Path
from collab.cli.lock import locked
with locked(Path(sys.argv[1]), "a test") as lock:
    lock.tell("a Collab server at http://127.0.0.1:4711/")
    print("held", flush=True)
    sys.stdin.read()
"""


def test_another_process_is_refused_until_the_first_has_ended(tmp_path: Path) -> None:
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path)], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    )
    with holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(Failure) as caught, locked(tmp_path, "me", takes_url=True):
            pass
        assert caught.value.code is Exit.TAKEN
        assert f"process {holder.pid}" in caught.value.sentence
        assert "--url http://127.0.0.1:4711/" in caught.value.sentence
        holder.kill()
    with locked(tmp_path, "me"):
        pass


def test_the_same_process_is_refused_too(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    with locked(folder, "collab import"):
        in_use = pytest.raises(Failure, match=r"in use by collab import \(process \d+\)\.$")
        with in_use, locked(folder, "another"):
            pass
    with locked(folder, "another"):
        pass


def test_a_folder_that_can_not_be_used_is_named(tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.touch()
    for folder in (file, file / "below"):
        with pytest.raises(Failure, match=r"can't be used: .*--data-dir"), locked(folder, "me"):
            pass


def test_a_file_system_without_locks_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(descriptor: int, how: int) -> None:
        raise OSError(errno.ENOLCK, "No locks available")

    monkeypatch.setattr(fcntl, "flock", refuse)
    refused = pytest.raises(Failure, match="can't be locked: No locks available")
    with refused, locked(tmp_path, "me"):
        pass
