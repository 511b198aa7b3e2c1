"""history: looking back, comparing, naming and restoring, on a running server."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from collab.plugins.authorship.attribution import Run
from collab.plugins.history.difference import CONTEXT, OBJECT, Piece, difference, plain
from collab.plugins.history.grouping import stretches
from collab.plugins.history.versions import clean
from hypothesis import given
from hypothesis import strategies as st

from collab.ot import Delta
from collab.plugins.archive import Operation
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.storage.port import StoredOperation
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import write_plugin


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with serve(Settings(data_dir=tmp_path)) as running:
        yield running


async def ask(server: Server, id: str, path: str, status: int = 200) -> Any:
    url = f"{server.url}/plugins/history/api/documents/{id}/{path}"
    while True:
        async with server.http.get(url) as response:
            answer = await response.json()
        if response.status != 202:
            assert response.status == status, answer
            return answer


async def heard(stream: Any, kind: str) -> Any:
    async with asyncio.timeout(20):
        async for message in stream:
            assert message["kind"] == kind, message
            return message
    raise AssertionError("the stream ended")


async def test_every_revision_can_be_looked_at(server: Server) -> None:
    id = await server.create_document("Notes", "Hello")
    async with server.connect(id) as one, server.connect(id) as two:
        await one.insert(5, " 👩 world")
        await two.wait_for(lambda document: document.revision == 1, timeout=10)
        await two.delete(0, 6)
        await two.insert(0, "é")
    texts = ["Hello", "Hello 👩 world", "👩 world", "é👩 world"]
    for revision, text in enumerate(texts):
        answer = await ask(server, id, f"revisions/{revision}")
        assert (answer["revision"], answer["text"]) == (revision, text)
        assert sum(answer["runs"][1::2]) == len(text.encode("utf-16-le")) // 2
        makers = [None, one.user.id, two.user.id, two.user.id]
        assert answer["author"] == makers[revision]
        assert answer["author"] in (None, *(who["id"] for who in answer["authors"]))
    names = [who["name"] for who in answer["authors"]]
    assert names[:2] == [two.user.name, one.user.name]
    assert answer["runs"] == [0, 1, 1, 8]
    for wrong in ("4", "-1", "x", "99999999999999999"):
        await ask(server, id, f"revisions/{wrong}", status=404 if wrong == "4" else 400)


async def test_revisions_are_listed_by_who_did_what(server: Server) -> None:
    id = await server.create_document("Notes", "")
    async with server.connect(id) as one, server.connect(id) as two:
        for _ in range(3):
            await one.insert(0, "ab")
        await two.wait_for(lambda document: document.revision == 3, timeout=10)
        await two.delete(0, 1)
    answer = await ask(server, id, "revisions")
    assert answer["newest"] == 4 and answer["next"] is None
    assert [(one["first"], one["last"], one["inserted"], one["deleted"])
            for one in answer["stretches"]] == [(4, 4, 0, 1), (1, 3, 6, 0)]
    assert [who["name"] for who in answer["authors"]] == [one.user.name, two.user.name]
    assert (await ask(server, id, "revisions?before=1"))["stretches"] == []


async def test_a_long_history_comes_in_pages_that_fit_together(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.plugins.history.PAGE", 10)
    id = await server.create_document("Notes", "")
    async with server.connect(id) as one, server.connect(id) as two:
        for _ in range(8):
            for client in (one, two):
                await client.insert(0, "a")
                await client.insert(0, "b")
    found: list[tuple[int, int]] = []
    path = "revisions"
    while True:
        page = await ask(server, id, path)
        found += [(one["first"], one["last"]) for one in page["stretches"]]
        if page["next"] is None:
            break
        path = f"revisions?before={page['next']}"
    assert found[::-1] == [(n, n + 1) for n in range(1, 32, 2)]


async def test_any_two_revisions_can_be_compared(server: Server) -> None:
    id = await server.create_document("Notes", "one two three")
    async with server.connect(id) as one:
        await one.replace(4, 3, "2")
        await one.insert(0, "<b>")
    answer = await ask(server, id, "difference?from=0")
    (author,) = (who for who in answer["authors"] if who["id"] == one.user.id)
    assert author["name"] == one.user.name
    assert [(piece["kind"], piece["text"], piece.get("author")) for piece in answer["pieces"]] == [
        ("added", "<b>", one.user.id), ("same", "one ", None), ("added", "2", one.user.id),
        ("removed", "two", ""), ("same", " three", None),
    ]
    back = await ask(server, id, "difference?from=2&to=1")
    assert [piece["kind"] for piece in back["pieces"]] == ["removed", "same"]
    assert (await ask(server, id, "difference?from=0&to=3", 404))["error"]["code"] == "bad_revision"


async def test_restoring_is_an_edit_that_can_be_taken_back(server: Server) -> None:
    id = await server.create_document("Notes", "The text.")
    async with server.connect(id) as one, server.connect(id) as two:
        await one.replace(0, 3, "A")
        await one.insert(0, "Well: ")
        messages = one.messages("history")
        one.send("history", {"do": "restore", "revision": 0})
        done = await heard(messages, "restored")
        assert (done["to"], done["revision"]) == (0, 3)
        await two.wait_for(lambda document: document.text == "The text.", timeout=10)
        (operation,) = await server.operations(id, 2)
        assert operation["author"] == one.user.id
        await two.insert(9, " And more.")
        await one.wait_for(lambda document: document.revision == 4, timeout=10)
        one.send("history", {"do": "take_back", "revision": 3})
        await heard(messages, "taken_back")
        await two.wait_for(lambda document: document.revision == 5, timeout=10)
        assert two.text == "Well: A text. And more.", "what came after it stays"
        one.send("history", {"do": "restore", "revision": 5})
        assert (await heard(messages, "restored"))["revision"] is None
        for wrong in ({"do": "restore", "revision": 6}, {"do": "take_back", "revision": 9}):
            one.send("history", wrong)
            assert "no revision" in (await heard(messages, "refused"))["sentence"]
    assert await server.text(id) == "Well: A text. And more."


async def test_versions_have_names_that_everybody_sees(server: Server) -> None:
    id = await server.create_document("Notes", "")
    async with server.connect(id) as one, server.connect(id) as two:
        await one.insert(0, "draft")
        seen = two.messages("history")
        said = one.messages("history")
        one.send("history", {"do": "name", "revision": 1, "name": " First\n<b>draft</b>\u202e "})
        await heard(seen, "versions")
        (version,) = (await ask(server, id, "versions"))["versions"]
        assert (version["revision"], version["name"]) == (1, "First <b>draft</b>")
        assert version["author"] == one.user.id
        await heard(said, "versions")
        for wrong in ({"revision": 2, "name": "x"}, {"revision": 1, "name": " \u200b"}):
            one.send("history", {"do": "name", **wrong})
            await heard(said, "refused")
        one.send("history", {"do": "name", "revision": 1})
        await heard(seen, "versions")
        assert (await ask(server, id, "versions"))["versions"] == []


@pytest.mark.parametrize(
    "data", [None, [], {}, {"do": "restore"}, {"do": "restore", "revision": -1}, {"do": "x"},
             {"do": "name", "revision": 1, "name": "x" * 1001}, {"do": "take_back", "revision": 0}],
)
async def test_what_is_not_understood_does_nothing(server: Server, data: Any) -> None:
    id = await server.create_document("Notes", "text")
    async with server.connect(id) as one:
        messages = one.messages("history")
        one.send("history", data)
        one.send("history", {"do": "restore", "revision": 0})
        await heard(messages, "restored")
    assert await server.text(id) == "text"


def test_a_name_is_one_line_of_what_can_be_seen() -> None:
    assert clean("  a\t\n b\u202e\x00\u200b") == "a b"
    assert len(clean("x" * 500)) == 100


def operation(revision: int, author: str, time: float, delta: Delta) -> Operation:
    return Operation(StoredOperation(revision, "c", revision, author, time, b"", b""), delta)


def test_a_pause_or_another_author_begins_a_new_stretch() -> None:
    made = stretches(
        [
            operation(4, "ada", 0, Delta().insert("👩")),
            operation(5, "ada", 10, Delta().delete(2).insert("abc")),
            operation(6, "bob", 11, Delta().insert({"image": "x"})),
            operation(7, "bob", 22, Delta().retain(1, {"bold": True})),
        ],
        pause=10,
    )
    assert [(one.first, one.last, one.author, one.inserted, one.deleted) for one in made] == [
        (4, 5, "ada", 5, 2), (6, 6, "bob", 1, 0), (7, 7, "bob", 0, 0),
    ]


TEXTS = st.text(st.sampled_from("ab \né汉👩"), max_size=30)


@given(TEXTS, TEXTS)
def test_the_pieces_are_both_texts(before: str, after: str) -> None:
    old, new = Delta().insert(before), Delta().insert(after)
    pieces, complete = difference(
        old, new, [Run("ada", old.length())], [Run("bob", new.length())]
    )
    assert complete
    assert "".join(p.text for p in pieces if p.kind != "added") == before
    assert "".join(p.text for p in pieces if p.kind != "removed") == after
    assert all(p.author == ("bob" if p.kind == "added" else "ada")
               for p in pieces if p.kind != "same")


def test_what_is_alike_is_not_shown_at_length() -> None:
    old = Delta().insert("a" * 1000 + "x" + "b" * 1000)
    new = Delta().insert("a" * 1000 + "yz" + "b" * 1000)
    pieces, _ = difference(old, new, [Run("ada", 2001)], [Run("bob", 1001), Run("eve", 1001)])
    assert pieces == [
        Piece("skipped", length=1000 - CONTEXT), Piece("same", "a" * CONTEXT),
        Piece("added", "y", author="bob"), Piece("added", "z", author="eve"),
        Piece("removed", "x", author="ada"),
        Piece("same", "b" * CONTEXT), Piece("skipped", length=1000 - CONTEXT),
    ]


def test_what_lies_around_a_change_is_whole_words() -> None:
    before, after = "words " * 200, " weird" * 200
    old, new = Delta().insert(f"{before}x{after}"), Delta().insert(f"{before}y{after}")
    length = len(before) + 1 + len(after)
    pieces, _ = difference(old, new, [Run("ada", length)], [Run("ada", length)])
    head, tail = (piece.text for piece in pieces if piece.kind == "same")
    assert head == "words " * (CONTEXT // 6)
    assert tail == " weird" * (CONTEXT // 6) + " "
    assert sum(len(piece.text) or piece.length for piece in pieces) == length + 1


def test_rich_text_is_compared_too() -> None:
    old = Delta([{"insert": "ab"}, {"insert": {"image": "x"}}, {"insert": "\n"}])
    new = Delta([{"insert": "ab", "attributes": {"bold": True}}, {"insert": "\n"}])
    pieces, _ = difference(old, new, [Run("ada", 4)], [Run("ada", 3)])
    assert [(one.kind, one.text) for one in pieces] == [
        ("formatted", "ab"), ("removed", OBJECT), ("same", "\n"),
    ]
    assert plain(old) == f"ab{OBJECT}\n"


@pytest.mark.bundled("authorship", "markdown")
async def test_who_may_not_read_sees_nothing_and_who_may_not_write_changes_nothing(
    tmp_path: Path,
) -> None:
    write_plugin(
        tmp_path / "plugins",
        "gate",
        """
        class Gate(Plugin):
            refused = "write"

            @hookimpl
            def authorize(self, user, action, document):
                return False if action == self.refused else None
        """,
    )
    settings = Settings(data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins")
    async with serve(settings) as server:
        id = await server.create_document("Notes", "secret")
        async with server.connect(id) as one:
            messages = one.messages("history")
            for asked in ({"do": "restore", "revision": 0},
                          {"do": "name", "revision": 0, "name": "x"}):
                one.send("history", asked)
                assert "not change it" in (await heard(messages, "refused"))["sentence"]
        gate: Any = server.app[PLUGINS].plugins["gate"]
        gate.refused = "read"
        for path in (
            "history/api/documents/{}/revisions", "history/api/documents/{}/revisions/0",
            "history/api/documents/{}/difference?from=0", "history/api/documents/{}/versions",
            "authorship/api/documents/{}/runs", "markdown/api/documents/{}/preview",
        ):
            async with server.http.get(f"{server.url}/plugins/{path.format(id)}") as response:
                assert response.status == 403
                assert "secret" not in await response.text()


async def test_two_versions_named_at_once_are_both_kept(server: Server) -> None:
    history = server.app[PLUGINS].plugins["history"]
    id = await server.create_document("Notes", "text")
    ada = User("ada", "Ada", "#112233")
    async with history.server.document(id) as document:
        await document.apply(Delta().insert("more "), author=ada)
        await asyncio.gather(
            history.versions.name(document, 0, "first", ada),
            history.versions.name(document, 1, "second", ada),
        )
        named = [one.name for one in await history.versions.all(document)]
        assert named == ["first", "second"]
        await asyncio.gather(*(history.versions.unname(document, one) for one in (0, 1)))
        assert await history.versions.all(document) == []
