"""Text inside and outside: UTF-16 code units here, ordinary strings there.

Browsers count in UTF-16 code units, Python in code points. Inside this package a text is a `str` of
code units: a character outside the basic plane is two surrogate characters. So `len` and slices are
in units, at full speed, and only the doors convert.
"""

from __future__ import annotations

import codecs
import re

from collab.ot.errors import InvalidOperation

for _codec in ("utf-16-le", "utf-16-be"):
    # Python imports a codec when it is first used, which fails while no file can be opened.
    codecs.lookup(_codec)

_ASTRAL = re.compile("[\U00010000-\U0010ffff]")


def _pair(match: re.Match[str]) -> str:
    offset = ord(match[0]) - 0x10000
    return chr(0xD800 + (offset >> 10)) + chr(0xDC00 + (offset & 0x3FF))


def to_units(text: str) -> str:
    """Return the code units of an ordinary string.

    ``len``, ``index`` and slices of what it returns are then in the units that positions in a
    document are counted in.

    Raises InvalidOperation for half a character (a lone surrogate).
    """
    if text.isascii():
        return text
    try:
        size = len(text.encode("utf-16-le"))
    except UnicodeEncodeError as error:
        raise InvalidOperation(
            f"Text may not contain half a character (a lone surrogate, at character {error.start})."
        ) from None
    if size == 2 * len(text):
        return text
    return _ASTRAL.sub(_pair, text)


def to_text(units: str) -> str:
    """Return the ordinary string that the code units spell."""
    if units.isascii():
        return units
    try:
        units.encode("utf-16-le")
    except UnicodeEncodeError:
        return units.encode("utf-16-le", "surrogatepass").decode("utf-16-le")
    return units


def refuse_nul(text: str) -> None:
    """Raise InvalidOperation when a text contains U+0000, which PostgreSQL cannot hold."""
    if "\0" in text:
        raise InvalidOperation(f"Text may not contain U+0000 (at unit {text.index(chr(0))}).")


def cuts_pair(units: str, position: int) -> bool:
    """Say whether a cut before the unit at `position` would leave half a character.

    `units` holds whole characters only, so that the second half tells everything.
    """
    return 0 < position < len(units) and "\udc00" <= units[position] <= "\udfff"
