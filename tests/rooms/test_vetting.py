"""While somebody is asked about an edit: who may leave, give up or lose their rights meanwhile."""

from __future__ import annotations

import asyncio

import pytest

from collab.ot import Delta
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.rooms import Quiet, Room, Rooms, Session
from collab.storage.memory import MemoryStore
from tests.rooms.conftest import Reader, enter, typed

BOT = User("bot", "", "")


class Pondering(Quiet):
    """Lets every edit pass, once `go` is set."""

    vets = True

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def before(
        self, room: Room, session: Session | None, author: str, delta: Delta
    ) -> Delta:
        self.asked.set()
        await self.go.wait()
        return delta


@pytest.fixture
def pondering() -> Pondering:
    return Pondering()


@pytest.fixture
def rooms(store: MemoryStore, settings: Settings, pondering: Pondering) -> Rooms:
    return Rooms(store, settings, pondering)


async def test_an_edit_that_is_given_up_holds_up_nobody(
    rooms: Rooms, pondering: Pondering
) -> None:
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        given_up = asyncio.ensure_future(room.edit(Delta().insert("never"), author=BOT))
        await pondering.asked.wait()
        waiting = asyncio.ensure_future(room.edit(Delta().insert("bot"), author=BOT))
        room.submit(ann, typed(0, 1, 0, "ann"))
        given_up.cancel()
        pondering.go.set()
        assert await waiting == 1
        await ann.until(lambda reader: len(reader.operations) == 2)
        assert room.content.text() == "annbot"
        assert [one.sequence for one in ann.operations] == [1, 1]
        with pytest.raises(asyncio.CancelledError):
            await given_up
    await rooms.stop(1.0)


async def test_who_may_not_write_any_more_is_not_answered_and_comes_again(
    rooms: Rooms, pondering: Pondering
) -> None:
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        room.submit(ann, typed(0, 1, 0, "x"))
        await pondering.asked.wait()
        ann.permissions = frozenset({"read"})
        pondering.go.set()
        await room.settle()
        assert (ann.received, room.revision, room.last_sequence("a")) == ([], 0, 0)
        with pytest.raises(CollabError) as caught:
            room.submit(ann, typed(0, 1, 0, "x"))
        assert caught.value.code is errors.READ_ONLY
    await rooms.stop(1.0)


async def test_what_comes_again_while_it_is_asked_about_is_taken_once(
    rooms: Rooms, pondering: Pondering
) -> None:
    async with rooms.use("doc") as room:
        before = await enter(room, "a")
        room.submit(before, typed(0, 1, 0, "x"))
        await pondering.asked.wait()
        room.leave(before)
        again = Reader("a")
        again.id = "again"
        await room.resume("a")
        room.join(again)
        room.submit(again, typed(0, 1, 0, "x"))
        pondering.go.set()
        [operation] = await again.until(lambda reader: reader.operations)
        assert (operation.revision, operation.sequence) == (1, 1)
        await room.settle()
        assert room.content.text() == "x" and again.errors == before.received == []
    await rooms.stop(1.0)


async def test_a_stop_waits_and_saves_nothing_that_nobody_was_told(
    rooms: Rooms, pondering: Pondering, store: MemoryStore
) -> None:
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        room.submit(ann, typed(0, 1, 0, "x"))
        await pondering.asked.wait()
        stopping = asyncio.ensure_future(rooms.stop(1.0))
        await ann.until(lambda reader: reader.ended)
        pondering.go.set()
        await stopping
        assert ann.operations == [] and ann.ended is errors.SHUTTING_DOWN
    loaded = await store.load("doc")
    assert loaded is not None and loaded.operations == []
