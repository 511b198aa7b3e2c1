"""A text with its comments, as a file for people."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime

from .wire import Placed


def annotated(title: str, text: str, placed: Sequence[Placed]) -> str:
    """The text with ``[1]`` behind each place that is commented, and the comments below it.

    ``placed`` is in the order of the text; times are UTC.
    """
    encoded = text.encode("utf-16-le")
    parts: list[bytes] = []
    at = 0
    for number, one in sorted(enumerate(placed, 1), key=lambda each: (each[1].end, each[0])):
        end = min(one.end, len(encoded) // 2)
        parts += [encoded[2 * at : 2 * end], f"[{number}]".encode("utf-16-le")]
        at = end
    parts.append(encoded[2 * at :])
    # A mark may stand within a character when the text is not the one it was made for.
    body = b"".join(parts).decode("utf-16-le", "replace")
    notes = [line for number, one in enumerate(placed, 1) for line in _note(number, one)]
    return "\n".join([body, "", f"Comments on {title or 'Untitled'} (times are UTC)", *notes, ""])


def _note(number: int, placed: Placed) -> Iterator[str]:
    thread = placed.thread
    gone = " (this text was deleted)" if placed.start == placed.end else ""
    yield ""
    yield f"[{number}] “{' '.join(thread.quote.split())}”{gone}"
    for comment in thread.comments:
        when = f"{datetime.fromtimestamp(comment.time, UTC):%Y-%m-%d %H:%M}"
        if comment.deleted:
            yield f"    {when} {comment.author.label} (deleted)"
            continue
        first, *rest = comment.text.split("\n")
        yield f"    {when} {comment.author.label}: {first}"
        yield from (f"        {line}" for line in rest)
    if thread.resolved is not None:
        yield f"    Resolved by {thread.resolved.by.label}."
