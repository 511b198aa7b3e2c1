"""A sender's flood slows that sender: the plugin, and everybody else, don't notice."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import aiohttp
import pytest
import pytest_asyncio

from collab.ot import Delta
from collab.plugins.loading import Bounds
from collab.plugins.senders import SIZE, WAITING
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.testing.raw import RawSession
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import BOB, FakeRoom, FakeSession, make_manager, the, write_plugin

COUNT = 5000
"""Messages in one frame at most."""

FRAME = 256 * 1024
"""Bytes of one frame at most."""

FRAMES = 3


def many(*messages: dict[str, Any]) -> Callable[[RawSession], Awaitable[None]]:
    """Floods with these, again and again."""

    async def flood(session: RawSession) -> None:
        small = [json.dumps(one, separators=(",", ":")) for one in messages]
        count = min(COUNT, FRAME // (max(map(len, small)) + 1))
        frame = ",".join((small * count)[:count])
        for _ in range(FRAMES):
            await session.send_text(f"[{frame}]")

    return flood


def said(plugin: str, data: Any) -> dict[str, Any]:
    return {"type": "message", "plugin": plugin, "data": data}


async def edits(session: RawSession) -> None:
    revision = session.revision
    for number in range(COUNT):
        await session.operate(revision + number, number + 1, [{"insert": "x"}])


FLOODS = {
    "chat, asked": many(said("chat", {"kind": "older", "before": 1})),
    "chat, changed": many(said("chat", {"kind": "delete", "id": 1})),
    "presence": many(said("presence", {"idle": True}), said("presence", {"idle": False})),
    "cursors": many(
        said("cursors", {"anchor": 0, "revision": 0}), said("cursors", {"anchor": None})
    ),
    "comments": many(said("comments", {"kind": "delete", "thread": "x", "comment": 1})),
    "history": many(said("history", {"do": "restore", "revision": 1})),
    "what no plugin understands": many(said("chat", 5)),
    "no plugin": many(said("nobody", 5)),
    "edits": edits,
    "edits of no sense": many(
        {"type": "operation", "revision": 99, "sequence": 1, "delta": [{"delete": 9}]}
    ),
    "pings": many({"type": "ping"}),
    "mismatches": many({"type": "mismatch", "revision": 0, "checksum": 1}),
    "faults": many({"type": "fault", "plugin": "chat", "error": "boom"}),
    "hellos": many({"type": "hello", "protocol": 1}),
}

BROKEN = """
class Broken(Plugin):
    @hookimpl
    def session_joined(self): 1 / 0
"""


@pytest_asyncio.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    write_plugin(tmp_path / "plugins", "broken", BROKEN)
    settings = Settings(data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins")
    async with serve(settings) as running:
        yield running


@pytest_asyncio.fixture
async def mallory() -> AsyncIterator[aiohttp.ClientSession]:
    """Somebody else than ``server.http``: with cookies of their own."""
    async with aiohttp.ClientSession() as http:
        yield http


def harmed(server: Server) -> dict[str, str]:
    """The plugins whose breaker is not closed, or that missed something."""
    health = server.app[PLUGINS].health()
    return {
        name: str(one.last_error)
        for name, one in health.items()
        if name != "broken" and (one.state != "closed" or one.skipped)
    }


async def chat_works(session: RawSession) -> None:
    await session.send(said("chat", {"kind": "post", "key": "k", "text": "Anybody there?"}))
    while True:
        message = await session.expect("message", plugin="chat")
        if message["data"]["kind"] == "posted":
            return


@pytest.mark.bundled("chat", "presence", "cursors")
@pytest.mark.parametrize("what", FLOODS)
async def test_no_flood_of_messages_opens_a_breaker(
    server: Server, mallory: aiohttp.ClientSession, what: str
) -> None:
    url = server.socket(await server.create_document("Notes", "one"))
    async with asyncio.timeout(60):
        flooding = await RawSession.open(mallory, url)
        honest = await RawSession.open(server.http, url)
        reading = asyncio.create_task(FLOODS[what](flooding))
        await chat_works(honest)
        await reading
        # All of it was taken before the answer to this. A flooder who is let go had their due.
        closing = asyncio.create_task(flooding.send({"type": "ping"}))
        ended = asyncio.create_task(flooding.ended())
        while not ended.done() and not any(one["type"] == "pong" for one in flooding.received):
            await asyncio.sleep(0.01)
        ended.cancel()
        await closing
        await server.app[PLUGINS].told()
        assert not harmed(server)
        await chat_works(await RawSession.open(server.http, url))


async def test_no_coming_and_going_and_no_renaming_opens_a_breaker(
    server: Server, mallory: aiohttp.ClientSession
) -> None:
    urls = [server.socket(await server.create_document(str(one), "")) for one in range(30)]
    async with asyncio.timeout(60):
        open_everywhere = [await RawSession.open(mallory, url) for url in urls]
        for number in range(30):
            async with mallory.put(f"{server.url}/api/me", json={"name": f"M {number}"}) as done:
                assert done.status == 200

        async def come_and_go() -> None:
            for _ in range(30):
                await (await RawSession.open(mallory, urls[0])).close()

        await asyncio.gather(*(come_and_go() for _ in range(10)))
        await server.app[PLUGINS].told()
        assert not harmed(server)
        await chat_works(await RawSession.open(server.http, urls[0]))
        for session in open_everywhere:
            await session.close()
    # The negative control: what fails by itself is left alone.
    assert server.app[PLUGINS].health()["broken"].state == "open"


# The queue.

SLOW = """
import asyncio

class Slow(Plugin):
    def __init__(self):
        self.go = asyncio.Event()
        self.seen = []

    @hookimpl
    async def message_received(self, session, data):
        await self.go.wait()
        self.seen.append(data)

    @hookimpl
    def document_opened(self, document): self.seen.append("opened")

    @hookimpl
    async def operation_committed(self, operation):
        await self.go.wait()
        self.seen.append(operation.revision)

    @hookimpl
    def session_joined(self, session): self.seen.append(f"{session.id} joined")

    @hookimpl
    def session_changed(self, session): self.seen.append(f"{session.id} is {session.user.name}")

    @hookimpl
    def session_left(self, session): self.seen.append(f"{session.id} left")

    @hookimpl
    def document_closed(self): self.seen.append("closed")
"""


async def test_people_and_sources_are_told_in_turn(tmp_path: Path) -> None:
    write_plugin(tmp_path, "slow", SLOW)
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)

    def person(id: str, source: str) -> FakeSession:
        session = FakeSession(id, User(id, id, ""), source)
        room.sessions[id] = session
        return session

    crowd = [person(f"bad{one}", "203.0.113.1") for one in range(20)]
    for _ in range(50):
        for session in crowd:
            room.say(session, "slow", session.id)
    neighbour, other = person("neighbour", "203.0.113.1"), person("other", "198.51.100.1")
    for _ in range(3):
        room.say(neighbour, "slow", "neighbour")
        room.say(other, "slow", "other")
    slow = the(manager, "slow")
    slow.go.set()
    await manager.told()
    said = [one for one in slow.seen if one != "opened"]
    assert len(said) == 1006
    at = [index for index, one in enumerate(said) if one == "other"]
    assert at[-1] <= 20 + 6, "after one of each, another source has every second turn"
    at = [index for index, one in enumerate(said) if one == "neighbour"]
    assert at[-1] <= 20 + 3 * 21 + 3, "another person at the same source has a turn in each round"
    assert manager.health()["slow"].state == "closed"


async def test_everybody_s_own_order_is_kept(tmp_path: Path) -> None:
    write_plugin(tmp_path, "slow", SLOW)
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    ada = room.join("1")
    room.commit(Delta().insert("a"))
    room.say(ada, "slow", "after 1")
    room.commit(Delta().insert("b"))
    bob = room.join("2", BOB)
    for number in range(3):
        room.say(bob, "slow", f"bob {number}")
    room.leave(bob)
    room.say(ada, "slow", "after 2")
    room.close()
    slow = the(manager, "slow")
    slow.go.set()
    await manager.told()
    seen = slow.seen
    assert seen[:2] == ["opened", "1 joined"]
    assert seen[-1] == "closed"
    for before, after in [
        (1, "after 1"), (1, 2), (2, "2 joined"), ("2 joined", "bob 0"), ("bob 0", "bob 1"),
        ("bob 1", "bob 2"), ("bob 2", "2 left"), ("after 1", "after 2"), ("after 2", "1 left"),
    ]:  # fmt: skip
        assert seen.index(before) < seen.index(after), (before, after)
    assert manager.health()["slow"].waiting == 0


async def test_who_has_much_waiting_is_read_later_and_others_are_not(tmp_path: Path) -> None:
    write_plugin(tmp_path, "slow", SLOW)
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    ada, again, bob = room.join("1"), room.join("2"), room.join("3", BOB)
    observer = manager.observer
    for _ in range(WAITING):
        waits = observer.message(room, ada, "slow", "x")
    assert waits is not None and not waits.is_set()
    assert observer.message(room, again, "slow", "x") is waits, "the same person in another tab"
    assert observer.room_for(again) is waits, "and before a third is opened"
    assert observer.message(room, bob, "slow", "x", SIZE - 1) is None
    assert observer.message(room, bob, "slow", "x", 1) is not None, "bytes count too"
    the(manager, "slow").go.set()
    await waits.wait()
    await manager.told()
    assert observer.message(room, ada, "slow", "x") is None
    await manager.told()


async def test_a_plugin_that_is_too_slow_for_the_edits_misses_some_and_is_told_what_is_there(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "slow", SLOW)
    manager = make_manager(tmp_path, bounds=Bounds(queue=100))
    flooded, quiet = FakeRoom(manager, id="flooded"), FakeRoom(manager, id="quiet")
    flooded.join("1")
    quiet.join("2", BOB)
    await manager.told()
    quiet.commit(Delta().insert("q"))
    flooded.commit(*[Delta().insert("a")] * 150)
    health = manager.health()["slow"]
    assert health.state == "closed" and health.failures == 0
    assert health.waiting <= 100
    slow = the(manager, "slow")
    slow.go.set()
    await manager.told()
    assert slow.seen.count("opened") == 3, "the flooded document once again"
    assert slow.seen.count("1 joined") == 2 and slow.seen.count("2 joined") == 1
    assert slow.seen[-1] == 150, "the newest were kept"
    assert "plugin slow does not keep up" in caplog.text
    assert manager.observer.vets is False


async def test_a_session_that_is_renamed_again_and_again_is_told_of_once(tmp_path: Path) -> None:
    write_plugin(tmp_path, "slow", SLOW)
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    ada = room.join("1")
    for number in range(1000):
        ada.user = User("ada", f"Ada {number}", "")
        manager.observer.changed(room, ada)
    assert manager.health()["slow"].waiting == 3
    await manager.told()
    ada.user = User("ada", "Countess", "")
    manager.observer.changed(room, ada)
    await manager.told()
    assert the(manager, "slow").seen == [
        "opened", "1 joined", "1 is Ada 999", "1 is Countess",
    ]  # fmt: skip


async def test_documents_that_come_and_go_are_cleared_away(tmp_path: Path) -> None:
    """Whatever else a plugin misses, it is told that a document was closed."""
    write_plugin(tmp_path, "slow", SLOW)
    manager = make_manager(tmp_path, bounds=Bounds(queue=100))
    rooms = [FakeRoom(manager, id=str(one)) for one in range(20)]
    for room in rooms:
        room.commit(*[Delta().insert("a")] * 10)
        room.close()
    slow = the(manager, "slow")
    slow.go.set()
    await manager.told()
    assert manager.health()["slow"].skipped
    assert slow.seen.count("closed") == 20
