"""One document: ordering, acknowledgement, deduplication, bounds, failure."""

from __future__ import annotations

import asyncio
import gc
from typing import Any

import msgspec
import pytest
from msgspec.structs import replace

from collab.ot import Delta
from collab.protocol import errors, messages
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Limits, Settings
from collab.rooms import Quiet, Room, Rooms, Session
from collab.storage.memory import MemoryStore
from collab.storage.port import Append, Author, StorageError
from tests.rooms.conftest import Reader, enter, make_document, typed


async def test_an_edit_reaches_everybody_with_its_revision_and_author(room: Room) -> None:
    ann, bob = await enter(room, "a"), await enter(room, "b")
    room.submit(ann, typed(0, 1, 0, "hello"))
    for reader in (ann, bob):
        [operation] = await reader.until(lambda r: r.operations)
        assert (operation.revision, operation.client, operation.sequence) == (1, "a", 1)
        assert operation.author == "user-a"
        assert msgspec.json.decode(operation.delta) == [{"insert": "hello"}]
    assert room.content.text() == "hello"
    assert room.revision == 1


async def test_nobody_sees_an_edit_before_it_is_committed(
    store: MemoryStore, settings: Settings
) -> None:
    gate = asyncio.Event()
    begun = asyncio.Event()

    class Slow(MemoryStore):
        async def append(self, appends: Any) -> None:
            begun.set()
            await gate.wait()
            await super().append(appends)

    slow = Slow()
    await make_document(slow)
    rooms = Rooms(slow, settings)
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        room.submit(ann, typed(0, 1, 0, "x"))
        await begun.wait()
        assert ann.operations == []
        assert room.content.text() == ""
        assert room.revision == 0
        late = await enter(room, "late")
        assert room.recent(0) == []
        gate.set()
        await late.until(lambda r: r.operations)
        assert room.content.text() == "x"
    await rooms.stop(1.0)


async def test_concurrent_inserts_are_ordered_by_client_not_by_arrival(room: Room) -> None:
    ann, bob = await enter(room, "a"), await enter(room, "b")
    room.submit(bob, typed(0, 1, 0, "bob"))
    room.submit(ann, typed(0, 1, 0, "ann"))
    await bob.until(lambda r: len(r.operations) == 2)
    assert room.content.text() == "annbob"


async def test_an_edit_sent_twice_is_applied_once_and_answered(room: Room) -> None:
    ann = await enter(room, "a")
    room.submit(ann, typed(0, 1, 0, "x"))
    room.submit(ann, typed(0, 1, 0, "x"))  # on its way: the one frame answers both
    await ann.until(lambda r: r.operations)
    room.submit(ann, typed(0, 1, 0, "x"))  # committed: answered with what was committed
    await ann.until(lambda r: len(r.operations) == 2)
    assert [operation.revision for operation in ann.operations] == [1, 1]
    assert room.content.text() == "x"


async def test_an_edit_sent_again_after_a_restart_is_known(
    store: MemoryStore, settings: Settings
) -> None:
    for _ in range(2):
        rooms = Rooms(store, settings)
        async with rooms.use("doc") as room:
            ann = await enter(room, "a")
            room.submit(ann, typed(0, 1, 0, "x"))
            await ann.until(lambda r: r.operations)
            assert room.content.text() == "x"
        await rooms.stop(1.0)


@pytest.mark.parametrize(
    ("operation", "code"),
    [
        (messages.Operation(0, 2, []), errors.BAD_SEQUENCE),
        (messages.Operation(0, 1, [{"retain": 9}, {"insert": "x"}]), errors.BAD_OPERATION),
        (messages.Operation(0, 1, [{"insert": "\x00"}]), errors.BAD_OPERATION),
        (messages.Operation(0, 1, [{"insert": {"image": "x"}}]), errors.BAD_OPERATION),
        (messages.Operation(0, 1, "junk"), errors.BAD_OPERATION),
        (messages.Operation(7, 1, [{"insert": "x"}]), errors.BAD_REVISION),
        (messages.Operation(-1, 1, [{"insert": "x"}]), errors.BAD_REVISION),
    ],
)
async def test_what_does_not_fit_is_refused_and_changes_nothing(
    room: Room, operation: messages.Operation, code: errors.ErrorCode
) -> None:
    ann = await enter(room, "a")
    with pytest.raises(CollabError) as caught:
        room.submit(ann, operation)
    assert caught.value.code is code
    room.submit(ann, typed(0, 1, 0, "fine"))
    await ann.until(lambda r: r.operations)
    assert room.content.text() == "fine"


async def test_bounds_on_operations_and_documents(store: MemoryStore) -> None:
    limits = Limits(operation_size=3, document_size=4)
    rooms = Rooms(store, Settings(limits=limits))
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        with pytest.raises(CollabError) as caught:
            room.submit(ann, typed(0, 1, 0, "four"))
        assert caught.value.code is errors.OPERATION_TOO_LARGE
        room.submit(ann, typed(0, 1, 0, "abc"))
        await ann.until(lambda r: r.operations)
        with pytest.raises(CollabError) as caught:
            room.submit(ann, typed(1, 2, 0, "de"))
        assert caught.value.code is errors.DOCUMENT_TOO_LARGE
        room.submit(ann, typed(1, 2, 0, "d"))
        await ann.until(lambda r: len(r.operations) == 2)
    await rooms.stop(1.0)


async def test_a_reader_without_the_right_may_not_write(room: Room) -> None:
    reader = Reader("a", frozenset({"read"}))
    room.join(reader)
    with pytest.raises(CollabError) as caught:
        room.submit(reader, typed(0, 1, 0, "x"))
    assert caught.value.code is errors.READ_ONLY


async def test_the_same_client_again_ends_its_older_connection(room: Room) -> None:
    older, newer = await enter(room, "a"), Reader("a")
    newer.id = "other"
    room.join(newer)
    assert older.ended is errors.SUPERSEDED
    assert list(room.sessions) == ["other"]


class Failing(MemoryStore):
    """Fails as often as it is told, before or after it has written."""

    def __init__(self) -> None:
        super().__init__()
        self.before = 0
        self.after = 0
        self.poisoned: set[str] = set()

    async def append(self, appends: Any) -> None:
        if self.before:
            self.before -= 1
            raise StorageError("disk full")
        if any(append.document in self.poisoned for append in appends):
            raise StorageError("this document can't be written")
        await super().append(appends)
        if self.after:
            self.after -= 1
            raise StorageError("the reply was lost")


@pytest.mark.parametrize("moment", ["before", "after"])
async def test_a_failed_commit_sends_everybody_away_and_the_edit_comes_again_once(
    settings: Settings, moment: str
) -> None:
    store = Failing()
    await make_document(store)
    rooms = Rooms(store, settings)
    setattr(store, moment, 1)
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        room.submit(ann, typed(0, 1, 0, "x"))
        await ann.until(lambda r: r.ended is errors.STORAGE_FAILED)
        assert ann.operations == []
        with pytest.raises(CollabError):
            room.submit(ann, typed(0, 2, 0, "y"))
    async with rooms.use("doc") as again:
        assert again is not room
        ann = await enter(again, "a")
        again.submit(ann, typed(again.revision, 1, 0, "x"))
        await ann.until(lambda r: r.operations)
        assert again.content.text() == "x"
        assert again.revision == 1
    await rooms.stop(1.0)


async def test_one_document_that_cannot_be_written_does_not_take_others_with_it(
    settings: Settings,
) -> None:
    store = Failing()
    await make_document(store, "good")
    await make_document(store, "bad")
    store.poisoned.add("bad")
    rooms = Rooms(store, settings)
    async with rooms.use("good") as good, rooms.use("bad") as bad:
        ann, bob = await enter(good, "a"), await enter(bad, "b")
        bad.submit(bob, typed(0, 1, 0, "x"))
        good.submit(ann, typed(0, 1, 0, "x"))
        await ann.until(lambda r: r.operations)
        await bob.until(lambda r: r.ended)
        assert ann.ended is None
    await rooms.stop(1.0)


async def test_all_waiting_edits_share_a_transaction(store: MemoryStore, rooms: Rooms) -> None:
    await make_document(store, "other")
    async with rooms.use("doc") as one, rooms.use("other") as two:
        readers = [await enter(room, f"c{n}") for room in (one, two) for n in range(10)]
        for number, reader in enumerate(readers):
            (one if number < 10 else two).submit(reader, typed(0, 1, 0, "x"))
        for reader in readers:
            await reader.until(lambda r: len(r.operations) == 10)
        assert rooms.journal.commits == 1


async def test_server_side_edits_return_when_they_are_committed(room: Room) -> None:
    ann = await enter(room, "a")
    revision = await room.edit(Delta().insert("bot"), author=User("bot:1", "", ""))
    assert revision == room.revision == 1
    [operation] = ann.operations
    assert operation.author == "bot:1"


async def test_what_authors_are_called_is_saved_with_their_first_edit(
    room: Room, store: MemoryStore
) -> None:
    ann, bob = await enter(room, "a"), await enter(room, "b")
    for number in (1, 2):
        room.submit(ann, typed(number - 1, number, 0, "x"))
        await ann.until(lambda reader, number=number: len(reader.operations) == number)
    called = Author("user-a", "a", "#000000", 1)
    assert await store.authors("doc", 10) == [called]
    ann.user = User("user-a", "Ann", "#000000")
    room.submit(bob, typed(2, 1, 0, "z"))
    await room.edit(Delta().insert("1"), author=User("bot:1", "One", "#512da8"))
    await room.edit(Delta().insert("2"), author=User("bot:2", "", ""))
    known = [called, Author("user-b", "b", "#000000", 3), Author("bot:1", "One", "#512da8", 4)]
    assert await store.authors("doc", 10) == known
    room.submit(ann, typed(5, 3, 0, "!"))
    await ann.until(lambda reader: len(reader.operations) == 6)
    assert await store.authors("doc", 10) == [replace(called, name="Ann"), *known[1:]]


@pytest.mark.parametrize(
    "wrong",
    [
        ("", "Ada", ""), ("\ud800", "Ada", ""), ("a\0", "Ada", ""), ("x" * 201, "Ada", ""),
        (7, "Ada", ""), ("ada", None, ""), ("ada", "\udfff", ""), ("ada", "x" * 201, ""),
        ("ada", "Ada", "red"), ("ada", "Ada", "#0B6E4F"), ("ada", "Ada", None),
    ],
)
def test_what_nobody_can_be_is_no_user(wrong: Any) -> None:
    with pytest.raises(ValueError, match=r"^A user"):
        User(*wrong)


async def test_many_loads_at_once_are_one(store: MemoryStore, settings: Settings) -> None:
    loads = 0

    class Counting(MemoryStore):
        async def load(self, id: str, revision: int | None = None) -> Any:
            nonlocal loads
            loads += 1
            await asyncio.sleep(0)
            return await super().load(id, revision)

    counting = Counting()
    await make_document(counting)
    rooms = Rooms(counting, settings)

    async def look() -> Room:
        async with rooms.use("doc") as room:
            return room

    found = await asyncio.gather(*(look() for _ in range(20)))
    assert len(set(map(id, found))) == 1
    assert loads == 1
    await rooms.stop(1.0)


async def test_a_load_that_fails_fails_and_is_tried_again(
    store: MemoryStore, settings: Settings
) -> None:
    class Broken(MemoryStore):
        broken = True

        async def load(self, id: str, revision: int | None = None) -> Any:
            if self.broken:
                raise StorageError("unreadable")
            return await super().load(id, revision)

    broken = Broken()
    await make_document(broken, text="precious")
    rooms = Rooms(broken, settings)
    with pytest.raises(CollabError) as caught:
        async with rooms.use("doc"):
            raise AssertionError("an empty document was made up")
    assert caught.value.code is errors.STORAGE_FAILED
    broken.broken = False
    async with rooms.use("doc") as room:
        assert room.content.text() == "precious"
    await rooms.stop(1.0)


async def test_an_idle_room_leaves_memory_with_a_snapshot(
    store: MemoryStore, settings: Settings, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.rooms.snapshots.EVERY", 1)
    closed = asyncio.Event()

    class Watching(Quiet):
        def closed(self, room: Room) -> None:
            closed.set()

    rooms = Rooms(store, settings, Watching())
    async with rooms.use("doc") as room:
        await room.edit(Delta().insert("text"), author=User("x", "", ""))
    async with asyncio.timeout(20):
        await closed.wait()
    assert rooms.all() == []
    loaded = await store.load("doc")
    assert loaded is not None
    assert loaded.snapshot.revision == 1
    assert loaded.operations == []
    del room
    gc.collect()
    await rooms.stop(1.0)


class Vetting(Quiet):
    """A plugin manager whose plugins shout, and refuse the word no."""

    vets = True

    def __init__(self) -> None:
        self.asked = 0
        self.authors: list[tuple[str | None, str]] = []

    async def before(
        self, room: Room, session: Session | None, author: str, delta: Delta
    ) -> Delta:
        self.asked += 1
        self.authors.append((session.user.id if session else None, author))
        await asyncio.sleep(0)
        text = str(delta.ops[-1].get("insert", ""))
        if text == "no":
            raise CollabError(errors.VETOED, "That word is not welcome.")
        return Delta([*delta.ops[:-1], {"insert": text.upper()}])


async def test_plugins_may_rewrite_and_veto(store: MemoryStore, settings: Settings) -> None:
    observer = Vetting()
    rooms = Rooms(store, settings, observer)
    async with rooms.use("doc") as room:
        ann, bob = await enter(room, "a"), await enter(room, "b")
        room.submit(ann, typed(0, 1, 0, "ann"))
        room.submit(bob, typed(0, 1, 0, "no"))
        [error] = await bob.until(lambda r: r.errors)
        assert (error.code, error.sequence) == ("vetoed", 1)
        room.submit(bob, typed(0, 1, 0, "bob"))  # the refused one did not use its number up
        await ann.until(lambda r: len(r.operations) == 2)
        assert room.content.text() == "ANNBOB"
        assert observer.asked == 3
        with pytest.raises(CollabError):
            await room.edit(Delta().insert("no"), author=User("bot", "", ""))
        one, other = ann.user.id, bob.user.id
        assert observer.authors == [(one, one), (other, other), (other, other), (None, "bot")]
    await rooms.stop(1.0)


async def test_stopping_saves_what_was_taken_and_answers_nothing_new(
    store: MemoryStore, settings: Settings
) -> None:
    rooms = Rooms(store, settings)
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        room.submit(ann, typed(0, 1, 0, "x"))
        await rooms.stop(2.5)
        assert ann.operations[0].sequence == 1
        assert ann.ended is errors.SHUTTING_DOWN
        with pytest.raises(CollabError):
            room.submit(ann, typed(1, 2, 0, "y"))
        with pytest.raises(CollabError) as caught:
            async with rooms.use("doc"):
                pass
        assert caught.value.code is errors.SHUTTING_DOWN


async def test_memory_keeps_only_recent_operations(
    room: Room, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.rooms.committed.RECENT", 4)
    ann = await enter(room, "a")
    for number in range(20):
        room.submit(ann, typed(number, number + 1, 0, "x"))
        await ann.until(lambda r, n=number: len(r.operations) == n + 1)
    assert room.content.text() == "x" * 20
    assert room.recent(0) is None
    assert [one.revision for one in room.recent(18) or []] == [19, 20]
    bob = await enter(room, "b")
    with pytest.raises(CollabError) as caught:
        room.submit(bob, typed(0, 1, 0, "late"))
    assert caught.value.code is errors.TOO_SLOW


async def test_the_checksum_is_announced_while_a_document_is_edited(store: MemoryStore) -> None:
    rooms = Rooms(store, Settings(checksum_interval=0.001))
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        room.submit(ann, typed(0, 1, 0, "x"))
        [checksum] = await ann.until(
            lambda r: [one for one in r.received if isinstance(one, messages.Checksum)]
        )
        assert checksum.revision == 1
        assert checksum.value == room.content.checksum()
    await rooms.stop(1.0)


async def test_appends_are_consecutive(store: MemoryStore, room: Room) -> None:
    """What the journal hands to the store never has a gap, however edits arrive."""
    seen: list[int] = []
    append = store.append

    async def watching(appends: Any) -> None:
        for one in appends:
            assert isinstance(one, Append)
            seen.extend(operation.revision for operation in one.operations)
        await asyncio.sleep(0)
        await append(appends)

    store.append = watching  # a spy on the port
    readers = [await enter(room, f"c{n}") for n in range(5)]
    for sequence in range(1, 11):
        for reader in readers:
            await reader.until(
                lambda r: sum(one.client == r.client for one in r.operations) == sequence - 1
            )
            room.submit(reader, typed(room.revision, sequence, 0, "x"))
    await readers[0].until(lambda r: len(r.operations) == 50)
    assert seen == list(range(1, 51))
