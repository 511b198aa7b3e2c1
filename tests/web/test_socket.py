"""The socket, message by message, as docs/protocol.md says."""

from __future__ import annotations

from typing import Any

import pytest
from aiohttp import WSMsgType, WSServerHandshakeError

from collab.protocol import errors
from collab.protocol.settings import Limits, Settings
from collab.web import create_app
from tests.web.conftest import Client, Talk, insert, make, talk


async def test_two_clients_edit(client: Client) -> None:
    made = await make(client, title="T", content="Hello")
    ann, bob = await talk(client, made), await talk(client, made)
    welcome, other = await ann.hear(), await bob.hear()
    assert welcome["type"] == "welcome"
    assert welcome["document"] == {"id": made["id"], "title": "T", "type": "text"}
    assert welcome["content"] == [{"insert": "Hello"}]
    assert welcome["permissions"] == ["read", "write"]
    assert (welcome["revision"], welcome["sequence"]) == (0, 0)
    assert welcome["client"] != other["client"]
    await ann.say(insert("a", 0, 1))
    await bob.say(insert("b", 0, 1))
    seen: dict[str, list[Any]] = {"ann": [], "bob": []}
    for name, conversation in (("ann", ann), ("bob", bob)):
        while len(seen[name]) < 2:
            seen[name] += (await conversation.hear("operations"))["operations"]
    assert seen["ann"] == seen["bob"]
    assert [one["revision"] for one in seen["ann"]] == [1, 2]


async def test_coming_back_is_told_only_what_was_missed(client: Client) -> None:
    made = await make(client)
    first = await talk(client, made)
    welcome = await first.hear()
    await first.say(insert("a", 0, 1))
    await first.hear("operations")
    await first.socket.close()
    await client.put(made["links"]["content"], json="ab")
    who = {key: welcome[key] for key in ("client", "secret", "epoch")}
    again = await talk(client, made, revision=1, **who)
    back = await again.hear()
    assert "content" not in back
    assert [one["delta"] for one in back["operations"]] == [[{"retain": 1}, {"insert": "b"}]]
    assert (back["client"], back["revision"], back["sequence"]) == (welcome["client"], 2, 1)
    # The same operation again is answered with what was committed, and not applied.
    await again.say(insert("a", 0, 1))
    [committed] = (await again.hear("operations"))["operations"]
    assert (committed["revision"], committed["sequence"]) == (1, 1)


async def test_coming_back_from_far_is_told_in_parts(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.rooms.committed.RECENT", 2)
    monkeypatch.setattr("collab.web.socket.CATCH_UP", 3)
    made = await make(client)
    first = await talk(client, made)
    await first.hear()
    for number in range(10):
        await first.say(insert(str(number), number, number + 1))
        await first.hear("operations")
    again = await talk(client, made, revision=0)
    operations = (await again.hear("welcome"))["operations"]
    assert len(operations) == 3
    while len(operations) < 10:
        operations += (await again.hear("operations"))["operations"]
    assert [one["revision"] for one in operations] == list(range(1, 11))
    await first.say(insert("!", 10, 11))
    [live] = (await again.hear("operations"))["operations"]
    assert live["revision"] == 11


@pytest.mark.parametrize(
    ("hello", "code", "close"),
    [
        ({"protocol": 2}, "unsupported_protocol", 4406),
        ({"client": "x", "secret": "guessed"}, "bad_client", 4401),
        ({"client": "x"}, "bad_client", 4401),
        ({"revision": 5}, "bad_revision", 1000),
        ({"revision": -1}, "bad_revision", 1000),
    ],
)
async def test_a_hello_that_cannot_be_answered(
    client: Client, hello: dict[str, Any], code: str, close: int
) -> None:
    conversation = await talk(client, await make(client), **hello)
    goodbye = await conversation.hear()
    assert (goodbye["type"], goodbye["code"]) == ("goodbye", code)
    assert "retry_after" not in goodbye
    assert await conversation.closed() == close


async def test_another_epoch_ends_the_connection(client: Client) -> None:
    made = await make(client)
    first = await talk(client, made)
    welcome = await first.hear()
    who = {key: welcome[key] for key in ("client", "secret")}
    again = await talk(client, made, revision=0, epoch="another", **who)
    assert (await again.hear())["code"] == "epoch_changed"


async def test_hashes_tell_histories_apart(client: Client) -> None:
    made = await make(client)
    first = await talk(client, made)
    hashes = [(await first.hear())["hash"]]
    for revision in range(3):
        await first.say(insert("x", revision, revision + 1))
        hashes.append((await first.hear("operations"))["hash"])
    assert len(set(hashes)) == 4
    for revision, hash in enumerate(hashes):
        again = await talk(client, made, revision=revision, hash=hash)
        back = await again.hear()
        assert (back["revision"], back["hash"], len(back["operations"])) == (
            3, hashes[3], 3 - revision
        )
    fresh = await (await talk(client, made)).hear()
    assert (fresh["revision"], fresh["hash"]) == (3, hashes[3])
    for revision, hash in ((0, hashes[1]), (3, hashes[2]), (2, ""), (4, hashes[3]), (2**40, "x")):
        other = await talk(client, made, revision=revision, hash=hash)
        goodbye = await other.hear()
        assert (goodbye["type"], goodbye["code"]) == ("goodbye", "history_changed")
        assert "retry_after" not in goodbye
        assert await other.closed() == 4409
    async with client.get(f"/api/documents/{made['id']}/operations?limit=2") as response:
        assert (await response.json())["hash"] == hashes[2]
    async with client.get(f"/api/documents/{made['id']}/operations?since=3") as response:
        assert (await response.json())["hash"] == hashes[3]


async def test_a_hash_that_memory_has_no_more_is_looked_up(
    client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.rooms.committed.RECENT", 2)
    made = await make(client)
    first = await talk(client, made)
    hashes = [(await first.hear())["hash"]]
    for revision in range(10):
        await first.say(insert("x", revision, revision + 1))
        hashes.append((await first.hear("operations"))["hash"])
    for revision, hash in enumerate(hashes):
        back = await (await talk(client, made, revision=revision, hash=hash)).hear()
        assert (back["type"], back["revision"]) == ("welcome", 10)
        other = hashes[revision - 1]
        goodbye = await (await talk(client, made, revision=revision, hash=other)).hear()
        assert goodbye["code"] == "history_changed"


async def test_hello_has_to_come_first_and_in_time(client: Client) -> None:
    made = await make(client)
    early = Talk(await client.ws_connect(made["links"]["socket"]))
    await early.say(insert("x", 0, 1))
    assert (await early.hear())["code"] == "hello_expected"
    silent = Talk(await client.ws_connect(made["links"]["socket"]))
    assert (await silent.hear())["code"] == "hello_timeout"
    assert await silent.closed() == 4408


@pytest.mark.parametrize(
    ("text", "code", "close"),
    [
        ("[{", "bad_json", 4400),
        ("[" * 100_000, "bad_message", None),
        ('[{"type":"message","plugin":"x","data":' + "[" * 100_000, "bad_json", 4400),
        ('{"type":"ping"', "bad_message", None),
        ('{"type":"ping"}', "bad_message", None),
        ("5", "bad_message", None),
        ("[5]", "bad_message", None),
        ('[{"type":"dance"}]', "bad_message", None),
        ('[{"revision":1}]', "bad_message", None),
        ('[{"type":"operation","revision":"0","sequence":1,"delta":[]}]', "bad_message", None),
        ('[{"type":"operation","revision":true,"sequence":1,"delta":[]}]', "bad_message", None),
        ('[{"type":"operation","revision":1e99,"sequence":1,"delta":[]}]', "bad_message", None),
        ('[{"type":"hello","protocol":1}]', "bad_message", None),
        ('[{"type":"operation","revision":0,"sequence":1,"delta":5}]', "bad_operation", None),
        ('[{"type":"operation","revision":0,"sequence":3,"delta":[]}]', "bad_sequence", 4400),
        ('[{"type":"operation","revision":9007199254740992,"sequence":1,"delta":[]}]',
         "bad_message", None),
        ('[{"type":"operation","revision":0,"sequence":%s,"delta":[]}]' % ("9" * 4000),
         "bad_message", None),
        ('[{"type":"mismatch","revision":-%s,"checksum":1}]' % ("9" * 4000), "bad_message", None),
        ('[{"type":"operation","revision":9,"sequence":1,"delta":[]}]', "bad_revision", None),
        ('[{"type":"message","plugin":"none","data":1}]', "no_plugin", None),
        (
            '[{"type":"operation","revision":0,"sequence":1,"delta":[{"insert":"\\ud800"}]}]',
            "bad_json",
            4400,
        ),
    ],
)
async def test_bad_messages_are_answered_and_hurt_nobody_else(
    client: Client, text: str, code: str, close: int | None
) -> None:
    made = await make(client)
    bad, good = await talk(client, made), await talk(client, made)
    await bad.hear("welcome")
    await good.hear("welcome")
    await bad.socket.send_str(text)
    error = await bad.hear("error")
    assert error["code"] == code
    if close is None:
        await bad.say({"type": "ping"})
        await bad.hear("pong")
    else:
        assert await bad.closed() == close
    await good.say(insert("fine", 0, 1))
    assert (await good.hear("operations"))["operations"][0]["revision"] == 1


async def test_binary_frames_and_broken_text_end_the_connection(client: Client) -> None:
    made = await make(client)
    binary, broken = await talk(client, made), await talk(client, made)
    await binary.hear()
    await binary.socket.send_bytes(b"[]")
    assert await binary.closed() == 1003
    await broken.hear()
    await broken.socket.send_frame(b'["\xff"]', WSMsgType.TEXT)
    assert await broken.closed() == 1007


async def test_a_message_that_is_too_large_ends_the_connection(
    aiohttp_client: Any, settings: Settings
) -> None:
    limits = Limits(message_size=1000)
    client = await aiohttp_client(
        create_app(Settings(data_dir=settings.data_dir, limits=limits))
    )
    conversation = await talk(client, await make(client))
    await conversation.hear()
    await conversation.socket.send_str('[{"type":"message","plugin":"' + "x" * 1000 + '"}]')
    assert await conversation.closed() == 1009


async def test_who_sends_too_fast_is_read_later_and_loses_nothing(
    aiohttp_client: Any, settings: Settings
) -> None:
    limits = Limits(rate=1000, burst=5)
    client = await aiohttp_client(
        create_app(Settings(data_dir=settings.data_dir, limits=limits))
    )
    conversation = await talk(client, await make(client))
    await conversation.hear()
    for _ in range(20):
        await conversation.say({"type": "ping"})
    heard: list[str] = []
    while heard.count("pong") < 20:
        heard.append((await conversation.hear())["type"])
    assert heard.count("error") == 1


async def test_too_many_sessions(aiohttp_client: Any, settings: Settings) -> None:
    limits = Limits(sessions=1)
    client = await aiohttp_client(
        create_app(Settings(data_dir=settings.data_dir, limits=limits))
    )
    made = await make(client)
    conversation = await talk(client, made)
    await conversation.hear()
    with pytest.raises(WSServerHandshakeError) as caught:
        await client.ws_connect(made["links"]["socket"])
    assert caught.value.status == errors.TOO_MANY_SESSIONS.status


async def test_pages_of_other_sites_may_not_connect(client: Client) -> None:
    made = await make(client)
    with pytest.raises(WSServerHandshakeError) as caught:
        await client.ws_connect(
            made["links"]["socket"], headers={"Origin": "https://evil.example"}
        )
    assert caught.value.status == 403


async def test_a_changed_name_is_known_to_connections_that_are_open(client: Client) -> None:
    made = await make(client)
    origin = {"Origin": str(client.make_url("/")).rstrip("/")}
    async with client.get("/api/me", headers=origin) as response:
        me = await response.json()
    async with client.put(
        "/api/me", json={"name": "Ada", "color": "#123456"}, headers=origin
    ) as response:
        assert await response.json() == {"id": me["id"], "name": "Ada", "color": "#123456"}
    conversation = Talk(await client.ws_connect(made["links"]["socket"], headers=origin))
    await conversation.say({"type": "hello", "protocol": 1})
    assert (await conversation.hear())["user"]["name"] == "Ada"
