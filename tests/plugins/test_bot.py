"""bot: a participant on the server that answers when it is asked."""

from __future__ import annotations

import asyncio
import re
import secrets
import tomllib
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
from collab.plugins.bot.commands import COMMANDS, Later, Question, answer
from collab.plugins.bot.mentions import below, find, units
from msgspec.structs import replace

from collab.client import Document, Stream
from collab.plugins.settings import WrongSettings
from collab.protocol.settings import Settings
from collab.storage.port import DocumentRecord
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import make_manager, the, until, write_plugin

ROOT = Path(__file__).parents[2]
README = (ROOT / "plugins/bot/README.md").read_text(encoding="utf-8")
MONDAY = datetime(2026, 11, 23, 9, 30, tzinfo=UTC)


def question(argument: str = "", text: str = "", people: tuple[str, ...] = ()) -> Question:
    return Question(argument, text, people, MONDAY)


# What it is asked.


def test_a_question_is_a_finished_line_of_its_own() -> None:
    text = "Hello\n@bot date\nI said @bot date\n@bot  Remind \t10m  tea \n@robot date\n@bot help"
    found = find(text, "bot")
    assert [(one.command, one.argument) for one in found] == [("date", ""), ("remind", "10m  tea")]
    first, second = found
    assert text[first.start : first.end] == "@bot date\n"
    assert text[second.start : second.end] == "@bot  Remind \t10m  tea \n"
    assert find("@bot", "bot") == find("@bot\nhelp\n", "bot") == find("", "bot") == []


def test_a_question_with_an_answer_below_it_is_answered() -> None:
    assert find("@bot date\n→ It is Monday.\n", "bot") == []
    (one,) = find("@bot date\n→ It is Monday.\n@bot date\n", "bot")
    assert one.start == units("@bot date\n→ It is Monday.\n")


def test_places_are_in_utf_16_code_units() -> None:
    (one,) = find("👩‍👩‍👧 é\n@bot date\n", "bot")
    assert (one.start, one.end) == (11, 21)


@pytest.mark.parametrize(
    ("text", "position", "place"),
    [
        ("", 0, (0, "")),
        ("one\ntwo\n", 4, (4, "")),
        ("one\ntwo\n", 5, (8, "")),
        ("one\ntwo", 5, (7, "\n")),
        ("one\n→ a\n→ b\ntwo", 4, (12, "")),
        ("one\n→ a", 4, (7, "\n")),
        ("👩👩\n→ a\n", 2, (9, "")),
    ],
)
def test_an_answer_goes_below_the_others(
    text: str, position: int, place: tuple[int, str]
) -> None:
    assert below(text, position) == place


# What it says.


def test_every_command_says_something() -> None:
    assert answer("date", question()) == "It is Monday, 23 November 2026, 09:30 UTC."
    assert answer("count", question(text="one two\nthree")) == "There are 3 words here."
    assert answer("count", question(text="one")) == "There is 1 word here."
    assert answer("who", question(people=("Bob", "Ada", "Bob"))) == "Here now: Ada, Bob."
    assert answer("who", question()) == "Nobody is here now."
    told = answer("help", question())
    assert isinstance(told, str) and all(name in told for name in COMMANDS)
    assert answer("dance", question()) == "I don’t know what “dance” is. Ask me for help."
    assert "\n" not in told


def test_the_readme_lists_every_command() -> None:
    listed = re.findall(r"^\| `([a-z]+)` \| (.*) \|$", README.split("## Settings")[0], re.MULTILINE)
    assert listed == [(name, command.__doc__) for name, command in COMMANDS.items()]


@pytest.mark.parametrize(
    ("argument", "due"),
    [("30s tea", "09:30:30"), ("10m tea", "09:40:00"), ("2 h tea", "11:30:00")],
)
def test_a_reminder_is_for_later(argument: str, due: str) -> None:
    told = answer("remind", question(argument))
    assert isinstance(told, Later)
    assert (f"{told.due:%H:%M:%S}", told.reminder) == (due, "tea")
    assert told.answer == f"I will say it on 2026-11-23 at {due[:5]} UTC."


@pytest.mark.parametrize("argument", ["", "tea", "10m", "10x tea", "m tea", "٣m tea", "367d tea"])
def test_a_reminder_that_makes_no_sense_is_explained(argument: str) -> None:
    assert isinstance(answer("remind", question(argument)), str)


# On a server.


class Clock:
    """Seconds since 1970, as the test has them."""

    time = MONDAY.timestamp()

    def __call__(self) -> float:
        return self.time


def settings(tmp_path: Path, **more: Any) -> Settings:
    return Settings(
        data_dir=tmp_path,
        plugins_on=("bot",),
        plugins={"bot": {"name": "bot", "delay": 0}},
        **more,
    )


def bot_of(server: Server, clock: Clock | None = None) -> Any:
    bot = the(server.app[PLUGINS], "bot")
    bot.now = clock or Clock()
    return bot


async def becomes(document: Document, text: str) -> None:
    await document.wait_for(lambda it: it.text == text, timeout=10)


async def test_it_answers_below_the_question(tmp_path: Path) -> None:
    async with serve(settings(tmp_path)) as server:
        bot_of(server)
        id = await server.create_document("Notes", "Hello\n\nThe end")
        async with server.connect(id) as one:
            for position, letter in enumerate("@bot date", 6):
                await one.insert(position, letter)
            assert one.text == "Hello\n@bot date\nThe end"
            await one.insert(15, "\n")
            answered = (
                "Hello\n@bot date\n→ It is Monday, 23 November 2026, 09:30 UTC.\n\nThe end"
            )
            await becomes(one, answered)
        *_, last = await server.operations(id)
        assert last["author"] == "bot:bot"


async def test_several_questions_are_answered_at_once_and_only_once(tmp_path: Path) -> None:
    async with serve(settings(tmp_path)) as server:
        bot = bot_of(server)
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one:
            await one.insert(0, "@bot count\n@bot 👩\n@bot who\n")
            answered = (
                "@bot count\n→ There are 6 words here.\n@bot 👩\n"
                f"@bot who\n→ Here now: {one.user.label}.\n"
            )
            await becomes(one, answered)
            await bot.answer(id)
            await one.insert(0, "Hello\n")
            await bot.answer(id)
            await one.saved()
            assert await server.text(id) == "Hello\n" + answered
        assert len(await server.operations(id)) == 3


async def test_what_is_typed_meanwhile_stays(tmp_path: Path) -> None:
    async with serve(settings(tmp_path)) as server:
        bot_of(server)
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one:
            await one.insert(0, "@bot count\n")
            for _ in range(20):
                await one.insert(0, "x\n")
            answer = re.compile(r"(x\n){20}@bot count\n→ There are \d+ words here\.\n")
            await one.wait_for(lambda it: answer.fullmatch(it.text), timeout=10)


async def test_a_reminder_comes_though_nobody_has_the_document_open(tmp_path: Path) -> None:
    clock = Clock()
    async with serve(settings(tmp_path, idle_close=0.01)) as server:
        bot = bot_of(server, clock)
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one:
            await one.insert(0, "@bot remind 10m drink some water\nThe end")
            promised = "→ I will say it on 2026-11-23 at 09:40 UTC.\nThe end"
            await becomes(one, f"@bot remind 10m drink some water\n{promised}")
            await one.insert(0, "A new beginning\n")
            await one.saved()
        await until(lambda: server.rooms.find(id) is None)
        clock.time += 599
        await bot.remind()
        assert "→ drink" not in await server.text(id)
        clock.time += 1
        await bot.remind()
        await bot.remind()
        assert await server.text(id) == (
            "A new beginning\n@bot remind 10m drink some water\n"
            "→ I will say it on 2026-11-23 at 09:40 UTC.\n→ drink some water\nThe end"
        )
        assert await bot.state.list() == {}


async def test_reminders_and_their_places_survive_a_restart(tmp_path: Path) -> None:
    clock = Clock()
    async with serve(settings(tmp_path)) as server:
        bot = bot_of(server, clock)
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one:
            await one.insert(0, "@bot remind 1h tea\n")
            await until(lambda: bot.reminders)
            await one.wait_for(lambda it: "→ I will" in it.text, timeout=10)
            await one.insert(0, "👩 first\n")
            await one.saved()
    clock.time += 7200
    async with serve(settings(tmp_path)) as server:
        bot = bot_of(server, clock)
        await bot.remind()
        text = await server.text(id)
        assert text.startswith("👩 first\n@bot remind 1h tea\n→ I will say it")
        assert text.endswith("UTC.\n→ tea\n")


async def test_a_reminder_for_a_document_that_is_gone_is_forgotten(tmp_path: Path) -> None:
    clock = Clock()
    async with serve(settings(tmp_path)) as server:
        bot = bot_of(server, clock)
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one:
            await one.insert(0, "@bot remind 1h tea\n")
            await one.wait_for(lambda it: "→ I will" in it.text, timeout=10)
        async with server.http.delete(f"{server.url}/api/documents/{id}") as response:
            assert response.status == 204
        clock.time += 7200
        await bot.remind()
        assert bot.reminders == await bot.state.list() == {}


async def test_a_document_that_can_not_be_edited_now_is_reminded_later(tmp_path: Path) -> None:
    clock = Clock()
    async with serve(settings(tmp_path)) as server:
        bot = bot_of(server, clock)
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one:
            await one.insert(0, "@bot remind 1h tea\n")
            await one.wait_for(lambda it: "→ I will" in it.text, timeout=10)
        clock.time += 3600
        room = server.rooms.find(id)
        assert room is not None
        room.freeze()
        await bot.remind()
        assert len(bot.reminders) == 1
        assert bot.server.health()["bot"].failures == 0
        clock.time += 86400
        await bot.remind()
        assert bot.reminders == {}, "for ever is too long"


# In the chat.


def talkative(tmp_path: Path, **more: Any) -> Settings:
    return replace(settings(tmp_path, **more), plugins_on=("bot", "chat"))


async def heard(messages: Stream[Any], text: str) -> dict[str, Any]:
    """Listen to the chat up to a message with that text."""
    async with asyncio.timeout(20):
        async for told in messages:
            if told["kind"] == "posted" and told["message"]["text"] == text:
                return dict(told["message"])
    raise AssertionError("the chat has ended")


def post(document: Document, text: str) -> None:
    document.send("chat", {"kind": "post", "key": secrets.token_hex(4), "text": text})


@pytest.mark.bundled("chat")
async def test_it_answers_in_the_chat(tmp_path: Path) -> None:
    async with serve(talkative(tmp_path)) as server:
        bot_of(server)
        id = await server.create_document("Notes", "one two")
        async with server.connect(id) as one:
            said = one.messages("chat")
            post(one, "@bot count")
            answer = await heard(said, "There are 2 words here.")
            assert answer["author"] == {"id": "plugin:bot", "name": "bot", "color": "#512da8"}
            post(one, "Hello\n@bot date\n@bot who")
            await heard(
                said,
                f"It is Monday, 23 November 2026, 09:30 UTC.\nHere now: {one.user.label}.",
            )
            post(one, "I asked @bot date")
            post(one, "@bot dance")
            await heard(said, "I don’t know what “dance” is. Ask me for help.")
            assert one.text == "one two"


@pytest.mark.bundled("chat")
async def test_a_reminder_of_the_chat_comes_in_the_chat(tmp_path: Path) -> None:
    clock = Clock()
    async with serve(talkative(tmp_path)) as server:
        bot_of(server, clock)
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one:
            name = one.user.name
            said = one.messages("chat")
            post(one, "@bot remind 10m tea")
            await heard(said, "I will say it on 2026-11-23 at 09:40 UTC.")
    clock.time += 600
    async with serve(talkative(tmp_path)) as server:
        bot = bot_of(server, clock)
        async with server.connect(id) as one:
            said = one.messages("chat")
            await bot.remind()
            await heard(said, f"@{name} tea")
            assert one.text == ""
        assert bot.reminders == await bot.state.list() == {}


@pytest.mark.bundled("chat")
async def test_it_does_not_answer_its_like(tmp_path: Path) -> None:
    """Two bots that ask each other without end would be no joy."""
    parrot = """
    class Parrot(Plugin):
        @hookimpl
        async def published(self, topic, data, document):
            if topic == "chat.posted" and data["text"] != "@bot help":
                await self.publish("chat.post", {"text": "@bot help"}, document)

        async def pretend(self, document):
            author = {"id": "guest:1", "name": "Somebody", "color": "#000000"}
            await self.publish("chat.posted", {"author": author, "text": "@bot help"}, document)
    """
    write_plugin(tmp_path / "plugins", "parrot", parrot)
    chosen = replace(
        talkative(tmp_path), plugins_dir=tmp_path / "plugins", plugins_on=("bot", "chat", "parrot")
    )
    async with serve(chosen) as server:
        bot_of(server)
        manager = server.app[PLUGINS]
        id = await server.create_document("Notes", "one")
        async with server.connect(id) as one:
            said = one.messages("chat")
            post(one, "Hello")
            await heard(said, "@bot help")
            await the(manager, "parrot").pretend(manager.house.open_documents()[0])
            await manager.told()
            post(one, "@bot count")
            await heard(said, "There is 1 word here.")
            await one.insert(0, "still editable ")
        health = manager.health()
        assert {name: one.failures for name, one in health.items()} == dict.fromkeys(health, 0)
        messages, _ = await the(manager, "chat").conversation(
            manager.house.document(await document_record(server, id))
        ).before()
        answers = [one.text for one in messages if one.author.id == "plugin:bot"]
        assert answers == ["There is 1 word here."]


async def document_record(server: Server, id: str) -> DocumentRecord:
    record = await server.rooms.record(id)
    assert record is not None
    return record


async def test_without_a_chat_nobody_is_told(tmp_path: Path) -> None:
    async with serve(settings(tmp_path)) as server:
        id = await server.create_document("Notes", "")
        bot = bot_of(server)
        async with bot.server.document(id) as document:
            await bot.say_in_chat(document, "Hello?")
        assert server.app[PLUGINS].health()["bot"].failures == 0


async def test_without_a_name_it_is_not_there() -> None:
    manager = make_manager(None, plugins_on=("bot",))
    assert not manager.implements("operation_committed")
    assert make_manager(
        None, plugins_on=("bot",), plugins={"bot": {"name": "bot"}}
    ).implements("operation_committed")


@pytest.mark.parametrize(("setting", "value"), [("name", "a bot"), ("delay", -1)])
def test_a_wrong_setting_stops_the_start(setting: str, value: Any) -> None:
    with pytest.raises(WrongSettings, match=rf"plugins\.bot\.{setting} is {value!r}"):
        make_manager(None, plugins_on=("bot",), plugins={"bot": {setting: value}})


def test_the_examples_are_settings_that_work() -> None:
    pages = ["docs/plugins/bot.md", "plugins/bot/README.md"]
    examples = [
        block
        for page in pages
        for block in re.findall(
            r"```toml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL
        )
    ]
    assert examples
    for example in examples:
        make_manager(None, plugins_on=("bot",), plugins=tomllib.loads(example)["plugins"])


STRICT = """
class Strict(Plugin):
    refused = 0

    @hookimpl
    def before_operation(self, author):
        if author.startswith("bot:") and self.refused < 3:
            self.refused += 1
            raise Veto("Not now.")
"""


async def test_an_answer_that_is_refused_leaves_no_reminder(tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins", "strict", STRICT)
    strict = replace(
        settings(tmp_path), plugins_dir=tmp_path / "plugins", plugins_on=("bot", "strict")
    )
    async with serve(strict) as server:
        bot, plugin = bot_of(server), server.app[PLUGINS].plugins["strict"]
        async with server.connect(await server.create_document()) as document:
            await document.insert(0, "@bot remind 1d tea\n")
            for times in (1, 2, 3):
                await until(lambda times=times: plugin.refused == times and not bot.reminders)
                await document.insert(0, "\n")
            await until(lambda: bot.reminders)
            assert len(bot.reminders) == 1
