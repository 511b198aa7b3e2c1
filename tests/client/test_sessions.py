"""The scripted sessions that the JavaScript client runs too: ``tests/sessions/README.md``."""

from __future__ import annotations

import json
from collections import deque
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from collab.ot import Authority, Client, Content, Delta, Pending, document_type

SESSIONS = sorted((Path(__file__).parents[1] / "sessions").glob("*.json"))


class Committed(NamedTuple):
    revision: int
    client: str
    sequence: int
    delta: Delta


class Person:
    """A client of the script: its machine, its text, and what is on the line."""

    def __init__(self, id: str, content: Content) -> None:
        self.machine = Client(id, 0)
        self.content = content
        self.up: deque[Pending] = deque()
        self.down: deque[Committed] = deque()
        self.connected = True

    def edit(self, delta: Delta) -> None:
        self.content.apply(delta)
        self._sends(self.machine.edit(delta))

    def _sends(self, pending: Pending | None) -> None:
        if pending is not None and self.connected:
            self.up.append(pending)

    def receive(self, *, resuming: bool = False) -> None:
        received = self.machine.receive(*self.down.popleft())
        if received.delta is not None:
            self.content.apply(received.delta)
        if not resuming:
            self._sends(received.send)


class Script:
    """The dummy server, and everybody on it."""

    def __init__(self, session: dict[str, Any]) -> None:
        kind = document_type(session.get("type", "text"))
        start = Delta().insert(session["start"])
        self.authority = Authority(kind.content(start), 0)
        self.log: list[Committed] = []
        self.people = {name: Person(name, kind.content(start)) for name in session["clients"]}

    def play(self, event: list[Any]) -> None:
        what, *rest = event
        getattr(self, f"on_{what}")(*rest)

    def on_type(self, name: str, position: int, text: str) -> None:
        self.people[name].edit(Delta().retain(position).insert(text))

    def on_delete(self, name: str, position: int, length: int) -> None:
        self.people[name].edit(Delta().retain(position).delete(length))

    def on_edit(self, name: str, delta: list[Any]) -> None:
        self.people[name].edit(Delta(delta))

    def on_send(self, name: str) -> None:
        pending = self.people[name].up.popleft()
        if any((one.client, one.sequence) == (name, pending.sequence) for one in self.log):
            return
        delta = self.authority.transform(pending.revision, name, pending.delta)
        committed = Committed(self.authority.apply(name, delta), name, pending.sequence, delta)
        self.log.append(committed)
        for person in self.people.values():
            if person.connected:
                person.down.append(committed)

    def on_receive(self, name: str) -> None:
        self.people[name].receive()

    def on_drop(self, name: str) -> None:
        person = self.people[name]
        person.connected = False
        person.up.clear()
        person.down.clear()

    def on_reconnect(self, name: str) -> None:
        person = self.people[name]
        person.connected = True
        person.down.extend(self.log[person.machine.revision :])
        while person.down:
            person.receive(resuming=True)
        if (pending := person.machine.pending) is not None:
            person.up.append(pending)

    def on_restart(self, name: str) -> None:
        person = self.people[name]
        assert not person.connected
        old = person.machine
        person.machine = Client(old.id, old.revision, old.sequence, old.inflight, old.buffer)

    def on_shows(self, name: str, text: str) -> None:
        assert self.people[name].content.text() == text

    def on_server(self, text: str) -> None:
        assert self.authority.content.text() == text

    def settle(self) -> None:
        for name, person in self.people.items():
            if not person.connected:
                self.on_reconnect(name)
        while any(person.up or person.down for person in self.people.values()):
            for name, person in self.people.items():
                while person.up:
                    self.on_send(name)
                while person.down:
                    self.on_receive(name)


@pytest.mark.parametrize("path", SESSIONS, ids=lambda path: path.stem)
def test_session(path: Path) -> None:
    session = json.loads(path.read_text(encoding="utf-8"))
    script = Script(session)
    for event in session["events"]:
        script.play(event)
    script.settle()
    script.on_server(session["expect"])
    for name, person in script.people.items():
        script.on_shows(name, session["expect"])
        assert person.machine.state == "synchronized"


def test_there_are_sessions() -> None:
    assert len(SESSIONS) > 10
