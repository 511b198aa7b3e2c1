"""What people wrote, as it is kept: plain text without what could deceive or break."""

from __future__ import annotations

import re

from .mentions import units

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
        raise Unfit("There is nothing in this message.")
    if units(text) > longest:
        raise Unfit(f"A message may have {longest} characters, this one has {units(text)}.")
    return text
