"""The file that holds a document whole: written and read, cut off, changed, and made up."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from collab.storage import MemoryStore
from collab.storage.backup import BadBackup, line_of, read, written
from collab.storage.backup.lines import from_json, to_json
from collab.storage.backup.writing import PIECE
from collab.storage.port import (
    Append,
    Author,
    Kept,
    Rows,
    Sent,
    StorageError,
    Store,
    Value,
)
from tests.storage.files import (
    AUTHOR,
    BOB,
    DESCRIBED,
    FIRST,
    HEADER,
    KEPT,
    LINES,
    SECOND,
    SNAPSHOT,
    exported,
    sealed,
)
from tests.storage.making import EMPTY, append, document, operation, snapshot

TABLE = {"kind": "table", "plugin": "tags", "table": "tags_tag", "columns": ["name", "size"]}
ROW = {"kind": "row", "values": ["red", 5]}


async def test_what_is_written_is_read(store: Store) -> None:
    await store.create(document(title="Ω \u2028 'n'"), b'[{"insert":"\xc3\xa9"}]')
    log = [operation(1), operation(2, "bob", 1, text="\\n\U0001f600")]
    called = [Author("Ann", "Ann \u00c9", "#0b6e4f", 1)]
    await store.append([Append("notes", log, authors=called)])
    await store.set_state("chat", "notes", "a\u0000b", b'{"deep":[1,null,"\\u2028"]}')
    data = await exported(store, "notes")
    assert [json.loads(line)["kind"] for line in data.splitlines()[1:]] == [
        "snapshot", "operation", "operation", "client", "client", "author", "state", "end",
    ]
    backup = read(data)
    assert backup.belongings == await store.belongings("notes")
    assert backup.operations == [one async for one in store.operations("notes", 0)]
    assert line_of(backup, 0) == 2
    await store.delete("notes")
    await store.restore(backup.belongings, backup.operations, [])
    assert await exported(store, "notes") == data
    assert await written(store, "nowhere") is None


async def test_a_long_log_is_written_piece_by_piece() -> None:
    store = MemoryStore()
    await store.create(document(), EMPTY)
    await store.append(append(1, 3000))
    await store.set_state("chat", "notes", "large", json.dumps("x" * 3 * PIECE).encode())
    pieces = await written(store, "notes")
    assert pieces is not None
    found = [piece async for piece in pieces]
    assert len(found) > 4
    assert all(PIECE <= len(piece) < PIECE + 200 for piece in found[:-2])
    assert len(read(b"".join(found)).operations) == 3000


async def test_others_have_their_turn_while_much_is_written() -> None:
    store = MemoryStore()
    await store.create(document(), EMPTY)
    for number in range(20):
        await store.set_state("chat", "notes", f"{number}", json.dumps("x" * PIECE).encode())
    turns = 0

    async def other() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    working = asyncio.create_task(other())
    pieces = await written(store, "notes")
    assert pieces is not None
    turns = 0
    found = [piece async for piece in pieces]
    working.cancel()
    assert turns >= len(found) - 1 >= 20


@pytest.mark.parametrize("again", [False, True])
async def test_a_document_that_goes_away_meanwhile_has_no_whole_file(again: bool) -> None:
    store = MemoryStore()
    await store.create(document(), EMPTY)
    await store.append(append(1, 2000))
    pieces = await written(store, "notes")
    assert pieces is not None
    part = await anext(pieces)
    found = await store.belongings("notes")
    operations = [one async for one in store.operations("notes", 0)]
    await store.delete("notes")
    if again:
        assert found is not None
        other = replace(found, document=replace(found.document, epoch="another"))
        await store.restore(other, operations, [])
    rest: list[bytes] = []
    with pytest.raises(StorageError, match="Export it again"):
        await gather(pieces, rest)
    with pytest.raises(BadBackup, match="cut off"):
        read(part + b"".join(rest))


async def gather(pieces: AsyncIterator[bytes], found: list[bytes]) -> None:
    async for piece in pieces:
        found.append(piece)


async def test_what_is_edited_meanwhile_is_not_in_it() -> None:
    store = MemoryStore()
    await store.create(document(), EMPTY)
    await store.append(append(1, 2000))
    pieces = await written(store, "notes")
    assert pieces is not None
    part = await anext(pieces)
    await store.append(append(2001, 5))
    part += b"".join([piece async for piece in pieces])
    backup = read(part)
    assert backup.belongings.document.revision == len(backup.operations) == 2000
    assert backup.belongings.clients == [Sent("ann", 2000, 2000)]


def test_lines_that_fit() -> None:
    backup = read(sealed([*LINES, TABLE, ROW, {**TABLE, "table": "tags_b"}]))
    found = backup.belongings
    assert found.document.title == "Notes"
    assert found.snapshot == snapshot(0, b'[{"insert": "one"}]')
    assert [one.delta for one in backup.operations][1] == json.dumps(SECOND["delta"]).encode()
    assert found.clients == [Sent("ann", 1, 1), Sent("bob", 7, 2)]
    assert found.authors == [Author("Ann", "Ann É", "#0b6e4f", 1)]
    assert found.state == [Kept("tags", "colour", json.dumps(KEPT["value"]).encode())]
    assert found.tables == [
        Rows("tags", "tags_tag", ["name", "size"], [["red", 5]]),
        Rows("tags", "tags_b", ["name", "size"], []),
    ]
    assert read(sealed(LINES).rstrip(b"\n")) == read(sealed(LINES) + b"\n") == read(sealed(LINES))


def test_the_example_on_the_page_is_right() -> None:
    page = (Path(__file__).parents[2] / "docs" / "backup-format.md").read_text(encoding="utf-8")
    example = page.split("```json\n")[1].split("```")[0].encode()
    backup = read(example)
    assert backup.belongings.clients == [Sent("kP3v", 1, 1)]
    told = {json.loads(line).get("kind") for line in sealed([*LINES, TABLE, ROW]).splitlines()}
    for kind in told - {None}:
        assert f'`"kind":"{kind}"`' in page


def test_every_file_that_was_cut_off_is_refused() -> None:
    data = sealed([*LINES, TABLE, ROW])
    for length in range(len(data) - 1):
        with pytest.raises(BadBackup, match=r"no backup|was cut off|Line 1"):
            read(data[:length])


def test_every_byte_that_was_changed_is_noticed() -> None:
    data = sealed(LINES)
    for place in range(len(data) - 1):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(BadBackup):
            read(changed)


@pytest.mark.parametrize(
    "data",
    [b"", b"\n", b"hello", b"\xff\xfe", b"[]", b'{"collab":1}', b"[" * 100_000, b"PK\x03\x04"],
)
def test_what_is_no_backup(data: bytes) -> None:
    with pytest.raises(BadBackup, match="This is no backup of a document"):
        read(data)


@pytest.mark.parametrize("version", [0, 3, "1", None, True, [1]])
def test_another_version(version: Any) -> None:
    with pytest.raises(BadBackup, match=r"^Line 1: .* version .* or a later one\.$"):
        read(sealed([{**HEADER, "version": version}, *LINES[1:]]))


@pytest.mark.parametrize("what", ["lines", "bytes"])
def test_what_was_changed_by_a_program(what: str) -> None:
    data = sealed(LINES)
    changed = {
        "lines": data.replace(b"\n", b"\r\n"),
        "bytes": data.replace(b"red", b"reD"),
    }[what]
    with pytest.raises(BadBackup, match="changed or damaged"):
        read(changed)


def with_(line: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {**line, **changed}


def header(**changed: Any) -> dict[str, Any]:
    return with_(HEADER, document={**DESCRIBED, **changed})


WRONG: dict[str, tuple[list[dict[str, Any]], str]] = {
    "no title": ([header(title=5), *LINES[1:]], r"Line 1: .*`\$.document.title`"),
    "unknown": ([with_(HEADER, more=1), *LINES[1:]], "Line 1: .*unknown field `more`"),
    "no time": ([header(created=-1), *LINES[1:]], "Line 1"),
    "huge revision": ([header(revision=2**60), *LINES[1:]], "Line 1"),
    "another head": ([header(revision=3), *LINES[1:]], "Line 9: the last revision is 2"),
    "no snapshot": ([HEADER], "Line 2: there is no snapshot"),
    "no snapshot but more": ([HEADER, FIRST], "Line 2: .*kind operation can't follow the first"),
    "two snapshots": ([HEADER, SNAPSHOT, *LINES[1:]], "Line 3: there is a snapshot already"),
    "late snapshot": ([HEADER, SNAPSHOT, FIRST, SNAPSHOT], "Line 4: .*snapshot can't follow"),
    "unknown kind": ([HEADER, SNAPSHOT, {"kind": "joke"}], "Line 3: .*'joke'"),
    "no kind": ([HEADER, SNAPSHOT, {}], "Line 3: .*missing required field `kind`"),
    "end twice": ([*LINES, {"kind": "end"}], "Line 9"),
    "client first": ([*LINES[:5], FIRST], "Line 6: .*operation can't follow .*client"),
    "a gap": ([HEADER, SNAPSHOT, SECOND], "Line 3: revision 1 comes next, not 2"),
    "twice": ([HEADER, SNAPSHOT, FIRST, FIRST], "Line 4: revision 2 comes next, not 1"),
    "sent before": (
        [*LINES[:3], with_(SECOND, client="ann", sequence=1)],
        "Line 4: client 'ann' has sent 1 before",
    ),
    "no sequence": ([*LINES[:2], with_(FIRST, sequence=0)], "Line 3: .*sequence"),
    "no client": ([*LINES[:2], with_(FIRST, client="")], "Line 3: .*client"),
    "no number": ([*LINES[:2], with_(FIRST, time="now")], "Line 3: .*time"),
    "client lacks": ([*LINES[:5], KEPT], "Line 7: client 'bob' has no line"),
    "client twice": ([*LINES[:6], BOB], "Line 7: client 'bob' was there before"),
    "client wrong": (
        [*LINES[:5], with_(BOB, sequence=8)],
        "Line 6: client 'bob' has sent 7 last, as operation 2; not 8",
    ),
    "client made up": (
        [*LINES[:6], with_(BOB, client="eve", revision=2)],
        "Line 7: operation 2 is not of client 'eve'",
    ),
    "author twice": ([*LINES[:7], AUTHOR], "Line 8: author 'Ann' was there before"),
    "no author": ([*LINES[:6], with_(AUTHOR, since=0)], "Line 7: .*since"),
    "late author": ([*LINES, AUTHOR], "Line 9: .*author can't follow .*state"),
    "value twice": ([*LINES, KEPT], "Line 9: plugin 'tags' has a value for 'colour' already"),
    "row first": ([*LINES, ROW], "Line 9: .*row can't follow .*state"),
    "row too long": (
        [*LINES, TABLE, with_(ROW, values=[1, 2, 3])], "Line 10: 2 columns need as many values"
    ),
    "no value": ([*LINES, TABLE, with_(ROW, values=[1, [2]])], "Line 10: a value is null"),
    "no base64": (
        [*LINES, TABLE, with_(ROW, values=[1, {"bytes": "*"}])], "Line 10: .*in Base64"
    ),
    "more than bytes": (
        [*LINES, TABLE, with_(ROW, values=[1, {"bytes": "", "x": 1}])], "Line 10: a value is"
    ),
    "too large": ([*LINES, TABLE, with_(ROW, values=[1, 2**63])], "Line 10: .*64 bits"),
    "table twice": ([*LINES, TABLE, ROW, TABLE], "Line 11: table 'tags_tag' was there before"),
    "column twice": ([*LINES, with_(TABLE, columns=["a", "a"])], "Line 9: the columns"),
    "document column": ([*LINES, with_(TABLE, columns=["document"])], "Line 9: the columns"),
}


@pytest.mark.parametrize("name", WRONG)
def test_lines_that_do_not_fit(name: str) -> None:
    lines, sentence = WRONG[name]
    with pytest.raises(BadBackup, match=sentence) as caught:
        read(sealed(lines))
    assert str(caught.value).endswith(("import a file as it was exported.", "or a later one."))


def test_a_file_of_before_the_authors_is_read_with_the_names_that_a_plugin_kept() -> None:
    names = {"Bob": ["Bob É", "#0b6e4f"], "gone": ["Gone", "red"], "x": None}
    noted = {"kind": "state", "plugin": "tags", "key": "authors", "value": names}
    other = {"kind": "state", "plugin": "gists", "key": "authors", "value": [1]}
    *lines, end = sealed([*LINES[:6], noted, other]).splitlines(keepends=True)
    told = json.loads(end)
    assert told.pop("authors") == 0
    belongings = read(b"".join([*lines, json.dumps(told).encode()])).belongings
    assert belongings.authors == [
        Author("Bob", "Bob É", "#0b6e4f", 2), Author("gone", "Gone", "", 1)
    ]
    assert [kept.plugin for kept in belongings.state] == ["tags", "gists"]
    assert read(sealed([*LINES[:6], noted])).belongings.authors == []


def test_a_sentence_quotes_no_more_than_one_can_read() -> None:
    for line in ({"kind": "x" * 10_000}, with_(FIRST, **{"x" * 10_000: 1})):
        with pytest.raises(BadBackup, match=r"^Line 3: ") as caught:
            read(sealed([HEADER, SNAPSHOT, line]))
        assert len(str(caught.value)) < 600


@pytest.mark.parametrize("name", ["operations", "clients", "authors", "state", "rows"])
def test_counts_that_are_not_right(name: str) -> None:
    with pytest.raises(BadBackup, match=r"^Line 9: there are \d .*, not 9\."):
        read(sealed(LINES, **{name: 9}))


@pytest.mark.parametrize(
    "value", [b"[1,}", b"\xff", b"NaN", b'"\\ud800"', b"[" * 5000 + b"]" * 5000, b"1e999"]
)
def test_json_that_is_none(value: bytes) -> None:
    *lines, end = sealed(LINES).splitlines(keepends=True)
    body = b"".join(lines).replace(json.dumps(KEPT["value"]).encode(), value)
    told = {**json.loads(end), "sha256": hashlib.sha256(body).hexdigest()}
    with pytest.raises(BadBackup, match=r"^Line 8: "):
        read(body + json.dumps(told).encode())


@pytest.mark.parametrize(
    "value",
    [None, 0, -(2**63), 2**63 - 1, 1.5, float("inf"), float("-inf"), "", "a\0ü😀", b"", b"\0\xff"],
)
def test_values_of_columns(value: Value) -> None:
    assert from_json(json.loads(json.dumps(to_json(value)))) == value
