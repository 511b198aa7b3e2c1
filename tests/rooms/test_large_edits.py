"""A large edit of the server's is taken whole or not at all, whatever fails or comes in between."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from random import Random

import msgspec
import pytest

from collab.ot import Content, Delta
from collab.protocol import errors, messages
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Limits, Settings
from collab.rooms import Quiet, Room, Rooms, Session
from collab.rooms.checking import check
from collab.storage.memory import MemoryStore
from collab.storage.port import Append, DocumentRecord, StorageError
from tests.rooms.conftest import enter, make_document, typed
from tests.simulation.edits import random_edit

AUTHOR = User("script", "Script", "#000000")
SMALL = Settings(limits=Limits(operation_size=4, operation_parts=3))


def text_of(delta: Delta) -> str:
    return "".join(op["insert"] for op in delta.ops if "insert" in op)


class Strict(Quiet):
    """Refuses what says "bad", and writes "long" for "s"."""

    vets = True

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def before(
        self, room: Room, session: Session | None, author: str, delta: Delta
    ) -> Delta:
        text = text_of(delta)
        self.asked.append(text)
        # What it is shown is what the edit applies to.
        room.ordering.content.check(delta)
        if "bad" in text:
            raise CollabError(errors.VETOED, "No.")
        ops = [
            op | {"insert": op["insert"].replace("s", "long")} if "insert" in op else op
            for op in delta.ops
        ]
        return Delta(ops)


async def test_a_veto_leaves_nothing_of_it() -> None:
    store, strict = MemoryStore(), Strict()
    await make_document(store, text="before")
    rooms = Rooms(store, SMALL, strict)
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        with pytest.raises(CollabError) as refused:
            await room.edit(Delta().insert("good good good bad").delete(6), author=AUTHOR)
        assert refused.value.code is errors.VETOED
        assert (room.content.text(), room.revision, ann.received) == ("before", 0, [])
        # It goes on, and what is good is taken.
        await room.edit(Delta().insert("good good good").delete(6), author=AUTHOR)
        assert room.content.text() == "good good good"
        assert strict.asked == ["good good good bad", "good good good"]
    await rooms.stop(1.0)


async def test_what_a_plugin_makes_of_it_is_taken_where_it_belongs() -> None:
    store = MemoryStore()
    await make_document(store, text="0123456789")
    rooms = Rooms(store, SMALL, Strict())
    async with rooms.use("doc") as room:
        change = Delta().insert("sAsBsC").retain(3).delete(4).insert("sDs").retain(3).insert("ss!")
        await room.edit(change, author=AUTHOR)
        assert room.content.text() == "longAlongBlongC012longDlong789longlong!"
    await rooms.stop(1.0)


async def test_one_that_makes_the_document_too_long_leaves_nothing_of_it() -> None:
    store = MemoryStore()
    await make_document(store, text="0123456789")
    settings = Settings(limits=Limits(operation_size=4, document_size=20))
    rooms = Rooms(store, settings)
    async with rooms.use("doc") as room:
        with pytest.raises(CollabError) as refused:
            await room.edit(Delta().insert("x" * 11), author=AUTHOR)
        assert refused.value.code is errors.DOCUMENT_TOO_LARGE
        assert (room.content.text(), room.revision) == ("0123456789", 0)
        # It is never longer in between than before and after.
        await room.edit(Delta().insert("x" * 20).delete(10), author=AUTHOR)
        await room.edit(Delta().insert("y" * 10).retain(10).delete(10), author=AUTHOR)
        assert room.content.text() == "y" * 10 + "x" * 10
        loaded = await store.load("doc", room.revision)
        assert loaded is not None
        length = 10
        for one in loaded.operations:
            length += Delta(msgspec.json.decode(one.delta)).change_length()
            assert length <= 20
    await rooms.stop(1.0)


async def test_a_rich_document_that_has_as_many_parts_as_it_may_is_replaced() -> None:
    store = MemoryStore()
    ops = [{"insert": "x", "attributes": {"size": number}} for number in range(20)]
    record = DocumentRecord("rich", "A title", "richtext", "epoch", 0, 1.0, 1.0)
    await store.create(record, msgspec.json.encode(ops))
    limits = Limits(operation_parts=6, document_parts=20)
    rooms = Rooms(store, Settings(limits=limits))
    async with rooms.use("rich") as room:
        before = room.content.delta()
        after = Delta([op | {"attributes": {"color": "#123456", "size": n}} for n, op in
                       enumerate(reversed(ops))])
        await room.edit(before.diff(after), author=AUTHOR)
        assert room.content.delta() == after
        more = Delta().retain(20)
        for number in range(8):
            more.insert("z", {"size": 50 + number})
        revision = room.revision
        with pytest.raises(CollabError) as refused:
            await room.edit(more, author=AUTHOR)
        assert refused.value.code is errors.DOCUMENT_TOO_LARGE
        assert (room.revision, room.content.delta()) == (revision, after)
    await rooms.stop(1.0)


class Counting(MemoryStore):
    """Counts transactions, and fails when it is told to."""

    def __init__(self) -> None:
        super().__init__()
        self.appended: list[int] = []
        self.fails = False

    async def append(self, appends: Sequence[Append]) -> None:
        self.appended += [len(one.operations) for one in appends]
        if self.fails:
            raise StorageError("The disk is full.")
        await super().append(appends)


async def test_it_is_saved_in_one_transaction_or_not_at_all() -> None:
    store = Counting()
    await make_document(store, text="before")
    rooms = Rooms(store, SMALL)
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        await room.edit(Delta().insert("a" * 20), author=AUTHOR)
        assert store.appended == [5]
        assert len(ann.operations) == 5
        store.fails = True
        with pytest.raises(CollabError):
            await room.edit(Delta().insert("b" * 20), author=AUTHOR)
        assert ann.ended is errors.STORAGE_FAILED and len(ann.operations) == 5
    store.fails = False
    async with rooms.use("doc") as room:
        assert room.content.text() == "a" * 20 + "before"
    await rooms.stop(1.0)


async def test_a_very_large_one_keeps_no_transaction_open_for_long(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("collab.rooms.ordering.TRANSACTION", 100)
    store = Counting()
    await make_document(store, text="0123")
    rooms = Rooms(store, SMALL)
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        await room.edit(Delta().insert("x" * 100), author=AUTHOR)
        assert sum(store.appended) == 25 and max(store.appended) <= 8
        await ann.until(lambda r: len(r.operations) == 25)
        store.appended.clear()
        await room.edit(Delta().insert("y" * 8), author=AUTHOR)
        assert store.appended == [2]
        store.fails = True
        with pytest.raises(CollabError):
            await room.edit(Delta().insert("z" * 100), author=AUTHOR)
        store.appended.clear()
    await rooms.stop(1.0)
    assert store.appended == []


async def test_what_others_send_meanwhile_comes_before_or_after_it() -> None:
    store = Counting()
    await make_document(store, text="0123")
    rooms = Rooms(store, SMALL)
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        editing = asyncio.ensure_future(room.edit(Delta().insert("abcdefghijkl"), author=AUTHOR))
        sequence = 0
        while not editing.done():
            if room.last_sequence("a") == sequence:
                sequence += 1
                room.submit(ann, typed(room.revision, sequence, 0, "X"))
            await asyncio.sleep(0)
        await editing
        await ann.until(lambda r: sum(one.client == "a" for one in r.operations) == sequence)
        own = [one.revision for one in ann.operations if one.client != "a"]
        assert own == list(range(own[0], own[0] + 3))
        assert room.content.text().replace("X", "") == "abcdefghijkl0123"
        assert max(store.appended) >= 3
    await rooms.stop(1.0)


async def test_whoever_gives_up_half_way_has_made_all_of_it_or_nothing() -> None:
    for turns in range(40):
        store = MemoryStore()
        await make_document(store, text="0123")
        rooms = Rooms(store, SMALL)
        async with rooms.use("doc") as room:
            editing = asyncio.ensure_future(room.edit(Delta().insert("x" * 40), author=AUTHOR))
            for _ in range(turns):
                await asyncio.sleep(0)
            editing.cancel()
            await asyncio.wait([editing])
            # Others go on.
            await room.edit(Delta().insert("y"), author=AUTHOR)
            assert room.content.text() in ("y0123", "y" + "x" * 40 + "0123"), turns
        await rooms.stop(1.0)
        assert await check(store, "doc") is not None


async def test_a_room_that_ends_half_way_has_taken_nothing() -> None:
    ended = set()
    for turns in range(40):
        store = MemoryStore()
        await make_document(store, text="0123")
        rooms = Rooms(store, SMALL)
        async with rooms.use("doc") as room:
            editing = asyncio.ensure_future(room.edit(Delta().insert("x" * 40), author=AUTHOR))
            for _ in range(turns):
                await asyncio.sleep(0)
            room.end(CollabError(errors.SHUTTING_DOWN))
            await asyncio.wait([editing])
            ended.add(editing.exception() is None)
        async with rooms.use("doc") as room:
            assert room.content.text() in ("0123", "x" * 40 + "0123")
            if editing.exception() is None:
                assert room.content.text() != "0123"
        await rooms.stop(1.0)
    assert False in ended


@pytest.mark.parametrize("seed", range(30))
async def test_it_is_the_edit_that_it_was_on_whatever_revision_it_was_made(seed: int) -> None:
    random = Random(seed)
    store = MemoryStore()
    record = DocumentRecord("doc", "A title", "richtext", "epoch", 0, 1.0, 1.0)
    await store.create(record, msgspec.json.encode([{"insert": "some text to start with"}]))
    limits = Limits(operation_size=random.randrange(2, 9), operation_parts=random.randrange(2, 9))
    rooms = Rooms(store, Settings(limits=limits))
    large = Rooms(MemoryStore(), Settings())
    await large.store.create(record, msgspec.json.encode([{"insert": "some text to start with"}]))
    async with rooms.use("doc") as room, large.use("doc") as other:
        room._own.client = other._own.client = "server"
        base = room.revision
        change = random_edit(random, room.content, rich=True)
        for _ in range(4):
            change = change.compose(random_edit(random, _applied(room, change), rich=True))
        ann, bob = await enter(room, "a"), await enter(other, "a")
        for sequence in range(1, random.randrange(2, 5)):
            edit = random_edit(random, room.content, rich=True)
            if len(edit.parts) > limits.operation_parts or edit.insert_length() > 2:
                edit = Delta().insert("z")
            for one, session in ((room, ann), (other, bob)):
                operation = messages.Operation(base + sequence - 1, sequence, edit.ops)
                one.submit(session, operation)
                while session.errors == [] and one.last_sequence("a") < sequence:
                    await session.until(lambda r: r.operations)
                    await asyncio.sleep(0)
        await room.edit(change, author=AUTHOR, revision=base)
        await other.edit(change, author=AUTHOR, revision=base)
        assert room.content.delta() == other.content.delta()
    await rooms.stop(1.0)
    await large.stop(1.0)


def _applied(room: Room, change: Delta) -> Content:
    content = room.content.copy()
    content.apply(change)
    return content
