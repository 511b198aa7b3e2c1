"""How many files and sockets the process may have open, and whether that is enough."""

from __future__ import annotations

import logging

try:
    import resource
except ImportError:  # Windows has no such limit
    resource = None  # type: ignore[assignment]  # A module, or None where there is none.

log = logging.getLogger(__name__)

RESERVE = 256
"""Files that the server opens besides the connections: the database, plugins, requests, the log."""


def raise_file_limit(connections: int) -> None:
    """Allow as many open files as that many connections need, or say that it can't be done."""
    if resource is None:
        return
    needed = connections + RESERVE
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY or soft >= needed:
        return
    most = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))
    except (ValueError, OSError):
        most = soft
    if most < needed:
        log.warning(
            "This process may open %d files, and limits.sessions = %d connections need %d: raise"
            " the limit (LimitNOFILE= in a systemd unit, ulimit -n in a shell), or lower"
            " limits.sessions.",
            most, connections, needed,
        )
