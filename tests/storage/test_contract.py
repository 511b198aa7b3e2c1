"""What every store promises: the twin in memory, SQLite, and the portable way of databases."""

from __future__ import annotations

import asyncio

import pytest
from msgspec.structs import replace

from collab.storage.port import Append, Author, Conflict, Kept, Store, StoredOperation
from tests.storage.making import EMPTY, append, bare, document, operation, snapshot


async def test_a_new_document_is_at_revision_0(store: Store) -> None:
    await store.create(replace(document(), revision=7), b'[{"insert":"hello"}]')
    assert await store.document("notes") == document()
    loaded = await store.load("notes")
    assert loaded is not None
    assert loaded.document == document()
    assert loaded.snapshot == snapshot(0, b'[{"insert":"hello"}]')
    assert list(loaded.operations) == []


async def test_an_id_is_given_once(store: Store) -> None:
    await store.create(document(), b'[{"insert":"first"}]')
    with pytest.raises(Conflict, match="notes already") as caught:
        await store.create(document(title="Another"), EMPTY)
    assert caught.value.document == "notes"
    loaded = await store.load("notes")
    assert loaded is not None
    assert loaded.snapshot.content == b'[{"insert":"first"}]'
    assert loaded.document.title == "Notes"


async def test_what_is_not_there(store: Store) -> None:
    assert await store.document("notes") is None
    assert await store.load("notes") is None
    assert await store.rename("notes", "New") is None
    assert await store.delete("notes") is False
    assert await store.last_sequence("notes", "ann") == (0, 0)
    assert [found async for found in store.operations("notes", 0)] == []
    assert await store.list_state("chat", "notes") == {}
    assert await store.get_state("chat", "notes", "key") is None
    assert (await store.documents()).documents == []
    await store.touch({"notes": 5.0})


async def test_operations_come_back_as_they_went(store: Store) -> None:
    await store.create(document(), EMPTY)
    strange = [
        operation(1, text="é😀 \\u0000 \\\" \\\\ ' % \\n"),
        operation(2, client="bob", sequence=1),
    ]
    await store.append([Append("notes", strange)])
    await store.append([Append("notes", [operation(3, client="bob", sequence=9)])])
    loaded = await store.load("notes")
    assert loaded is not None
    assert bare(loaded.operations) == bare([*strange, operation(3, client="bob", sequence=9)])
    assert loaded.document.revision == 3
    assert await store.document("notes") == replace(document(), revision=3)


async def test_the_deduplication_record_moves_with_the_log(store: Store) -> None:
    await store.create(document(), EMPTY)
    assert await store.last_sequence("notes", "ann") == (0, 0)
    mixed = [operation(1, "ann", 1), operation(2, "bob", 1), operation(3, "ann", 2)]
    await store.append([Append("notes", mixed)])
    assert await store.last_sequence("notes", "ann") == (2, 3)
    assert await store.last_sequence("notes", "bob") == (1, 2)
    await store.append([Append("notes", [operation(4, "bob", 2)])])
    assert await store.last_sequence("notes", "bob") == (2, 4)


async def test_what_plugins_keep_moves_with_the_log(store: Store) -> None:
    await store.create(document("a"), EMPTY)
    await store.create(document("b"), EMPTY)
    await store.set_state("chat", "a", "gone", b"1")
    kept = [Kept("chat", "gone", None), Kept("chat", "seen", b"2"), Kept("bot", "seen", b"3")]
    [one] = append(1, 2, document="a")
    other = Append("b", [operation(1)], [Kept("chat", "seen", b"4")])
    await store.append([Append("a", one.operations, kept), other])
    assert await store.list_state("chat", "a") == {"seen": b"2"}
    assert await store.list_state("bot", "a") == {"seen": b"3"}
    assert await store.list_state("chat", "b") == {"seen": b"4"}
    # Neither without the other.
    for refused in (operation(4), operation(3, "ann", 2)):
        with pytest.raises(Conflict):
            await store.append([Append("a", [refused], [Kept("chat", "seen", b"9")])])
    assert await store.get_state("chat", "a", "seen") == b"2"
    await store.append([Append("a", [operation(3)], [Kept("chat", "seen", b"5")])])
    assert await store.get_state("chat", "a", "seen") == b"5"
    assert await store.delete("a")
    assert await store.list_state("bot", "a") == {}


async def test_what_authors_are_called_moves_with_the_log(store: Store) -> None:
    await store.create(document("a"), EMPTY)
    await store.create(document("b"), EMPTY)
    assert list(await store.authors("a", 10)) == []
    [one] = append(1, 3, document="a")
    eve, ann = Author("Eve", "Éve \u2028", "#0b6e4f", 3), Author("Ann", "Ann", "", 1)
    other = Append("b", [operation(1)], [Kept("chat", "key", b"1")], [Author("Ann", "A", "", 1)])
    await store.append([Append("a", one.operations, authors=[eve, ann]), other])
    assert list(await store.authors("a", 10)) == [ann, eve]
    assert list(await store.authors("a", 1)) == [ann]
    assert list(await store.authors("b", 10)) == [Author("Ann", "A", "", 1)]
    renamed = Author("Ann", "Countess", "#512da8", 4)
    with pytest.raises(Conflict):
        await store.append([Append("a", [operation(5)], authors=[renamed])])
    assert list(await store.authors("a", 10)) == [ann, eve]
    await store.append([Append("a", [operation(4)], authors=[renamed])])
    assert list(await store.authors("a", 10)) == [replace(renamed, since=1), eve]
    assert await store.delete("a")
    assert list(await store.authors("a", 10)) == []
    await store.create(document("a"), EMPTY)
    assert list(await store.authors("a", 10)) == []


async def test_one_append_holds_several_documents(store: Store) -> None:
    await store.create(document("a"), EMPTY)
    await store.create(document("b"), EMPTY)
    await store.append([*append(1, 3, document="a"), *append(1, 2, document="b")])
    assert await store.last_sequence("a", "ann") == (3, 3)
    assert await store.last_sequence("b", "ann") == (2, 2)


async def test_an_append_of_nothing(store: Store) -> None:
    await store.append([])


@pytest.mark.parametrize(
    ("bad", "why"),
    [
        ([operation(2, "bob", 1)], "taken"),
        ([operation(1, "bob", 1)], "taken long ago"),
        ([operation(4, "bob", 1)], "a gap"),
        ([operation(3, "bob", 1), operation(5, "bob", 2)], "a gap inside"),
        ([operation(3, "bob", 1), operation(3, "bob", 2)], "twice inside"),
        ([operation(3, "ann", 2)], "sent before"),
        ([operation(3, "bob", 1), operation(4, "bob", 1)], "sent before, inside"),
    ],
    ids=lambda value: value.replace(" ", "-") if isinstance(value, str) else None,
)
async def test_a_conflict_writes_nothing(
    store: Store, bad: list[StoredOperation], why: str
) -> None:
    await store.create(document("other"), EMPTY)
    await store.create(document(), EMPTY)
    await store.append(append(1, 2))
    with pytest.raises(Conflict) as caught:
        await store.append([*append(1, 3, document="other"), Append("notes", bad)])
    assert caught.value.document == "notes"
    for id, revision in (("other", 0), ("notes", 2)):
        loaded = await store.load(id)
        assert loaded is not None
        assert loaded.document.revision == revision
        assert len(loaded.operations) == revision
    assert await store.last_sequence("notes", "ann") == (2, 2)
    assert await store.last_sequence("notes", "bob") == (0, 0)
    assert await store.last_sequence("other", "ann") == (0, 0)
    await store.append(append(3))


async def test_a_resend_is_refused_and_answered_from_the_record(store: Store) -> None:
    """Check 4 at this floor: a resent edit is not applied at another revision."""
    await store.create(document(), EMPTY)
    await store.append([Append("notes", [operation(1, "ann", 1)])])
    await store.append([Append("notes", [operation(2, "bob", 1)])])
    with pytest.raises(Conflict):
        await store.append([Append("notes", [operation(3, "ann", 1)])])
    assert await store.last_sequence("notes", "ann") == (1, 1)


async def test_a_deleted_document_takes_nothing(store: Store) -> None:
    await store.create(document(), EMPTY)
    await store.append(append(1, 2))
    await store.set_state("chat", "notes", "key", b"value")
    assert await store.delete("notes") is True
    assert await store.load("notes") is None
    with pytest.raises(Conflict) as caught:
        await store.append(append(3))
    assert caught.value.document == "notes"
    with pytest.raises(Conflict):
        await store.save_snapshot("notes", snapshot(2, EMPTY))
    with pytest.raises(Conflict):
        await store.set_state("chat", "notes", "key", b"value")
    await store.set_state("chat", "notes", "key", None)


async def test_nothing_is_left_of_a_deleted_document(store: Store) -> None:
    await store.create(document(), EMPTY)
    await store.append(append(1, 2))
    await store.save_snapshot("notes", snapshot(2, b'[{"insert":"xx"}]'))
    await store.set_state("chat", "notes", "key", b"value")
    await store.delete("notes")
    await store.create(document(), EMPTY)
    loaded = await store.load("notes")
    assert loaded is not None
    assert (loaded.document.revision, loaded.snapshot, list(loaded.operations)) == (
        0,
        snapshot(0, EMPTY),
        [],
    )
    assert await store.last_sequence("notes", "ann") == (0, 0)
    assert await store.list_state("chat", "notes") == {}


async def test_load_begins_at_the_newest_snapshot(store: Store) -> None:
    await store.create(document(), EMPTY)
    await store.append(append(1, 10))
    await store.save_snapshot("notes", snapshot(4, b'[{"insert":"xxxx"}]'))
    await store.save_snapshot("notes", snapshot(8, b'[{"insert":"xxxxxxxx"}]'))
    for wanted, start in ((None, 8), (10, 8), (8, 8), (7, 4), (4, 4), (3, 0), (0, 0)):
        loaded = await store.load("notes", wanted)
        assert loaded is not None
        assert loaded.snapshot.revision == start
        end = 10 if wanted is None else wanted
        assert [found.revision for found in loaded.operations] == list(range(start + 1, end + 1))
        assert loaded.document.revision == 10


@pytest.mark.parametrize("revision", [-1, 3, 2**40])
async def test_a_revision_that_is_not_there(store: Store, revision: int) -> None:
    await store.create(document(), EMPTY)
    await store.append(append(1, 2))
    with pytest.raises(ValueError, match=f"no revision {revision}: it is at 2"):
        await store.load("notes", revision)


async def test_a_snapshot_is_kept_exactly(store: Store) -> None:
    await store.create(document(), EMPTY)
    await store.append(append(1, 2))
    long = b'[{"insert":"' + bytes(range(32, 127)).replace(b'"', b"").replace(b"\\", b"") * 3000
    await store.save_snapshot("notes", snapshot(2, b"short"))
    await store.save_snapshot("notes", snapshot(2, long))
    loaded = await store.load("notes")
    assert loaded is not None
    assert (loaded.snapshot.revision, loaded.snapshot.content) == (2, long)


async def test_operations_stream_in_order(store: Store) -> None:
    await store.create(document(), EMPTY)
    await store.append(append(1, 700))
    everything = [found.revision async for found in store.operations("notes", 0)]
    assert everything == list(range(1, 701))
    some = [found.revision async for found in store.operations("notes", 100, 612)]
    assert some == list(range(101, 613))
    assert [found async for found in store.operations("notes", 700)] == []
    assert [found.revision async for found in store.operations("notes", 698, 2000)] == [699, 700]


async def test_renaming(store: Store) -> None:
    await store.create(document(), EMPTY)
    await store.append(append(1))
    renamed = replace(document(title="Straße"), revision=1)
    assert await store.rename("notes", "Straße") == renamed
    assert await store.document("notes") == renamed
    assert (await store.documents(search="STRASSE")).documents == [renamed]


async def test_the_list_is_ordered_by_change(store: Store) -> None:
    for id, updated in (("a", 1.0), ("b", 3.0), ("c", 2.0), ("d", 3.0)):
        await store.create(document(id, updated=updated), EMPTY)
    assert [found.id for found in (await store.documents()).documents] == ["b", "d", "c", "a"]
    await store.touch({"a": 4.0, "b": 2.5, "gone": 9.0})
    assert [found.id for found in (await store.documents()).documents] == ["a", "b", "d", "c"]
    touched = await store.document("a")
    assert touched is not None and touched.updated == 4.0
    await store.touch({})


async def test_pages_hold_everything_once(store: Store) -> None:
    for number in range(23):
        await store.create(document(f"d{number:02}", updated=number // 5 / 10), EMPTY)
    seen: list[str] = []
    sizes: list[int] = []
    cursor: str | None = None
    while True:
        page = await store.documents(limit=5, cursor=cursor)
        seen += [found.id for found in page.documents]
        sizes.append(len(page.documents))
        cursor = page.next
        if cursor is None:
            break
    expected = sorted((-(number // 5 / 10), f"d{number:02}") for number in range(23))
    assert seen == [place[1] for place in expected]
    assert sizes == [5, 5, 5, 5, 3]
    assert (await store.documents(limit=23)).next is None


async def test_a_page_goes_on_where_it_ended_while_documents_change(store: Store) -> None:
    for number in range(6):
        await store.create(document(f"d{number}", updated=float(number)), EMPTY)
    first = await store.documents(limit=3)
    assert [found.id for found in first.documents] == ["d5", "d4", "d3"]
    await store.touch({"d0": 100.0})
    await store.delete("d3")
    rest = await store.documents(limit=3, cursor=first.next)
    assert [found.id for found in rest.documents] == ["d2", "d1"]


@pytest.mark.parametrize(
    "cursor", ["", "x", "bm90aGluZw", "W10", "WzEsMl0", "é", "WyIxIiwiYSJd", "\ud800"]
)
async def test_a_cursor_that_is_none_of_ours(store: Store, cursor: str) -> None:
    with pytest.raises(ValueError, match="is not a cursor"):
        await store.documents(cursor=cursor)


@pytest.mark.parametrize(
    ("search", "found"),
    [
        ("", ["percent", "plain", "slash", "umlaut", "under"]),
        ("PLAIN", ["plain"]),
        ("n t", ["plain"]),
        ("ÄRGER", ["umlaut"]),
        ("ärger", ["umlaut"]),
        ("%", ["percent"]),
        ("0%", ["percent"]),
        ("_", ["under"]),
        ("\\", ["slash"]),
        ("a%b", []),
        ("'", []),
        ("nothing", []),
    ],
)
async def test_searching_titles(store: Store, search: str, found: list[str]) -> None:
    titles = {
        "plain": "A plain Title",
        "umlaut": "Über den Ärger",
        "percent": "100% sure",
        "under": "snake_case",
        "slash": "back\\slash",
    }
    for id, title in titles.items():
        await store.create(document(id, title=title), EMPTY)
    page = await store.documents(search=search)
    assert [record.id for record in page.documents] == found


async def test_half_a_character_is_found_nowhere(store: Store) -> None:
    await store.create(document(), EMPTY)
    assert (await store.documents(search="\ud83d")).documents == []
    assert await store.document("\ud83d") is None
    assert await store.load("\ud83d") is None
    assert await store.last_sequence("notes", "\ud83d") == (0, 0)
    assert len((await store.documents()).documents) == 1


async def test_searching_by_pages(store: Store) -> None:
    for number in range(9):
        await store.create(
            document(f"d{number}", title=f"{'Odd' if number % 2 else 'Even'}"), EMPTY
        )
    first = await store.documents(search="odd", limit=3)
    assert [record.id for record in first.documents] == ["d1", "d3", "d5"]
    second = await store.documents(search="odd", limit=3, cursor=first.next)
    assert [record.id for record in second.documents] == ["d7"]
    assert second.next is None


@pytest.mark.parametrize("of", [None, "notes"])
async def test_what_plugins_keep(store: Store, of: str | None) -> None:
    await store.create(document(), EMPTY)
    await store.create(document("other"), EMPTY)
    await store.set_state("chat", of, "b", b"\x00\xff")
    await store.set_state("chat", of, "a", b"1")
    await store.set_state("chat", of, "a", b"2")
    await store.set_state("history", of, "a", b"3")
    assert await store.get_state("chat", of, "a") == b"2"
    assert list((await store.list_state("chat", of)).items()) == [("a", b"2"), ("b", b"\x00\xff")]
    assert await store.list_state("history", of) == {"a": b"3"}
    assert await store.list_state("chat", "other") == {}
    assert await store.list_state("chat", "notes" if of is None else None) == {}
    await store.set_state("chat", of, "a", None)
    await store.set_state("chat", of, "a", None)
    assert await store.get_state("chat", of, "a") is None
    assert await store.list_state("chat", of) == {"b": b"\x00\xff"}


@pytest.mark.parametrize("of", [None, "notes"])
async def test_what_plugins_keep_is_found_by_how_its_key_begins(
    store: Store, of: str | None
) -> None:
    await store.create(document(), EMPTY)
    keys = ["Page 1", "page", "page 1", "page 10", "page 2", "page%", "page_1"]
    keys += ["é👩‍👩‍👧 1", "é👩 2"]
    for key in reversed(keys):
        await store.set_state("chat", of, key, key.encode())
    await store.set_state("other", of, "page 3", b"")
    prefixes = ["", "p", "page ", "page 1", "page%", "page_", "P"]
    prefixes += ["é👩", "é👩‍", "none", "page 100"]
    for prefix in prefixes:
        found = await store.list_state("chat", of, prefix)
        assert list(found.items()) == [
            (key, key.encode()) for key in sorted(keys) if key.startswith(prefix)
        ], prefix


async def test_of_appends_that_race_for_a_revision_one_wins(store: Store) -> None:
    await store.create(document(), EMPTY)

    async def compete(client: str) -> str | None:
        try:
            await store.append([Append("notes", [operation(1, client, 1)])])
        except Conflict:
            return None
        return client

    winners = [name for name in await asyncio.gather(*map(compete, "abcdefgh")) if name]
    assert len(winners) == 1
    loaded = await store.load("notes")
    assert loaded is not None
    assert [found.client for found in loaded.operations] == winners


async def test_reads_are_of_one_moment(store: Store) -> None:
    """A document that is loaded while it is written to has no gap and no surplus."""
    await store.create(document(), EMPTY)

    async def write() -> None:
        for first in range(1, 200, 4):
            await store.append(append(first, 4))
            if first % 20 == 1:
                await store.save_snapshot("notes", snapshot(first + 3, b"[]"))

    writing = asyncio.create_task(write())
    while not writing.done():
        loaded = await store.load("notes")
        assert loaded is not None
        revisions = [found.revision for found in loaded.operations]
        first = loaded.snapshot.revision + 1
        assert revisions == list(range(first, loaded.document.revision + 1))
        assert loaded.document.revision % 4 == 0
        await asyncio.sleep(0)
    await writing
