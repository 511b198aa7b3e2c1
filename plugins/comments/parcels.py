"""Many threads in messages that are not too large."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import msgspec

from .wire import Placed, Thread

THREAD = 64 * 1024
"""Bytes of JSON that one thread may have."""

PARCEL = 128 * 1024
"""Bytes of JSON in one message of several threads."""


def full(thread: Thread) -> bool:
    """Whether a thread has become too large."""
    return len(msgspec.json.encode(thread)) > THREAD


def parcels(placed: Iterable[Placed]) -> Iterator[list[Placed]]:
    """All of them in lists of at most `PARCEL` bytes; one empty list when there is none."""
    parcel: list[Placed] = []
    size = 0
    for one in placed:
        length = len(msgspec.json.encode(one))
        if parcel and size + length > PARCEL:
            yield parcel
            parcel, size = [], 0
        parcel.append(one)
        size += length
    yield parcel
