"""Which seeds to run: as many as the test wants, or what ``COLLAB_SEEDS`` says."""

from __future__ import annotations

import os


def seeds(count: int) -> range:
    """``COLLAB_SEEDS``: a number of seed (``17``), or a range (``0:500``)."""
    asked = os.environ.get("COLLAB_SEEDS")
    if not asked:
        return range(count)
    first, _, last = asked.partition(":")
    return range(int(first), int(last) if last else int(first) + 1)
