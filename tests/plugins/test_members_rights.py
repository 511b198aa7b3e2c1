"""What guests may do in a document is kept with it: it is in its backup, and comes back with it."""

from __future__ import annotations

import ast
import asyncio
from pathlib import Path
from typing import Any

import pytest
from collab.plugins.members.rights import REMEMBERED, Rights

from collab.plugins import BUNDLED as FOLDER
from collab.plugins.state import State
from collab.protocol.settings import Settings
from collab.storage.memory import MemoryStore
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS, STORE
from tests.plugins.fake import FakeRoom, make_manager

pytestmark = pytest.mark.bundled("members")

TOKEN = "0123456789abcdef"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}


def settings(folder: Path) -> Settings:
    return Settings(
        data_dir=folder,
        plugins_on=("members",),
        plugins={"members": {"operators": ["Ada"]}},
        tokens={"ops": TOKEN},
    )


async def call(server: Server, method: str, path: str, **how: Any) -> tuple[int, bytes]:
    """A request of the operator's, unless it has headers of its own."""
    how.setdefault("headers", OPERATOR)
    async with server.http.request(method, server.url + path, **how) as response:
        return response.status, await response.read()


async def as_guest(server: Server, id: str) -> int:
    path = f"/api/documents/{id}/content"
    return (await call(server, "GET", path, headers={"Accept": "text/plain"}))[0]


async def close(server: Server, id: str, guests: str = "nothing") -> None:
    path = f"/plugins/members/api/documents/{id}"
    assert (await call(server, "PUT", path, json={"guests": guests}))[0] == 200


async def backup_of(server: Server, id: str) -> bytes:
    status, data = await call(server, "GET", f"/api/documents/{id}/export/backup")
    assert status == 200
    return data


async def test_a_document_that_was_closed_is_closed_after_backup_and_restore(
    tmp_path: Path,
) -> None:
    async with serve(settings(tmp_path / "one")) as server:
        id, open_ = [await server.create_document("Notes", "secret") for _ in range(2)]
        await close(server, id)
        closed, plain = await backup_of(server, id), await backup_of(server, open_)
        # Beside the document that is still there: a copy with another id.
        assert (await call(server, "POST", "/api/import/backup", data=closed))[0] == 201
        async with server.http.get(f"{server.url}/api/documents", headers=OPERATOR) as response:
            listed = {one["id"] for one in (await response.json())["documents"]}
        (copy,) = listed - {id, open_}
        assert await as_guest(server, copy) == 403
        # In its place. Opened and deleted before, so that nothing remembers it rightly.
        await close(server, id, "write")
        assert await as_guest(server, id) == 200
        assert (await call(server, "DELETE", f"/api/documents/{id}"))[0] == 204
        assert (await call(server, "POST", "/api/import/backup", data=closed))[0] == 201
        assert await as_guest(server, id) == 403
        assert await as_guest(server, open_) == 200
    # On a server that has never seen it.
    async with serve(settings(tmp_path / "other")) as server:
        for data, found, code in ((closed, id, 403), (plain, open_, 200)):
            assert (await call(server, "POST", "/api/import/backup", data=data))[0] == 201
            assert await as_guest(server, found) == code


async def test_it_is_never_open_while_it_is_restored(tmp_path: Path) -> None:
    async with serve(settings(tmp_path)) as server:
        id = await server.create_document("Notes", "secret")
        await close(server, id)
        data = await backup_of(server, id)
        seen = set()
        for _ in range(5):
            assert (await call(server, "DELETE", f"/api/documents/{id}"))[0] == 204
            restoring = asyncio.create_task(call(server, "POST", "/api/import/backup", data=data))
            while not restoring.done():
                seen.add(await as_guest(server, id))
            assert (await restoring)[0] == 201
            seen.add(await as_guest(server, id))
        assert seen == {403, 404}


async def test_what_earlier_versions_kept_is_moved_into_the_documents(tmp_path: Path) -> None:
    async with serve(settings(tmp_path)) as server:
        id, other = [await server.create_document() for _ in range(2)]
        store = server.app[STORE]
        await store.set_state("members", None, id, b'"nothing"')
        await store.set_state("members", None, "gone", b'"read"')
    async with serve(settings(tmp_path)) as server:
        assert await as_guest(server, id) == 403
        assert await as_guest(server, other) == 200
        store = server.app[STORE]
        assert await store.list_state("members", None) == {}
        assert await store.list_state("members", id) == {"guests": b'"nothing"'}
        data = await backup_of(server, id)
        assert (await call(server, "DELETE", f"/api/documents/{id}"))[0] == 204
        assert (await call(server, "POST", "/api/import/backup", data=data))[0] == 201
        assert await as_guest(server, id) == 403


async def test_what_cant_be_understood_lets_no_guest_in(tmp_path: Path) -> None:
    async with serve(settings(tmp_path)) as server:
        id = await server.create_document()
        await server.app[STORE].set_state("members", id, "guests", b'"everything"')
        assert await as_guest(server, id) == 403
        assert "everything" in (server.app[PLUGINS].health()["members"].last_error or "")
        assert (await call(server, "GET", f"/api/documents/{id}"))[0] == 200


class Slow(MemoryStore):
    """A store that answers what a plugin keeps when it is let."""

    def __init__(self) -> None:
        super().__init__()
        self.asked = 0
        self.answers = asyncio.Event()
        self.answers.set()

    async def get_state(self, plugin: str, document: str | None, key: str) -> bytes | None:
        found = await super().get_state(plugin, document, key)
        self.asked += 1
        await self.answers.wait()
        return found


async def test_an_answer_that_is_older_than_a_change_is_not_remembered() -> None:
    store = Slow()
    room = FakeRoom(make_manager(None, plugins_on=("members",)))
    document = room.manager.house.document_of(room)
    await store.create(document.record, b"[]")
    rights = Rights(State("members", store))
    store.answers.clear()
    asking = asyncio.create_task(rights.of(document))
    while not store.asked:  # there is no event to wait for
        await asyncio.sleep(0)
    await rights.change(document, "nothing")
    store.answers.set()
    assert await asking == "nothing"
    asked = store.asked
    assert await rights.of(document) == "nothing" and store.asked == asked
    # What is remembered is bounded.
    rights._known = {(str(number), ""): "write" for number in range(REMEMBERED)}
    assert await rights.of(document) == "nothing" and len(rights._known) == REMEMBERED


BESIDE_DOCUMENTS = {
    "bot": "reminders are due at a time, whichever document they are for; a backup of last month"
    " shall remind nobody of what was said then",
    "webhooks": "events that have happened and wait to be sent",
    "members": "what earlier versions kept beside the documents is moved into them",
}
"""The plugins that keep a value of their own which may name a document, and why they do."""


def test_what_is_about_a_document_is_kept_with_it() -> None:
    """Each call of a bundled plugin's key-value state names the document that it is about."""
    beside = set()
    for file in sorted(FOLDER.glob("*/*.py")):
        for node in ast.walk(ast.parse(file.read_text("utf-8"))):
            if (
                isinstance(node, ast.Call)
                and isinstance(node.func, ast.Attribute)
                and node.func.attr in ("get", "set", "delete", "list")
                and ast.unparse(node.func.value).rpartition(".")[2] in ("state", "_state")
                and all(keyword.arg != "document" for keyword in node.keywords)
            ):
                beside.add(file.parent.name)
    assert beside == set(BESIDE_DOCUMENTS)
