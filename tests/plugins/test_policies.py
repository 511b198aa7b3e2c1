"""``before_operation``: what it is shown, and plugins that refuse edits when they fail."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from collab.ot import Delta
from collab.plugins.loading import Bounds
from collab.plugins.manager import PluginManager
from collab.plugins.policies import LATEST
from collab.plugins.positions import Positions
from collab.plugins.ranges import moved
from collab.plugins.switchboard import Switchboard
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.rooms import Room, Rooms
from collab.storage.memory import MemoryStore
from collab.storage.port import DocumentRecord
from collab.testing.raw import RawSession, SocketClosed
from collab.testing.server import serve
from collab.web.keys import PLUGINS
from tests.abuse.locked import Clock
from tests.plugins.fake import FakeRoom, make_manager, the, until, write_plugin
from tests.rooms.conftest import enter, typed

X = Delta().insert("x")

PATIENT = Bounds(hard=60.0, blocked=60.0)
"""For a busy machine: nothing is cut off that a test has to see."""


class SlowStore(MemoryStore):
    """Commits when a test lets it."""

    def __init__(self) -> None:
        super().__init__()
        self.open = asyncio.Event()
        self.open.set()

    async def append(self, appends: Any) -> None:
        await self.open.wait()
        await super().append(appends)


@asynccontextmanager
async def opened(
    manager: PluginManager, text: str, store: MemoryStore | None = None, type: str = "text"
) -> AsyncIterator[Room]:
    """A real room with a plugin manager around it."""
    store = store or MemoryStore()
    rooms = Rooms(store, Settings(), manager.observer)
    await manager.start(rooms, store)
    record = DocumentRecord("doc", "A title", type, "epoch", 0, 1.0, 1.0)
    await store.create(record, msgspec.json.encode([{"insert": text}] if text else []))
    async with rooms.use("doc") as room:
        yield room
    await rooms.stop(1.0)
    await manager.stop()


# What is shown.

WITNESS = """
import asyncio

class Witness(Plugin):
    def __init__(self):
        self.shown = []
        self.kept = []

    @hookimpl
    async def before_operation(self, document, delta):
        positions, ranges = self.positions(document), self.ranges(document)
        first = document.delta
        await asyncio.sleep(0)
        await asyncio.sleep(0)
        assert document.delta == first and document.length == first.length()
        assert document.revision == positions.revision == ranges.revision
        self.kept.append(document)
        self.shown.append((
            document.revision, document.delta.compose(delta), positions.get("mark"),
            dict(positions.items()), (await ranges.all()).get("part"),
        ))
"""


async def test_what_is_shown_is_what_the_edit_applies_to(tmp_path: Path) -> None:
    """Four people type at once while nothing gets to the disk; their bases are old."""
    write_plugin(tmp_path, "witness", WITNESS)
    manager, store = make_manager(tmp_path, bounds=PATIENT), SlowStore()
    async with opened(manager, "Hello, world.", store) as room:
        witness = the(manager, "witness")
        document = manager.house.document_of(room)
        positions: Positions = witness.positions(document)
        positions.set("mark", 7, 12)
        await witness.ranges(document).add("part", 7, 12)
        readers = [await enter(room, name) for name in "abcd"]
        sent = 0
        for number in range(40):
            if number % 8 == 0:
                store.open.clear()
            edit = Delta().retain(number % 11).insert("S")
            base = max(0, room.ordering.revision - number % 5)
            saving = asyncio.create_task(
                room.edit(edit, author=User("script", "", ""), revision=base)
            )
            sent += 1
            for reader in readers:
                last, revision = room.ordering.last(reader.client)
                if revision <= room.revision:  # else the last one is still on its way
                    room.submit(reader, typed(room.revision, last + 1, number % 9, reader.client))
                    sent += 1
            await until(lambda sent=sent: room.ordering.revision == sent)
            if number % 8 == 7:
                store.open.set()
                await saving
        await until(lambda: room.ordering.revision == room.revision == sent)
        history = [one.delta for one in await document.history()]
        for revision, composed, mark, items, part in witness.shown:
            assert (await document.content_at(revision + 1)).delta == composed
            assert tuple(part[:2]) == moved(7, 12, history[:revision])
            at = 7, 12
            for delta in history[:revision]:
                at = delta.transform_position(at[0], True), delta.transform_position(at[1], True)
            assert mark == at and items == {"mark": mark}
        assert [one[0] for one in witness.shown] == list(range(sent))
        # Afterwards it shows what is committed, as any other document.
        kept = witness.kept[0]
        assert (kept.revision, kept.text) == (room.revision, document.text)
        assert witness.positions(kept).get("mark") == positions.get("mark")


async def test_it_is_ahead_of_what_is_committed(tmp_path: Path) -> None:
    write_plugin(tmp_path, "witness", WITNESS)
    manager, store = make_manager(tmp_path, bounds=PATIENT), SlowStore()
    async with opened(manager, "end", store) as room:
        witness = the(manager, "witness")
        document = manager.house.document_of(room)
        witness.positions(document).set("mark", 1)
        await witness.ranges(document).add("part", 1, 3)
        store.open.clear()
        readers = [await enter(room, name) for name in "abc"]
        for number, reader in enumerate(readers, 1):
            room.submit(reader, typed(0, 1, 0, reader.client))
            await until(lambda number=number: room.ordering.revision == number)
        assert [(one[0], one[2], one[4][:2]) for one in witness.shown] == [
            (0, (1,), (1, 3)), (1, (2,), (2, 4)), (2, (3,), (3, 5)),
        ]
        # What others are shown is committed.
        assert (document.revision, document.text) == (0, "end")
        assert witness.positions(document).get("mark") == (1,)
        store.open.set()


@pytest.mark.parametrize(
    "change",
    [
        "self.positions(document).set('a', 0)", "self.positions(document).discard('a')",
        "await self.ranges(document).add('a', 0, 1)", "await self.ranges(document).remove('a')",
        "await self.ranges(document).update('a', 1)",
    ],
)
async def test_positions_and_ranges_are_shown_to_be_read(tmp_path: Path, change: str) -> None:
    source = f"""
        class Keen(Plugin):
            @hookimpl
            async def before_operation(self, document):
                {change}
        """
    write_plugin(tmp_path, "keen", source)
    manager = make_manager(tmp_path)
    async with opened(manager, "text") as room:
        await room.edit(X, author=User("ada", "", ""))
        assert "to read: change them in another hook" in str(manager.health()["keen"].last_error)


async def test_nobody_is_asked_about_an_edit_that_does_not_fit(tmp_path: Path) -> None:
    write_plugin(tmp_path, "witness", WITNESS)
    manager = make_manager(tmp_path)
    async with opened(manager, "four") as room:
        for delta in (Delta().retain(5).insert("x"), Delta().delete(5), Delta().insert("\0")):
            with pytest.raises(CollabError, match="bad_operation"):
                await room.edit(delta, author=User("ada", "", ""))
        assert the(manager, "witness").shown == [] and manager.health()["witness"].failures == 0


# What becomes of an answer.

REWRITES = """
from collab.ot import Delta

class Rewrites(Plugin):
    @hookimpl(MARK)
    def before_operation(self, document, delta):
        return ANSWER
"""


@pytest.mark.parametrize(
    ("mark", "text"), [("", "xab"), ("fail_closed=True", "ab")]
)
async def test_a_rewriting_that_does_not_fit_is_its_plugins_failure(
    tmp_path: Path, mark: str, text: str, caplog: pytest.LogCaptureFixture
) -> None:
    answer = "Delta().retain(document.length + 1).insert('y')"
    write_plugin(tmp_path, "odd", REWRITES.replace("MARK", mark).replace("ANSWER", answer))
    write_plugin(tmp_path, "later", REWRITES.replace("MARK", "").replace("ANSWER", "None"))
    manager = make_manager(tmp_path)
    async with opened(manager, "ab") as room:
        if mark:
            with pytest.raises(CollabError, match="The plugin odd checks every edit"):
                await room.edit(X, author=User("ada", "", ""))
        else:
            await room.edit(X, author=User("ada", "", ""))
        assert room.ordering.content.text() == text
        health = manager.health()
        assert "Position 3 is out of range" in str(health["odd"].last_error)
        assert health["later"].failures == 0
        assert "plugin odd failed in before_operation" in caplog.text


async def test_a_rewriting_of_too_many_parts_is_its_plugins_failure(tmp_path: Path) -> None:
    answer = "Delta([{'insert': 'y', 'attributes': {'n': n}} for n in range(9_000)])"
    write_plugin(tmp_path, "odd", REWRITES.replace("MARK", "").replace("ANSWER", answer))
    manager = make_manager(tmp_path, bounds=PATIENT)
    async with opened(manager, "ab", type="richtext") as room:
        await room.edit(X, author=User("ada", "", ""))
        assert room.ordering.content.text() == "xab"
        assert "operation_too_large" in str(manager.health()["odd"].last_error)


LOCK = """
class Lock(Plugin):
    '''The first character stays.'''

    asked = 0

    @hookimpl(fail_closed=True, tryfirst=True)
    def before_operation(self, document, delta):
        self.asked += 1
        if document.delta.compose(delta).ops[0]["insert"][0] != document.text[0]:
            raise Veto("The first character stays.")
"""


async def test_a_policy_is_asked_about_what_others_made_of_an_edit(tmp_path: Path) -> None:
    write_plugin(tmp_path, "lock", LOCK)
    answer = "Delta().delete(1) if 'evil' in str(delta.ops) else Delta(delta.ops).insert('!')"
    write_plugin(tmp_path, "other", REWRITES.replace("MARK", "").replace("ANSWER", answer))
    manager = make_manager(tmp_path)
    async with opened(manager, "ab") as room:
        with pytest.raises(CollabError, match="The first character stays"):
            await room.edit(Delta().retain(2).insert("evil"), author=User("ada", "", ""))
        assert room.ordering.content.text() == "ab" and the(manager, "lock").asked == 2
        await room.edit(Delta().retain(2).insert("c"), author=User("ada", "", ""))
        assert room.ordering.content.text() == "abc!" and the(manager, "lock").asked == 4


async def test_two_that_change_an_edit_again_and_again_have_it_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        source = REWRITES.replace("MARK", "fail_closed=True")
        write_plugin(tmp_path, name, source.replace("ANSWER", f"Delta().insert('{name}')"))
    manager = make_manager(tmp_path)
    async with opened(manager, "") as room:
        with pytest.raises(CollabError, match="change that edit again and again") as refused:
            await room.edit(X, author=User("ada", "", ""))
        assert refused.value.code is errors.VETOED


# Without an answer.

MOODY = """
import asyncio
import time

class Moody(Plugin):
    mood = "well"
    asked = 0

    @hookimpl(fail_closed=True)
    async def before_operation(self, delta):
        self.asked += 1
        if self.mood == "raise":
            raise RuntimeError("no")
        if self.mood == "hang":
            await asyncio.Event().wait()
        if self.mood == "answer wrongly":
            return 5
        if self.mood == "veto badly":
            raise Veto("No.", retry_after="soon")

    @hookimpl
    def operation_committed(self):
        raise RuntimeError("often")

    @hookimpl
    def message_received(self):
        time.sleep(0)
"""


async def refused(room: FakeRoom) -> CollabError:
    with pytest.raises(CollabError) as caught:
        await room.submit(None, X)
    return caught.value


@pytest.mark.parametrize("mood", ["raise", "hang", "answer wrongly", "veto badly"])
async def test_without_an_answer_an_edit_is_refused_and_may_come_again(
    tmp_path: Path, mood: str
) -> None:
    write_plugin(tmp_path, "moody", MOODY)
    clock = Clock()
    manager = make_manager(tmp_path, clock=clock, bounds=Bounds(hard=0.02, failures=3))
    room, moody = FakeRoom(manager), the(manager, "moody")
    moody.mood = mood
    for _ in range(12):
        error = await refused(room)
        assert error.code is errors.POLICY_UNAVAILABLE and error.code.retry
        assert 1 <= error.details["retry_after"] <= LATEST
    assert room.content.text() == ""
    # What can be provoked is no reason to refuse everybody's edits: it was asked each time.
    assert moody.asked == (1 if mood == "hang" else 12)
    moody.mood = "well"
    if mood == "hang":
        assert (await refused(room)).code is errors.POLICY_UNAVAILABLE
        clock.ahead += 3600
    await room.submit(None, X)
    assert room.content.text() == "x"


async def test_without_the_mark_they_pass(tmp_path: Path) -> None:
    write_plugin(tmp_path, "moody", MOODY.replace("fail_closed=True", ""))
    manager = make_manager(tmp_path, bounds=Bounds(hard=0.02, failures=3))
    room, moody = FakeRoom(manager), the(manager, "moody")
    for mood in ("raise", "hang", "answer wrongly", "veto badly"):
        moody.mood = mood
        await room.submit(None, X)
    assert room.content.text() == "xxxx" and moody.asked < 4


async def test_a_breaker_that_other_hooks_have_opened_is_no_way_past(tmp_path: Path) -> None:
    write_plugin(tmp_path, "moody", MOODY)
    manager = make_manager(tmp_path, bounds=Bounds(failures=3, queue=50))
    room, moody = FakeRoom(manager), the(manager, "moody")
    session = room.join("1")
    for _ in range(20):
        await room.submit(session, X)
    await manager.told()
    assert manager.health()["moody"].state == "open"
    for _ in range(200):
        room.say(session, "moody", {})
    asked = moody.asked
    await room.submit(session, X)
    assert moody.asked == asked + 1
    moody.mood = "raise"
    assert (await refused(room)).code is errors.POLICY_UNAVAILABLE


async def test_a_flooded_queue_is_no_way_past(tmp_path: Path) -> None:
    write_plugin(tmp_path, "moody", MOODY)
    manager = make_manager(tmp_path, bounds=Bounds(queue=50))
    room, moody = FakeRoom(manager), the(manager, "moody")
    session = room.join("1")
    for _ in range(200):
        room.say(session, "moody", {})
    await room.submit(session, X)
    assert moody.asked == 1


async def test_only_before_operation_can_be_marked(tmp_path: Path) -> None:
    source = """
        class Wrong(Plugin):
            @hookimpl(fail_closed=True)
            def operation_committed(self): ...
        """
    write_plugin(tmp_path, "wrong", source)
    (problem,) = make_manager(tmp_path).problems
    assert "operation_committed can't be marked fail_closed" in problem.sentence


# While it is loaded again, and when it is switched off.

SLOW_START = """
import asyncio

class Locked(Plugin):
    '''Nothing is written here.'''

    @hookimpl
    async def server_started(self):
        await asyncio.sleep(0.05)

    @hookimpl(fail_closed=True)
    def before_operation(self):
        raise Veto("Nothing is written here.")
"""


async def test_no_edit_passes_while_a_policy_is_loaded_again(tmp_path: Path) -> None:
    write_plugin(tmp_path, "locked", SLOW_START)
    manager, store = make_manager(tmp_path), MemoryStore()
    async with opened(manager, "ab", store) as room:
        ann = await enter(room, "a")
        switchboard = Switchboard(manager, lambda: store)
        for _ in range(3):
            reloading = asyncio.create_task(switchboard.reload("locked"))
            edits = []
            while not reloading.done():
                if len(edits) < 300:
                    edit = room.edit(X, author=User("ada", "", ""))
                    edits.append(asyncio.create_task(edit))
                    room.submit(ann, typed(0, 1, 0, "x"))
                await asyncio.sleep(0)
            await reloading
            outcomes = await asyncio.gather(*edits, return_exceptions=True)
            assert all(isinstance(one, CollabError) for one in outcomes) and len(edits) > 20
        await room.settle()
        assert room.ordering.revision == 0 and ann.operations == []
        assert {one.code for one in ann.errors} == {"vetoed"}
        # To switch it off is a decision.
        await switchboard.off("locked")
        room.submit(ann, typed(0, 1, 0, "x"))
        assert await room.edit(X, author=User("ada", "", "")) == 2


async def test_a_policy_that_is_lost_while_it_is_loaded_lets_nothing_pass(tmp_path: Path) -> None:
    write_plugin(tmp_path, "locked", SLOW_START)
    manager = make_manager(tmp_path)
    hooks = manager.loader.registry.fail_closed("locked")
    assert hooks == {"before_operation"}
    room = FakeRoom(manager)
    loaded, manager.loaded = manager.loaded, {}
    with manager.gate.exchanging("locked", hooks):
        manager.connect()
    assert manager.observer.vets
    error = await refused(room)
    assert error.code is errors.POLICY_UNAVAILABLE and error.details["retry_after"] >= 1
    manager.loaded = loaded
    manager.connect()
    manager.gate.settled("locked")
    assert (await refused(room)).code is errors.VETOED


# At the doors of a server.

TOKEN = "0123456789abcdef"


def server_settings(tmp_path: Path, source: str) -> Settings:
    write_plugin(tmp_path / "plugins", "moody", source)
    return Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("moody",),
        tokens={"script": TOKEN},
    )  # fmt: skip


async def test_the_author_keeps_the_edit_and_sends_it_again(tmp_path: Path) -> None:
    async with serve(server_settings(tmp_path, MOODY)) as server:
        moody = the(server.app[PLUGINS], "moody")
        id = await server.create_document("Notes", "one")
        async with server.connect(id) as document:
            moody.mood = "raise"
            document.edit_nowait(Delta().insert("kept "))
            await until(lambda: moody.asked)
            document.edit_nowait(Delta().insert("and "))
            assert await server.text(id) == "one" and document.unsaved
            url = f"{server.url}/api/documents/{id}/content"
            headers = {"Authorization": f"Bearer {TOKEN}"}
            async with server.http.put(url, json="other", headers=headers) as response:
                told = json.loads(await response.text())["error"]
                assert (response.status, told["code"]) == (503, "policy_unavailable")
                assert int(response.headers["Retry-After"]) >= 1 and told["retry"]
            moody.mood = "well"
            async with asyncio.timeout(20):
                await document.saved()
            assert await server.text(id) == "and kept one" and document.rescues == []


HOSTILE: list[Callable[[int], str]] = [
    lambda at: json.dumps([{"retain": at}, {"insert": "\u2028"}]),
    lambda at: json.dumps([{"retain": at}, {"insert": "\u2028"}], ensure_ascii=False),
    lambda at: json.dumps([{"retain": at}, {"insert": "\ud83d"}]),
    lambda at: json.dumps([{"retain": at}, {"delete": 1}]),
    lambda at: json.dumps([{"retain": at}, {"insert": "x"}, {"delete": 4}]),
    lambda at: json.dumps([{"retain": at - 1}, {"delete": 1}, {"retain": 1}, {"delete": 1}]),
    lambda at: json.dumps([{"retain": at}, {"retain": 1, "attributes": {"bold": True}}]),
    lambda at: json.dumps([{"delete": at + 9}]),
    lambda at: json.dumps([{"delete": at}, {"insert": "y" * at}, {"delete": 9}]),
    lambda at: f'[{{"retain":{at},"retain":1}},{{"delete":{at + 3}}}]',
]


@pytest.mark.parametrize("type", ["text", "richtext"])
async def test_a_locked_part_holds_at_the_socket(tmp_path: Path, type: str) -> None:
    page = (Path(__file__).parents[2] / "docs/plugins.md").read_text(encoding="utf-8")
    source = page.split("# my-plugins/lockedpart/__init__.py\n")[1].split("```")[0]
    async with serve(server_settings(tmp_path, source)) as server:
        manager = server.app[PLUGINS]
        locked = the(manager, "moody")
        body = {"title": "x", "type": type, "content": "ab[locked]cd"}
        async with server.http.post(f"{server.url}/api/documents", json=body) as response:
            id = (await response.json())["id"]
        async with locked.server.document(id) as document:
            await locked.lock(document, "part", 2, 10)
            session = await RawSession.open(server.http, server.socket(id))
            sequence = 1
            codes = set()
            for number, make in enumerate(HOSTILE * 3):
                base = max(0, document.revision - number % 3)
                delta = make(3 + number % 4)
                await session.send_text(
                    f'[{{"type":"operation","revision":{base},"sequence":{sequence},'
                    f'"delta":{delta}}}]'
                )
                try:
                    while (answer := await session.next())["type"] not in ("error", "operations"):
                        pass
                except SocketClosed:  # what is no text at all ends a connection
                    session = await RawSession.open(server.http, server.socket(id))
                    sequence = 1
                    continue
                if answer["type"] == "error":
                    codes.add(answer["code"])
                else:
                    sequence += 1
                assert "[locked]" in document.text
            assert "vetoed" in codes
            url = f"{server.url}/api/documents/{id}/content"
            for text in ("", "ab[locke]cd", "ab[locked!]cd", "other"):
                async with server.http.put(url, json=text) as response:
                    assert response.status == 403
            async with server.http.put(url, json="AB[locked]CD") as response:
                assert response.status == 200
            with pytest.raises(CollabError, match="This part is locked"):
                async with document.edit(author="bot") as edit:
                    edit.replace(0, document.length, document.text.upper())
            assert document.text == "AB[locked]CD"
            assert {"insert": "AB[locked]CD"} in document.delta.ops
            await session.socket.close()


async def test_a_policy_that_can_not_be_loaded_closes_the_server(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    settings = server_settings(tmp_path, "import nothing_of_that_name\n" + MOODY)
    # Nobody names it: that it would not be passed over is seen in its files.
    async with serve(replace(settings, plugins_on=("*",))) as server:
        guest = {"Via": "a proxy"}
        async with server.http.post(
            f"{server.url}/api/documents", json={}, headers=guest
        ) as response:
            assert response.status == 503 and "operator_only" in await response.text()
    assert "the plugin moody decides" in caplog.text
