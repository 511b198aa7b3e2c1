"""The real rooms, journal and socket conversation in virtual time, under real replicas.

Only the outermost things are played: the network (delays, cuts, pauses, lost goodbyes), the
disk (slow, failing with an unknown outcome) and `kill -9`. Everything in between is the
product's own code. One seed decides everything, the ids and the clock included.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import logging
import random as chance
import secrets
import time
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from random import Random
from types import SimpleNamespace
from typing import Any, cast
from unittest import mock

from aiohttp import WSMessage, WSMsgType
from msgspec.structs import replace

from collab.client.errors import Rescue
from collab.client.events import Change, Ended, Restart, Retry, Saved
from collab.client.replica import Replica
from collab.ot import Delta, document_type
from collab.plugins.gate import Gate
from collab.plugins.manager import PluginManager
from collab.plugins.standing import Standing
from collab.protocol import messages
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.rooms import Quiet, Room, Rooms, Session
from collab.storage.memory import MemoryStore
from collab.storage.port import Append, DocumentRecord, Loaded, Snapshot, StorageError
from collab.testing import clock
from collab.web.clients import CLIENTS, Clients
from collab.web.connection import Connection
from collab.web.keys import CONNECTIONS, PLUGINS, ROOMS, SETTINGS, STORE
from collab.web.socket import _Conversation
from tests.simulation.edits import boundaries, random_edit
from tests.simulation.world import BrokenPromiseError

DOCUMENT = "d"

START = "The cat 😀 sat.\n"

READER = frozenset({"read"})
WRITER = frozenset({"read", "write"})


class Disk:
    """A store as one run of the server sees it: slow, at times failing, silent once killed."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.store = house.store
        """What it began with, whatever is put in its place later."""
        self.killed = False

    async def _turn(self, mean: float) -> None:
        self._check()
        await asyncio.sleep(self.house.random.expovariate(1 / mean))
        self._check()

    def _check(self) -> None:
        if self.killed:
            raise StorageError("the process is dead")

    async def append(self, appends: Sequence[Append]) -> None:
        house = self.house
        fails = not house.calm and house.random.random() < 0.03 * house.trouble
        written = house.random.random() < 0.5
        try:
            await self._turn(0.005)
        except (StorageError, asyncio.CancelledError):
            # Killed in the middle: what was handed over may be on disk or not.
            if self.killed and written:
                await self.store.append(appends)
            raise
        if not fails or written:
            await self.store.append(appends)
        if fails:
            await self._turn(0.5)
            raise StorageError("the disk did not answer")

    async def load(self, id: str, revision: int | None = None) -> Loaded | None:
        await self._turn(0.01)
        if not self.house.calm and self.house.random.random() < 0.03 * self.house.trouble:
            raise StorageError("the disk can't be read")
        loaded = await self.store.load(id, revision)
        await self._turn(0.01)
        return loaded

    async def last_sequence(self, document: str, client: str) -> tuple[int, int]:
        await self._turn(0.01)
        found = await self.store.last_sequence(document, client)
        await self._turn(0.01)
        return found

    async def hash_at(self, id: str, revision: int) -> bytes | None:
        await self._turn(0.01)
        found = await self.store.hash_at(id, revision)
        await self._turn(0.01)
        return found

    async def operations(
        self, id: str, since: int, until: int | None = None
    ) -> AsyncIterator[Any]:
        await self._turn(0.01)
        async for operation in self.store.operations(id, since, until):
            yield operation

    async def save_snapshot(self, id: str, snapshot: Snapshot) -> None:
        await self._turn(0.05)
        await self.store.save_snapshot(id, snapshot)

    async def document(self, id: str) -> DocumentRecord | None:
        self._check()
        return await self.store.document(id)

    async def touch(self, times: dict[str, float]) -> None:
        self._check()
        await self.store.touch(times)


class Link:
    """One WebSocket: frames in order both ways, until either side lets go."""

    def __init__(self, house: House, person: Person) -> None:
        self.house = house
        self.person = person
        self.logged = house.logged()
        """The log of the server that it leads to."""
        self.incoming: asyncio.Queue[WSMessage] = asyncio.Queue()
        self.closed = False
        """The server's side is closed."""
        self.unread = 0
        self.reading = asyncio.Event()
        self._last = {"up": 0.0, "down": 0.0}

    def _deliver(self, direction: str, receive: Callable[[], None]) -> None:
        house = self.house
        # Never two at once: the loop keeps no order among timers of one moment.
        arrival = max(self._last[direction] + 1e-6, house.loop.time() + house.delay())
        self._last[direction] = arrival
        house.loop.call_at(arrival, receive)

    def up(self, data: bytes) -> None:
        self._deliver(
            "up", lambda: self.incoming.put_nowait(WSMessage(WSMsgType.TEXT, data, None))
        )

    def down(self, data: bytes) -> None:
        self.unread += len(data)

        def receive() -> None:
            self.unread -= len(data)
            self.reading.set()
            if self.person.link is self:
                self.person.receive(data)

        self._deliver("down", receive)

    def hang_up(self) -> None:
        """The client's side is gone; the server learns of it after what was sent before."""
        self._deliver(
            "up", lambda: self.incoming.put_nowait(WSMessage(WSMsgType.CLOSED, None, None))
        )

    def end(self) -> None:
        """The server's side is gone."""
        if not self.closed:
            self.closed = True
            self.reading.set()
            self.incoming.put_nowait(WSMessage(WSMsgType.CLOSED, None, None))

            def notice() -> None:
                if self.person.link is self:
                    self.person.lost()

            self._deliver("down", notice)


class PlayedSocket:
    """What `aiohttp.web.WebSocketResponse` is to the conversation."""

    def __init__(self, link: Link) -> None:
        self._link = link

    @property
    def closed(self) -> bool:
        return self._link.closed

    async def receive(self) -> WSMessage:
        return await self._link.incoming.get()

    async def send_frame(self, data: bytes, kind: WSMsgType) -> None:
        while self._link.unread > 65536 and not self._link.closed:
            await self._link.reading.wait()
            self._link.reading.clear()
        if not self._link.closed:
            self._link.down(data)

    async def close(self, *, code: int, message: bytes) -> None:
        self._link.end()


class PlayedTransport:
    """What the TCP transport is to a `Connection`: takes whole unmasked frames."""

    def __init__(self, link: Link) -> None:
        self._link = link

    def is_closing(self) -> bool:
        return self._link.closed

    def get_write_buffer_size(self) -> int:
        return self._link.unread

    def write(self, wire: bytes) -> None:
        size = wire[1] & 0x7F
        start = 2 if size < 126 else 4 if size == 126 else 10
        self._link.down(bytes(wire[start:]))

    def abort(self) -> None:
        self._link.end()


class Meddling(Quiet):
    """An observer that takes its time over every operation, and rewrites some."""

    vets = True

    def __init__(self, house: House) -> None:
        self._house = house

    async def before(
        self, room: Room, session: Session | None, author: str, delta: Delta
    ) -> Delta:
        house = self._house
        await asyncio.sleep(house.random.expovariate(1 / 0.01))
        if house.rich or house.gentle or house.random.random() > 0.2:
            return delta
        ops = delta.ops
        for op in ops:
            if "insert" in op:
                op["insert"] = house.random.choice((op["insert"].upper(), "!", ""))
        return Delta([op for op in ops if op.get("insert") != ""])


class Server:
    """One run of the server: from a start to a stop or a kill."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.disk = Disk(house)
        self.links: dict[Link, None] = {}  # a set has another order in every run
        self.tasks: set[asyncio.Task[None]] = set()
        observer = Meddling(house) if house.meddled else Quiet()
        self.rooms = Rooms(self.disk, house.settings, observer)
        plugins = PluginManager(house.settings)  # none are loaded
        plugins.standing = self.standing = Standing(cast(Gate, self), self._open)
        self._request: Any = SimpleNamespace(
            app={
                SETTINGS: house.settings,
                ROOMS: self.rooms,
                STORE: self.disk,
                CLIENTS: Clients(b"secret" * 6),
                CONNECTIONS: set(),
                PLUGINS: plugins,
            }
        )

    # What people may do: this stands for the plugins, which take their time to answer.

    async def permissions(self, user: User, document: Any) -> frozenset[str]:
        await asyncio.sleep(self.house.random.expovariate(1 / 0.01))
        return READER if user.id in self.house.readers else WRITER

    def _open(self) -> list[Any]:
        room = self.rooms.find(DOCUMENT)
        return [] if room is None else [SimpleNamespace(id=DOCUMENT, sessions=room.sessions)]

    def ordered(self) -> int:
        """The last revision that has its place."""
        room = self.rooms.find(DOCUMENT)
        return 0 if room is None else room._ordering.revision

    def accept(self, link: Link) -> None:
        self.links[link] = None
        self.run(self._serve(link))

    def run(self, work: Any) -> None:
        task = self.house.loop.create_task(work)
        self.tasks.add(task)
        task.add_done_callback(self._done)

    def _done(self, task: asyncio.Task[None]) -> None:
        self.tasks.discard(task)
        error = None if task.cancelled() else task.exception()
        if error is not None and not self.disk.killed and not isinstance(error, CollabError):
            self.house.fail(error)

    async def _serve(self, link: Link) -> None:
        """What `collab.web.socket.open_socket` does, without the HTTP around it."""
        house = self.house
        socket: Any = PlayedSocket(link)
        transport: Any = PlayedTransport(link)
        try:
            turn = self.standing.turn
            async with self.rooms.use(DOCUMENT) as room:
                connection = Connection(
                    socket, transport, house.settings.limits, link.person.user,
                    await self.permissions(link.person.user, None),
                )
                try:
                    await _Conversation(self._request, room, socket, connection, turn).run()
                finally:
                    room.leave(connection)
                    await connection.finished()
        finally:
            link.end()
            self.links.pop(link, None)

    async def edit(self) -> None:
        """An edit made on the server, as `PUT …/content` makes it."""
        async with self.rooms.use(DOCUMENT) as room:
            delta = random_edit(self.house.random, room.content, rich=self.house.rich)
            revision = await room.edit(delta, author=User("api", "", ""), revision=room.revision)
            if revision > len(self.house.logged()):
                raise BrokenPromiseError("an edit on the server returned before it was saved")

    async def stop(self) -> None:
        await self.rooms.stop(0.2)
        for link in list(self.links):
            link.end()

    def kill(self) -> None:
        """No instruction of this server has an effect after this."""
        self.disk.killed = True
        for link in list(self.links):
            link.end()
        current = asyncio.current_task()
        for task in self.house.tasks:
            if task is not current and task is not self.house.main and not task.done():
                task.cancel()
        self.house.tasks.clear()


class Person:
    """A replica, somebody who edits it, and the connection it has at the moment."""

    def __init__(self, house: House, name: str) -> None:
        self.house = house
        self.replica = Replica()
        self.user = User(name, name, "#000000")
        self.link: Link | None = None

    def connect(self) -> None:
        if self.link is not None:
            return
        house = self.house
        if house.server is None:
            house.later(0.2, self.connect)
            return
        self.link = Link(house, self)
        house.server.accept(self.link)
        self.link.up(b"[" + messages.encode(self.replica.hello()) + b"]")

    def lost(self, after: float = 0.0) -> None:
        link, self.link = self.link, None
        if link is not None:
            self.replica.welcomed = False
            link.hang_up()
            self.house.loop.call_later(
                after + self.house.random.expovariate(10), self.connect
            )

    def flush(self) -> None:
        outgoing = self.replica.take()
        if outgoing and self.link is not None:
            self.link.up(b"[" + b",".join(map(messages.encode, outgoing)) + b"]")

    def edit(self) -> None:
        house = self.house
        if self.replica.client is None or "write" not in self.replica.permissions:
            return  # `collab.client.Document` refuses it
        if house.gentle:
            content = self.replica.content
            delta = Delta().retain(house.random.choice(boundaries(content)))
            delta.insert(house.token())
        else:
            delta = random_edit(house.random, self.replica.content, rich=house.rich)
        house.note(self.user.id, "edits", json.dumps(delta.ops))
        self.replica.edit(delta)
        self.flush()

    def receive(self, data: bytes) -> None:
        house = self.house
        assert self.link is not None
        logged = self.link.logged
        try:
            for message in messages.decode_server(data):
                for event in self.replica.receive(message):
                    house.note(self.user.id, type(event).__name__)
                    match event:
                        case Change():
                            self._changed(event, logged)
                        case Saved():
                            if event.revision > len(logged):
                                raise BrokenPromiseError("acknowledged before it was saved")
                        case Retry():
                            house.loop.call_later(event.after, self._resend)
                        case Restart():
                            self._rescued(event.rescue)
                            self.lost()
                            return
                        case Ended():
                            if event.retry_after is None:
                                raise BrokenPromiseError(f"sent away for good: {event.sentence}")
                            self.lost(event.retry_after)
                            return
            self._check_saved(logged)
            self.flush()
        except Exception as error:
            house.fail(error)

    def _check_saved(self, logged: list[Any]) -> None:
        """Who says that all is saved shows the server's text."""
        replica = self.replica
        if not replica.welcomed or not replica.synchronized:
            return
        if replica.revision > len(logged):
            raise BrokenPromiseError("all is said to be saved that the server lacks")
        if replica.content.delta() != self.house.content(logged, replica.revision):
            raise BrokenPromiseError("all is said to be saved, and the server has another text")

    def _rescued(self, rescue: Rescue | None) -> None:
        if rescue is None:
            return
        if rescue.code == "history_changed" and self.house.put_back:
            self.house.note(self.user.id, "history_changed")
            self.house.rescued += rescue.text
            return
        if rescue.code != "read_only":
            raise BrokenPromiseError(f"given up: {rescue.sentence}")
        if rescue.unsaved is None:
            raise BrokenPromiseError("a rescue copy of nothing")
        self.house.note(self.user.id, "rescued")
        if self.house.older:  # What the server had may be lost before this person is back.
            self.house.rescued += rescue.text
            return
        self.house.rescued += "".join(
            str(op.get("insert", "")) for op in rescue.unsaved.ops
        )

    def _changed(self, change: Change, logged: list[Any]) -> None:
        if change.reset:
            return
        if change.revision > len(logged):
            raise BrokenPromiseError(f"revision {change.revision} was seen before it was saved")
        entry = logged[change.revision - 1]
        if (entry.client, Delta(json.loads(entry.delta))) != (change.client, change.delta):
            raise BrokenPromiseError(f"revision {change.revision} is not what the log has")

    def _resend(self) -> None:
        self.replica.resend()
        self.flush()


class House:
    """Everything, for one seed."""

    def __init__(self, seed: int, duration: float = 6.0, *, older: bool = False) -> None:
        """``older``: now and then an older copy of the database is put back."""
        self.random = Random(seed)
        self.older = older
        self.put_back = 0
        """How often that happened."""
        self._contents: list[tuple[list[Any], list[Delta]]] = []
        self.rich = self.random.random() < 0.4
        self.gentle = self.random.random() < 0.4
        """People only insert, each character once: at the end all of them are there."""
        self.meddled = self.random.random() < 0.3
        self.calm = False
        self.trouble = self.random.choice((0.0, 0.5, 1.0))
        self.latency = self.random.choice((0.002, 0.02, 0.2))
        self.duration = duration
        self.trace: list[str] = []
        self.tokens: list[str] = []
        self.readers: set[str] = set()
        """Who may not write now."""
        self.decisions = 0
        self.since: dict[str, int] = {}
        """By user, the last revision when that was in force."""
        self.rescued = ""
        """What was typed and could not be saved, because its writer may not write any more."""
        self.store = MemoryStore()
        self.settings = Settings(
            idle_close=self.random.choice((0.05, 30.0)),
            checksum_interval=self.random.choice((0.1, 5.0)),
        )
        self.server: Server | None = None
        self.people: list[Person] = []
        self.tasks: list[asyncio.Task[Any]] = []
        """Of this server, oldest first: `asyncio.all_tasks` has another order in every run."""
        self.failure: BaseException | None = None

    def note(self, *what: object) -> None:
        self.trace.append(f"{self.loop.time():.9f} {' '.join(map(str, what))}")

    def fail(self, error: BaseException) -> None:
        self.failure = self.failure or error
        self.over.set()

    def delay(self) -> float:
        if not self.calm and self.random.random() < 0.01:
            return self.random.random() * 2.0
        return self.random.expovariate(1 / self.latency)

    def later(self, mean: float, action: Callable[[], None]) -> None:
        self.loop.call_later(self.random.expovariate(1 / mean), action)

    def token(self) -> str:
        self.tokens.append(chr(0x4E00 + len(self.tokens)))
        return self.tokens[-1]

    def logged(self) -> list[Any]:
        return self.store._documents[DOCUMENT].operations

    def content(self, logged: list[Any], revision: int) -> Delta:
        """What a log makes of the document, up to a revision."""
        known = [contents for log, contents in self._contents if log is logged]
        if not known:
            known = [[Delta([{"insert": START}])]]
            self._contents.append((logged, known[0]))
        contents = known[0]
        for entry in logged[len(contents) - 1 : revision]:
            contents.append(contents[-1].compose(Delta(json.loads(entry.delta))))
        return contents[revision]

    def _make_task(self, loop: asyncio.AbstractEventLoop, work: Any, **how: Any) -> Any:
        task = asyncio.Task(work, loop=loop, **how)
        self.tasks.append(task)
        return task

    # What happens.

    def _start_server(self) -> None:
        if self.server is None:
            self.note("start")
            self.server = Server(self)

    def _kill(self) -> None:
        if self.server is not None:
            self.note("kill")
            self.server.kill()
            self.server = None
            self.later(0.3, self._start_server)

    def _stop(self) -> None:
        if self.server is not None:
            self.note("stop")
            server, self.server = self.server, None
            server.run(self._stop_and_start(server))

    async def _stop_and_start(self, server: Server) -> None:
        await server.stop()
        self.later(0.3, self._start_server)

    def _put_back(self) -> None:
        """The server dies, and an older copy of its database takes the place of what it wrote."""
        self._kill()
        kept = self.store._documents[DOCUMENT]
        revision = self.random.randint(0, len(kept.operations))
        self.note("put", "back", revision, len(kept.operations))
        self.put_back += 1
        operations = kept.operations[:revision]
        older = MemoryStore()
        older._documents[DOCUMENT] = replace(
            kept,
            record=replace(kept.record, revision=revision),
            snapshots={at: one for at, one in kept.snapshots.items() if at <= revision},
            operations=operations,
            clients={one.client: (one.sequence, one.revision) for one in operations},
        )
        self.store = older

    def _cut(self) -> None:
        self.random.choice(self.people).lost()

    def _resend(self) -> None:
        self.random.choice(self.people)._resend()

    def _edit_on_server(self) -> None:
        if self.server is not None and not self.gentle:
            self.server.run(self.server.edit())

    def _permit(self) -> None:
        """Somebody may not write any more, or may again."""
        user = self.random.choice(self.people).user.id
        self.note("permit", user)
        self._check_readers()
        self.since.pop(user, None)
        self.decisions += 1
        self.readers ^= {user}
        if self.server is not None:
            self.server.run(self._decide(self.server, user, self.decisions))

    async def _decide(self, server: Server, user: str, decision: int) -> None:
        await server.standing.reconsider(user)
        if decision == self.decisions and user in self.readers and not server.disk.killed:
            self.since[user] = max(server.ordered(), len(self.logged()))

    def _check_readers(self) -> None:
        """Nobody wrote anything after it was decided that they may not."""
        for user, revision in self.since.items():
            if any(entry.author == user for entry in self.logged()[revision:]):
                raise BrokenPromiseError(f"{user} wrote, and may not")

    def _someone_edits(self) -> None:
        self.random.choice(self.people).edit()

    async def live(self) -> None:
        self.loop = asyncio.get_running_loop()
        self.main = asyncio.current_task()
        self.loop.set_task_factory(self._make_task)
        self.over = asyncio.Event()
        content = json.dumps([{"insert": START}]).encode()
        kind = "richtext" if self.rich else "text"
        await self.store.create(
            DocumentRecord(DOCUMENT, "Title", kind, "epoch", 0, 0.0, 0.0), content
        )
        self._start_server()
        for number in range(self.random.choice((2, 2, 3, 5))):
            person = Person(self, f"p{number}")
            self.people.append(person)
            person.connect()
        for _ in range(self.random.choice((10, 30, 60))):
            self.loop.call_later(self.random.random() * self.duration, self._someone_edits)
        troubles = (
            self._cut, self._cut, self._cut, self._resend, self._resend, self._kill, self._stop,
            self._edit_on_server, self._permit, self._permit,
        )
        if self.older:
            for _ in range(2):
                self.loop.call_later(self.random.random() * self.duration, self._put_back)
        for _ in range(int(12 * self.trouble)):
            self.loop.call_later(
                self.random.random() * self.duration, self.random.choice(troubles)
            )
        self.loop.call_later(self.duration, self._become_calm)
        self.loop.call_later(self.duration + 60.0, self.over.set)
        await self.over.wait()
        if self.failure is not None:
            raise self.failure
        self._check_end()
        assert self.server is not None
        await self.server.stop()

    def _become_calm(self) -> None:
        self.calm = True
        self._start_server()

    def _check_end(self) -> None:
        self._check_readers()
        logged = self.logged()
        content = document_type("richtext" if self.rich else "text").content(
            Delta([{"insert": START}])
        )
        sequences: dict[str, int] = {}
        for number, entry in enumerate(logged, 1):
            if entry.revision != number:
                raise BrokenPromiseError(f"revision {entry.revision} is in place {number}")
            if entry.sequence != sequences.get(entry.client, 0) + 1:
                raise BrokenPromiseError(f"{entry.client}: {entry.sequence} is out of sequence")
            sequences[entry.client] = entry.sequence
            content.apply(Delta(json.loads(entry.delta)))
        expected = content.delta()
        for person in self.people:
            replica = person.replica
            if not replica.welcomed or replica.unsaved or replica.revision != len(logged):
                raise BrokenPromiseError(f"{person.user.id} did not come to rest")
            if replica.content.delta() != expected:
                raise BrokenPromiseError(f"{person.user.id} ends with another text")
        kept = content.text() + self.rescued
        for token in self.tokens if self.gentle else ():
            if self.put_back:
                # Whoever saw it has it in a copy, and so may others; the text has it once at most.
                if token not in kept or content.text().count(token) > 1:
                    raise BrokenPromiseError(f"{token} was typed once and is lost, or doubled")
            elif (count := kept.count(token)) != 1:
                raise BrokenPromiseError(f"{token} was typed once and is there {count} times")


@contextlib.contextmanager
def _one_seed_for_all(random: Random) -> Iterator[None]:
    """Ids, clocks and threads, as far as the product uses them, follow the seed."""

    async def inline(function: Any, *arguments: Any) -> Any:
        return function(*arguments)

    def token(size: int = 16) -> str:
        return f"{random.getrandbits(8 * size):x}"

    with (
        mock.patch.object(secrets, "token_urlsafe", token),
        mock.patch.object(secrets, "randbelow", random.randrange),
        mock.patch.object(chance, "random", random.random),
        mock.patch.object(time, "time", return_value=1_700_000_000.0),
        mock.patch.object(asyncio, "to_thread", inline),
    ):
        yield


def simulate(seed: int, *, older: bool = False) -> House:
    """Run one seed; returns the house for a look around. Raises what went wrong."""
    house = House(seed, older=older)
    disabled = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    try:
        with _one_seed_for_all(Random(seed ^ 0x5EED)):
            clock.run(house.live())
    finally:
        logging.disable(disabled)
    return house
