"""The negative control: a server that tells everybody before the commit.

Run as ``python reckless.py serve …``; what it breaks is broken here and nowhere in the product.
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from collab.cli import main
from collab.rooms import Journal

_take = Journal._take
_commit = Journal._commit


def tell_first(journal: Journal) -> Any:
    """Publish what is taken, before it is committed."""
    batch = _take(journal)
    for room, operations in batch:
        room.committed(operations)
    return batch


def tell_nothing(journal: Journal, room: Any, operations: Any) -> None:
    """It was told before."""


async def _slowly(journal: Journal, batch: Any) -> Any:
    await asyncio.sleep(0.02)  # a slow disk
    return await _commit(journal, batch)


if __name__ == "__main__":
    for name, broken in {
        "_take": tell_first, "_publish": tell_nothing, "_commit": _slowly,
    }.items():
        setattr(Journal, name, broken)
    sys.exit(main())
