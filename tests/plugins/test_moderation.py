"""What visitors can fill is bounded for each address, and whoever manages a document cleans up."""

from __future__ import annotations

import asyncio
import itertools
import logging
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from collab.plugins.visitor_buckets import VisitorBuckets
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.testing.raw import RawSession
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from collab.web.sources import network_of
from tests.plugins.fake import FakeSession, the

OPERATOR = {"Authorization": "Bearer " + "o" * 32}
TEXT = "The quick brown fox jumps over the lazy dog."


def settings(folder: Path, **plugins: dict[str, Any]) -> Settings:
    return Settings(
        data_dir=folder,
        tokens={"operator": "o" * 32},
        plugins_on=tuple(plugins),
        plugins=plugins,
        trusted_proxies=("127.0.0.1",),
    )


class Visitor:
    """Somebody on a document, who talks to one plugin."""

    def __init__(self, session: RawSession, plugin: str) -> None:
        self.session = session
        self.plugin = plugin

    async def ask(self, kind: str, **data: Any) -> dict[str, Any]:
        """Say something; the plugin's answer, or what it tells everybody."""
        message = {"kind": kind, **data}
        await self.session.send({"type": "message", "plugin": self.plugin, "data": message})
        return await self.hear()

    async def hear(self) -> dict[str, Any]:
        async with asyncio.timeout(20):
            return dict((await self.session.expect("message", plugin=self.plugin))["data"])


@asynccontextmanager
async def visit(
    server: Server, document: str, plugin: str, *, address: str = "", operator: bool = False
) -> AsyncIterator[tuple[Visitor, dict[str, Any]]]:
    """A new guest at an address, or the operator; and what the plugin says first."""
    headers = OPERATOR if operator else {"X-Forwarded-For": address}
    async with aiohttp.ClientSession(headers=headers) as http:
        visitor = Visitor(await RawSession.open(http, server.socket(document)), plugin)
        yield visitor, await visitor.hear()
        await visitor.session.close()


# Limits.


def guest(name: str, source: str = "here") -> FakeSession:
    session = FakeSession(name, User(f"guest:{name}", name, ""))
    session.source = source
    return session


def test_guests_at_one_address_share_a_bucket() -> None:
    now = 0.0
    buckets = VisitorBuckets(1.0, 2, lambda: now, address_times=3)
    taken = [buckets.try_take(guest(f"{n}")) == 0 for n in range(8)]
    assert taken == [True] * 6 + [False] * 2, "each of them is new"
    assert buckets.try_take(guest("elsewhere", "there")) == 0
    member = FakeSession("m", User("member:ada", "Ada", ""))
    member.source = "here"
    assert buckets.try_take(member) == 0, "who has logged in is not one of the crowd"
    assert buckets.try_take(guest("0"), about="another document") == 0
    now = 1.0
    assert buckets.try_take(guest("9")) == 0


def test_what_is_refused_costs_nothing() -> None:
    buckets = VisitorBuckets(1.0, 2, lambda: 0.0, address_times=1)
    assert buckets.try_take(guest("a")) == 0
    assert buckets.try_take(guest("a"), 2) > 0
    assert buckets.try_take(guest("b")) == 0
    assert buckets.try_take(guest("c")) > 0


def test_an_address_is_what_a_provider_gives_one_customer() -> None:
    assert network_of("192.0.2.1") == network_of("::ffff:192.0.2.1") == "192.0.2.1"
    assert network_of("2001:db8::1") == network_of("2001:db8::ffff:1")
    assert network_of("2001:db8::1") != network_of("2001:db8:0:1::1")
    assert network_of("unix") == "unix" and network_of("") == ""


async def test_a_source_does_not_tell_the_address(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, presence={})) as server:
        id = await server.create_document("Plans")
        sources = []
        for address in ("192.0.2.1", "192.0.2.1", "192.0.2.2"):
            async with visit(server, id, "presence", address=address):
                (session,) = server.rooms.find(id).sessions.values()
                sources.append(session.source)
    first, again, other = sources
    assert first == again != other
    assert "192" not in first and len(first) == 22


Fill = Callable[[Server, str, str], Awaitable[int]]


async def fill_comments(server: Server, document: str, address: str) -> int:
    """How many threads new guests at an address could begin before one was refused."""
    for count in itertools.count():
        async with visit(server, document, "comments", address=address) as (visitor, _):
            answer = await visitor.ask(
                "open", key="k", text="Spam", revision=0, start=0, end=3
            )
        if answer["kind"] == "refused":
            assert "in this hour" in answer["sentence"] or "too fast" in answer["sentence"]
            return count
    raise AssertionError


async def fill_chat(server: Server, document: str, address: str) -> int:
    """How many messages of 100 characters new guests could write before one was refused."""
    for count in itertools.count():
        async with visit(server, document, "chat", address=address) as (visitor, _):
            answer = await visitor.ask("post", key="k", text="x" * 100)
        if answer["kind"] == "refused":
            assert "in this hour" in answer["sentence"] or "too fast" in answer["sentence"]
            return count
    raise AssertionError


@pytest.mark.parametrize(
    ("fill", "plugin", "limits", "most"),
    [
        (fill_comments, "comments", {"hourly": 3}, 9),
        (fill_comments, "comments", {"burst": 1, "rate": 0.001}, 10),
        (fill_chat, "chat", {"burst": 1, "rate": 0.001}, 10),
    ],
)
async def test_new_guests_at_an_address_can_do_no_more_than_the_address(
    tmp_path: Path, fill: Fill, plugin: str, limits: dict[str, Any], most: int
) -> None:
    async with serve(settings(tmp_path, **{plugin: limits})) as server:
        id = await server.create_document("Fox", TEXT)
        assert await fill(server, id, "192.0.2.1") == most
        # The others are not held up by it.
        async with visit(server, id, plugin, address="192.0.2.2") as (visitor, _):
            if plugin == "chat":
                answer = await visitor.ask("post", key="k", text="Hello")
            else:
                answer = await visitor.ask("open", key="k", text="?", revision=0, start=0, end=3)
            assert answer["kind"] in ("posted", "thread")


async def test_what_is_written_in_an_hour_is_bounded(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, chat={"hourly": 5000, "burst": 1000})) as server:
        id = await server.create_document("Plans")
        async with visit(server, id, "chat", address="192.0.2.1") as (visitor, _):
            answers = [
                (await visitor.ask("post", key=f"{n}", text="x" * 1000))["kind"] for n in range(6)
            ]
    assert answers == ["posted"] * 5 + ["refused"]


# Cleaning up.


async def test_the_operator_removes_anybodys_comments(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "collab.plugins.comments")
    async with serve(settings(tmp_path, comments={})) as server:
        id = await server.create_document("Fox", TEXT)
        async with (
            visit(server, id, "comments", address="192.0.2.1") as (guest, first),
            visit(server, id, "comments", address="192.0.2.2") as (other, _),
        ):
            assert first["manages"] is False
            threads = []
            for n in range(4):
                answer = await guest.ask("open", key=f"{n}", text="!", revision=0, start=n, end=9)
                threads.append(answer["placed"]["id"])
                await other.hear()
            author = answer["placed"]["thread"]["comments"][0]["author"]["id"]
            answer = await other.ask("reply", key="r", thread=threads[3], text="Please don't")
            for kind, data in [
                ("delete", {"thread": threads[0], "comment": 1}),
                ("remove", {"thread": threads[0]}),
                ("remove_all", {"author": author}),
            ]:
                assert (await other.ask(kind, **data))["kind"] == "refused"
            async with visit(server, id, "comments", operator=True) as (operator, told):
                assert told["manages"] is True and len(told["placed"]) == 4
                gone = await operator.ask("delete", thread=threads[0], comment=1)
                assert gone == {"kind": "removed", "thread": threads[0]}
                gone = await operator.ask("remove", thread=threads[1])
                assert gone == {"kind": "removed", "thread": threads[1]}
                gone = await operator.ask("remove_all", author=author)
                assert gone == {"kind": "removed", "thread": threads[2]}
                left = (await operator.hear())["placed"]["thread"]["comments"]
                assert [one.get("text") for one in left] == [None, "Please don't"]
    said = [record.getMessage() for record in caplog.records if "removed" in record.msg]
    assert len(said) == 3 and all("token:operator" in one and author in one for one in said)


async def test_the_operator_deletes_anybodys_messages(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "collab.plugins.chat")
    async with serve(settings(tmp_path, chat={})) as server:
        id = await server.create_document("Plans")
        async with visit(server, id, "chat", address="192.0.2.1") as (guest, first):
            assert first["manages"] is False
            for n in range(3):
                answer = await guest.ask("post", key=f"{n}", text=f"Spam {n}")
            author = answer["message"]["author"]["id"]
            assert (await guest.ask("delete_all", author=author))["kind"] == "refused"
            async with visit(server, id, "chat", operator=True) as (operator, told):
                assert told["manages"] is True
                answer = await operator.ask("delete", id=1)
                assert answer["message"]["deleted"] and "text" not in answer["message"]
                assert (await operator.ask("edit", id=2, text="Mine"))["kind"] == "refused"
                answer = await operator.ask("delete_all", author=author)
                assert answer == {"kind": "deleted_all", "author": author}
        async with visit(server, id, "chat", address="192.0.2.1") as (_, told):
            assert [one.get("text") for one in told["messages"]] == [None] * 3
    said = [record.getMessage() for record in caplog.records if "removed" in record.msg]
    assert len(said) == 2 and all("token:operator" in one and author in one for one in said)


async def test_whoever_a_plugin_lets_administer_manages(tmp_path: Path) -> None:
    """`Server.may` asks what requests are asked: ``authorize`` decides."""
    folder = tmp_path / "plugins"
    (folder / "kings").mkdir(parents=True)
    (folder / "kings" / "__init__.py").write_text(
        "from collab import Plugin, hookimpl\n"
        "class Kings(Plugin):\n"
        "    @hookimpl\n"
        "    def authorize(self, user, action, document):\n"
        "        assert (document is None) == (action in ('administer', 'create'))\n"
        "        return user.guest if action == 'administer' else None\n"
    )
    wanted = Settings(
        data_dir=tmp_path / "data", plugins_dir=folder, plugins_on=("kings", "chat"),
        tokens={"operator": "o" * 32},
    )
    async with serve(wanted) as server:
        id = await server.create_document("Plans")
        async with visit(server, id, "chat", address="192.0.2.1") as (_, told):
            assert told["manages"] is True
        async with visit(server, id, "chat", operator=True) as (_, told):
            assert told["manages"] is False


# The bot, and the speed of editing.


async def test_new_guests_at_an_address_have_no_more_reminders_than_the_address(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wanted = settings(tmp_path, bot={"name": "bot", "delay": 0})
    async with serve(wanted) as server:
        bot = the(server.app[PLUGINS], "bot")
        bot.asking = VisitorBuckets(1 / 3600, 1, lambda: 0.0, address_times=2)
        id = await server.create_document("Notes", "")
        for _ in range(3):
            async with aiohttp.ClientSession(headers={"X-Forwarded-For": "192.0.2.1"}) as http:
                session = await RawSession.open(http, server.socket(id))
                revision = session.revision
                asked = "@bot remind 300d " + "tea " * 200 + "\n"
                await session.operate(revision, 1, [{"insert": asked}])
                await session.committed(revision + 2)  # with the bot's answer
                await session.close()
        assert len(bot.reminders) == 2
        assert all(len(one.text) <= 500 for one in bot.reminders.values())
        async with server.http.get(f"{server.url}/api/documents/{id}/content") as response:
            assert "ask me again later" in await response.text()
        reminders = f"{server.url}/plugins/bot/api/documents/{id}/reminders"
        guest = {"X-Forwarded-For": "192.0.2.1"}
        async with server.http.delete(reminders, headers=guest) as response:
            assert response.status == 403
        async with server.http.delete(reminders, headers=OPERATOR) as response:
            assert await response.json() == {"removed": 2}
        assert not bot.reminders


async def test_the_reminders_of_a_document_go_with_it(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, bot={"name": "bot", "delay": 0})) as server:
        bot = the(server.app[PLUGINS], "bot")
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one:
            await one.insert(0, "@bot remind 300d tea\n")
            await one.wait_for(lambda it: "→" in it.text, timeout=10)
        assert len(bot.reminders) == 1
        page = f"{server.url}/api/documents/{id}"
        async with server.http.delete(page, headers=OPERATOR) as response:
            assert response.status == 204
        await server.app[PLUGINS].told()
        assert not bot.reminders


async def test_edits_of_guests_are_counted_for_their_address(tmp_path: Path) -> None:
    wanted = settings(tmp_path, ratelimit={"address_rate": 0.001, "address_burst": 2})
    async with serve(wanted) as server:
        id = await server.create_document("Notes", "")
        codes = []
        for address in ("192.0.2.1",) * 3 + ("192.0.2.2",):
            async with aiohttp.ClientSession(headers={"X-Forwarded-For": address}) as http:
                session = await RawSession.open(http, server.socket(id))
                await session.operate(session.revision, 1, [{"insert": "x"}])
                while (answer := await session.next())["type"] not in ("operations", "error"):
                    pass
                codes.append(answer["type"])
                await session.close()
        assert codes == ["operations", "operations", "error", "operations"]


async def test_versions_are_not_named_without_end(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, history={})) as server:
        history = the(server.app[PLUGINS], "history")
        history.naming = VisitorBuckets(1 / 3600, 1, lambda: 0.0, address_times=2)
        id = await server.create_document("Notes", "Text")
        told = []
        for n in range(3):
            async with aiohttp.ClientSession(headers={"X-Forwarded-For": "192.0.2.1"}) as http:
                visitor = Visitor(await RawSession.open(http, server.socket(id)), "history")
                message = {"do": "name", "revision": 0, "name": f"v{n}"}
                data = {"type": "message", "plugin": "history", "data": message}
                await visitor.session.send(data)
                told.append((await visitor.hear())["kind"])
                await visitor.session.close()
        assert told == ["versions", "versions", "refused"]
