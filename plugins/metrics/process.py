"""What the operating system knows of this process. What it does not tell is left out."""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from .exposition import Exposition

STATUS = Path("/proc/self/statm")
DESCRIPTORS = Path("/proc/self/fd")


def describe_process(page: Exposition, started: float) -> None:
    """Add memory, processor time and open files, under the names every Prometheus client uses.

    ``started`` is seconds since 1970.
    """
    memory = resident_memory()
    if memory is not None:
        page.gauge("process_resident_memory_bytes", "Memory that is in use.", memory)
    page.counter(
        "process_cpu_seconds_total", "Processor time, user and system.", time.process_time()
    )
    page.gauge("process_start_time_seconds", "When it started, since 1970.", started)
    try:
        page.gauge("process_open_fds", "Open files and sockets.", len(os.listdir(DESCRIPTORS)))
    except OSError:
        pass  # not Linux


def resident_memory() -> int | None:
    """Bytes; on Linux what is in use now, elsewhere the most there ever was."""
    try:
        pages = int(STATUS.read_text().split()[1])
    except OSError:
        return _peak_memory()
    return pages * os.sysconf("SC_PAGE_SIZE")


def _peak_memory() -> int | None:
    if sys.platform == "win32":
        return None
    import resource

    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024
