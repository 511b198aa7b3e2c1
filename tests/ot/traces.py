"""The recorded editing sessions, and how they are replayed."""

from __future__ import annotations

import gzip
import json
import os
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from collab.ot import Authority, Client, Content, Delta, Received, document_type, precedes

SHARED = Path(os.environ.get("COLLAB_SHARED") or Path(__file__).parents[3] / "shared")

Trace = dict[str, Any]


def trace(name: str) -> Trace:
    """Return a trace, or skip the test when the corpus is not there."""
    path = SHARED / "corpus" / "traces" / f"{name}.json.gz"
    if not path.exists():
        pytest.skip(f"the trace {name} is not in the shared folder beside the repository")
    with gzip.open(path) as packed:
        loaded: Trace = json.load(packed)
    return loaded


def edit(patch: list[Any]) -> Delta:
    """Return the delta of one patch (position, deleted, inserted).

    A patch counts code points where the trace does not say units; those traces have no character
    outside the basic plane, so that it is the same.
    """
    position, deleted, inserted = patch
    return Delta().retain(position).insert(inserted).delete(deleted)


def replay(recorded: Trace) -> Content:
    """Apply a sequential trace, one edit after another."""
    content = document_type("text").content(Delta().insert(recorded["startContent"]))
    for txn in recorded["txns"]:
        for patch in txn["patches"]:
            content.apply(edit(patch))
    return content


def seen(txns: list[Trace], agents: int) -> list[list[int]]:
    """Return for every txn how many txns of each agent it has among its ancestors and itself."""
    clocks: list[list[int]] = []
    for txn in txns:
        clock = [0] * agents
        for parent in txn["parents"]:
            clock = list(map(max, clock, clocks[parent]))
        clock[txn["agent"]] += 1
        clocks.append(clock)
    return clocks


class Queueing(Client):
    """A client that keeps edits apart which somebody else is to see apart.

    An ordinary client composes everything that waits into one operation. In a trace somebody may
    have seen one of these edits and not the next; these two then wait in a queue behind the buffer.
    """

    def __init__(self, id: str) -> None:
        super().__init__(id, 0)
        self.queue: deque[Delta] = deque()

    def edit_apart(self, delta: Delta) -> None:
        """Take an edit, and let it wait behind what waits."""
        self.queue.append(delta)

    def receive(self, revision: int, client: str, sequence: int, delta: Delta) -> Received:
        received = super().receive(revision, client, sequence, delta)
        foreign = received.delta
        if foreign is not None:
            for _ in range(len(self.queue)):
                mine = self.queue.popleft()
                ours_first = precedes(self.id, client)
                self.queue.append(foreign.transform(mine, not ours_first))
                foreign = mine.transform(foreign, ours_first)
        elif self.queue:
            self.edit(self.queue.popleft())
        return received._replace(delta=foreign)


@dataclass
class Sent:
    """What a client sends, and how many of its agent's txns are done with it."""

    agent: int
    revision: int
    sequence: int
    delta: Delta
    count: int


@dataclass
class Agent:
    """One person of a concurrent trace: a client with a document of its own."""

    client: Queueing
    content: Content
    todo: deque[int] = field(default_factory=deque)  # indices of the txns still to be made
    inbox: deque[int] = field(default_factory=deque)  # revisions that the server has sent
    waiting: deque[int] = field(default_factory=deque)  # like Sent.count, for what waits
    got: list[int] = field(default_factory=list)  # how many txns of each agent are in `content`


class Replay:
    """A concurrent trace on its way through an authority, in one of its many possible orders.

    An agent makes its next edit only when it has received exactly the foreign edits that the trace
    gives as that edit's ancestors, and takes the next message only if it is its own acknowledgement
    or a foreign edit that its next edit has seen. Everything else is up to the seed.
    """

    def __init__(self, recorded: Trace, seed: int) -> None:
        self.random = random.Random(seed)
        self.txns = recorded["txns"]
        self.count = recorded["numAgents"]
        self.clocks = seen(self.txns, self.count)
        # After how many edits of an agent somebody else has seen these and not the next.
        self.borders = [
            {
                clock[n]
                for clock, txn in zip(self.clocks, self.txns, strict=True)
                if txn["agent"] != n
            }
            for n in range(self.count)
        ]
        self.authority = Authority(document_type("text").content(), 0)
        self.log: list[Sent] = []  # by revision, from 1
        self.uplink: deque[Sent] = deque()
        self.agents = [
            Agent(Queueing(str(number)), document_type("text").content(), got=[0] * self.count)
            for number in range(self.count)
        ]
        for index, txn in enumerate(self.txns):
            self.agents[txn["agent"]].todo.append(index)

    def run(self) -> list[Content]:
        """Replay it all; return the authority's content and everybody's."""
        moves: list[tuple[Callable[[int], bool], int]] = [(self.serve, 0)]
        for number in range(self.count):
            moves += [(self.type, number), (self.take, number)]
        # Some schedules hurry the typing, some the network.
        weights = [self.random.choice([1, 1, 5, 20]) for _ in moves]
        order = list(range(len(moves)))
        while True:
            (chosen,) = self.random.choices(order, weights)
            if not any(move(number) for move, number in moves[chosen:] + moves[:chosen]):
                break
        for agent in self.agents:
            assert not (agent.todo or agent.inbox or agent.client.unsaved or agent.client.queue)
        return [self.authority.content, *(agent.content for agent in self.agents)]

    def type(self, number: int) -> bool:
        """Let an agent make its next edit, if it may."""
        agent = self.agents[number]
        if not agent.todo:
            return False
        clock = self.clocks[agent.todo[0]]
        if any(agent.got[n] != clock[n] for n in range(self.count) if n != number):
            return False
        whole = Delta()
        for patch in self.txns[agent.todo.popleft()]["patches"]:
            whole = whole.compose(edit(patch))
        apart = agent.got[number] in self.borders[number]
        agent.got[number] += 1
        agent.content.apply(whole)
        if agent.client.state == "buffering" and (apart or agent.client.queue):
            agent.client.edit_apart(whole)
            agent.waiting.append(agent.got[number])
        elif pending := agent.client.edit(whole):
            self.uplink.append(Sent(number, *pending, agent.got[number]))
        elif agent.waiting:
            agent.waiting[-1] = agent.got[number]
        else:
            agent.waiting.append(agent.got[number])
        return True

    def take(self, number: int) -> bool:
        """Let an agent take its next message, if it may."""
        agent = self.agents[number]
        if not agent.inbox:
            return False
        revision = agent.inbox[0]
        sent = self.log[revision - 1]
        foreign = sent.agent != number
        if foreign and agent.todo and sent.count > self.clocks[agent.todo[0]][sent.agent]:
            return False
        agent.inbox.popleft()
        ((client, delta),) = self.authority.history(revision - 1, revision)
        received = agent.client.receive(revision, client, sent.sequence, delta)
        if received.delta is not None:
            agent.content.apply(received.delta)
            agent.got[sent.agent] = sent.count
        if received.send is not None:
            self.uplink.append(Sent(number, *received.send, agent.waiting.popleft()))
        return True

    def serve(self, _: int) -> bool:
        """Let the authority order the next operation."""
        if not self.uplink:
            return False
        sent = self.uplink.popleft()
        client = str(sent.agent)
        delta = self.authority.transform(sent.revision, client, sent.delta)
        revision = self.authority.apply(client, delta)
        self.log.append(sent)
        for agent in self.agents:
            agent.inbox.append(revision)
        return True
