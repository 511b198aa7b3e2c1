"""What comes from a file or the store is checked as what comes from the socket.

One ``"time": 1e18`` in imported comments broke the panel for everybody, and the export with it.
"""

from __future__ import annotations

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from collab.protocol.messages import NAMELESS
from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from plugins.chat.conversation import _message
from plugins.comments.stored import stored_placed, stored_thread
from plugins.history.versions import KEY, Versions
from tests.plugins.fake import the
from tests.plugins.test_moderation import OPERATOR, visit
from tests.storage.files import sealed

ADA = {"id": "guest:x", "name": "Ada", "color": "#1d4ed8"}
FAR = 10**400


def file(thread: Any = None, comment: Any = None, placed: Any = None, **more: Any) -> bytes:
    """A file of one comment; the others are what is different in it."""
    one = {"id": 1, "author": ADA, "time": 1.5, "key": "k", "text": "Why?"} | (comment or {})
    whole = {"quote": "fox", "revision": 0, "comments": [one]} | (thread or {})
    where = {"id": "a", "start": 0, "end": 3, "thread": whole} | (placed or {})
    content = [{"insert": "fox"}]
    told = {"title": "T", "type": "text", "content": content, "threads": [where]} | more
    return json.dumps(told).encode()


def nested(depth: int) -> Any:
    return [nested(depth - 1)] if depth else []


WRONG = {
    "time": file(comment={"time": 1e18}),
    "time, negative": file(comment={"time": -1}),
    "time, huge": file(comment={"time": FAR}),
    "time, NaN": file(comment={"time": "TIME"}).replace(b'"TIME"', b"NaN"),
    "time, infinite": file(comment={"time": "TIME"}).replace(b'"TIME"', b"1e999"),
    "edited": file(comment={"edited": 1e18}),
    "resolved": file(thread={"resolved": {"by": ADA, "time": 1e18}}),
    "id": file(comment={"id": -1}),
    "id, huge": file(comment={"id": FAR}),
    "colour": file(comment={"author": ADA | {"color": "red"}}),
    "author": file(comment={"author": ADA | {"id": ""}}),
    "author, long": file(comment={"author": ADA | {"name": "x" * 201}}),
    "text": file(comment={"text": "x" * 5001}),
    "text, empty": file(comment={"text": " \u0000"}),
    "quote": file(thread={"quote": "x" * 1000}),
    "revision": file(thread={"revision": -1}),
    "no comment": file(thread={"comments": []}),
    "place": file(placed={"start": -1}),
    "place, turned": file(placed={"start": 3, "end": 0}),
    "place, beyond": file(placed={"end": 4}),
    "place, huge": file(placed={"end": FAR}),
    "deep": file(thread={"comments": nested(900)}),
    "title": file(title="\u3164"),
    "content": file(content=[{"insert": nested(900)}]),
    "too many": file(threads=[json.loads(file())["threads"][0]] * 4),
}


def comments(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path, tokens={"operator": "o" * 32}, plugins_on=("comments",),
        plugins={"comments": {"most": 3}}, trusted_proxies=("127.0.0.1",),
    )


async def test_comments_from_a_file_are_checked_as_those_from_the_socket(tmp_path: Path) -> None:
    async with serve(comments(tmp_path)) as server:
        for name, data in WRONG.items():
            status, told = await imported(server, data)
            assert 400 <= status < 500, (name, told)
        status, told = await imported(server, file())
        assert status == 201, told


async def test_two_of_one_key_are_two(tmp_path: Path) -> None:
    """Ids and keys of a file are not taken over: whatever it repeats, nothing is overwritten."""
    twice = json.loads(file())
    comment = twice["threads"][0]["thread"]["comments"][0]
    twice["threads"][0]["thread"]["comments"] = [comment, comment]
    twice["threads"] *= 2
    async with serve(comments(tmp_path)) as server:
        status, told = await imported(server, json.dumps(twice).encode())
        assert status == 201, told
        async with visit(server, told["id"], "comments", address="192.0.2.1") as (_, first):
            assert len({one["id"] for one in first["placed"]}) == 2
            numbers = [
                [comment["id"] for comment in one["thread"]["comments"]] for one in first["placed"]
            ]
            assert numbers == [[1, 2], [1, 2]]


async def imported(server: Server, data: bytes) -> tuple[int, Any]:
    async with server.http.post(
        f"{server.url}/api/import/comments-json", data=data, headers=OPERATOR
    ) as response:
        return response.status, await response.json()


THREAD = json.loads(file())["threads"][0]["thread"]


@pytest.mark.parametrize(
    ("changed", "time"),
    [
        ({}, 1.5),
        ({"comments": [THREAD["comments"][0] | {"time": 1e18}]}, 0.0),
        ({"comments": [THREAD["comments"][0] | {"time": "soon", "edited": -1}]}, 0.0),
        ({"resolved": {"by": ADA, "time": 1e18}}, 0.0),
        ({"comments": []}, None),
        ({"comments": "x"}, None),
        ({"comments": [{}]}, None),
        ({"comments": [None]}, None),
        ({"resolved": 7}, None),
        ({"revision": {}}, None),
    ],
)
def test_a_stored_thread_is_mended_or_left_out(changed: Any, time: float | None) -> None:
    found = stored_thread(THREAD | changed)
    assert (found and found.comments[0].time) == time


def test_what_is_no_thread_at_all_is_left_out() -> None:
    for data in (None, 7, [], {}, "x", {"thread": None}, {"thread": THREAD, "id": "a"}):
        assert stored_thread(data) is None
        assert stored_placed(data) is None
    assert stored_placed({"thread": THREAD, "id": "a", "start": 2, "end": 1}) is None


async def test_one_thread_that_cannot_be_read_keeps_nobody_from_the_others(
    tmp_path: Path,
) -> None:
    async with serve(comments(tmp_path)) as server:
        id = await server.create_document("Fox", "The quick brown fox")
        async with server.connect(id):
            plugin = the(server.app[PLUGINS], "comments")
            (document,) = plugin.server.open_documents()
            ranges = plugin.ranges(document)
            far = THREAD | {"comments": [THREAD["comments"][0] | {"time": 1e18}]}
            for key, data in (("a", THREAD), ("far", far), ("none", {"comments": 7})):
                await ranges.add(key, 0, 3, data)
            async with visit(server, id, "comments", address="192.0.2.1") as (visitor, first):
                assert {one["id"] for one in first["placed"]} == {"a", "far"}
                answer = await visitor.ask(
                    "open", key="n", text="!", revision=0, start=0, end=3
                )
                assert answer["kind"] == "refused", "all three count"
                answer = await visitor.ask("reply", key="r", thread="far", text="Hm")
                assert answer["kind"] == "thread"
            for format in ("comments", "comments-json"):
                page = f"{server.url}/api/documents/{id}/export/{format}"
                async with server.http.get(page) as response:
                    assert response.status == 200, await response.text()


ROW = {
    "id": 1, "author": "guest:x", "name": "Ada", "color": "#1d4ed8", "time": 1.5, "key": "k",
    "text": "Hi", "mentions": [[0, 2, "guest:y"]], "edited": None, "deleted": False,
}  # fmt: skip


@pytest.mark.parametrize(
    "changed",
    [
        {"time": 1e18}, {"time": float("nan")}, {"time": float("inf")}, {"time": "x"},
        {"time": None}, {"mentions": [[1, 2]]}, {"mentions": [[-1, 2, "x"]]}, {"mentions": "x"},
        {"color": "red"}, {"author": ""}, {"author": "x" * 999}, {"text": "x" * 9999},
        {"text": b"x"}, {"key": ""}, {"edited": -1.0}, {"time": 10**30}, {"name": None},
        {"name": "\u3164", "author": "guest:y"},
    ],
    ids=lambda changed: str(changed)[:30],
)  # fmt: skip
def test_a_message_in_the_table_is_mended(changed: dict[str, Any]) -> None:
    message = _message(SimpleNamespace(**(ROW | changed)))
    assert message.id == 1
    assert 0 <= message.time < 1e11 and len(message.text) <= 5000
    (name,) = {*changed} - {"author"} or {"author"}
    if name not in ("text", "deleted"):
        assert message.text == "Hi", "only what was wrong is left out"
    if name in ("color", "author", "name"):
        assert message.author.name == NAMELESS


async def test_a_conversation_from_a_file_is_shown_and_goes_on(tmp_path: Path) -> None:
    """As a backup brings it: rows are written as they stand in the file."""
    wanted = Settings(
        data_dir=tmp_path, tokens={"operator": "o" * 32}, plugins_on=("chat",),
        trusted_proxies=("127.0.0.1",),
    )
    async with serve(wanted) as server:
        id = await server.create_document("Plans")
        async with visit(server, id, "chat", address="192.0.2.1") as (visitor, _):
            await visitor.ask("post", key="k", text="Hi")
        backup = f"{server.url}/api/documents/{id}/export/backup"
        async with server.http.get(backup, headers=OPERATOR) as response:
            lines = (await response.read()).splitlines()
        copy = await restored(server, lines, {"time": 1e18, "color": "red", "mentions": "x"})
        async with visit(server, copy, "chat", address="192.0.2.1") as (visitor, first):
            (message,) = first["messages"]
            assert (message["text"], message["time"]) == ("Hi", 0.0)
            answer = await visitor.ask("post", key="l", text="Hello")
            assert 1e9 < answer["message"]["time"] < 1e11
        for format in ("chat", "chat-json"):
            page = f"{server.url}/api/documents/{copy}/export/{format}"
            async with server.http.get(page) as response:
                assert response.status == 200, await response.text()


async def restored(server: Server, lines: list[bytes], changed: dict[str, Any]) -> str:
    """A copy of a document, from its backup with other values in the row of its table."""
    told = [json.loads(line) for line in lines[:-1]]
    told[0]["document"]["id"] = "another"
    columns = next(one["columns"] for one in told if one.get("kind") == "table")
    for one in told:
        if one.get("kind") == "row":
            for name, value in changed.items():
                one["values"][columns.index(name)] = value
    async with server.http.post(
        f"{server.url}/api/import/backup", data=sealed(told), headers=OPERATOR
    ) as response:
        assert response.status == 201, await response.text()
        return str((await response.json())["id"])


async def test_named_versions_from_a_file_are_checked() -> None:
    good = {"revision": 1, "name": "v1", "author": "guest:x", "time": 1.5}
    stored = [
        good, good | {"revision": -1}, good | {"revision": 99}, good | {"time": 1e18},
        good | {"revision": 2, "name": "\u3164"}, good | {"name": "x" * 101}, 7, None, good,
        good | {"revision": 0, "name": "v0"},
    ]  # fmt: skip

    class State:
        async def get(self, key: str, default: Any, *, document: Any) -> Any:
            assert key == KEY
            return stored

    state: Any = State()
    versions: Any = Versions(state)
    found = await versions.all(SimpleNamespace(revision=5))
    assert [(one.revision, one.name) for one in found] == [(0, "v0"), (1, "v1")]
    stored[:] = [{}]
    assert await versions.all(SimpleNamespace(revision=5)) == []
