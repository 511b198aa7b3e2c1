"""A whole installation in virtual time: clients, an unlucky network, a server, its log.

Everything random comes from one seed and everything that happens is an entry in one heap,
so a run can be had again, byte for byte. The machines are the real ones (`collab.ot.Client`
and `collab.ot.Authority`); what surrounds them here is the smallest server that keeps the
promises: a deduplication record, a group commit, and nothing told before it is durable.

The mutants (`MUTANTS`) each break one rule; the tests demand that they are caught.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from heapq import heappop, heappush
from random import Random
from typing import Any
from unittest import mock

from collab.ot import (
    Authority,
    Client,
    Content,
    Delta,
    OutOfOrder,
    Pending,
    Received,
    document_type,
    precedes,
)
from tests.simulation.edits import random_edit

MUTANTS = (
    "skip_dedup", "forget_dedup_in_crash", "tell_before_commit", "reverse_ties", "off_by_one",
    "forget_buffer",
)


class BrokenPromiseError(AssertionError):
    """A promise was broken."""


@dataclass(frozen=True)
class Entry:
    """One operation in the log."""

    revision: int
    client: str
    sequence: int
    delta: str

    def value(self) -> Delta:
        return Delta(json.loads(self.delta))


@dataclass
class Log:
    """The disk: what is in here survives everything."""

    entries: list[Entry] = field(default_factory=list)
    sequences: dict[str, tuple[int, int]] = field(default_factory=dict)

    def append(self, batch: list[Entry]) -> None:
        for entry in batch:
            if entry.revision != len(self.entries) + 1:
                raise BrokenPromiseError(f"revision {entry.revision} follows {len(self.entries)}")
            if any(
                (entry.client, entry.sequence) == (other.client, other.sequence)
                for other in self.entries
            ):
                raise BrokenPromiseError(f"{entry.client} {entry.sequence} is in the log twice")
            self.entries.append(entry)
            self.sequences[entry.client] = (entry.sequence, entry.revision)


class Connection:
    """First in, first out, in both directions, until one side lets go of it."""

    def __init__(self, world: World, client: Typist, server: Server) -> None:
        self.world = world
        self.client = client
        self.server = server
        self.lost = False
        """The client has let go. What it sent may still arrive, what is sent to it does not."""
        self.over = False
        """The server has let go."""
        self.joined = False
        self._last = {"up": 0.0, "down": 0.0}

    def _deliver(self, direction: str, receive: Callable[[], None]) -> None:
        arrival = max(self._last[direction], self.world.now + self.world.delay())
        self._last[direction] = arrival
        self.world.at(arrival, receive)

    def up(self, what: str, **fields: Any) -> None:
        def receive() -> None:
            if not self.over and self.server.alive:
                self.server.receive(self, what, fields)

        self._deliver("up", receive)

    def down(self, what: str, **fields: Any) -> None:
        def receive() -> None:
            if not self.lost:
                self.client.receive(self, what, fields)

        self._deliver("down", receive)

    def end(self) -> None:
        """The server lets go; the client learns of it after a while, or by itself."""
        self.over = True
        self.down("closed")


class Server:
    """One run of the server, from a start to a crash."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.alive = True
        self.connections: list[Connection] = []
        self.load()

    def load(self) -> None:
        """Everything that memory holds comes from the log."""
        world = self.world
        content = world.empty()
        history = []
        for entry in world.log.entries:
            content.apply(entry.value())
            history.append((entry.client, entry.value()))
        self.revision = len(history)
        self.authority = world.make_authority(content, self.revision, history)
        self.sequences = dict(world.log.sequences)
        self.ordered: list[Entry] = []
        self.committing = False
        if world.mutant == "forget_dedup_in_crash":
            self.sequences = {}

    def receive(self, connection: Connection, what: str, fields: dict[str, Any]) -> None:
        if what == "hello":
            self._hello(connection, **fields)
        elif connection.joined:
            self._operation(connection, **fields)

    def _hello(self, connection: Connection, client: str, revision: int | None) -> None:
        for other in [one for one in self.connections if one.client.id == client]:
            self.connections.remove(other)
            other.end()
        self.connections.append(connection)
        connection.joined = True
        if revision is None:
            content = self.world.empty()
            for entry in self.world.log.entries[: self.revision]:
                content.apply(entry.value())
            connection.down(
                "welcome", revision=self.revision, content=content.delta(), operations=None
            )
        else:
            missed = self.world.log.entries[revision : self.revision]
            connection.down("welcome", revision=self.revision, content=None, operations=missed)

    def _operation(
        self, connection: Connection, revision: int, sequence: int, delta: Delta
    ) -> None:
        client = connection.client.id
        last, _ = self.sequences.get(client, (0, 0))
        if self.world.mutant not in ("skip_dedup", "forget_dedup_in_crash"):
            if sequence <= last:
                return  # committed, or on its way: the frame for everybody answers
            if sequence != last + 1:
                raise BrokenPromiseError(f"{client} sends {sequence} after {last}")
        transformed = self.authority.transform(revision, client, delta)
        number = self.authority.apply(client, transformed)
        entry = Entry(number, client, sequence, json.dumps(transformed.ops))
        self.sequences[client] = (sequence, number)
        self.ordered.append(entry)
        if self.world.mutant == "tell_before_commit":
            self._tell([entry])
        self.commit()

    def commit(self) -> None:
        """One transaction takes everything that waits; meanwhile the next one fills."""
        if self.committing or not self.ordered:
            return
        batch, self.ordered = self.ordered, []
        self.committing = True
        self.world.at(
            self.world.now + self.world.random.expovariate(1 / 0.01),
            lambda: self._committed(batch),
        )
        self.batch = batch

    def _committed(self, batch: list[Entry]) -> None:
        if not self.alive or not self.committing or self.batch is not batch:
            return
        self.committing = False
        world = self.world
        if world.storage_fails():
            # Nobody knows whether it was written: everything is read again from the log.
            if world.random.random() < 0.5:
                world.log.append(batch)
            for connection in self.connections:
                connection.end()
            self.connections.clear()
            self.load()
            return
        world.log.append(batch)
        self.revision = batch[-1].revision
        if world.mutant != "tell_before_commit":
            self._tell(batch)
        self.commit()

    def _tell(self, batch: list[Entry]) -> None:
        for connection in self.connections:
            connection.down("operations", operations=batch)

    def crash(self) -> None:
        """Memory is lost; the transaction under way may have reached the disk or not."""
        self.alive = False
        if self.committing and self.world.random.random() < 0.5:
            self.world.log.append(self.batch)
        for connection in self.connections:
            connection.end()


class Typist:
    """A client: the machine, its copy of the text, and a person who edits now and then.

    Without a copy (``content`` None) it is what a closed tab leaves behind: unsent work
    that is delivered, and nothing more.
    """

    def __init__(self, world: World, id: str, machine: Client | None = None) -> None:
        self.world = world
        self.id = id
        self.machine = machine
        self.content: Content | None = None
        self.connection: Connection | None = None
        self.welcomed = False
        self.gone = False
        self.orphan = machine is not None

    def connect(self) -> None:
        if self.gone or self.connection is not None:
            return
        server = self.world.server
        if server is None:
            self.world.later(0.2, self.connect)
            return
        self.connection = Connection(self.world, self, server)
        self.connection.up(
            "hello", client=self.id, revision=self.machine.revision if self.machine else None
        )

    def lose(self) -> None:
        """The connection is gone, with everything that was on its way to this client."""
        if self.connection is not None:
            self.connection.lost = True
            self.connection = None
            self.welcomed = False
            self.world.later(0.1, self.connect)

    def edit(self) -> None:
        if self.machine is None or self.content is None or self.gone:
            return
        delta = random_edit(self.world.random, self.content, rich=self.world.rich)
        self.content.apply(delta)
        self.send(self.machine.edit(delta))
        self.world.note("edit", self.id, json.dumps(delta.ops))

    def send(self, pending: Pending | None) -> None:
        if pending is not None and self.welcomed and self.connection is not None:
            self.connection.up(
                "operation",
                revision=pending.revision, sequence=pending.sequence, delta=pending.delta,
            )

    def resend(self) -> None:
        """An impatient client sends again what is not acknowledged: never wrong."""
        if self.machine is not None:
            self.send(self.machine.pending)

    def receive(self, connection: Connection, what: str, fields: dict[str, Any]) -> None:
        if self.gone or connection is not self.connection:
            return
        self.world.note(what, self.id, fields.get("revision", ""))
        if what == "closed":
            self.lose()
        elif what == "welcome":
            self._welcome(**fields)
        else:
            self._operations(fields["operations"])

    def _welcome(
        self, revision: int, content: Delta | None, operations: list[Entry] | None
    ) -> None:
        if content is not None:
            self.content = self.world.type.content(content)
            self.machine = self.world.make_client(self.id, revision)
        self.welcomed = True
        self._operations(operations or [], quiet=True)
        self.resend()
        self._finish_orphan()

    def _operations(self, operations: list[Entry], *, quiet: bool = False) -> None:
        assert self.machine is not None
        for entry in operations:
            self.world.seen(self, entry)
            try:
                received = self.machine.receive(
                    entry.revision, entry.client, entry.sequence, entry.value()
                )
            except OutOfOrder:
                self.lose()  # and ask again from the last revision that was understood
                return
            if received.delta is not None and self.content is not None:
                self.content.apply(received.delta)
            if not quiet:
                self.send(received.send)
        self._finish_orphan()

    def _finish_orphan(self) -> None:
        if self.orphan and self.machine is not None and self.machine.pending is None:
            self.gone = True
            if self.connection is not None:
                self.connection.lost = True

    def crash(self) -> None:
        """The tab dies. What was unsent is in the browser's storage; somebody delivers it."""
        if self.connection is not None:
            self.connection.lost = True
        self.gone = True
        if self.machine is not None and self.machine.pending is not None:
            saved = self.machine
            orphan = Typist(
                self.world, self.id, self.world.restore(saved)
            )
            self.world.typists.append(orphan)
            self.world.later(0.3, orphan.connect)
        self.world.newcomer()


class World:
    """Everything, and the clock."""

    def __init__(self, seed: int, mutant: str = "", duration: float = 4.0) -> None:
        self.random = Random(seed)
        self.mutant = mutant
        self.now = 0.0
        self.trace: list[str] = []
        self.log = Log()
        self.rich = self.random.random() < 0.4
        self.type = document_type("richtext" if self.rich else "text")
        self.start = Delta([{"insert": "The cat 😀 sat.\n"}])
        self.typists: list[Typist] = []
        self._heap: list[tuple[float, int, Callable[[], None]]] = []
        self._number = 0
        self._names = 0
        self._duration = duration
        self._calm = False
        self._latency = self.random.choice((0.002, 0.02, 0.2))
        self._trouble = self.random.choice((0.0, 0.3, 1.0))
        self.server: Server | None = Server(self)
        for _ in range(self.random.choice((2, 2, 3, 5))):
            self.newcomer()
        self._plan()

    # What the mutants break.

    def make_client(self, id: str, revision: int) -> Client:
        if self.mutant == "forget_buffer":
            return _ForgetfulClient(id, revision)
        if self.mutant == "reverse_ties":
            return _ContraryClient(id, revision)
        return Client(id, revision)

    def make_authority(
        self, content: Content, revision: int, history: list[tuple[str, Delta]]
    ) -> Authority:
        kind = _InexactAuthority if self.mutant == "off_by_one" else Authority
        return kind(content, revision, history=history)

    def restore(self, saved: Client) -> Client:
        """What a client is after a round through storage."""
        return type(saved)(
            saved.id, saved.revision, sequence=saved.sequence,
            inflight=saved.inflight, buffer=saved.buffer,
        )

    # Time.

    def at(self, time: float, action: Callable[[], None]) -> None:
        self._number += 1
        heappush(self._heap, (time, self._number, action))

    def later(self, mean: float, action: Callable[[], None]) -> None:
        self.at(self.now + self.random.expovariate(1 / mean), action)

    def delay(self) -> float:
        """Seconds that one message takes; now and then somebody pauses for long."""
        if not self._calm and self.random.random() < 0.01:
            return self.random.random() * 2.0
        return self.random.expovariate(1 / self._latency)

    def storage_fails(self) -> bool:
        return not self._calm and self.random.random() < 0.02 * self._trouble

    # What happens.

    def empty(self) -> Content:
        return self.type.content(self.start)

    def newcomer(self) -> None:
        self._names += 1
        typist = Typist(self, f"{self.random.choice('abc')}{self._names}")
        self.typists.append(typist)
        typist.connect()

    def _plan(self) -> None:
        for _ in range(self.random.choice((10, 30, 60))):
            self.at(self.random.random() * self._duration, self._someone_edits)
        troubles: tuple[Callable[[], None], ...] = (
            self._cut, self._cut, self._cut, self._resend, self._resend, self._crash_server,
            self._crash_client,
        )
        for _ in range(int(12 * self._trouble)):
            self.at(self.random.random() * self._duration, self.random.choice(troubles))
        self.at(self._duration, self._become_calm)

    def _anybody(self) -> Typist:
        return self.random.choice([one for one in self.typists if not one.gone])

    def _someone_edits(self) -> None:
        self._anybody().edit()

    def _cut(self) -> None:
        self.note("cut")
        self._anybody().lose()

    def _resend(self) -> None:
        self._anybody().resend()

    def _crash_client(self) -> None:
        typist = self._anybody()
        if not typist.orphan:
            self.note("crash", typist.id)
            typist.crash()

    def _crash_server(self) -> None:
        if self.server is not None:
            self.note("crash", "server")
            self.server.crash()
            self.server = None
            self.later(0.3, self._start_server)

    def _start_server(self) -> None:
        if self.server is None:
            self.note("start", "server")
            self.server = Server(self)

    def _become_calm(self) -> None:
        """The troubles end: from here on everything has to come together."""
        self._calm = True
        self._start_server()
        for typist in list(self.typists):
            if not typist.gone and typist.connection is not None:
                typist.lose()

    # The promises.

    def seen(self, typist: Typist, entry: Entry) -> None:
        """Somebody was told of an operation: it has to be durable, and the very same."""
        if entry.revision > len(self.log.entries):
            raise BrokenPromiseError(f"{typist.id} saw {entry.revision}, which is not saved")
        if self.log.entries[entry.revision - 1] != entry:
            raise BrokenPromiseError(f"{typist.id} saw another {entry.revision} than the log has")

    def note(self, *what: object) -> None:
        self.trace.append(f"{self.now:.9f} {' '.join(map(str, what))}")

    def run(self) -> World:
        """Live through it all, and check the end."""
        steps = 0
        while self._heap:
            self.now, _, action = heappop(self._heap)
            action()
            steps += 1
            if steps > 50_000:
                raise BrokenPromiseError("it never comes to rest")
        self._check_end()
        return self

    def _check_end(self) -> None:
        content = self.empty()
        for entry in self.log.entries:
            content.apply(entry.value())
        expected = content.delta()
        assert self.server is not None
        if self.server.authority.content.delta() != expected:
            raise BrokenPromiseError("the server holds something else than its log")
        sequences: dict[str, int] = {}
        for entry in self.log.entries:
            if entry.sequence != sequences.get(entry.client, 0) + 1:
                raise BrokenPromiseError(f"{entry.client}: {entry.sequence} is out of sequence")
            sequences[entry.client] = entry.sequence
        for typist in self.typists:
            if typist.gone:
                continue
            if typist.orphan:
                raise BrokenPromiseError(f"what {typist.id} left behind was not delivered")
            if typist.machine is None:
                raise BrokenPromiseError(f"{typist.id} never got in")
            if typist.machine.pending is not None:
                raise BrokenPromiseError(f"{typist.id} still has something unsaved")
            if typist.machine.revision != len(self.log.entries):
                raise BrokenPromiseError(f"{typist.id} stays behind")
            if typist.machine.sequence != sequences.get(typist.id, 0):
                raise BrokenPromiseError(f"{typist.id} counts another number of edits than the log")
            assert typist.content is not None
            if typist.content.delta() != expected:
                raise BrokenPromiseError(f"{typist.id} ends with another text")
            if typist.content.checksum() != content.checksum():
                raise BrokenPromiseError(f"{typist.id} ends with another checksum")


class _ForgetfulClient(Client):
    """Moves what is in flight over what comes in, and forgets the buffer behind it."""

    def receive(self, revision: int, client: str, sequence: int, delta: Delta) -> Received:
        buffer = self.buffer
        received = super().receive(revision, client, sequence, delta)
        if received.delta is not None:
            self.buffer = buffer
        return received


class _ContraryClient(Client):
    """Believes that the other one goes first where two insert at one place."""

    def receive(self, revision: int, client: str, sequence: int, delta: Delta) -> Received:
        with mock.patch("collab.ot.client.precedes", lambda a, b: not precedes(a, b)):
            return super().receive(revision, client, sequence, delta)


class _InexactAuthority(Authority):
    """Is one place off after every transformation."""

    def transform(self, base: int, client: str, delta: Delta) -> Delta:
        ops = super().transform(base, client, delta).ops
        if base != self.revision and ops and ops[0].get("retain", 0) > 1:
            ops[0]["retain"] -= 1
        return Delta(ops)
