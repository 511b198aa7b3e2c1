"""A server in a process of its own, on a core of its own where there are two."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

LIMITS = {
    "COLLAB_LIMITS__RATE": "1000000",
    "COLLAB_LIMITS__BURST": "1000000",
    "COLLAB_LIMITS__SESSIONS": "100000",
    "COLLAB_IDLE_CLOSE": "3600",
}
"""A benchmark types faster than anybody should be let."""


def cores() -> tuple[set[int], set[int]]:
    """Which cores the server and the load run on: one for the server."""
    available = sorted(os.sched_getaffinity(0))
    if len(available) < 2:
        return set(available), set(available)
    return {available[0]}, set(available[1:])


class Server:
    """A running server: its address and its process."""

    def __init__(self, process: subprocess.Popen[str], url: str, log: Path | None) -> None:
        self.process = process
        self.url = url
        self.log = log
        """Where it writes its log, if to a file."""

    def memory(self) -> int:
        """Resident memory in bytes."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        match = re.search(r"VmRSS:\s+(\d+) kB", status)
        assert match is not None
        return int(match[1]) * 1024


@contextmanager
def running(
    command: list[str], log: Path | None = None, **environment: str
) -> Iterator[Server]:
    own, _ = cores()
    errors = None if log is None else log.open("wb")
    process = subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=errors,
        text=True,
        env=os.environ | environment,
        preexec_fn=lambda: os.sched_setaffinity(0, own),
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            match = re.search(r"https?://\S+/", line)
            if match is not None:
                break
        else:
            raise RuntimeError(f"{command} did not start")
        yield Server(process, match[0].rstrip("/"), log)
    finally:
        process.terminate()
        process.wait(30)
        assert process.stdout is not None
        process.stdout.close()
        if errors is not None:
            errors.close()


@contextmanager
def collab(
    *arguments: str, data_dir: Path | None = None, keep_log: bool = False, **environment: str
) -> Iterator[Server]:
    """A Collab server on an empty data directory; with ``keep_log`` its log is in a file."""
    with tempfile.TemporaryDirectory(prefix="collab-benchmark-") as folder:
        command = [
            sys.executable, "-m", "collab", "serve", "--port", "0",
            "--data-dir", str(data_dir or folder), *arguments,
        ]
        log = Path(folder) / "log" if keep_log else None
        with running(command, log, **LIMITS | environment) as server:
            yield server


@contextmanager
def relay() -> Iterator[Server]:
    """The bare relay."""
    with running([sys.executable, "-m", "benchmarks.relay"]) as server:
        yield server
