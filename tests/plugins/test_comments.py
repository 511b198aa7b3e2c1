"""comments: on a running server, with real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from collab.cli import main
from collab.protocol.settings import Settings
from collab.testing.raw import RawSession
from collab.testing.server import Server, serve
from tests.plugins.fake import write_plugin

TOKENS = {"Ada Lovelace": "a" * 32, "Bob": "b" * 32}
GUEST = {"Forwarded": "for=192.0.2.1"}
"""Headers of somebody who has no token, and does not sit at this machine."""
TEXT = "The quick brown fox jumps over the lazy dog."
READERS = """
class Readers(Plugin):
    @hookimpl
    def authorize(self, user, action):
        return False if action == "write" and user.name == "Bob" else None
"""
FOX = TEXT.index("fox")


class Reader:
    """Somebody on a document, as far as the plugin is concerned."""

    def __init__(self, session: RawSession) -> None:
        self.session = session
        self.sequence = 0

    async def say(self, data: Any) -> None:
        await self.session.send({"type": "message", "plugin": "comments", "data": data})

    async def open(
        self, start: int, end: int, text: str = "Why?", *, revision: int = 0, key: str = "k"
    ) -> None:
        await self.say(
            {
                "kind": "open", "key": key, "text": text,
                "revision": revision, "start": start, "end": end,
            }
        )

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message of that kind."""
        async with asyncio.timeout(20):
            while True:
                message = await self.session.expect("message", plugin="comments")
                if message["data"]["kind"] == kind:
                    return dict(message["data"])

    async def hear_thread(self) -> dict[str, Any]:
        """The next thread that is shown: id, start, end and thread."""
        return dict((await self.hear("thread"))["placed"])

    async def hear_place(self, id: str) -> list[int]:
        """Where a thread has moved to."""
        while True:
            for moved, start, end in (await self.hear("moved"))["ranges"]:
                if moved == id:
                    return [start, end]

    async def edit(self, *delta: Any) -> int:
        """Edit the newest revision; nobody else may meanwhile."""
        self.sequence += 1
        revision = self.session.revision + self.sequence
        await self.session.operate(revision - 1, self.sequence, list(delta))
        await self.session.committed(revision)
        return revision


@asynccontextmanager
async def reading(server: Server, document: str, name: str) -> AsyncIterator[Reader]:
    token = {"Authorization": f"Bearer {TOKENS[name]}"} if name in TOKENS else GUEST
    async with aiohttp.ClientSession(headers=token) as http:
        session = await RawSession.open(http, server.socket(document))
        yield Reader(session)
        await session.close()


def make_settings(folder: Path, **plugin: Any) -> Settings:
    return Settings(
        data_dir=folder,
        tokens=TOKENS,
        plugins_on=("comments",),
        plugins={"comments": {"burst": 1000, "interval": 0.01, **plugin}},
    )


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return make_settings(tmp_path)


def said(placed: dict[str, Any]) -> list[str | None]:
    return [comment.get("text") for comment in placed["thread"]["comments"]]


async def test_a_thread_is_opened_answered_resolved_and_opened_again(
    settings: Settings,
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with (
            reading(server, id, "Ada Lovelace") as ada,
            reading(server, id, "Bob") as bob,
        ):
            told = await ada.hear("threads")
            assert (told["first"], told["placed"], told["longest"]) == (True, [], 4000)
            await ada.open(FOX, FOX + 3, "Why a\r\nfox?")
            for one in (ada, bob):
                placed = await one.hear_thread()
                assert (placed["start"], placed["end"]) == (FOX, FOX + 3)
                assert placed["thread"]["quote"] == "fox"
                (comment,) = placed["thread"]["comments"]
                assert comment["author"]["id"] == "token:Ada Lovelace"
                assert comment["text"] == "Why a\nfox?"
            thread = placed["id"]
            await bob.say({"kind": "reply", "key": "r", "thread": thread, "text": "Why not?"})
            assert said(await ada.hear_thread()) == ["Why a\nfox?", "Why not?"]
            await bob.say({"kind": "resolve", "thread": thread, "resolved": True})
            placed = await ada.hear_thread()
            assert placed["thread"]["resolved"]["by"]["name"] == "Bob"
            await ada.say({"kind": "resolve", "thread": thread, "resolved": False})
            assert "resolved" not in (await ada.hear_thread())["thread"]


async def test_threads_move_with_the_text_and_survive_a_restart(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Ada Lovelace") as ada:
            await ada.open(FOX, FOX + 3)
            thread = (await ada.hear_thread())["id"]
            await ada.edit({"insert": "See: "})
            assert await ada.hear_place(thread) == [FOX + 5, FOX + 8]
            await ada.edit({"retain": FOX + 6}, {"insert": "XX"})
            assert await ada.hear_place(thread) == [FOX + 5, FOX + 10]
            await ada.edit({"retain": FOX + 10}, {"insert": "!"})
    async with serve(settings) as server, reading(server, id, "Bob") as bob:
        told = await bob.hear("threads")
        (placed,) = told["placed"]
        assert (placed["id"], placed["start"], placed["end"]) == (thread, FOX + 5, FOX + 10)
        assert told["revision"] == 3
        assert placed["thread"]["quote"] == "fox"
        assert said(placed) == ["Why?"]


async def test_a_thread_outlives_its_text_and_meets_it_again(settings: Settings) -> None:
    """Undo is an edit like any other: it inserts again what a deletion took."""
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Ada Lovelace") as ada:
            await ada.open(FOX, FOX + 3)
            thread = (await ada.hear_thread())["id"]
            await ada.edit({"retain": FOX - 6}, {"delete": 15})
            assert await ada.hear_place(thread) == [FOX - 6, FOX - 6]
        async with reading(server, id, "Bob") as bob:
            (placed,) = (await bob.hear("threads"))["placed"]
            assert placed["thread"]["quote"] == "fox"
    async with serve(settings) as server, reading(server, id, "Ada Lovelace") as ada:
        await ada.hear("threads")
        await ada.edit({"insert": "123 "})
        assert await ada.hear_place(thread) == [FOX - 2, FOX - 2]
        await ada.edit({"retain": FOX - 2}, {"insert": TEXT[FOX - 6 : FOX + 9]})
        assert await ada.hear_place(thread) == [FOX + 4, FOX + 7]


GONE = [{"retain": FOX - 6}, {"delete": 15}]
"""Deletes "brown fox jumps"."""


@pytest.mark.parametrize(
    ("edits", "expected"),
    [
        # Letter by letter, as undo after slow backspaces.
        (
            [[{"retain": FOX}, {"delete": 3}]]
            + [[{"retain": FOX + n}, {"insert": c}] for n, c in enumerate("fox")],
            [FOX, FOX + 3],
        ),
        # After somebody wrote at that place.
        (
            [GONE, [{"retain": FOX - 6}, {"insert": "👋!"}],
             [{"retain": FOX - 3}, {"insert": "brown fox jumps"}]],
            [FOX + 3, FOX + 6],
        ),
        # Undone before it was sent: one edit that replaces the text by the same.
        ([[{"retain": FOX - 6}, {"insert": "brown fox jumps"}, {"delete": 15}]], [FOX, FOX + 3]),
        # Another word, deleted again, then the right one.
        (
            [[{"retain": FOX}, {"insert": "cat"}, {"delete": 3}],
             [{"retain": FOX}, {"insert": "fox"}, {"delete": 3}]],
            [FOX, FOX + 3],
        ),
    ],
)
async def test_a_thread_meets_its_text_however_it_comes_back(
    tmp_path: Path, edits: list[Any], expected: list[int]
) -> None:
    for interval in (0.01, 1.0):  # a look after each edit, one look after all of them
        async with serve(make_settings(tmp_path, interval=interval)) as server:
            id = await server.create_document("Fox", TEXT)
            async with reading(server, id, "Ada Lovelace") as ada:
                await ada.open(FOX, FOX + 3)
                thread = (await ada.hear_thread())["id"]
                for edit in edits:
                    await ada.edit(*edit)
                async with asyncio.timeout(20):
                    while await ada.hear_place(thread) != expected:
                        pass


async def test_a_deletion_that_was_undone_at_once_is_told_though_nothing_moved(
    tmp_path: Path,
) -> None:
    """The page moves the mark along and has lost it; for the server it is where it was."""
    async with serve(make_settings(tmp_path, interval=0.5)) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Ada Lovelace") as ada:
            await ada.open(FOX, FOX + 3)
            thread = (await ada.hear_thread())["id"]
            await ada.edit({"retain": FOX}, {"delete": 3})
            await ada.edit({"retain": FOX}, {"insert": "fox"})
            assert await ada.hear_place(thread) == [FOX, FOX + 3]


async def test_other_text_at_the_same_place_is_another_text(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Ada Lovelace") as ada:
            await ada.open(FOX, FOX + 3)
            thread = (await ada.hear_thread())["id"]
            await ada.edit({"retain": FOX}, {"delete": 3})
            assert await ada.hear_place(thread) == [FOX, FOX]
            await ada.edit({"retain": FOX}, {"insert": "bear"})
            await ada.edit({"insert": "fox "})
            assert await ada.hear_place(thread) == [FOX + 4, FOX + 4]


async def test_a_place_of_an_earlier_revision_is_moved_to_now(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Ada Lovelace") as ada:
            await ada.edit({"insert": "👋 "})
            await ada.open(FOX, FOX + 3, revision=0)
            placed = await ada.hear_thread()
            assert (placed["start"], placed["end"]) == (FOX + 3, FOX + 6)
            assert placed["thread"]["quote"] == "fox"
            await ada.edit({"delete": 3})
            await ada.edit({"delete": len(TEXT)})
            await ada.open(0, 9, revision=0, key="late")
            placed = await ada.hear_thread()
            assert (placed["start"], placed["end"]) == (0, 0)
            assert placed["thread"]["quote"] == "The quick", "what was selected then"


@pytest.mark.parametrize(
    ("start", "end", "revision"), [(4, 4, 0), (9, 4, 0), (0, 1000, 0), (0, 4, 99)]
)
async def test_places_that_are_none_are_refused(
    settings: Settings, start: int, end: int, revision: int
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Bob") as bob:
            await bob.open(start, end, revision=revision, key="mine")
            refused = await bob.hear("refused")
            assert "elect" in refused["sentence"]
            assert refused["key"] == "mine"
        async with reading(server, id, "Bob") as bob:
            assert (await bob.hear("threads"))["placed"] == []


async def test_a_comment_that_is_sent_again_is_the_same(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Bob") as bob:
            for _ in range(2):
                await bob.open(FOX, FOX + 3)
                thread = (await bob.hear_thread())["id"]
            for _ in range(2):
                await bob.say({"kind": "reply", "key": "r", "thread": thread, "text": "I see."})
                assert said(await bob.hear_thread()) == ["Why?", "I see."]
        async with reading(server, id, "Ada Lovelace") as ada:
            (placed,) = (await ada.hear("threads"))["placed"]
            assert said(placed) == ["Why?", "I see."]


async def test_only_its_author_changes_and_deletes_a_comment(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with (
            reading(server, id, "Ada Lovelace") as ada,
            reading(server, id, "Bob") as bob,
        ):
            await ada.open(FOX, FOX + 3)
            thread = (await bob.hear_thread())["id"]
            await bob.say({"kind": "reply", "key": "r", "thread": thread, "text": "Hm."})
            await bob.hear_thread()
            await bob.say({"kind": "edit", "text": "no", "thread": thread, "comment": 1})
            assert "Only who wrote" in (await bob.hear("refused"))["sentence"]
            async with reading(server, id, "a guest") as guest:
                for kind in ({"kind": "edit", "text": "no"}, {"kind": "delete"}):
                    await guest.say({**kind, "thread": thread, "comment": 1})
                    assert "Only who wrote" in (await guest.hear("refused"))["sentence"]
            await bob.say({"kind": "edit", "thread": thread, "comment": 2, "text": "Hm!"})
            assert said(await bob.hear_thread()) == ["Why?", "Hm!"]
            await ada.say({"kind": "delete", "thread": thread, "comment": 1})
            assert said(await bob.hear_thread()) == [None, "Hm!"], "others answer to it"
            await ada.say({"kind": "delete", "thread": thread, "comment": 1})
            assert "not there any more" in (await ada.hear("refused"))["sentence"]
            await bob.say({"kind": "delete", "thread": thread, "comment": 2})
            assert (await ada.hear("removed"))["thread"] == thread
            await bob.say({"kind": "reply", "key": "x", "thread": thread, "text": "Hello?"})
            assert "not there any more" in (await bob.hear("refused"))["sentence"]
    async with serve(settings) as server, reading(server, id, "Ada Lovelace") as ada:
        assert (await ada.hear("threads"))["placed"] == []


async def test_length_number_and_pace_are_bounded(tmp_path: Path) -> None:
    narrow = make_settings(tmp_path, longest=4, most=2, burst=3, rate=0.001)
    async with serve(narrow) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Bob") as bob:
            await bob.open(0, 1, "👋👋!")
            assert "may have 4 characters" in (await bob.hear("refused"))["sentence"]
            await bob.open(0, 1, " ")
            assert "nothing in this comment" in (await bob.hear("refused"))["sentence"]
            for key in ("1", "2"):
                await bob.open(0, 1, key=key)
                await bob.hear_thread()
            await bob.open(0, 1, key="3")
            assert "may have 2 threads" in (await bob.hear("refused"))["sentence"]
            await bob.open(0, 1, key="4")
            assert "too fast" in (await bob.hear("refused"))["sentence"]


async def test_a_thread_does_not_grow_for_ever_and_many_are_told_in_parts(
    settings: Settings,
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Bob") as bob:
            opened = []
            for number in range(40):
                await bob.open(0, 3, "汉" * 4000, key=f"{number}")
                opened.append((await bob.hear_thread())["id"])
            replies = 0
            while True:
                reply = {"kind": "reply", "key": f"r{replies}", "thread": opened[0]}
                await bob.say({**reply, "text": "汉" * 4000})
                await bob.say({"kind": "resolve", "thread": opened[1], "resolved": True})
                if "resolved" in (await bob.hear_thread())["thread"]:
                    break
                await bob.hear_thread()
                replies += 1
            assert replies == 4
            assert "full" in str([one for one in bob.session.received if "data" in one])
        async with reading(server, id, "Ada Lovelace") as ada:
            told = [await ada.hear("threads") for _ in range(5)]
            assert [one["first"] for one in told] == [True, False, False, False, False]
            found = [placed["id"] for one in told for placed in one["placed"]]
            assert sorted(found) == sorted(opened)


@pytest.mark.parametrize(
    "garbage",
    [
        None, 1, "x", [], {}, {"kind": "nothing"}, {"kind": "open"},
        {"kind": "open", "key": "k", "text": "x", "revision": 0, "start": -1, "end": 3},
        {"kind": "open", "key": "k", "text": "x", "revision": 0, "start": 0.5, "end": 3},
        {"kind": "open", "key": "k", "text": 1, "revision": 0, "start": 0, "end": 3},
        {"kind": "open", "key": "k", "text": "x", "revision": 10**30, "start": 0, "end": 3},
        {"kind": "reply", "key": "k", "thread": "", "text": "x"},
        {"kind": "resolve", "thread": "x", "resolved": "yes"},
        {"kind": "delete", "thread": "x", "comment": 1, "by": "Ada"},
    ],
)
async def test_garbage_is_ignored_with_a_line_in_the_log(
    settings: Settings, garbage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Bob") as bob:
            await bob.say(garbage)
            await bob.open(FOX, FOX + 3)
            await bob.hear_thread()
    assert "ignored" in caplog.text


async def test_comments_are_exported_with_the_text_of_any_revision(settings: Settings) -> None:
    attack = "<script>alert(1)</script>"
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Bob") as bob:
            await bob.open(FOX, FOX + 3, attack)
            thread = (await bob.hear_thread())["id"]
            await bob.edit({"insert": "See: "})
            await bob.edit({"delete": 9})
            await bob.say({"kind": "resolve", "thread": thread, "resolved": True})
            await bob.hear_thread()
            await bob.open(0, 5, "later", revision=2, key="later")
            await bob.hear_thread()
        page = f"{server.url}/api/documents/{id}/export"
        async with server.http.get(f"{page}/comments") as response:
            assert response.content_type == "text/plain"
            text = await response.text()
        assert text.startswith("quick[1] brown fox[2] jumps over the lazy dog.\n")
        assert f"Bob: {attack}" in text
        assert "Resolved by Bob." in text
        for revision, place in ((2, FOX - 4), (1, FOX + 5), (0, FOX)):
            async with server.http.get(
                f"{page}/comments-json", params={"revision": str(revision)}
            ) as response:
                exported = await response.json()
            assert exported["revision"] == revision
            content = "".join(op["insert"] for op in exported["content"])
            (placed,) = [one for one in exported["threads"] if one["id"] == thread]
            assert (placed["start"], placed["end"]) == (place, place + 3)
            assert content[placed["start"] : placed["end"]] == "fox"
            assert len(exported["threads"]) == (2 if revision == 2 else 1)
        async with server.http.delete(f"{server.url}/api/documents/{id}") as response:
            assert response.status == 204
        async with server.http.get(f"{page}/comments") as response:
            assert response.status == 404


async def test_an_exported_file_can_be_imported(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Bob") as bob:
            await bob.open(FOX, FOX + 3)
            thread = (await bob.hear_thread())["id"]
            await bob.say({"kind": "resolve", "thread": thread, "resolved": True})
            await bob.hear_thread()
        page = f"{server.url}/api/documents/{id}/export/comments-json"
        async with server.http.get(page) as response:
            exported = await response.read()
        importing = f"{server.url}/api/import/comments-json"
        async with server.http.post(importing, data=exported) as response:
            assert response.status == 201, await response.text()
            copy = (await response.json())["id"]
        for _ in range(2):  # the second time from its ranges
            async with reading(server, copy, "a guest") as bob:
                (placed,) = (await bob.hear("threads"))["placed"]
                assert (placed["start"], placed["end"]) == (FOX, FOX + 3)
                assert said(placed) == ["Why?"]
                assert placed["thread"]["comments"][0]["author"]["name"] == "Bob (imported)"
                assert placed["thread"]["resolved"]["by"]["name"] == "Bob (imported)"
                await bob.say({"kind": "delete", "thread": placed["id"], "comment": 1})
                assert "Only who wrote" in (await bob.hear("refused"))["sentence"]
        for broken in (b"", b"[]", b"\xff", exported.replace(b'"start": 16', b'"start": 99')):
            async with server.http.post(importing, data=broken) as response:
                assert 400 <= response.status < 500
                assert (await response.json())["error"]["message"]


async def test_closing_a_document_in_the_middle_of_things_harms_nobody(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Bob") as bob:
            await bob.open(FOX, FOX + 3)
            await bob.hear_thread()
            await bob.edit({"insert": "x"})
        async with reading(server, id, "Ada Lovelace") as ada:
            (placed,) = (await ada.hear("threads"))["placed"]
            assert placed["start"] == FOX + 1
    assert "failed" not in caplog.text


async def test_who_may_not_write_reads(settings: Settings, tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins", "readers", READERS)
    settings = replace(
        settings, plugins_dir=tmp_path / "plugins", plugins_on=("comments", "readers")
    )
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with (
            reading(server, id, "Ada Lovelace") as ada,
            reading(server, id, "Bob") as bob,
        ):
            await bob.open(FOX, FOX + 3)
            assert "may read" in (await bob.hear("refused"))["sentence"]
            await ada.open(FOX, FOX + 3)
            thread = (await bob.hear_thread())["id"]
            await bob.say({"kind": "resolve", "thread": thread, "resolved": True})
            assert "may read" in (await bob.hear("refused"))["sentence"]


async def test_without_a_server_they_are_exported_too(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Fox", TEXT)
        async with reading(server, id, "Bob") as bob:
            await bob.open(FOX, FOX + 3)
            await bob.hear_thread()
            await bob.edit({"insert": "See: "})
        page = f"{server.url}/api/documents/{id}/export/comments-json"
        async with server.http.get(page) as response:
            exported = await response.read()
        importing = f"{server.url}/api/import/comments-json"
        async with server.http.post(importing, data=exported) as response:
            copy = (await response.json())["id"]
        # Rewritten before anybody has looked at its comments.
        content = f"{server.url}/api/documents/{copy}/content"
        async with server.http.put(content, json=f"Now: See: {TEXT}") as response:
            assert response.status == 200

    def command_line(*words: str) -> str:
        assert main(["export", "--data-dir", str(settings.data_dir), *words]) == 0
        return capsys.readouterr().out

    # As of its own: the command line has an event loop for itself.
    export = ["--format", "comments"]
    now = await asyncio.to_thread(command_line, id, *export)
    assert now.startswith("See: The quick brown fox[1] jumps") and "Bob: Why?" in now
    then = await asyncio.to_thread(command_line, id, *export, "--revision", "0")
    assert then.startswith("The quick brown fox[1] jumps")
    copied = await asyncio.to_thread(command_line, copy, *export)
    assert copied.startswith("Now: See: The quick brown fox[1] jumps")
    assert "Bob (imported): Why?" in copied
