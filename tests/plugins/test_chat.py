"""chat: on a running server, with real connections."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from collab.protocol.settings import Settings
from collab.testing.raw import RawSession
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import write_plugin

TOKENS = {"Ada Lovelace": "a" * 32, "Bob": "b" * 32}
GUEST = {"Forwarded": "for=192.0.2.1"}
"""Headers of somebody who has no token, and does not sit at this machine."""
READERS = """
class Readers(Plugin):
    @hookimpl
    def authorize(self, user, action):
        return False if action == "write" and user.name == "Bob" else None
"""
ATTACKS = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "javascript:alert(1)",
    "https://example.com/\"onmouseover=\"alert(1)",
    "\u202egnp.exe",
    "</li></ol><h1>hi",
    "{{7*7}}${7*7}",
]


class Talker:
    """Somebody on a document, as far as the plugin is concerned."""

    def __init__(self, session: RawSession) -> None:
        self.session = session

    async def say(self, data: Any) -> None:
        await self.session.send({"type": "message", "plugin": "chat", "data": data})

    async def post(self, text: str, key: str | None = None) -> None:
        await self.say({"kind": "post", "key": key or str(hash(text)), "text": text})

    async def hear(self, kind: str) -> dict[str, Any]:
        """The next message of that kind."""
        async with asyncio.timeout(20):
            while True:
                message = await self.session.expect("message", plugin="chat")
                if message["data"]["kind"] == kind:
                    return dict(message["data"])

    @property
    def heard(self) -> list[Any]:
        """Everything that was heard."""
        return [
            one["data"]
            for one in self.session.received
            if one["type"] == "message" and one["plugin"] == "chat"
        ]


@asynccontextmanager
async def talking(server: Server, document: str, name: str) -> AsyncIterator[Talker]:
    token = {"Authorization": f"Bearer {TOKENS[name]}"} if name in TOKENS else GUEST
    async with aiohttp.ClientSession(headers=token) as http:
        session = await RawSession.open(http, server.socket(document))
        yield Talker(session)
        await session.close()


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(
        data_dir=tmp_path,
        tokens=TOKENS,
        plugins_on=("chat",),
        plugins={"chat": {"burst": 1000, "longest": 200}},
    )


def texts(told: dict[str, Any]) -> list[str]:
    return [message.get("text", "") for message in told["messages"]]


async def test_everybody_hears_what_the_server_says_who_said(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        async with (
            talking(server, id, "Ada Lovelace") as ada,
            talking(server, id, "Bob") as bob,
        ):
            assert await ada.hear("newest") == {
                "kind": "newest", "messages": [], "more": False, "longest": 200,
                "manages": True,
            }
            await ada.say({"kind": "post", "key": "1", "text": " Hello\r\nBob \x00"})
            for one in (ada, bob):
                message = (await one.hear("posted"))["message"]
                assert (message["id"], message["text"]) == (1, "Hello\nBob")
                assert message["author"]["id"] == "token:Ada Lovelace"
                assert message["author"]["name"] == "Ada Lovelace"
                assert message["time"] > 1_600_000_000


async def test_what_was_said_is_there_after_a_restart_page_by_page(settings: Settings) -> None:
    said = [f"message {number}" for number in range(1, 121)]
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        async with talking(server, id, "Bob") as bob:
            for text in said:
                await bob.post(text)
                await bob.hear("posted")
    async with serve(settings) as server, talking(server, id, "Ada Lovelace") as ada:
        told = await ada.hear("newest")
        assert told["more"]
        found = texts(told)
        before = told["messages"][0]["id"]
        while told["more"]:
            await ada.say({"kind": "older", "before": before})
            told = await ada.hear("older")
            found = texts(told) + found
            before = told["messages"][0]["id"]
        assert found == said
        await ada.post("121")
        assert (await ada.hear("posted"))["message"]["id"] == 121


async def test_a_message_that_is_sent_again_is_the_same(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        async with talking(server, id, "Bob") as bob:
            await bob.post("once", key="k")
            await bob.hear("posted")
    async with (
        serve(settings) as server,
        talking(server, id, "Bob") as bob,
        talking(server, id, "Ada Lovelace") as ada,
    ):
        await bob.post("once", key="k")
        assert (await bob.hear("posted"))["message"]["id"] == 1
        await ada.post("of somebody else", key="k")
        assert (await ada.hear("posted"))["message"]["id"] == 2
        assert [one["kind"] for one in ada.heard] == ["newest", "posted"]


async def test_people_are_mentioned_by_their_names(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        async with (
            talking(server, id, "Ada Lovelace") as ada,
            talking(server, id, "Bob") as bob,
        ):
            await bob.post("👋 @ada lovelace, write to x@Bob.org")
            message = (await ada.hear("posted"))["message"]
            assert message["mentions"] == [[3, 16, "token:Ada Lovelace"]]
            await ada.say({"kind": "people"})
            people = (await ada.hear("people"))["people"]
            assert {one["name"] for one in people} == set(TOKENS)
        async with talking(server, id, "Ada Lovelace") as ada:
            await ada.post("@Bob?")
            message = (await ada.hear("posted"))["message"]
            assert message["mentions"] == [[0, 4, "token:Bob"]], "he wrote here before"


async def test_only_its_author_changes_and_deletes_a_message(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        async with (
            talking(server, id, "Ada Lovelace") as ada,
            talking(server, id, "Bob") as bob,
        ):
            await bob.post("frist")
            await bob.hear("posted")
            await ada.say({"kind": "edit", "id": 1, "text": "no"})
            assert "Only who wrote" in (await ada.hear("refused"))["sentence"]
            async with talking(server, id, "a guest") as guest:
                await guest.say({"kind": "edit", "id": 1, "text": "no"})
                assert "Only who wrote" in (await guest.hear("refused"))["sentence"]
                await guest.say({"kind": "delete", "id": 1})
                assert (await guest.hear("refused"))["id"] == 1
            await bob.say({"kind": "edit", "id": 1, "text": "first"})
            message = (await ada.hear("changed"))["message"]
            assert message["text"] == "first" and message["edited"] >= message["time"]
            await bob.say({"kind": "delete", "id": 1})
            message = (await ada.hear("changed"))["message"]
            assert message["deleted"] and "text" not in message
            await bob.say({"kind": "edit", "id": 1, "text": "back"})
            assert "not there any more" in (await bob.hear("refused"))["sentence"]
            await bob.say({"kind": "delete", "id": 99})
            assert (await bob.hear("refused"))["id"] == 99
    async with serve(settings) as server, talking(server, id, "Bob") as bob:
        (message,) = (await bob.hear("newest"))["messages"]
        assert message["deleted"] and "frist" not in str(message)


async def test_length_and_pace_are_bounded(settings: Settings, tmp_path: Path) -> None:
    narrow = Settings(
        data_dir=tmp_path, tokens=TOKENS, plugins_on=("chat",),
        plugins={"chat": {"burst": 2, "rate": 0.001, "longest": 4}},
    )
    async with serve(narrow) as server:
        id = await server.create_document("Plans")
        async with (
            talking(server, id, "Ada Lovelace") as ada,
            talking(server, id, "Bob") as bob,
        ):
            await bob.post("👋👋!", key="long")
            refused = await bob.hear("refused")
            assert "may have 4 characters, this one has 5" in refused["sentence"]
            assert refused["key"] == "long"
            await bob.post("  \n ")
            assert "nothing in this message" in (await bob.hear("refused"))["sentence"]
            for text in ("👋👋", "two", "3"):
                await bob.post(text)
            assert "too fast" in (await bob.hear("refused"))["sentence"]
            await ada.post("fine")
            assert (await ada.hear("posted"))["message"]["text"] == "👋👋"
            assert (await ada.hear("posted"))["message"]["text"] == "two"
            assert (await ada.hear("posted"))["message"]["text"] == "fine"


@pytest.mark.parametrize(
    "garbage",
    [
        None, 1, "x", [], {}, {"kind": "nothing"}, {"kind": "post"}, {"kind": "post", "text": "x"},
        {"kind": "post", "key": "", "text": "x"}, {"kind": "post", "key": "k" * 65, "text": "x"},
        {"kind": "post", "key": "k", "text": ["x"]}, {"kind": "older", "before": 0},
        {"kind": "post", "key": "k", "text": "x", "author": "Ada"}, {"kind": "delete", "id": "1"},
        {"kind": "older", "before": 10**30}, {"kind": "edit", "id": 1.5, "text": ""},
    ],
)
async def test_garbage_is_ignored_with_a_line_in_the_log(
    settings: Settings, garbage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        async with talking(server, id, "Bob") as bob:
            await bob.say(garbage)
            await bob.post("still here")
            assert (await bob.hear("posted"))["message"]["id"] == 1
    assert "ignored" in caplog.text


async def test_nothing_that_is_written_is_more_than_text(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        async with talking(server, id, "Bob") as bob:
            for attack in ATTACKS:
                await bob.post(attack)
                assert (await bob.hear("posted"))["message"]["text"] == attack
        export = f"{server.url}/api/documents/{id}/export/chat"
        async with server.http.get(export) as response:
            assert response.content_type == "text/plain"
            assert response.headers["X-Content-Type-Options"] == "nosniff"
            text = await response.text()
        assert all(attack in text for attack in ATTACKS)


async def test_a_conversation_is_exported_and_goes_with_its_document(
    settings: Settings,
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        async with talking(server, id, "Bob") as bob:
            for text in ("one\nmore", "two", "three"):
                await bob.post(text)
                await bob.hear("posted")
            await bob.say({"kind": "delete", "id": 2})
            await bob.hear("changed")
        page = f"{server.url}/api/documents/{id}"
        async with server.http.get(f"{page}/export/chat") as response:
            lines = (await response.text()).splitlines()
        assert lines[0] == "Chat about Plans (times are UTC)"
        assert [line[6:] for line in lines[4:]] == [
            "Bob: one", "more", "Bob (deleted)", "Bob: three",
        ]
        async with server.http.get(f"{page}/export/chat-json") as response:
            exported = await response.json()
        assert [one.get("text") for one in exported["messages"]] == ["one\nmore", None, "three"]
        async with server.http.delete(page) as response:
            assert response.status == 204
        async with server.http.get(f"{page}/export/chat") as response:
            assert response.status == 404


async def test_documents_have_conversations_of_their_own(settings: Settings) -> None:
    async with serve(settings) as server:
        one, two = [await server.create_document(title) for title in ("One", "Two")]
        async with talking(server, one, "Bob") as bob:
            await bob.post("here")
            await bob.hear("posted")
        async with talking(server, two, "Bob") as bob:
            assert (await bob.hear("newest"))["messages"] == []


async def test_who_may_not_write_reads(settings: Settings, tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins", "readers", READERS)
    settings = replace(
        settings, plugins_dir=tmp_path / "plugins", plugins_on=("chat", "readers")
    )
    async with serve(settings) as server:
        id = await server.create_document("Plans")
        async with (
            talking(server, id, "Ada Lovelace") as ada,
            talking(server, id, "Bob") as bob,
        ):
            assert "write" not in bob.session.welcome["permissions"]
            await bob.post("me too")
            assert "may read" in (await bob.hear("refused"))["sentence"]
            await ada.post("hello")
            assert (await bob.hear("posted"))["message"]["id"] == 1


# Other plugins.

PARROT = """
class Parrot(Plugin):
    def __init__(self):
        self.heard = []

    @hookimpl
    async def published(self, topic, sender, data, document):
        self.heard.append((topic, sender, data, document.id))

    async def post(self, data, document):
        await self.publish("chat.post", data, document)
"""


@pytest.fixture
def with_parrot(settings: Settings, tmp_path: Path) -> Settings:
    write_plugin(tmp_path / "plugins", "parrot", PARROT)
    return replace(settings, plugins_dir=tmp_path / "plugins", plugins_on=("chat", "parrot"))


async def test_other_plugins_hear_what_was_kept(with_parrot: Settings) -> None:
    async with serve(with_parrot) as server:
        id = await server.create_document("Plans")
        parrot: Any = server.app[PLUGINS].plugins["parrot"]
        async with talking(server, id, "Bob") as bob:
            await bob.post("Hello @Bob", key="k")
            message = (await bob.hear("posted"))["message"]
            await bob.post("Hello @Bob", key="k")  # sent again: nothing new
            await bob.hear("posted")
            await bob.post("")
            await bob.hear("refused")
            await bob.post("second")
            await bob.hear("posted")
            await server.app[PLUGINS].told()
        (first, second) = parrot.heard
        del message["key"]
        assert first == ("chat.posted", "chat", message, id)
        assert message["mentions"] == [[6, 10, "token:Bob"]]
        assert (second[2]["id"], second[2]["text"], second[2]["mentions"]) == (2, "second", [])


async def test_another_plugin_posts_as_itself(
    with_parrot: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(with_parrot) as server:
        id = await server.create_document("Plans")
        manager = server.app[PLUGINS]
        parrot: Any = manager.plugins["parrot"]
        async with talking(server, id, "Bob") as bob:
            document = server.app[PLUGINS].house.open_documents()[0]
            await parrot.post({"text": " Polly \x00", "name": "Bob"}, document)
            message = (await bob.hear("posted"))["message"]
            assert message["author"] == {"id": "plugin:parrot", "name": "Bob", "color": "#512da8"}
            assert message["text"] == "Polly"
            await parrot.post({"text": "two"}, document)
            assert (await bob.hear("posted"))["message"]["author"]["name"] == "parrot"
            for wrong in (
                None, {}, {"text": 1}, {"text": " "}, {"text": "x" * 201},
                {"text": "x", "author": {"id": "token:Bob", "name": "Bob", "color": ""}},
                {"text": "x", "name": "y" * 65},
            ):  # fmt: skip
                await parrot.post(wrong, document)
            await parrot.post({"text": "nowhere"}, None)
            await parrot.publish("chat.other", {"text": "x"}, document)
            await manager.told()
            assert manager.health()["chat"].failures == 0
            assert caplog.text.count("what the plugin parrot posts is ignored") == 7
            await bob.say({"kind": "older", "before": 100})
            assert texts(await bob.hear("older")) == ["Polly", "two"]


async def test_a_plugin_that_posts_without_end_is_bounded(with_parrot: Settings) -> None:
    limits = {"chat": {"burst": 3, "rate": 0.001}}
    async with serve(replace(with_parrot, plugins=limits)) as server:
        id, other = await server.create_document("Plans"), await server.create_document("Other")
        manager = server.app[PLUGINS]
        parrot: Any = manager.plugins["parrot"]
        async with talking(server, id, "Bob") as bob, talking(server, other, "Bob"):
            for document in manager.house.open_documents():
                for number in range(20):
                    await parrot.post({"text": str(number)}, document)
            await manager.told()
            assert [one[2]["text"] for one in parrot.heard if one[3] == id] == ["0", "1", "2"]
            assert len([one for one in parrot.heard if one[3] == other]) == 3
            await bob.post("and people go on")
            while (await bob.hear("posted"))["message"]["text"] != "and people go on":
                pass
