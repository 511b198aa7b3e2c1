"""Finding what the bot was asked, and where its answers go. Positions are UTF-16 code units."""

from __future__ import annotations

import re
from dataclasses import dataclass

MARK = "→ "
"""What a line of the bot's begins with. A question with such a line below it is answered."""


@dataclass(frozen=True, slots=True)
class Mention:
    """A finished line that asks the bot something."""

    command: str
    argument: str
    start: int
    end: int
    """Where the next line begins."""


def find(text: str, name: str) -> list[Mention]:
    """The lines ``@NAME COMMAND …`` that are finished and not answered yet.

    A line is finished when there is one after it: nobody is interrupted while typing.
    """
    asked = re.compile(
        rf"^@{re.escape(name)}[ \t]+(\w+)[ \t]*(.*)\n(?!{re.escape(MARK)})", re.MULTILINE
    )
    return [
        Mention(
            match[1].lower(),
            match[2].strip(),
            units(text[: match.start()]),
            units(text[: match.end()]),
        )
        for match in asked.finditer(text)
    ]


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
