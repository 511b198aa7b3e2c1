"""The HTTP API of documents, contents and operations."""

from __future__ import annotations

from typing import Any

import pytest

from tests.web.conftest import Client, insert, make, talk


async def test_a_document_is_made_shown_renamed_and_deleted(client: Client) -> None:
    made = await make(client, title="  Minutes \n of\tMonday ", content="Hello")
    assert made["title"] == "Minutes of Monday"
    assert (made["type"], made["revision"]) == ("text", 0)
    async with client.get(made["links"]["self"]) as response:
        assert await response.json() == made
    async with client.patch(made["links"]["self"], json={"title": "Tuesday"}) as response:
        assert (await response.json())["title"] == "Tuesday"
    async with client.delete(made["links"]["self"]) as response:
        assert response.status == 204
    for link in ("self", "content", "operations", "socket"):
        async with client.get(made["links"][link]) as response:
            assert response.status == 404, link
            assert (await response.json())["error"]["code"] == "no_document"


async def test_everything_may_be_left_out(client: Client) -> None:
    made = await make(client)
    assert made["title"] == "Untitled"
    async with client.get(made["links"]["content"]) as response:
        assert await response.json() == []


async def test_the_list_is_paged_and_searched(client: Client) -> None:
    for number in range(5):
        await make(client, title=f"Note {number}")
    await make(client, title="Ünïcode 100%")
    titles: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        async with client.get("/api/documents", params={"limit": "4", **cursor}) as response:
            page = await response.json()
        titles += [document["title"] for document in page["documents"]]
        if page["next"] is None:
            break
        cursor = {"cursor": page["next"]}
    assert sorted(titles) == sorted([*(f"Note {n}" for n in range(5)), "Ünïcode 100%"])
    for search, expected in (("NOTE", 5), ("0%", 1), ("ünï", 1), ("_", 0), ("nothing", 0)):
        async with client.get("/api/documents", params={"search": search}) as response:
            assert len((await response.json())["documents"]) == expected, search


async def test_content_is_text_or_delta_as_asked(client: Client) -> None:
    made = await make(client, content="Grüße 😀\n")
    content = made["links"]["content"]
    for accept, expected in (
        ("text/plain", "Grüße 😀\n"),
        ("application/json;q=0.2, text/plain", "Grüße 😀\n"),
    ):
        async with client.get(content, headers={"Accept": accept}) as response:
            assert response.content_type == "text/plain"
            assert await response.text() == expected
    async with client.get(content, headers={"Accept": "*/*"}) as response:
        assert await response.json() == [{"insert": "Grüße 😀\n"}]
    async with client.get(content, headers={"Accept": "image/png"}) as response:
        assert response.status == 406


async def test_new_content_is_the_smallest_edit_and_every_revision_stays(client: Client) -> None:
    made = await make(client, content="one two three")
    content = made["links"]["content"]
    async with client.put(content, json="one 2 three") as response:
        answer = await response.json()
    assert answer["revision"] == 1
    assert answer["delta"] == [{"retain": 4}, {"insert": "2"}, {"delete": 3}]
    async with client.put(content, data="one 2 three!") as response:
        assert (await response.json())["revision"] == 2
    async with client.put(content, json=[{"insert": "one 2 three!"}]) as response:
        assert await response.json() == {"revision": 2, "delta": []}
    for revision, text in ((0, "one two three"), (1, "one 2 three"), (2, "one 2 three!")):
        async with client.get(
            content, params={"revision": str(revision)}, headers={"Accept": "text/plain"}
        ) as response:
            assert await response.text() == text
            assert response.headers["X-Collab-Revision"] == str(revision)
    async with client.get(content, params={"revision": "3"}) as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] == "bad_revision"


async def test_new_content_against_an_older_revision_keeps_what_others_typed(
    client: Client,
) -> None:
    made = await make(client, content="one two")
    content = made["links"]["content"]
    await client.put(content, json="zero one two")
    async with client.put(content, json="one two three", params={"revision": "0"}) as response:
        assert response.status == 200
    async with client.get(content, headers={"Accept": "text/plain"}) as response:
        assert await response.text() == "zero one two three"


async def test_new_content_reaches_whoever_has_the_document_open(client: Client) -> None:
    made = await make(client, content="ab")
    conversation = await talk(client, made)
    assert (await conversation.hear())["content"] == [{"insert": "ab"}]
    await client.put(made["links"]["content"], json="axb")
    [operation] = (await conversation.hear("operations"))["operations"]
    assert operation["delta"] == [{"retain": 1}, {"insert": "x"}]
    await client.patch(made["links"]["self"], json={"title": "New"})
    assert (await conversation.hear("document"))["title"] == "New"
    await client.delete(made["links"]["self"])
    assert (await conversation.hear("goodbye"))["code"] == "deleted"
    assert await conversation.closed() == 4410


async def test_operations_are_paged(client: Client) -> None:
    made = await make(client)
    for number in range(5):
        await client.put(made["links"]["content"], json="x" * (number + 1))
    operations = made["links"]["operations"]
    async with client.get(operations, params={"since": "1", "limit": "2"}) as response:
        page = await response.json()
    assert [one["revision"] for one in page["operations"]] == [2, 3]
    assert (page["next"], page["revision"]) == (3, 5)
    async with client.get(operations, params={"since": "3"}) as response:
        assert (await response.json())["next"] is None
    async with client.get(operations, params={"since": "9"}) as response:
        assert response.status == 404


@pytest.mark.parametrize(
    ("body", "headers", "code"),
    [
        (b"{", {}, "bad_json"),
        (b"[" * 100_000, {}, "bad_request"),
        (b'{"content":' + b"[" * 100_000, {}, "bad_json"),
        (b"[]", {}, "bad_request"),
        (b'{"title": 5}', {}, "bad_request"),
        (b'{"colour": 5}', {}, "bad_request"),
        (b'{"title": "\\u0000"}', {}, "bad_request"),
        (b'{"title": "\\u202e"}', {}, "bad_request"),
        (b'{"title": "%s"}' % (b"x" * 201), {}, "bad_request"),
        (b'{"title": "x", "type": "spreadsheet"}', {}, "bad_request"),
        (b'{"content": 5}', {}, "bad_operation"),
        (b'{"content": "\\u0000"}', {}, "bad_operation"),
        (b'{"content": [{"retain": 1}, {"insert": "x"}]}', {}, "bad_operation"),
        (b'{"content": [{"insert": {"image": "x"}}]}', {}, "bad_operation"),
        (b'{"content": "\\ud800"}', {}, "bad_json"),
        (b"\xff\xfe", {}, "bad_json"),
        (b"{}", {"Content-Type": "text/csv"}, "unsupported_media_type"),
        (b"{}", {"Origin": "https://evil.example"}, "bad_origin"),
        (b"{}", {"Authorization": "Bearer nonsense"}, "bad_token"),
    ],
)
async def test_bad_input_gets_a_named_error_in_the_one_shape(
    client: Client, body: bytes, headers: dict[str, str], code: str
) -> None:
    headers = {"Content-Type": "application/json", **headers}
    async with client.post("/api/documents", data=body, headers=headers) as response:
        answer: dict[str, Any] = await response.json()
        assert 400 <= response.status < 500
    assert set(answer) == {"error"}
    assert answer["error"]["code"] == code
    assert answer["error"]["message"].endswith((".", "…", '"'))
    async with client.get("/api/documents") as response:
        assert (await response.json())["documents"] == []


@pytest.mark.parametrize(
    "path",
    [
        "/api/documents?limit=-1", "/api/documents?limit=x", "/api/documents?cursor=%00",
        "/api/documents?limit=99999999999999999999",
    ],
)
async def test_bad_queries_are_refused(client: Client, path: str) -> None:
    async with client.get(path) as response:
        assert response.status == 400


@pytest.mark.parametrize(
    "path",
    [
        "/nope", "/api/nope", "/api/documents/nope", "/d/nope", "/static/../app.py",
        "/static/%2e%2e/web/app.py", "/plugins/nope/static/x.js", "/api/documents/%00",
    ],
)
async def test_what_is_not_there_is_said_to_be_so(client: Client, path: str) -> None:
    async with client.get(path) as response:
        assert response.status == 404
        assert (await response.json())["error"]["code"] in ("not_found", "no_document")
    async with client.get(path, headers={"Accept": "text/html"}) as response:
        assert response.status == 404


async def test_a_method_that_is_not_offered(client: Client) -> None:
    async with client.put("/api/documents", json={}) as response:
        assert response.status == 405
        assert "POST" in response.headers["Allow"]
        assert (await response.json())["error"]["code"] == "method_not_allowed"


async def test_health(client: Client) -> None:
    for path in ("/livez", "/readyz"):
        async with client.get(path) as response:
            assert response.status == 200


async def test_the_edit_that_was_acknowledged_is_in_the_log(client: Client) -> None:
    made = await make(client)
    conversation = await talk(client, made)
    await conversation.hear("welcome")
    await conversation.say(insert("x", 0, 1))
    [sent] = (await conversation.hear("operations"))["operations"]
    async with client.get(made["links"]["operations"]) as response:
        assert (await response.json())["operations"] == [sent]
