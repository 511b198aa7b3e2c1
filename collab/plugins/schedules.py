"""Scheduled work: again and again while the server runs."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable

from collab.plugins.guard import HARMLESS, Guard

BUDGET = 60.0
"""Seconds one turn may take."""


async def keep(guard: Guard, seconds: float, work: Callable[[], Awaitable[None]]) -> None:
    """Call ``work`` every so many seconds, from the end of one turn to the next one's begin."""
    where = getattr(work, "__name__", "schedule")
    while True:
        await asyncio.sleep(seconds)
        if not guard.admits():
            continue
        began = guard.clock()
        try:
            await guard.within(where, BUDGET, work())
        except HARMLESS as error:
            guard.failed(where, error, guard.clock() - began)
        else:
            # How long it took is its own affair: nobody waits.
            guard.finished(where, 0.0)
