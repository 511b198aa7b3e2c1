"""A large edit of the server's is taken as several, whatever others write in between."""

from __future__ import annotations

import asyncio
from functools import reduce
from random import Random
from typing import Any

import msgspec
import pytest

from collab.ot import Delta, document_type
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Limits, Settings
from collab.rooms import Rooms
from collab.rooms.pieces import in_pieces, is_too_large
from collab.storage.memory import MemoryStore
from collab.storage.port import DocumentRecord
from tests.rooms.conftest import enter, typed
from tests.simulation.edits import random_edit

AUTHOR = User("script", "Script", "#000000")


def document(random: Random) -> Delta:
    content = document_type("richtext").content(Delta().insert("start"))
    for _ in range(random.randrange(20)):
        content.apply(random_edit(random, content, rich=True))
    return content.delta()


def test_pieces_are_within_bounds_and_add_up() -> None:
    for seed in range(300):
        random = Random(seed)
        size, parts = random.randrange(2, 8), random.randrange(2, 9)
        limits = Limits(operation_size=size, operation_parts=parts)
        before, after = document(random), document(random)
        change = before.diff(after) if seed % 2 else Delta().concat(after).delete(before.length())
        pieces = in_pieces(change, limits)
        assert reduce(Delta.compose, pieces, before) == before.compose(change), seed
        assert not any(is_too_large(piece, limits) for piece in pieces), seed
        assert max(piece.length() for piece in pieces) if pieces else change.empty


def test_a_document_does_not_grow_while_it_is_replaced() -> None:
    limits = Limits(operation_size=3)
    pieces = in_pieces(Delta().insert("x" * 10).delete(10), limits)
    length = longest = 10
    for piece in pieces:
        length += piece.change_length()
        longest = max(length, longest)
    assert (length, longest) == (10, 10)


async def test_others_write_in_between_and_everybody_agrees(store: MemoryStore) -> None:
    rooms = Rooms(store, Settings(limits=Limits(operation_size=4, operation_parts=3)))
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        room.submit(ann, typed(0, 1, 0, "0123"))
        await ann.until(lambda r: r.operations)
        change = Delta().insert("abcdefghijkl").delete(4)
        editing = asyncio.create_task(room.edit(change, author=AUTHOR))
        await ann.until(lambda r: len(r.operations) >= 2)
        room.submit(ann, typed(1, 2, 2, "ANN"))
        revision = await editing
        await ann.until(lambda r: sum(one.client == "a" for one in r.operations) == 2)
        text = room.content.text()
        assert text.replace("ANN", "") == "abcdefghijkl"
        assert "ANN" in text
        assert revision > 3
        assert all(len(one.delta) < 60 for one in ann.operations)
    await rooms.stop(1.0)


async def test_what_is_kept_with_a_large_edit_is_kept_with_its_end(store: MemoryStore) -> None:
    rooms = Rooms(store, Settings(limits=Limits(operation_size=4)))
    async with rooms.use("doc") as room:
        assert await room.edit(Delta().insert("x" * 9), author=AUTHOR) == 3
        assert room.content.text() == "x" * 9
        # One that fits is one operation, as before.
        assert await room.edit(Delta().insert("y"), author=AUTHOR) == 4
    await rooms.stop(1.0)


async def test_an_operation_has_so_many_parts(store: MemoryStore) -> None:
    limits = Limits(operation_parts=4)
    rooms = Rooms(store, Settings(limits=limits))
    async with rooms.use("doc") as room:
        ann = await enter(room, "a")
        room.submit(ann, typed(0, 1, 0, "0123456789"))
        await ann.until(lambda r: r.operations)
        many = typed(1, 2, 0, "x")
        many.delta = [{"retain": 1}, {"delete": 1}] * 3
        with pytest.raises(CollabError) as refused:
            room.submit(ann, many)
        assert refused.value.code.code == "operation_too_large"
    await rooms.stop(1.0)


async def test_a_rich_document_has_so_many_parts(store: MemoryStore) -> None:
    record = DocumentRecord("rich", "A title", "richtext", "epoch", 0, 1.0, 1.0)
    ops = [{"insert": str(number), "attributes": {"size": number}} for number in range(4)]
    await store.create(record, msgspec.json.encode(ops))
    rooms = Rooms(store, Settings(limits=Limits(document_parts=10)))
    async with rooms.use("rich") as room:
        for number in range(3):
            await room.edit(Delta().insert("x", {"size": 10 + number}), author=AUTHOR)

        async def fill() -> None:
            for number in range(20, 30):
                await room.edit(Delta().insert("x", {"size": number}), author=AUTHOR)

        with pytest.raises(CollabError) as refused:
            await fill()
        assert refused.value.code.code == "document_too_large"
        assert room.content.part_count() <= 10
        # Removing is always taken, and makes room.
        await room.edit(Delta().delete(4), author=AUTHOR)
        await room.edit(Delta().insert("y", {"size": 30}), author=AUTHOR)
    await rooms.stop(1.0)


async def test_an_edit_formats_so_many_stretches(store: MemoryStore) -> None:
    """Selecting all and making it bold took as long as the document has stretches."""
    record = DocumentRecord("rich", "A title", "richtext", "epoch", 0, 1.0, 1.0)
    ops: list[Any] = [
        {"insert": "ab", "attributes": {"size": number % 7}} for number in range(300)
    ]
    await store.create(record, msgspec.json.encode([*ops, {"insert": "plain" * 1000}]))
    rooms = Rooms(store, Settings(limits=Limits(operation_parts=25)))
    async with rooms.use("rich") as room:
        for change in (
            Delta().retain(600, {"bold": True}),
            Delta().retain(200, {"bold": True}).retain(100).retain(300, {"bold": True}),
        ):
            with pytest.raises(CollabError) as refused:
                await room.edit(change, author=AUTHOR)
            assert refused.value.code.code == "operation_too_large"
        # What is long and has few parts is no matter, nor is a part of it.
        await room.edit(Delta().retain(700).retain(4000, {"bold": True}), author=AUTHOR)
        await room.edit(
            Delta().retain(2, {"bold": True}).retain(698).retain(4000, {"a": 1}), author=AUTHOR
        )
        await room.edit(Delta().retain(90, {"bold": True}), author=AUTHOR)
    await rooms.stop(1.0)
