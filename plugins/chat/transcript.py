"""A conversation as a file for people."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime

from .wire import Entry


def transcript(title: str, messages: Iterable[Entry]) -> str:
    """All messages as plain text, with the day and time (UTC) of each."""
    return "\n".join([f"Chat about {title or 'Untitled'} (times are UTC)", *_lines(messages), ""])


def _lines(messages: Iterable[Entry]) -> Iterator[str]:
    day = None
    for message in messages:
        when = datetime.fromtimestamp(message.time, UTC)
        if when.date() != day:
            day = when.date()
            yield f"\n{day.isoformat()}\n"
        if message.deleted:
            yield f"{when:%H:%M} {message.author.label} (deleted)"
            continue
        first, *rest = message.text.split("\n")
        note = " (edited)" if message.edited is not None else ""
        yield f"{when:%H:%M} {message.author.label}: {first}{note if not rest else ''}"
        for number, line in enumerate(rest, 1):
            yield f"      {line}{note if number == len(rest) else ''}"
