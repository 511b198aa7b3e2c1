"""How a command ends: exit codes, and the one exception that carries a sentence to a person."""

from __future__ import annotations

from enum import IntEnum


class Exit(IntEnum):
    """Exit codes of every command, and what each means."""

    meaning: str

    def __new__(cls, code: int, meaning: str) -> Exit:
        member = int.__new__(cls, code)
        member._value_ = code
        member.meaning = meaning
        return member

    DONE = 0, "All went well; for `serve`: it was asked to stop, and everything is saved."
    FAILED = 1, "It was tried and did not work."
    USAGE = 2, "The command line or a setting is wrong; nothing was done."
    TAKEN = 3, "Another process has the port, the socket or the data directory."
    MISSING = 4, "There is no such document."
    INTERRUPTED = 130, "Ctrl-C ended a command."


class Failure(Exception):
    """Ends the command. ``sentence`` says what is wrong and what to do about it."""

    def __init__(self, sentence: str, code: Exit = Exit.FAILED) -> None:
        self.sentence = sentence
        self.code = code
        super().__init__(sentence)
