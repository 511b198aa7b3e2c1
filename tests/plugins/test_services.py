"""What the base class does for a plugin: messages, state, documents."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from collab.ot import Delta
from collab.plugins.document import Document, NotOpen
from collab.plugins.flow import OVERHEAD, Flow
from collab.plugins.loading import Bounds
from collab.plugins.positions import Positions
from collab.rooms.journal import Journal
from collab.storage.memory import MemoryStore
from tests.plugins.fake import BOB, FakeRoom, make_manager, the, write_plugin

SEES = """
    @hookimpl
    def document_opened(self, document):
        self.documents = {**self.documents, document.id: document}

    @hookimpl
    async def server_started(self, server):
        self.server = server
"""


@pytest.fixture
def it(tmp_path: Path) -> None:
    """The plugin that the tests use the services of."""
    write_plugin(tmp_path, "it", "class It(Plugin):\n    documents = {}\n" + SEES)


async def opened(tmp_path: Path) -> tuple[Any, FakeRoom, Document]:
    manager = make_manager(tmp_path)
    plugin = the(manager, "it")
    room = FakeRoom(manager, "Hello")
    await manager.told()
    return plugin, room, plugin.documents["doc"]


async def test_messages_go_to_everybody_to_all_but_one_or_to_one(
    it: None, tmp_path: Path
) -> None:
    plugin, room, document = await opened(tmp_path)
    ada, bob = room.join("1"), room.join("2", BOB)
    await plugin.broadcast(document, {"to": "all"})
    await plugin.broadcast(document, {"to": "bob"}, except_=ada)
    await plugin.send(document, ada, {"to": "ada"})
    assert ada.heard("it") == [{"to": "all"}, {"to": "ada"}]
    assert bob.heard("it") == [{"to": "all"}, {"to": "bob"}]
    room.leave(ada)
    await plugin.send(document, ada, {"to": "nobody"})
    assert len(ada.heard("it")) == 2


async def test_who_speaks_without_end_rests_though_nobody_hears_it(
    it: None, tmp_path: Path
) -> None:
    plugin, room, document = await opened(tmp_path)
    gone = room.join("1")
    room.leave(gone)
    said = 0

    async def speak() -> None:
        nonlocal said
        while True:
            said += 2
            await plugin.broadcast(document, "x" * 1000)
            await plugin.send(document, gone, "x" * 1000)

    speaking = asyncio.create_task(speak())
    await asyncio.sleep(0)
    # It has said a burst of each kind at once, and is now waiting for a timer.
    loop = asyncio.get_running_loop()
    before, began = said, loop.time()
    for _ in range(100):
        await asyncio.sleep(0)
    assert 0 < before < 1000
    assert said - before < 10 + 1000 * (loop.time() - began)
    speaking.cancel()


async def test_a_message_has_to_be_json_of_bounded_size(it: None, tmp_path: Path) -> None:
    plugin, room, document = await opened(tmp_path)
    room.join("1")
    with pytest.raises(TypeError):
        await plugin.broadcast(document, object())
    with pytest.raises(ValueError, match="at most 262144 bytes"):
        await plugin.broadcast(document, "x" * 300_000)


def at_once(work: Coroutine[Any, Any, None]) -> None:
    """Run it to its end, in which it must not wait for anything."""
    with pytest.raises(StopIteration):
        work.send(None)


async def test_sending_more_than_is_good_waits_until_there_is_room_again() -> None:
    loop = asyncio.get_running_loop()
    flow = Flow(loop.time, burst=1000, rate=100_000)
    await flow.admit("doc", None, 5000)
    began = loop.time()
    at_once(flow.admit("other", None, 10))
    at_once(flow.admit("doc", "1", 10))
    await flow.admit("doc", None, 10)
    assert loop.time() - began > (4000 + OVERHEAD) / 100_000 * 0.9


async def test_state_is_kept_by_key_for_the_plugin_and_for_each_document(
    it: None, tmp_path: Path
) -> None:
    plugin, room, document = await opened(tmp_path)
    with pytest.raises(LookupError, match="no store yet"):
        await plugin.state.get("x")
    store = MemoryStore()
    await store.create(room.document, b"[]")
    plugin.state.attach(store)
    await plugin.state.set("x", {"a": [1, None]})
    await plugin.state.set("x", 2, document=document)
    assert await plugin.state.get("x") == {"a": [1, None]}
    assert await plugin.state.get("x", document="doc") == 2
    assert await plugin.state.get("y", 7) == 7
    await plugin.state.set("y", None)
    assert await plugin.state.get("y", 7) is None
    assert await plugin.state.list() == {"x": {"a": [1, None]}, "y": None}
    assert await plugin.state.list(prefix="x") == {"x": {"a": [1, None]}}
    await plugin.state.delete("x")
    assert await plugin.state.list() == {"y": None}
    assert await plugin.state.list(document=document) == {"x": 2}
    with pytest.raises(ValueError, match="1 to 200 characters"):
        await plugin.state.set("", 1)
    with pytest.raises(ValueError, match="at most 1048576 bytes"):
        await plugin.state.set("x", "x" * 1_048_576)
    with pytest.raises(TypeError):
        await plugin.state.set("x", object())


async def test_the_store_may_come_with_the_start(tmp_path: Path) -> None:
    write_plugin(tmp_path, "it", "class It(Plugin): ...")
    manager = make_manager(tmp_path)
    await manager.start(store=MemoryStore())
    await manager.plugins["it"].state.set("x", 1)
    assert await manager.plugins["it"].state.get("x") == 1


async def test_a_document_is_read_as_it_is_committed(it: None, tmp_path: Path) -> None:
    _, room, document = await opened(tmp_path)
    assert (document.id, document.title, document.type) == ("doc", "A title", "text")
    assert (document.text, document.length, document.revision) == ("Hello", 5, 0)
    session = room.join("1")
    assert document.sessions == {"1": session} and document.open
    assert await document.apply(Delta().retain(5).insert("!"), author="it") == 1
    assert document.text == "Hello!" and document.delta == Delta().insert("Hello!")
    assert "A title" in repr(document)


async def test_a_document_that_nobody_has_open_has_no_content(
    it: None, tmp_path: Path
) -> None:
    plugin, room, _ = await opened(tmp_path)
    closed = Document(room.document)
    assert not closed.open and not closed.sessions and closed.revision == 0
    for read in ("text", "delta", "length"):
        with pytest.raises(NotOpen, match=r"server\.document"):
            getattr(closed, read)
    with pytest.raises(NotOpen):
        await closed.apply(Delta(), author="it")
    await plugin.broadcast(closed, 1)
    with pytest.raises(NotOpen):
        plugin.positions(closed)


async def test_the_server_opens_documents_for_plugins(tmp_path: Path) -> None:
    write_plugin(tmp_path, "it", "class It(Plugin):\n    documents = {}\n" + SEES)
    manager = make_manager(tmp_path, base_path="/team")
    plugin: Any = manager.plugins["it"]

    class Opens:
        journal = Journal(MemoryStore())

        @asynccontextmanager
        async def use(self, id: str) -> AsyncIterator[FakeRoom]:
            yield FakeRoom(manager, "Hello", id)

    await manager.start(Opens())
    assert plugin.server.base_path == "/team" and plugin.server.version
    async with plugin.server.document("other") as document:
        assert document.text == "Hello"
    await manager.start()
    assert plugin.server.commits() == (0, 0)
    with pytest.raises(LookupError):
        async with plugin.server.document("other"):
            pass


async def test_an_operation_says_what_changed_and_who_did_it(tmp_path: Path) -> None:
    write_plugin(
        tmp_path,
        "it",
        """
        class It(Plugin):
            @hookimpl
            def operation_committed(self, operation):
                self.operation = operation
                operation.delta.insert("mine")
        """,
    )
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    room.commit(Delta().insert("a"), client="c", author="ada")
    await manager.told()
    operation: Any = the(manager, "it").operation
    assert (operation.revision, operation.client, operation.sequence) == (1, "c", 1)
    assert (operation.author, operation.time) == ("ada", 0.0)
    assert operation.delta == Delta().insert("a"), "a plugin changes a copy"
    assert operation.inserts("a") and not operation.inserts("\n")
    assert repr(operation) == "<Operation 1 by ada>"


async def test_positions_belong_to_one_plugin_and_end_with_the_room(
    it: None, tmp_path: Path
) -> None:
    plugin, room, document = await opened(tmp_path)
    positions = plugin.positions(document)
    assert isinstance(positions, Positions) and plugin.positions(document) is positions
    positions.set("x", 5)
    room.commit(Delta().insert("12"))
    assert positions.get("x") == (7,) and positions.revision == 1
    room.close()
    with pytest.raises(NotOpen):
        plugin.positions(document)


async def test_a_room_that_was_opened_again_is_another_document(
    it: None, tmp_path: Path
) -> None:
    plugin, room, document = await opened(tmp_path)
    room.close()
    again = FakeRoom(room.manager, "Again")
    await room.manager.told()
    assert plugin.documents["doc"].text == "Again"
    assert document.text == "Hello"
    again.close()
    await room.manager.told()


def test_bounds_have_reasonable_defaults() -> None:
    assert Bounds().soft < 1 and Bounds().hard is None
