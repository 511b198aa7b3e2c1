"""What visitors send to a plugin waits in a line for each sender.

A plugin takes from the lines in turn, first by source (`Session.source`), then by person, so that a
flood delays only its sender. How much one person may have waiting is bounded: past that their
sockets are read later.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, NamedTuple

from collab.plugins.caller import Implementation, Pending
from collab.plugins.specs import Hook
from collab.rooms.port import Session

WAITING = 64
"""Calls that one person may have waiting for one plugin before their sockets are read later."""

SIZE = 256 * 1024
"""Bytes of messages that one person may have waiting for one plugin, likewise. (A single message
may be larger.)"""


class Person:
    """What one person has waiting for one plugin, whatever the document and the connection."""

    __slots__ = ("_room", "changed", "count", "prompt", "size")

    def __init__(self) -> None:
        self.count = 0
        self.size = 0
        self.changed: set[str] = set()
        """Sessions of which the plugin still has to be told that they have another name."""
        self.prompt = False
        """Whether a message of theirs waits in its place among the facts. All further ones wait in
        their line."""
        self._room: asyncio.Event | None = None

    @property
    def room(self) -> asyncio.Event | None:
        """Set when half of what they may have waiting is free; None: there is room now."""
        if self._room is None and (self.count >= WAITING or self.size >= SIZE):
            self._room = asyncio.Event()
        return self._room

    def add(self, size: int) -> None:
        """One more call waits."""
        self.count += 1
        self.size += size

    def remove(self, size: int) -> None:
        """One waits no more."""
        self.count -= 1
        self.size -= size
        # Not at the first free place: whoever is woken may then send several at once.
        if self._room and self.count <= WAITING // 2 and self.size <= SIZE // 2:
            self._room.set()
            self._room = None


class Caused:
    """An implementation to be called because of what somebody did: until then it counts as theirs.

    It stands in a queue where an `Implementation` does.
    """

    __slots__ = ("_implementation", "_person", "_prompt", "_session", "_size", "hook")

    def __init__(
        self,
        implementation: Implementation,
        person: Person,
        session: Session,
        size: int = 0,
        *,
        prompt: bool = False,
    ) -> None:
        """``size``: bytes of the message, 0 for what is none; ``prompt``: it is `Person.prompt`."""
        self.hook: Hook = implementation.hook
        self._implementation = implementation
        self._person = person
        self._session = session
        self._size = size
        self._prompt = prompt
        person.add(size)

    def tell(self, arguments: tuple[Any, ...]) -> Pending | None:
        """See `Implementation.tell`."""
        self.dropped()
        return self._implementation.tell(arguments)

    def dropped(self) -> None:
        """It is not to be called, or being called now."""
        self._person.remove(self._size)
        if self._prompt:
            self._person.prompt = False
        if self.hook.name == "session_changed":
            self._person.changed.discard(self._session.id)


class Sent(NamedTuple):
    """A message that waits."""

    after: int
    """How many of the plugin's facts have to be told before it (see `Queue`)."""
    implementation: Caused
    arguments: tuple[Any, ...]


class Sender:
    """The line of one person, from one source, about one document."""

    __slots__ = ("document", "messages", "person", "source")

    def __init__(self, document: str, person: str, source: str) -> None:
        self.document = document
        self.person = person
        """The user's id."""
        self.source = source
        self.messages: deque[Sent] = deque()


class Turns:
    """Senders that have something waiting, in turn: the sources, and of each the people."""

    __slots__ = ("waiting",)

    def __init__(self) -> None:
        self.waiting: dict[str, deque[Sender]] = {}
        """By source, the next one first."""

    def add(self, sender: Sender) -> None:
        """Put a sender at the end of its source's line."""
        senders = self.waiting.get(sender.source)
        if senders is None:
            self.waiting[sender.source] = deque((sender,))
        else:
            senders.append(sender)

    def take(self) -> Sender:
        """Take the sender out whose turn it is."""
        source = next(iter(self.waiting))
        senders = self.waiting.pop(source)
        sender = senders.popleft()
        if senders:
            self.waiting[source] = senders
        return sender

    def clear(self) -> None:
        self.waiting.clear()
