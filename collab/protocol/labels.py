"""Names and titles: one line that can be seen, and does not reach into other lines."""

from __future__ import annotations

import unicodedata
from typing import Final

from collab.protocol.bodies import LINE_LENGTH

MARKS: Final = 4
"""Combining marks on one letter at most: more of them would be drawn over the lines around.
(Vietnamese, Hebrew and Thai need up to three.)"""

_JOINERS: Final = "\u200c\u200d"
"""Unseen, but part of how some scripts and emoji are written, between two characters."""

_FLAG: Final = "\U0001f3f4"
"""What tags (U+E0020 to U+E007F) make a flag of; after anything else they are unseen."""

_BLANK: Final = "\u2800\U0001d159"
"""Drawn as nothing, though Unicode has them as symbols."""

_UNSEEN: Final = frozenset(
    chr(code)
    for first, last in (
        # What Unicode calls Default_Ignorable_Code_Point, without what goes with a character
        # (joiners, variation selectors, tags).
        (0xAD, 0xAD), (0x34F, 0x34F), (0x61C, 0x61C), (0x115F, 0x1160), (0x17B4, 0x17B5),
        (0x180E, 0x180E), (0x200B, 0x200B), (0x200E, 0x200F), (0x202A, 0x202E), (0x2060, 0x206F),
        (0x3164, 0x3164), (0xFEFF, 0xFEFF), (0xFFA0, 0xFFA0), (0xFFF0, 0xFFFB),
        (0x1BCA0, 0x1BCA3), (0x1D173, 0x1D17A), (0xE0000, 0xE001F), (0xE0080, 0xE00FF),
        (0xE01F0, 0xE0FFF),
    )
    for code in range(first, last + 1)
)  # fmt: skip


def clean_label(text: str, longest: int, what: str = "A name") -> str:
    """``text`` as a name or title: in one line, without what is not seen or turns the text around
    it, and with at most `MARKS` combining marks on a character.

    ``longest`` counts characters (code points). Raises ValueError, with a sentence about ``what``,
    when nothing to see is left of it, or too much.
    """
    if len(text) > LINE_LENGTH:
        raise ValueError(f"{what} may have {longest} characters, not {len(text)}.")
    kept = text if text.isascii() and text.isprintable() else _seen(text)
    label = " ".join(kept.split())
    if not any(unicodedata.category(char)[0] in "LNPS" for char in label):
        raise ValueError(f"{what} needs at least one visible character.")
    if len(label) > longest:
        raise ValueError(f"{what} may have {longest} characters, not {len(label)}.")
    return label


def label_or(text: str, otherwise: str, longest: int) -> str:
    """``text`` as a name, cut where it is too long; ``otherwise`` when nothing of it is seen."""
    try:
        return clean_label(text[:longest], longest)
    except ValueError:
        return otherwise


def _seen(text: str) -> str:
    out: list[str] = []
    joiner = ""
    marks = 0
    flag = False
    for char in text:
        category = unicodedata.category(char)
        if char.isspace() or char in _BLANK:
            out.append(" ")
            joiner, flag = "", False
        elif char in _JOINERS:
            joiner = char if out and out[-1] != " " else ""
        elif "\U000e0020" <= char <= "\U000e007f":
            out += char if flag else ""
        elif char in _UNSEEN or category in ("Cc", "Cs", "Cf"):
            continue
        elif category in ("Mn", "Me"):
            marks += 1
            if marks <= MARKS and out and out[-1] != " ":
                out.append(char)
        else:
            out += (joiner, char)
            joiner, marks, flag = "", 0, char == _FLAG
    return "".join(out)
