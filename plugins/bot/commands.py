"""What the bot can be asked: each command is a function from a question to a sentence."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

UNITS = {"s": 1, "m": 60, "h": 3600, "d": 86400}
"""Seconds in a second, minute, hour, day."""

LONGEST = timedelta(days=366)

_AFTER = re.compile(r"([0-9]{1,6}) ?([smhd])(?=\s)")


class Misunderstood(ValueError):
    """Raised with what to say instead."""


@dataclass(frozen=True, slots=True)
class Question:
    """What was asked, and what there is to know."""

    argument: str
    text: str
    """The document's."""
    people: tuple[str, ...]
    """Who has it open."""
    now: datetime
    """In UTC."""


@dataclass(frozen=True, slots=True)
class Later:
    """A sentence for now, and what to say when the time has come."""

    answer: str
    due: datetime
    reminder: str


def help(question: Question) -> str:
    """what I can do"""
    offers = (f"{name} ({what.__doc__})" for name, what in COMMANDS.items())
    return f"You can ask me for {', '.join(offers)}."


def date(question: Question) -> str:
    """the day and the time"""
    return f"It is {question.now:%A}, {question.now.day} {question.now:%B %Y, %H:%M} UTC."


def count(question: Question) -> str:
    """how many words there are"""
    words = len(question.text.split())
    return "There is 1 word here." if words == 1 else f"There are {words} words here."


def who(question: Question) -> str:
    """who is here"""
    people = sorted(set(question.people))
    return f"Here now: {', '.join(people)}." if people else "Nobody is here now."


def remind(question: Question) -> Later:
    """with a time such as 30s, 10m, 2h or 1d and a text: I say it again then"""
    match = _AFTER.match(question.argument)
    text = question.argument[match.end() :].strip() if match else ""
    if match is None or not text:
        raise Misunderstood("Ask me like this: remind 10m drink some water")
    after = timedelta(seconds=int(match[1]) * UNITS[match[2]])
    if after > LONGEST:
        raise Misunderstood("A year is as far as I can think ahead.")
    due = question.now + after
    return Later(f"I will say it on {due:%Y-%m-%d at %H:%M} UTC.", due, text)


COMMANDS: dict[str, Callable[[Question], str | Later]] = {
    command.__name__: command for command in (help, date, count, who, remind)
}


def answer(command: str, question: Question) -> str | Later:
    """What the bot says to a question."""
    if command not in COMMANDS:
        return f"I don’t know what “{command[:40]}” is. Ask me for help."
    try:
        return COMMANDS[command](question)
    except Misunderstood as sentence:
        return str(sentence)
