"""Finding what the bot was asked, and where its answers go. Positions are UTF-16 code units."""

from __future__ import annotations

import re
from dataclasses import dataclass

MARK = "→ "
"""What a line of the bot's begins with. A question with such a line below it is answered."""


AT_ONCE = 10
"""Questions that are answered in one edit."""

_ASKED = re.compile(r"[ \t]+(\w+)")


@dataclass(frozen=True, slots=True)
class Mention:
    """A finished line that asks the bot something."""

    command: str
    argument: str
    start: int
    end: int
    """Where the next line begins."""


def find(text: str, name: str) -> list[Mention]:
    """The lines ``@NAME COMMAND …`` that are finished and not answered yet: the first few.

    A line is finished when there is one after it: nobody is interrupted while typing. Takes
    time in proportion to the text, whatever it holds.
    """
    found: list[Mention] = []
    counted, position = 0, 0
    """How far units were counted, in characters and in units."""
    at = text.find(f"@{name}")
    while at >= 0 and len(found) < AT_ONCE:
        asked = _ASKED.match(text, at + 1 + len(name))
        end = at + 1
        if asked and (at == 0 or text[at - 1] == "\n"):
            end = text.find("\n", asked.end()) + 1
            if not end:
                break
            if not text.startswith(MARK, end):
                start = position + units(text[counted:at])
                position = start + units(text[at:end])
                counted = end
                argument = text[asked.end() : end].strip()
                found.append(Mention(asked[1].lower(), argument, start, position))
        at = text.find(f"@{name}", end)
    return found


def below(text: str, position: int) -> tuple[int, str]:
    """Where a new line goes below ``position`` and the answers there; and what has to be put
    before it, which is a line break when the text does not end in one.
    """
    before = text.encode("utf-16-le")[: 2 * position]
    index = len(before.decode("utf-16-le", "ignore"))
    if index and text[index - 1] != "\n":
        index = _next_line(text, index)
    while text.startswith(MARK, index):
        index = _next_line(text, index)
    lead = "\n" if index and text[index - 1] != "\n" else ""
    return units(text[:index]), lead


def units(text: str) -> int:
    """The length of a Python string as browsers count it."""
    return len(text.encode("utf-16-le")) // 2


def _next_line(text: str, index: int) -> int:
    end = text.find("\n", index)
    return len(text) if end < 0 else end + 1
