"""Threads as they are read from the store: a backup or an earlier version may have put anything
there, and one thread that can't be read must not keep everybody from the others.

What the wire's types don't take is mended where that is possible (times), else left out.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import msgspec

from .wire import Placed, Thread


def stored_thread(data: Any) -> Thread | None:
    """A thread from the store; None for what is none."""
    try:
        return msgspec.convert(data, Thread)
    except (msgspec.ValidationError, RecursionError):
        pass
    try:
        return msgspec.convert(_mended(data), Thread)
    except (msgspec.ValidationError, RecursionError, TypeError, ValueError, KeyError):
        return None


def stored_placed(data: Any) -> Placed | None:
    """A thread with its place, likewise."""
    thread = stored_thread(data.get("thread")) if isinstance(data, dict) else None
    if thread is None:
        return None
    try:
        placed = msgspec.convert(data | {"thread": thread}, Placed)
    except (msgspec.ValidationError, TypeError):
        return None
    return placed if placed.start <= placed.end else None


def comments_of(data: Any, author: str) -> Iterator[dict[str, Any]]:
    """The comments of somebody in a thread, as they are stored."""
    comments = data.get("comments") if isinstance(data, dict) else None
    for comment in comments if isinstance(comments, list) else ():
        by = comment.get("author") if isinstance(comment, dict) else None
        if isinstance(by, dict) and by.get("id") == author:
            yield comment


def _mended(data: Any) -> Any:
    """The thread with times that can't be shown taken for the beginning of time."""
    comments = [
        comment | {"time": 0.0} | ({"edited": 0.0} if comment.get("edited") is not None else {})
        for comment in data["comments"]
    ]
    resolved = data.get("resolved")
    settled = {"resolved": resolved | {"time": 0.0}} if resolved else {}
    return data | {"comments": comments} | settled
