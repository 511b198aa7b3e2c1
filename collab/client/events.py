"""What happens to a replica, as it tells whoever drives it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from collab.client.errors import Rescue
from collab.ot import Delta


@dataclass(frozen=True, slots=True)
class Joined:
    """The server said welcome; ``fresh`` when the content was read anew."""

    fresh: bool


@dataclass(frozen=True, slots=True)
class Change:
    """A committed edit, or (``reset``) the whole content after it was read afresh."""

    revision: int
    delta: Delta
    """As committed: applies to revision - 1. The whole content when ``reset``."""
    applied: Delta | None
    """What it changed in this client's text; None for its own edits, which were there already."""
    client: str
    author: str
    time: float
    own: bool
    reset: bool = False


@dataclass(frozen=True, slots=True)
class Saved:
    """Edits up to the ``ticket``-th are committed, the last of them at ``revision``."""

    ticket: int
    revision: int


@dataclass(frozen=True, slots=True)
class Titled:
    """The document has another title."""


@dataclass(frozen=True, slots=True)
class Told:
    """A plugin sent something."""

    plugin: str
    data: Any


@dataclass(frozen=True, slots=True)
class Retry:
    """The operation in flight was not taken for now: call `resend` after ``after`` seconds."""

    after: float


@dataclass(frozen=True, slots=True)
class Restart:
    """The connection is of no use any more: connect again, and say `hello` again.

    With a ``rescue`` the copy was given up, and the next welcome brings a fresh one.
    """

    code: str
    rescue: Rescue | None = None


@dataclass(frozen=True, slots=True)
class Complaint:
    """The server refused something that was no operation."""

    code: str
    sentence: str


@dataclass(frozen=True, slots=True)
class Ended:
    """The server ends the connection; ``retry_after`` in seconds, None: don't come back."""

    code: str
    sentence: str
    retry_after: float | None


Event = Joined | Change | Saved | Titled | Told | Retry | Restart | Complaint | Ended
