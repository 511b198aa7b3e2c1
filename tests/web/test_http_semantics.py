"""What HTTP's own headers promise: preconditions, keys of requests, caching, sniffing."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from collab.plugins.document import Document
from collab.protocol.settings import Settings
from collab.storage.port import Conflict
from collab.testing.faults import Fault
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS, STORE
from tests.web.conftest import Client, make
from tests.web.test_trouble import faulty, shaky

__all__ = ["faulty", "shaky"]

RICH = [
    {"insert": "Title"},
    {"insert": "\n", "attributes": {"header": 1}},
    {"insert": "bold", "attributes": {"bold": True}},
    {"insert": {"image": "a.png"}, "attributes": {"alt": "a"}},
    {"insert": " plain\n"},
]


async def content(client: Client, made: dict[str, Any], accept: str) -> tuple[str, Any]:
    """The ETag of a document's content, and the content."""
    async with client.get(made["links"]["content"], headers={"Accept": accept}) as response:
        assert response.status == 200
        body = await (response.text() if accept == "text/plain" else response.json())
        return response.headers["ETag"], body


async def put(client: Client, made: dict[str, Any], body: Any, **headers: str) -> Any:
    sent = {"data": body} if isinstance(body, str) else {"json": body}
    async with client.put(made["links"]["content"], headers=headers, **sent) as response:
        return response.status, await response.json()


TEXT = {"Content-Type": "text/plain; charset=utf-8"}


async def test_the_very_text_that_was_given_changes_nothing(client: Client) -> None:
    made = await make(client, type="richtext", content=RICH)
    _, text = await content(client, made, "text/plain")
    assert text == "Title\nbold plain\n"
    assert await put(client, made, text, **TEXT) == (200, {"revision": 0, "delta": []})
    assert (await put(client, made, text))[1]["revision"] == 0  # a JSON string, the same
    _, ops = await content(client, made, "application/json")
    assert ops == RICH


async def test_a_text_leaves_formats_and_pictures_where_they_are(client: Client) -> None:
    made = await make(client, type="richtext", content=RICH)
    status, _ = await put(client, made, "Title\nbold, plain\n", **TEXT)
    assert status == 200
    _, ops = await content(client, made, "application/json")
    assert ops == [*RICH[:3], {"insert": ","}, RICH[3], RICH[4]]


async def test_a_delta_says_all_and_takes_formats_away(client: Client) -> None:
    """A control."""
    made = await make(client, type="richtext", content=RICH)
    await put(client, made, [{"insert": "Title\nbold plain\n"}])
    _, ops = await content(client, made, "application/json")
    assert ops == [{"insert": "Title\nbold plain\n"}]


@pytest.mark.parametrize("accept", ["text/plain", "application/json"])
async def test_what_somebody_else_wrote_is_not_overwritten(client: Client, accept: str) -> None:
    made = await make(client, content="one\n")
    tag, _ = await content(client, made, accept)
    await put(client, made, "two\n", **TEXT)
    status, answer = await put(client, made, "three\n", **TEXT, **{"If-Match": tag})
    assert (status, answer["error"]["code"]) == (412, "precondition_failed")
    now, text = await content(client, made, "text/plain")
    assert text == "two\n"
    assert (await put(client, made, "three\n", **TEXT, **{"If-Match": f'"x", {now}'}))[0] == 200
    assert (await put(client, made, "four\n", **TEXT, **{"If-Match": "*"}))[0] == 200
    assert (await put(client, made, "five\n", **TEXT))[0] == 200


async def test_a_proxy_that_compresses_makes_the_tag_weak(client: Client) -> None:
    made = await make(client, content="one\n")
    tag, _ = await content(client, made, "text/plain")
    assert (await put(client, made, "two\n", **TEXT, **{"If-Match": f"W/{tag}"}))[0] == 200
    assert (await put(client, made, "three\n", **TEXT, **{"If-Match": f"W/{tag}"}))[0] == 412


@pytest.mark.parametrize("header", ["If-Match", "If-None-Match"])
@pytest.mark.parametrize("value", ["unquoted", "", '"open'])
async def test_a_precondition_that_can_not_be_read_is_no_permission(
    client: Client, header: str, value: str
) -> None:
    made = await make(client, content="one\n")
    status, answer = await put(client, made, "two\n", **TEXT, **{header: value})
    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert (await content(client, made, "text/plain"))[1] == "one\n"


async def test_put_if_there_is_none(client: Client) -> None:
    made = await make(client, content="one\n")
    assert (await put(client, made, "two\n", **TEXT, **{"If-None-Match": "*"}))[0] == 412


async def test_names_and_deletions_obey_it_too(client: Client) -> None:
    made = await make(client, title="One", content="one\n")
    itself = made["links"]["self"]
    async with client.get(itself) as response:
        old = response.headers["ETag"]
    text_tag, _ = await content(client, made, "text/plain")
    async with client.patch(itself, json={"title": "Two"}, headers={"If-Match": old}) as response:
        assert response.status == 200
        new = response.headers["ETag"]
    assert new != old
    async with client.patch(itself, json={"title": "Three"}, headers={"If-Match": old}) as response:
        assert response.status == 412
    await put(client, made, "two\n", **TEXT)
    for stale in (new, text_tag):
        async with client.delete(itself, headers={"If-Match": stale}) as response:
            assert response.status == 412
    text_tag, _ = await content(client, made, "text/plain")
    async with client.delete(itself, headers={"If-Match": text_tag}) as response:
        assert response.status == 204


async def posted(client: Client, path: str, key: str, **sent: Any) -> tuple[int, Any]:
    async with client.post(path, headers={"Idempotency-Key": key}, **sent) as response:
        return response.status, await response.json()


DOCUMENTS = "/api/documents"


async def count(client: Client) -> int:
    async with client.get(DOCUMENTS) as response:
        return len((await response.json())["documents"])


async def test_a_request_that_comes_again_makes_one_document(client: Client) -> None:
    first = await posted(client, DOCUMENTS, "key-1", json={"title": "A", "content": "a"})
    again = await posted(client, DOCUMENTS, "key-1", json={"title": "A", "content": "a"})
    assert first[0] == again[0] == 201
    assert first[1]["id"] == again[1]["id"]
    many = await asyncio.gather(
        *(posted(client, DOCUMENTS, "key-2", json={"title": "B"}) for _ in range(10))
    )
    assert len({answer["id"] for _, answer in many}) == 1
    assert await count(client) == 2
    await make(client, title="A", content="a")  # without a key each makes its own
    assert await count(client) == 3


async def test_a_key_with_something_else_is_refused(client: Client) -> None:
    """Not answered with the first document: what came second would be lost in silence."""
    await posted(client, DOCUMENTS, "key-1", json={"title": "A", "content": "a"})
    status, answer = await posted(client, DOCUMENTS, "key-1", json={"title": "A", "content": "b"})
    assert (status, answer["error"]["code"]) == (422, "key_reused")
    assert await count(client) == 1


@pytest.mark.parametrize("key", ["", "two words", "é", "x" * 256])
async def test_what_is_no_key(client: Client, key: str) -> None:
    status, answer = await posted(client, DOCUMENTS, key, json={})
    assert (status, answer["error"]["code"]) == (400, "bad_request")
    assert await count(client) == 0


async def test_a_key_belongs_to_who_sends_it(tmp_path: Path) -> None:
    tokens = {"one": "token-one-token-one", "two": "token-two-token-two"}
    async with serve(Settings(data_dir=tmp_path, tokens=tokens)) as server:
        ids = set()
        for token in [*tokens.values(), *tokens.values()]:
            headers = {"Authorization": f"Bearer {token}", "Idempotency-Key": "same"}
            async with server.http.post(
                f"{server.url}{DOCUMENTS}", json={}, headers=headers
            ) as response:
                assert response.status == 201
                ids.add((await response.json())["id"])
    assert len(ids) == 2


async def test_what_was_deleted_and_is_made_again_is_another_document(tmp_path: Path) -> None:
    """With the epoch that it had, a tab that knew the first one would write into the second, and
    what plugins remember of the first one would hold for the second."""
    settings = Settings(data_dir=tmp_path, plugins={"members": {"operators": ["ada"]}})
    async with serve(settings) as server:
        async def ask(method: str, path: str, **sent: Any) -> Any:
            headers = {**server.operator, **sent.pop("headers", {})}
            async with server.http.request(
                method, server.url + path, headers=headers, **sent
            ) as response:
                assert response.status < 400, await response.text()
                return await response.read()

        async def guests() -> int:
            async with server.http.get(f"{server.url}/api/documents/{id}") as response:
                return response.status

        epochs = set()
        key = {"Idempotency-Key": "key"}
        closed = await server.create_document("Closed")
        await ask("PUT", f"/plugins/members/api/documents/{closed}", json={"guests": "nothing"})
        backup = await ask("GET", f"/api/documents/{closed}/export/backup")
        for _ in range(2):
            restored = json.loads(await ask("POST", "/api/import/backup", data=backup, headers=key))
            again = json.loads(await ask("POST", "/api/import/backup", data=backup, headers=key))
            id = restored["id"]
            assert again["id"] == id != closed
            record = await server.app[STORE].document(id)
            assert record is not None
            epochs.add(record.epoch)
            assert await guests() == 403
            await ask("PUT", f"/plugins/members/api/documents/{id}", json={"guests": "write"})
            assert await guests() == 200
            await ask("DELETE", f"/api/documents/{id}")
        assert len(epochs) == 2


async def test_a_key_is_known_after_a_restart_and_a_lost_answer(tmp_path: Path) -> None:
    ids = set()
    for _ in range(2):
        async with serve(Settings(data_dir=tmp_path)) as server, server.http.post(
            f"{server.url}{DOCUMENTS}", json={"title": "A"}, headers={"Idempotency-Key": "k"}
        ) as response:
            ids.add((await response.json())["id"])
    assert len(ids) == 1


async def test_a_commit_of_unknown_outcome_is_found_by_the_key(
    shaky: Client, faulty: Any
) -> None:
    faulty.inject("create", Fault("fail", "after"))
    assert (await posted(shaky, DOCUMENTS, "key", json={"title": "A"}))[0] == 503
    assert (await posted(shaky, DOCUMENTS, "key", json={"title": "A"}))[0] == 201
    assert await count(shaky) == 1
    faulty.inject("create", Fault("fail", "before", Conflict("x", "taken")))
    assert (await posted(shaky, DOCUMENTS, "other", json={"title": "A"}))[0] == 503


async def test_files_come_in_once(client: Client) -> None:
    path = "/api/import/text?filename=notes.txt"
    first = await posted(client, path, "key", data=b"Hello\n")
    again = await posted(client, path, "key", data=b"Hello\n")
    assert first[0] == again[0] == 201
    assert first[1]["id"] == again[1]["id"]
    assert (await posted(client, path, "key", data=b"Other\n"))[0] == 422
    assert await count(client) == 1


ANSWERS = [
    "/api/me", "/api/documents", "/api/documents/nope", "/api/types", "/api/formats", "/livez",
    "/readyz", "/nope", "/", "/static/style.css", "/api/plugins", "/plugins/chat/static/chat.js",
    "/plugins/nope/api",
]


@pytest.mark.parametrize("path", ANSWERS)
async def test_no_answer_is_sniffed_kept_or_says_which_version_runs(
    client: Client, path: str
) -> None:
    async with client.get(path) as response:
        assert response.headers["X-Content-Type-Options"] == "nosniff"
        assert response.headers["Cache-Control"]
        assert response.headers["Server"] == "Collab"


async def test_answers_about_documents_are_private(client: Client) -> None:
    made = await make(client, content="one")
    for link in ("self", "operations", "content"):
        async with client.get(made["links"][link]) as response:
            assert response.headers["Cache-Control"] in ("no-store", "private, no-cache")
    async with client.put(made["links"]["content"], data="two", headers=TEXT) as response:
        assert response.headers["Cache-Control"] == "no-store"


NAMES = ["__proto__", "constructor", "toString", "hasOwnProperty"]


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("where", ["attribute", "embed", "inside"])
async def test_names_that_browsers_lose_are_refused(
    client: Client, name: str, where: str
) -> None:
    part: dict[str, Any] = {
        "attribute": {"insert": "x", "attributes": {name: True}},
        "embed": {"insert": {name: "x"}},
        "inside": {"insert": {"box": {"deep": [{name: 1}]}}},
    }[where]
    async with client.post(
        DOCUMENTS, json={"type": "richtext", "content": [part]}
    ) as response:
        assert response.status == 422
        assert name in (await response.json())["error"]["message"]
    made = await make(client, type="richtext", content=RICH)
    status, answer = await put(client, made, [part])
    assert (status, answer["error"]["code"]) == (422, "bad_operation")


@pytest.fixture
async def importing(tmp_path: Path) -> AsyncIterator[Server]:
    """A server with an importer that keeps something beside the text, or tries to."""
    folder = tmp_path / "plugins" / "importing"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(  # Before the server runs.
        """
from collab import Format, Imported, Plugin, hookimpl


class Importing(Plugin):
    @hookimpl
    def importers(self):
        async def convert(data, filename):
            return Imported(delta="text", state={data.decode(): 1, "other": 2})

        return [Format("mine", "Mine", "mine", "text/plain", convert)]
"""
    )
    settings = Settings(data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins")
    async with serve(settings) as server:
        yield server


async def test_an_import_whose_state_can_not_be_kept_leaves_no_document(
    importing: Server,
) -> None:
    url = f"{importing.url}/api/import/mine"
    async with importing.http.post(url, data=b"k" * 300) as response:
        assert response.status == 500
        assert "importing" in (await response.json())["error"]["message"]
    async with importing.http.get(f"{importing.url}{DOCUMENTS}") as response:
        assert (await response.json())["documents"] == []
    async with importing.http.post(url, data=b"key") as response:
        assert response.status == 201
        id = (await response.json())["id"]
    plugin = importing.app[PLUGINS].plugins["importing"]
    document: Document = await importing.app[PLUGINS].house.document_at(id)
    assert await plugin.state.list(document=document) == {"key": 1, "other": 2}
