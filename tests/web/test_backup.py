"""Backups over HTTP: on a real server, with the plugins that keep something for documents."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collab.protocol.settings import Limits, Settings
from collab.storage.backup import read
from collab.storage.memory import MemoryStore
from collab.testing.faults import Fault, FaultyStore
from collab.testing.raw import RawSession
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS, STORE
from tests.plugins.fake import until, write_plugin
from tests.storage.files import LINES, sealed
from tests.storage.making import append, document

TEXT = "The quick brown fox jumps over the lazy dog."
FOX = TEXT.index("fox")
TOKENS = {"Ada": "a" * 32, "Bob": "b" * 32}
WATCH = """
from collab import User

class Watch(Plugin):
    def __init__(self):
        self.created = []

    @hookimpl
    def document_created(self, document):
        self.created.append((document.id, document.title))

    @hookimpl
    def authorize(self, user, action, document):
        return action != "administer" if user.id == "token:Bob" else None
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_plugin(tmp_path / "plugins", "watch", WATCH)
    return Settings(
        data_dir=tmp_path / "data",
        plugins_dir=tmp_path / "plugins",
        plugins_on=("watch", "chat", "comments", "history", "authorship", "formats"),
        plugins={"comments": {"interval": 0.01}},
        tokens=TOKENS,
    )


async def export(server: Server, id: str, **headers: str) -> tuple[int, Any, bytes]:
    """As the operator, unless there are other headers."""
    path = f"{server.url}/api/documents/{id}/export/backup"
    async with server.http.get(path, headers=headers or server.operator) as response:
        return response.status, response.headers, await response.read()


async def send(server: Server, data: bytes, query: str = "", **headers: str) -> tuple[int, Any]:
    """As the operator, unless there are other headers."""
    path = f"{server.url}/api/import/backup{query}"
    headers = headers or server.operator
    async with server.http.post(path, data=data, headers=headers) as response:
        return response.status, await response.json()


async def delete(server: Server, id: str) -> None:
    async with server.http.delete(f"{server.url}/api/documents/{id}") as response:
        assert response.status == 204


@asynccontextmanager
async def joined(server: Server, id: str, name: str, **hello: Any) -> AsyncIterator[RawSession]:
    async with aiohttp.ClientSession(headers={"Authorization": f"Bearer {TOKENS[name]}"}) as http:
        session = await RawSession.open(http, server.socket(id), **hello)
        yield session
        await session.close()


async def hear(session: RawSession, plugin: str, kind: str) -> dict[str, Any]:
    async with asyncio.timeout(20):
        while True:
            message = await session.expect("message", plugin=plugin)
            if message["data"].get("kind") == kind:
                return dict(message["data"])


async def live(server: Server) -> tuple[str, dict[str, Any]]:
    """A document that two people have edited, talked about and commented on."""
    id = await server.create_document("Fox: 1/2", TEXT)
    async with joined(server, id, "Ada") as ada, joined(server, id, "Bob") as bob:

        async def say(plugin: str, **data: Any) -> None:
            await ada.send({"type": "message", "plugin": plugin, "data": data})

        await say("chat", kind="post", key="one", text="Hello & <b>")
        await hear(bob, "chat", "posted")
        await say(
            "comments", kind="open", key="c", text="Why?", revision=0, start=FOX, end=FOX + 3
        )
        await hear(bob, "comments", "thread")
        await ada.operate(0, 1, [{"insert": "😀 "}])
        await bob.operate(0, 1, [{"delete": 4}, {"insert": "A "}])
        await ada.committed(2)
        await bob.committed(2)
        await ada.operate(2, 2, [{"insert": "\n"}])
        await ada.committed(3)
    await server.app[PLUGINS].told()
    return id, bob.welcome


@pytest.mark.bundled("chat", "comments")
async def test_a_document_comes_back_with_all_that_was_kept_of_it(settings: Settings) -> None:
    async with serve(settings) as server:
        id, welcome = await live(server)
        texts = [await server.text(id, revision) for revision in range(4)]
        log = await server.operations(id)
        status, headers, data = await export(server, id)
        assert status == 200
        assert headers["Content-Disposition"].startswith(
            'attachment; filename="Fox  1 2.collab"'
        )
        kept = read(data).belongings
        owners = {one.plugin.partition(":")[0] for one in (*kept.state, *kept.tables)}
        assert owners == {"chat", "comments"}
        assert [one.name for one in kept.authors] == ["Ada", "Bob"]
        await delete(server, id)
        status, made = await send(server, data)
        assert (status, made["id"], made["original"], made["revision"]) == (201, id, id, 3)
        assert made["title"] == "Fox: 1/2"
        watch: Any = server.app[PLUGINS].plugins["watch"]
        await until(lambda: (id, "Fox: 1/2") in watch.created[1:])
        assert [await server.text(id, revision) for revision in range(4)] == texts
        assert await server.operations(id) == log

        # Who comes back from before is told that this is another document.
        who = {key: welcome[key] for key in ("client", "secret", "epoch")}
        async with server.http.ws_connect(server.socket(id)) as socket:
            await socket.send_json([{"type": "hello", "protocol": 1, "revision": 0, **who}])
            (goodbye,) = await socket.receive_json(timeout=20)
            assert goodbye["code"] == "epoch_changed"

        del who["epoch"]
        async with joined(server, id, "Bob", **who) as bob:
            assert bob.welcome["epoch"] != welcome["epoch"]
            threads = await hear(bob, "comments", "threads")
            (placed,) = threads["placed"]
            now = texts[-1].encode("utf-16-le")
            quoted = now[2 * placed["start"] : 2 * placed["end"]].decode("utf-16-le")
            assert (quoted, placed["thread"]["quote"]) == ("fox", "fox")
            # The same client goes on where it was, and what it sent before is not taken again.
            await bob.operate(3, 1, [{"insert": "B"}])
            again = (await bob.expect("operations"))["operations"]
            assert [one["sequence"] for one in again] == [1] and again[0] in log
            await bob.operate(3, 2, [{"insert": "B"}])
            assert (await bob.committed(4))["author"] == "token:Bob"
        found = [message for message in bob.received if message.get("plugin") == "chat"]
        assert "Hello & <b>" in json.dumps(found)


@pytest.mark.bundled("chat", "comments")
async def test_an_id_that_is_taken_is_replaced(settings: Settings) -> None:
    async with serve(settings) as server:
        id, _ = await live(server)
        _, _, data = await export(server, id)
        status, made = await send(server, data, "?title=Copy")
        assert status == 201
        assert (made["original"], made["title"]) == (id, "Copy")
        assert made["id"] != id and made["links"]["self"].endswith(made["id"])
        assert await server.text(made["id"]) == await server.text(id)
        _, _, copied = await export(server, made["id"])
        assert copied.splitlines()[1:-1] == data.splitlines()[1:-1]


async def test_it_is_for_the_operator(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Mine", "text")
        bob = {"Authorization": f"Bearer {TOKENS['Bob']}"}
        away = {"X-Forwarded-For": "1.2.3.4"}
        here = {"Host": "127.0.0.1"}
        for headers in (bob, away, here, {**bob, **away}):
            for where in (id, "nowhere"):
                status, _, body = await export(server, where, **headers)
                assert status == 403 and b"Mine" not in body
            status, answer = await send(server, sealed(LINES), **headers)
            assert (status, answer["error"]["code"]) == (403, "forbidden")
        assert await server.app[STORE].document("notes") is None
        ada = {"Authorization": f"Bearer {TOKENS['Ada']}", **away}
        assert (await export(server, id, **ada))[0] == 200
        assert (await send(server, sealed(LINES), **ada))[0] == 201
        async with server.http.get(f"{server.url}/api/formats", headers=bob) as response:
            assert "backup" not in await response.text()


async def test_what_is_not_there_and_what_makes_no_sense(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Mine", "text")
        assert (await export(server, "nowhere"))[0] == 404
        path = f"{server.url}/api/documents/{id}/export/backup"
        async with server.http.get(f"{path}?revision=0", headers=server.operator) as response:
            assert response.status == 400
        async with server.http.head(path, headers=server.operator) as response:
            assert (response.status, await response.read()) == (200, b"")
        for data in (b"", b"junk", sealed(LINES)[:-9], sealed(LINES[:3])):
            status, answer = await send(server, data)
            assert (status, answer["error"]["code"]) == (422, "unconvertible")
        assert (await send(server, sealed(LINES), "?title=%00"))[0] == 400
        assert await server.app[STORE].document("notes") is None


async def test_bounds_hold_for_what_comes_in(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, limits=Limits(document_size=5, body_size=4000))
    async with serve(settings) as server:
        status, answer = await send(server, sealed(LINES))
        assert (status, answer["error"]["code"]) == (413, "document_too_large")
        assert "limits.document_size" in answer["error"]["message"]
        status, answer = await send(server, sealed(LINES) + b"\n" * 4000)
        assert (status, answer["error"]["code"]) == (413, "message_too_large")


async def test_a_backup_that_fails_half_way_has_no_end(tmp_path: Path) -> None:
    store = FaultyStore(MemoryStore())
    await store.create(document(), b"[]")
    await store.append(append(1, 3000))
    async with serve(Settings(data_dir=tmp_path, plugins_on=()), store) as server:
        # The answer has begun when the log is read.
        store.inject("operations", Fault("fail", "before"))
        path = f"{server.url}/api/documents/notes/export/backup"
        with pytest.raises(aiohttp.ClientError):
            async with server.http.get(path, headers=server.operator) as response:
                await response.read()
        assert read((await export(server, "notes"))[2]).belongings.document.id == "notes"
