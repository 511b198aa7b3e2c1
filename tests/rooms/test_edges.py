"""What happens to a room between two awaits: each test is named for the fault it would bring."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest

from collab.ot import Delta
from collab.protocol import errors, messages
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Limits, Settings
from collab.rooms import Quiet, Room, Rooms, Session
from collab.storage.memory import MemoryStore
from collab.storage.port import StoredOperation
from collab.testing.faults import Fault, FaultyStore
from tests.rooms.conftest import Reader, enter, make_document, typed


async def eventually(condition: Callable[[], Any]) -> None:
    """Turns of the loop until ``condition`` holds."""
    async with asyncio.timeout(20):
        while not condition():
            await asyncio.sleep(0.001)


@pytest.fixture
def slow(store: MemoryStore) -> FaultyStore:
    return FaultyStore(store)


@pytest.fixture
def told() -> list[str]:
    return []


@pytest.fixture
def watched(slow: FaultyStore, settings: Settings, told: list[str]) -> Rooms:
    """Rooms over the slow store, which note what happens in ``told``."""

    class Watching(Quiet):
        def opened(self, room: Room) -> None:
            told.append("opened")

        def closed(self, room: Room) -> None:
            told.append("closed")

        def committed(
            self, room: Room, operations: Any, deltas: Any
        ) -> None:
            told.append("committed")

    return Rooms(slow, settings, Watching())


async def test_a_room_left_while_its_edit_is_committed_closes(
    slow: FaultyStore, watched: Rooms
) -> None:
    fault = slow.inject("append", Fault("hang"))
    async with watched.use("doc") as room:
        reader = await enter(room, "a")
        room.submit(reader, typed(0, 1, 0, "x"))
        await fault.reached.wait()
        room.leave(reader)
    fault.release()
    await eventually(lambda: watched.all() == [])
    assert room.revision == 1
    await watched.stop(1.0)


async def test_the_size_of_a_document_counts_after_the_transform() -> None:
    """Four people replace the same text: it is deleted once and inserted four times."""
    store = MemoryStore()
    await make_document(store, "full", "a" * 200)
    rooms = Rooms(store, Settings(limits=Limits(document_size=200)))
    async with rooms.use("full") as room:
        readers = [await enter(room, name) for name in "abcd"]
        refused = 0
        for reader in readers:
            try:
                room.submit(
                    reader, messages.Operation(0, 1, [{"insert": "b" * 200}, {"delete": 200}])
                )
            except CollabError as error:
                assert error.code is errors.DOCUMENT_TOO_LARGE
                refused += 1
        await rooms.journal.drain()
        assert room.content.length == 200
        assert refused == 3
    await rooms.stop(1.0)


async def test_a_document_deleted_while_it_loads_is_not_opened_to_anybody(
    slow: FaultyStore, watched: Rooms
) -> None:
    fault = slow.inject("load", Fault("hang", "after"))

    async def visit() -> Reader:
        async with watched.use("doc") as room:
            reader = await enter(room, "a")
            await reader.until(lambda r: r.ended)
            return reader

    visiting = asyncio.create_task(visit())
    await fault.reached.wait()
    deleting = asyncio.create_task(watched.delete("doc"))
    await asyncio.sleep(0)
    fault.release()
    assert await deleting
    try:
        assert (await visiting).ended is errors.DELETED
    except CollabError as error:
        assert error.code in (errors.DELETED, errors.NO_DOCUMENT)
    await watched.stop(1.0)


async def test_a_title_changed_while_the_document_loads_is_its_title(
    slow: FaultyStore, watched: Rooms
) -> None:
    fault = slow.inject("load", Fault("hang", "after"))

    async def visit() -> Room:
        async with watched.use("doc") as room:
            return room

    visiting = asyncio.create_task(visit())
    await fault.reached.wait()
    renaming = asyncio.create_task(watched.rename("doc", "New"))
    await asyncio.sleep(0)
    fault.release()
    await renaming
    assert (await visiting).document.title == "New"
    await watched.stop(1.0)


async def test_an_edit_under_way_when_its_document_is_deleted_is_told_so(
    slow: FaultyStore, watched: Rooms
) -> None:
    fault = slow.inject("delete", Fault("hang", "after"))
    async with watched.use("doc") as room:
        reader = await enter(room, "a")
        deleting = asyncio.create_task(watched.delete("doc"))
        await fault.reached.wait()
        room.submit(reader, typed(0, 1, 0, "x"))
        await reader.until(lambda r: r.ended)
        fault.release()
        await deleting
        assert reader.ended is errors.DELETED
    await watched.stop(1.0)


async def test_nothing_is_observed_after_the_room_is_closed(
    slow: FaultyStore, watched: Rooms, told: list[str]
) -> None:
    fault = slow.inject("append", Fault("hang", "after"))
    async with watched.use("doc") as room:
        reader = await enter(room, "a")
        room.submit(reader, typed(0, 1, 0, "x"))
        await fault.reached.wait()
        await watched.delete("doc")
        fault.release()
        await watched.journal.drain()
    await watched.stop(1.0)
    assert told[-1] == "closed"


async def test_a_superseded_session_submits_nothing_more(room: Room) -> None:
    older, newer = await enter(room, "a"), Reader("a")
    newer.id = "second"
    room.join(newer)
    room.submit(older, typed(0, 1, 0, "old"))
    room.submit(newer, typed(0, 1, 0, "new"))
    await newer.until(lambda r: r.operations)
    assert room.content.text() == "new"


async def test_one_operation_in_flight(room: Room) -> None:
    reader = await enter(room, "a")
    room.submit(reader, typed(0, 1, 0, "x"))
    with pytest.raises(CollabError) as caught:
        room.submit(reader, typed(0, 2, 0, "y"))
    assert caught.value.code is errors.BAD_SEQUENCE
    assert room.last_sequence("a") == 0
    await reader.until(lambda r: r.operations)
    assert room.last_sequence("a") == 1


async def test_a_stop_waits_for_documents_that_are_being_opened(
    slow: FaultyStore, watched: Rooms, told: list[str]
) -> None:
    fault = slow.inject("load", Fault("hang", "after"))

    async def visit() -> None:
        async with watched.use("doc"):
            raise AssertionError("the server was going down")

    visiting = asyncio.create_task(visit())
    await fault.reached.wait()
    stopping = asyncio.create_task(watched.stop(1.0))
    await asyncio.sleep(0)
    fault.release()
    await stopping
    with pytest.raises(CollabError):
        await visiting
    assert watched.all() == []
    assert told == ["opened", "closed"]


async def test_a_stop_does_not_wait_for_a_store_that_hangs(store: MemoryStore) -> None:
    slow = FaultyStore(store)
    rooms = Rooms(slow, Settings(shutdown_timeout=0.05))
    fault = slow.inject("append", Fault("hang"))
    async with rooms.use("doc") as room:
        reader = await enter(room, "a")
        room.submit(reader, typed(0, 1, 0, "x"))
        await fault.reached.wait()
        async with asyncio.timeout(20):
            await rooms.stop(1.0)
        assert reader.ended is errors.SHUTTING_DOWN
        assert reader.operations == []
    fault.release()
    await rooms.journal.drain()


async def test_a_visitor_of_a_large_document_does_not_store_it_again(
    settings: Settings,
) -> None:
    store = MemoryStore()
    await make_document(store, "big", "a" * 1_000_000)
    rooms = Rooms(store, settings)
    for _ in range(5):
        async with rooms.use("big") as room:
            await room.edit(Delta().insert("x"), author=User("me", "", ""))
        await eventually(lambda: rooms.all() == [])
    loaded = await store.load("big")
    assert loaded is not None
    assert loaded.snapshot.revision == 0
    assert len(loaded.operations) == 5
    await rooms.stop(1.0)


async def test_an_edit_moves_its_document_up_the_list(store: MemoryStore, rooms: Rooms) -> None:
    before = await store.document("doc")
    async with rooms.use("doc") as room:
        await room.edit(Delta().insert("x"), author=User("me", "", ""))
    await rooms.journal.drain()
    after = await store.document("doc")
    assert before is not None
    assert after is not None
    assert after.updated > before.updated


async def test_an_operation_in_a_thousand_parts_far_behind_does_not_stop_everybody(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.rooms.ordering.STEPS", 50)
    ann, bob = await enter(room, "a"), await enter(room, "b")
    for number in range(20):
        room.submit(ann, typed(number, number + 1, 0, "x" * 4))
        await ann.until(lambda r, n=number: len(r.operations) == n + 1)
    many = messages.Operation(10, 1, [{"retain": 1}, {"insert": "y"}] * 10)
    with pytest.raises(CollabError) as caught:
        room.submit(bob, many)
    assert caught.value.code is errors.TOO_SLOW
    many.revision = 20
    room.submit(bob, many)
    await bob.until(lambda r: len(r.operations) == 21)


async def test_a_broken_observer_leaves_nobody_waiting(
    store: MemoryStore, settings: Settings
) -> None:
    class Broken(Quiet):
        vets = True

        async def before(
            self, room: Room, session: Session | None, author: str, delta: Delta
        ) -> Delta:
            raise RuntimeError("a fault of ours")

    rooms = Rooms(store, settings, Broken())
    async with rooms.use("doc") as room:
        reader = await enter(room, "a")
        room.submit(reader, typed(0, 1, 0, "x"))
        await reader.until(lambda r: r.ended)
        assert reader.errors[0].code == "internal"
    await rooms.stop(1.0)


async def test_what_is_on_disk_is_told_before_a_later_failure(store: MemoryStore) -> None:
    """The next batch fails at once, while the one before it was not told yet."""
    slow = FaultyStore(store)
    rooms = Rooms(slow, Settings())
    first = slow.inject("append", Fault("hang", "after"))
    async with rooms.use("doc") as room:
        one, two = await enter(room, "a"), await enter(room, "b")
        room.submit(one, typed(0, 1, 0, "x"))
        await first.reached.wait()
        room.submit(two, typed(0, 1, 0, "y"))
        slow.inject("append", Fault("fail"))
        first.release()
        await two.until(lambda r: r.ended)
        assert [operation.client for operation in one.operations] == ["a"]
        operations: list[StoredOperation] | None = room.recent(0)
        assert operations is not None and len(operations) == 1
    await rooms.stop(1.0)


async def test_what_was_taken_before_the_permission_was_is_not_refused_when_it_comes_again(
    store: MemoryStore,
) -> None:
    """Hazard: an edit on its way to the disk, whose writer comes back and may only read. Refused,
    it would be a rescue copy and in the document as well."""
    slow = FaultyStore(store)
    rooms = Rooms(slow, Settings())
    saving = slow.inject("append", Fault("hang", "after"))
    async with rooms.use("doc") as room:
        writer = await enter(room, "a")
        room.submit(writer, typed(0, 1, 0, "x"))
        await saving.reached.wait()
        room.leave(writer)
        reader = Reader("a", frozenset({"read"}))
        await room.resume("a")
        room.join(reader)
        room.submit(reader, typed(0, 1, 0, "x"))
        saving.release()
        await reader.until(lambda r: r.operations)
        assert reader.errors == []
        room.submit(reader, typed(0, 1, 0, "x"))
        await reader.until(lambda r: len(r.operations) == 2)
        with pytest.raises(CollabError, match="read_only"):
            room.submit(reader, typed(1, 2, 0, "y"))
        assert room.content.text() == "x"
    await rooms.stop(1.0)
