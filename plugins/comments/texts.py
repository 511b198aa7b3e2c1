"""What people wrote, and what they wrote about, as plain text."""

from __future__ import annotations

import re

from collab.ot import Delta

from .wire import QUOTE

_CONTROL = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\ufffe\uffff]")

class Unfit(ValueError):
    """A text can't be taken; the sentence says why."""


def clean(text: str, longest: int) -> str:
    """The text as it is kept. Raises `Unfit` when nothing is left, or too much.

    ``longest`` counts UTF-16 code units, as the browser does.
    """
    text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
    text = text.replace("\r\n", "\n").replace("\r", "\n")
    text = _CONTROL.sub("", text).strip()
    if not text:
        raise Unfit("There is nothing in this comment.")
    if units(text) > longest:
        raise Unfit(f"A comment may have {longest} characters, this one has {units(text)}.")
    return text


def units(text: str) -> int:
    """The length in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def quotation(content: Delta, start: int, end: int) -> str:
    """The text from ``start`` up to ``end`` (UTF-16 code units), shortened to be quoted."""
    stop = min(end, start + QUOTE)
    found = []
    at = 0
    for op in content.ops:
        inserted = op["insert"]
        if not isinstance(inserted, str):
            at += 1
            continue
        encoded = inserted.encode("utf-16-le")
        first, last = max(0, start - at), max(0, stop - at)
        # Half a character at an edge is left out.
        found.append(encoded[2 * first : 2 * last].decode("utf-16-le", "ignore"))
        at += len(encoded) // 2
        if at >= stop:
            break
    return "".join(found) + ("…" if stop < end else "")
