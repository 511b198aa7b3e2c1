"""Clients and authority agree in the end, whatever the network does: seeded sessions."""

from __future__ import annotations

import os
import random
from collections import deque

import pytest

from collab.ot import Authority, Client, Content, Delta, Pending, document_type
from tests.ot.strategies import CHARACTERS

SEEDS = int(os.environ.get("COLLAB_OT_SEEDS", "200"))
"""How many sessions are played; more in a campaign."""

Frame = tuple[int, str, int, Delta]


class Server:
    """An authority that knows what it has committed already."""

    def __init__(self, type: str) -> None:
        self.authority = Authority(document_type(type).content(), 0)
        self.log: list[Frame] = []
        self.last: dict[str, int] = {}

    def take(self, client: str, pending: Pending) -> None:
        """Commit an operation, once."""
        if pending.sequence <= self.last.get(client, 0):
            return
        assert pending.sequence == self.last.get(client, 0) + 1
        delta = self.authority.transform(pending.revision, client, pending.delta)
        revision = self.authority.apply(client, delta)
        self.last[client] = pending.sequence
        # Through the wire's form, as in life.
        self.log.append((revision, client, pending.sequence, Delta(delta.ops)))


class Person:
    """A client, its document and a connection that may break."""

    def __init__(self, id: str, server: Server, type: str) -> None:
        self.server = server
        self.type = type
        self.machine = Client(id, 0)
        self.content: Content = document_type(type).content()
        self.up: deque[Pending] = deque()
        self.down: deque[Frame] = deque()
        self.sent = 0  # how far the server's log has been put into `down`
        self.typed = 0

    def edit(self, random_: random.Random) -> None:
        delta = some_edit(random_, self.content, rich=self.type == "richtext")
        self.content.apply(delta)
        self.typed += 1
        if pending := self.machine.edit(delta):
            self.up.append(pending)

    def upload(self) -> None:
        if self.up:
            self.server.take(self.machine.id, self.up.popleft())

    def download(self) -> None:
        self.down.extend(self.server.log[self.sent :])
        self.sent = len(self.server.log)
        if self.down:
            received = self.machine.receive(*self.down.popleft())
            if received.delta is not None:
                self.content.apply(received.delta)
            if received.send is not None:
                self.up.append(received.send)

    def reconnect(self, random_: random.Random) -> None:
        """Lose what is on its way, perhaps only its answer, and say again what is pending."""
        if random_.random() < 0.5:
            self.upload()
        self.up.clear()
        self.down.clear()
        # The server may begin too early: what was received before is ignored.
        self.sent = max(0, self.machine.revision - random_.randint(0, 2))
        if random_.random() < 0.5:  # a reload: the machine is made anew from what was stored
            old = self.machine
            self.machine = Client(old.id, old.revision, old.sequence, old.inflight, old.buffer)
        if pending := self.machine.pending:
            self.up.append(pending)
            if random_.random() < 0.3:
                self.up.append(pending)


def some_edit(random_: random.Random, content: Content, rich: bool) -> Delta:
    """Return an edit, often near the beginning, so that people meet."""
    delta = Delta()
    text = content.text() if content.length < 400 else content.text()[:100]
    sizes = [1 + (ord(c) > 0xFFFF) for c in text]
    at = 0
    for _ in range(random_.choice([1, 1, 1, 2, 3])):
        skip = random_.randint(0, max(0, min(len(sizes) - at, 8)))
        delta.retain(sum(sizes[at : at + skip]))
        at += skip
        cut = random_.randint(0, max(0, min(len(sizes) - at, 3)))
        choice = random_.random()
        if choice < 0.6 or not cut:
            style = {"b": random_.choice([True, 1])} if rich and random_.random() < 0.3 else None
            delta.insert("".join(random_.choices(CHARACTERS, k=random_.randint(1, 3))), style)
        elif choice < 0.9 or not rich:
            delta.delete(sum(sizes[at : at + cut]))
            at += cut
        else:
            delta.retain(sum(sizes[at : at + cut]), {"b": random_.choice([True, None, 0])})
            at += cut
    return delta.chop()


def play(seed: int) -> tuple[Server, list[Person]]:
    """Play one session to its end."""
    random_ = random.Random(seed)
    type = random_.choice(["text", "richtext"])
    server = Server(type)
    ids = random_.sample(["a", "b", "B", "c-1", "c-10", "z"], random_.randint(2, 4))
    people = [Person(id, server, type) for id in ids]
    for _ in range(random_.randint(10, 120)):
        person = random_.choice(people)
        action = random_.random()
        if action < 0.4:
            person.edit(random_)
        elif action < 0.65:
            person.upload()
        elif action < 0.95:
            person.download()
        else:
            person.reconnect(random_)
    while any(p.up or p.down or p.sent < len(server.log) for p in people):
        for person in random_.sample(people, len(people)):
            person.upload()
            person.download()
    return server, people


@pytest.mark.parametrize("part", range(10))
def test_everybody_ends_with_the_same_document(part: int) -> None:
    for seed in range(part, SEEDS, 10):
        server, people = play(seed)
        expected = server.authority.content
        for person in people:
            assert person.machine.state == "synchronized", seed
            assert person.machine.unsaved == 0, seed
            assert person.machine.revision == server.authority.revision, seed
            assert person.content.delta() == expected.delta(), seed
            assert person.content.checksum() == expected.checksum(), seed
            assert server.last.get(person.machine.id, 0) == person.machine.sequence, seed


def test_a_rule_that_differs_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The control: clients that settle ties otherwise than the authority do not converge."""
    monkeypatch.setattr("collab.ot.client.precedes", lambda client, other: client > other)

    def converges(seed: int) -> bool:
        try:
            server, people = play(seed)
        except Exception:
            return False
        return all(p.content.delta() == server.authority.content.delta() for p in people)

    assert not all(map(converges, range(20)))
