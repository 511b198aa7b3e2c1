"""A document exported whole and brought back: the same at every revision, or refused."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from random import Random
from typing import Any

import hypothesis
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from collab.ot import Delta, document_type
from collab.ot.types import register, unregister
from collab.protocol.contents import Bounds
from collab.protocol.errors import CollabError
from collab.protocol.settings import Settings
from collab.rooms.replay import replayed
from collab.rooms.restoring import Restored, restore
from collab.rooms.snapshots import EVERY
from collab.storage import MemoryStore, chain, open_store
from collab.storage.port import Append, Conflict, DocumentRecord, Store, StoredOperation
from collab.testing.faults import Fault, FaultyStore
from tests.ot.strategies import chains
from tests.simulation.edits import random_edit
from tests.storage.files import DESCRIBED, FIRST, HEADER, KEPT, LINES, SNAPSHOT, exported, sealed
from tests.storage.making import EMPTY, document

LIMIT = Bounds(1_000_000, 1000)


async def fill(store: Store, kind: str, first: Delta, deltas: list[Delta]) -> DocumentRecord:
    """A document that three clients have edited in turns."""
    record = DocumentRecord("notes", "Notes", kind, "epoch", 0, 1.5, 2.5)
    content = msgspec.json.encode(first.ops)
    await store.create(record, content)
    operations = [
        StoredOperation(
            revision, f"client-{revision % 3}", revision, f"user-{revision % 2}", 3.5 + revision,
            msgspec.json.encode(delta.ops), b"",
        )
        for revision, delta in enumerate(deltas, 1)
    ]
    if operations:
        whole = list(chain.chained(chain.origin(kind, 0, content), operations))
        await store.append([Append("notes", whole)])
    await store.set_state("tags", "notes", "a", b'{"x":[1,"\\u00e9",null]}')
    return replace(record, revision=len(deltas))


async def contents(store: Store, id: str, head: int) -> list[Any]:
    """What the document held, at every revision."""
    found = []
    for revision in range(head + 1):
        loaded = await store.load(id, revision)
        assert loaded is not None
        found.append(replayed(loaded).delta().ops)
    return found


async def there(store: Store, id: str) -> Any:
    """Everything but what a document that came back has anew."""
    found = await store.belongings(id)
    assert found is not None
    document = replace(found.document, id="", epoch="")
    return replace(found, document=document), [one async for one in store.operations(id, 0)]


@hypothesis.settings(deadline=None, max_examples=50)
@given(data=st.data(), rich=st.booleans())
def test_every_revision_reads_as_it_did(data: st.DataObject, rich: bool) -> None:
    first, deltas = data.draw(chains(rich))

    async def run() -> None:
        store = MemoryStore()
        before = await fill(store, "richtext" if rich else "text", first, deltas)
        file = await exported(store, "notes")
        expected = await contents(store, "notes", before.revision)
        whole = await there(store, "notes")
        copy = await restore(store, file, LIMIT)
        assert copy.original == "notes" != copy.record.id
        await store.delete("notes")
        back = await restore(store, file, LIMIT)
        assert back == Restored(replace(before, epoch=back.record.epoch), "notes")
        assert len({before.epoch, copy.record.epoch, back.record.epoch}) == 3
        for id in (copy.record.id, "notes"):
            assert await contents(store, id, before.revision) == expected
            assert await there(store, id) == whole
            assert await store.document(id) == (copy if id != "notes" else back).record

    asyncio.run(run())


@pytest.mark.parametrize("kind", ["text", "richtext"])
async def test_a_long_log_comes_back_with_snapshots_on_its_way(kind: str, tmp_path: Path) -> None:
    random = Random(5)
    content = document_type(kind).content()
    deltas = []
    for _ in range(2 * EVERY + 200):
        deltas.append(random_edit(random, content, rich=kind == "richtext").chop())
        content.apply(deltas[-1])
    store = await open_store(Settings(data_dir=tmp_path))
    try:
        before = await fill(store, kind, Delta(), deltas)
        file = await exported(store, "notes")
        whole = await there(store, "notes")
        await store.delete("notes")
        back = await restore(store, file, LIMIT)
        assert await there(store, "notes") == whole
        loaded = await store.load("notes")
        assert loaded is not None and loaded.snapshot.revision >= EVERY
        assert replayed(loaded).checksum() == content.checksum()
        # And again: a copy of a copy is the same file, but for its epoch and checksum.
        again = await exported(store, "notes")
        assert back.record.revision == before.revision
        assert again.splitlines()[1:-1] == file.splitlines()[1:-1]
    finally:
        await store.close()


async def test_another_title_and_a_log_that_begins_later() -> None:
    store = MemoryStore()
    lines = [
        {**HEADER, "document": {**DESCRIBED, "revision": 71}},
        {**SNAPSHOT, "revision": 70},
        {**FIRST, "revision": 71},
        {"kind": "client", "client": "ann", "sequence": 1, "revision": 71},
        {"kind": "client", "client": "old", "sequence": 5, "revision": 3},
    ]
    back = await restore(store, sealed(lines), LIMIT, title=" New\u202e title ")
    assert (back.record.title, back.record.revision) == ("New title", 71)
    loaded = await store.load("notes")
    assert loaded is not None and replayed(loaded).text() == "one two"
    assert await store.last_sequence("notes", "old") == (5, 3)


async def test_deltas_are_kept_in_their_normal_form() -> None:
    store = MemoryStore()
    untidy = [{"insert": "a"}, {"insert": "b"}, {"retain": 3}]
    lines = [
        {**HEADER, "document": {**DESCRIBED, "revision": 1}},
        {**SNAPSHOT, "content": [{"insert": "o"}, {"insert": "ne"}]},
        {**FIRST, "delta": untidy},
        LINES[4],
    ]
    await restore(store, sealed(lines), LIMIT)
    loaded = await store.load("notes")
    assert loaded is not None
    assert loaded.snapshot.content == b'[{"insert":"one"}]'
    assert loaded.operations[0].delta == b'[{"insert":"ab"}]'


def with_line(number: int, **changed: Any) -> list[dict[str, Any]]:
    return [{**line, **changed} if at == number else line for at, line in enumerate(LINES, 1)]


REFUSED: dict[str, tuple[bytes, str, str]] = {
    "cut off": (sealed(LINES)[:-30], "unconvertible", "cut off"),
    "id": (
        sealed(with_line(1, document={**DESCRIBED, "id": "../x"})), "unconvertible", "Line 1: an id"
    ),
    "title": (
        sealed(with_line(1, document={**DESCRIBED, "title": "\u202e"})), "bad_request", "title"
    ),
    "type": (
        sealed(with_line(1, document={**DESCRIBED, "type": "maze"})), "no_type", "the type maze"
    ),
    "content": (sealed(with_line(2, content=[{"delete": 1}])), "unconvertible", "Line 2: "),
    "no delta": (sealed(with_line(2, content={"a": 1})), "unconvertible", "Line 2: "),
    "nothing": (sealed(with_line(2, content=None)), "unconvertible", "Line 2: "),
    "too far": (
        sealed(with_line(3, delta=[{"retain": 4}, {"insert": "x"}])), "unconvertible", "Line 3: "
    ),
    "half a character": (
        sealed(
            with_line(3, delta=[{"insert": "😀"}])[:3]
            + with_line(4, delta=[{"retain": 1}, {"insert": "x"}])[3:]
        ),
        "unconvertible", "Line 4: ",
    ),
    "not of the type": (
        sealed(with_line(3, delta=[{"insert": {"image": "x"}}])), "unconvertible", "Line 3: "
    ),
    "no operation": (sealed(with_line(4, delta=[{"jump": 1}])), "unconvertible", "Line 4: "),
    # What nobody is called here, a file can't say either.
    "author of nothing": (sealed(with_line(3, author="")), "unconvertible", "Line 3: A user has"),
    "author that is long": (sealed(with_line(3, author="x" * 201)), "unconvertible", "Line 3: A u"),
    "author with NUL": (sealed(with_line(3, author="a\0")), "unconvertible", "Line 3: A user's id"),
    "no id": (sealed(with_line(7, id="")), "unconvertible", "Line 7: A user has to have an id"),
    "long name": (sealed(with_line(7, name="x" * 201)), "unconvertible", "Line 7: A user's name"),
    "colour": (
        sealed(with_line(7, color="red;background:url(//x)")),
        "unconvertible", "Line 7: A user's colour",
    ),
    "last revision there is": (
        sealed(
            [
                {**HEADER, "document": {**DESCRIBED, "revision": 2**53 - 1}},
                {**SNAPSHOT, "revision": 2**53 - 1},
            ]
        ),
        "unconvertible", "Line 1: Expected `int` <= ",
    ),
    "too long": (
        sealed(with_line(3, delta=[{"insert": "x" * 100}])),
        "document_too_large", "Line 3: the document would have 103 characters, and may have 99",
    ),
}


@pytest.mark.parametrize("name", REFUSED)
async def test_what_is_refused_leaves_nothing(name: str) -> None:
    data, code, sentence = REFUSED[name]
    store = MemoryStore()
    with pytest.raises(CollabError, match=sentence) as caught:
        await restore(store, data, Bounds(99, 1000))
    assert caught.value.code.code == code
    assert (await store.documents()).documents == []
    assert await store.list_state("tags", "notes") == {}


async def test_who_is_faster_keeps_the_id() -> None:
    store = FaultyStore(MemoryStore())
    store.inject("restore", Fault("fail", error=Conflict("notes", "There is one already.")))
    back = await restore(store, sealed(LINES), LIMIT)
    assert back.original == "notes" != back.record.id
    assert await store.document(back.record.id) == back.record


async def test_rows_are_left_out_when_that_is_said() -> None:
    rows = [
        {"kind": "table", "plugin": "lists", "table": "lists_item", "columns": ["id"]},
        {"kind": "row", "values": [1]},
    ]
    store = MemoryStore()
    data = sealed([*LINES, *rows])
    with pytest.raises(CollabError, match="--without lists, over HTTP") as caught:
        await restore(store, data, LIMIT)
    assert caught.value.code.code == "unconvertible"
    assert await store.document("notes") is None
    await restore(store, data, LIMIT, without=["lists"])
    assert await store.list_state("tags", "notes") == {
        "colour": json.dumps(KEPT["value"]).encode()
    }


async def test_a_type_that_a_plugin_brings() -> None:
    data = sealed(with_line(1, document={**DESCRIBED, "type": "lines"}))
    register(document_type("text").variant("lines"))
    try:
        back = await restore(MemoryStore(), data, LIMIT)
    finally:
        unregister("lines")
    assert back.record.type == "lines"
    with pytest.raises(CollabError, match="switch on the one that does"):
        await restore(MemoryStore(), data, LIMIT)


async def test_a_document_that_was_never_edited() -> None:
    store = MemoryStore()
    await store.create(document(), EMPTY)
    file = await exported(store, "notes")
    await store.delete("notes")
    back = await restore(store, file, Bounds(0, 1000))
    assert back.record == replace(document(), epoch=back.record.epoch)
