"""Who is mentioned in a text: ``@`` and the name of somebody known here."""

from __future__ import annotations

from collections.abc import Iterable

from collab.protocol.messages import User

from .wire import Mention

MOST = 20
"""Mentions that are noticed in one text."""

_LOOKED_AT = 100
"""``@`` that are looked at in one text."""


def find(text: str, people: Iterable[User]) -> list[Mention]:
    """The mentions in a text, in order; the longest name that fits is taken.

    ``@`` counts at the beginning of a word only, so that mail addresses are none. Several
    people of one name are all mentioned.
    """
    if "@" not in text:
        return []
    named: dict[str, list[str]] = {}
    for user in people:
        named.setdefault(user.name.casefold(), []).append(user.id)
    lengths = sorted({len(user.name) for user in people}, reverse=True)
    found: list[Mention] = []
    at = -1
    for _ in range(_LOOKED_AT):
        at = text.find("@", at + 1)
        if at < 0 or len(found) >= MOST:
            break
        if at and _in_word(text[at - 1]):
            continue
        for length in lengths:
            end = at + 1 + length
            users = named.get(text[at + 1 : end].casefold())
            if users and end <= len(text) and not (end < len(text) and _in_word(text[end])):
                start = units(text[:at])
                stop = start + units(text[at:end])
                found += [Mention(start, stop, user) for user in users]
                at = end - 1
                break
    return found[:MOST]


def units(text: str) -> int:
    """The length in UTF-16 code units."""
    return len(text.encode("utf-16-le")) // 2


def _in_word(character: str) -> bool:
    return character.isalnum() or character == "_"
