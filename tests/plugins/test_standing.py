"""Open sessions are asked about anew: who may do less or more comes back and knows it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from collab.client import Document, Gone, Refused
from collab.ot import Delta
from collab.plugins.loading import Bounds
from collab.plugins.standing import Standing
from collab.protocol import errors
from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import FakeRoom, make_manager, the, until, write_plugin

RULES = """
import asyncio

class Rules(Plugin):
    '''Let everybody do what `may` says: by user or document, else everything.'''

    def __init__(self):
        self.may = {}
        self.asked = 0
        self.gate = None

    @hookimpl
    async def authorize(self, user, action, document):
        self.asked += 1
        if action not in ("read", "write"):
            return None
        allowed = self.may.get(document.id, self.may.get(user.id, "read write"))
        if self.gate is not None and action == "write":
            await self.gate.wait()
        if allowed == "broken":
            raise RuntimeError("boom")
        return action in allowed
"""

LOGIN = """
from collab import User

class Login(Plugin):
    def __init__(self):
        self.known = {"Ada"}

    @hookimpl
    def authenticate(self, request):
        name = request.headers.get("X-Login")
        return User(f"login:{name}", name, "#512da8") if name in self.known else None
"""

TOKENS = {"ada": "0123456789abcdef", "bob": "fedcba9876543210"}
"""Clients without one are a new guest at each connection."""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_plugin(tmp_path / "plugins", "rules", RULES)
    write_plugin(tmp_path / "plugins", "login", LOGIN)
    return Settings(
        data_dir=tmp_path / "data",
        plugins_dir=tmp_path / "plugins",
        plugins_on=("rules",),
        tokens=TOKENS,
    )


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Server]:
    async with serve(settings) as server:
        yield server


def rules(server: Server) -> Any:
    return the(server.app[PLUGINS], "rules")


async def reconsider(server: Server, **which: str) -> int:
    count: int = await rules(server).server.reconsider(**which)
    return count


async def may(document: Document, *permissions: str) -> None:
    """Wait until it is connected and may do just that."""
    await document.wait_for(
        lambda it: it.status == "connected" and it.permissions == set(permissions), timeout=10
    )


async def switch(server: Server, name: str, state: str) -> None:
    path = f"{server.url}/api/plugins/{name}"
    async with server.http.post(
        path, json={"state": state}, headers=server.operator
    ) as response:
        assert response.status == 200, await response.text()


async def test_a_writer_becomes_a_reader_and_a_writer_again(server: Server) -> None:
    id = await server.create_document("Notes", "one")
    async with server.connect(id, token=TOKENS["ada"]) as ada, server.connect(id) as bob:
        client = ada.client
        rules(server).may[ada.user.id] = "read"
        assert await reconsider(server) == 1
        await may(ada, "read")
        assert ada.client == client, "it resumed"
        with pytest.raises(Refused, match="may read"):
            await ada.insert(0, "x")
        await bob.insert(3, " two")
        await ada.wait_for(lambda it: it.text == "one two", timeout=10)
        assert ada.rescues == []

        rules(server).may.clear()
        assert await reconsider(server, user=ada.user.id) == 1
        await may(ada, "read", "write")
        await ada.insert(0, "zero ")
    assert await server.text(id) == "zero one two"


async def test_the_goodbye_says_why_and_when_to_come_back(server: Server) -> None:
    id = await server.create_document("Notes", "one")
    session = await server.raw(id)
    rules(server).may[id] = "read"
    assert await reconsider(server, document=id) == 1
    goodbye = await session.expect("goodbye")
    assert goodbye["code"] == "permissions_changed"
    assert 0 < goodbye["retry_after"] < 1
    assert await session.ended() == 4412
    welcome = session.welcome
    again = await server.raw(
        id, **{key: welcome[key] for key in ("client", "secret", "epoch", "revision")}
    )
    assert (again.welcome["permissions"], again.welcome["operations"]) == (["read"], [])
    await again.close()


async def test_only_those_who_are_meant_are_asked_about(server: Server) -> None:
    one, two = await server.create_document("One"), await server.create_document("Two")
    async with (
        server.connect(one, token=TOKENS["ada"]) as ada,
        server.connect(two, token=TOKENS["bob"]) as bob,
        server.connect(two) as eve,
    ):
        plugin = rules(server)
        plugin.asked = 0
        assert await reconsider(server, document="none") == 0
        assert await reconsider(server, user="nobody") == 0
        assert plugin.asked == 0
        assert await reconsider(server, document=one) == 0
        assert plugin.asked == 2
        assert await reconsider(server, document=two, user=bob.user.id) == 0
        assert plugin.asked == 4
        assert await reconsider(server) == 0
        assert plugin.asked == 10
        plugin.may.update({two: "read"})
        assert await reconsider(server, document=one) == 0
        assert await reconsider(server) == 2
        await may(bob, "read")
        await may(eve, "read")
        await may(ada, "read", "write")


async def test_what_is_on_its_way_is_a_rescue_copy(server: Server) -> None:
    """It reaches the server after the decision: nothing of it is taken, nothing is lost."""
    id = await server.create_document("Notes", "one")
    async with server.connect(id, token=TOKENS["ada"]) as ada:
        rules(server).may[ada.user.id] = "read"
        reconsidered = asyncio.ensure_future(reconsider(server))
        room = server.rooms.find(id)
        assert room is not None
        (session,) = room.sessions.values()
        await until(lambda: "write" not in session.permissions)
        late = ada.edit_nowait(Delta().insert("unsent "))
        with pytest.raises(Refused) as caught:
            await late
        assert caught.value.code == "read_only"
        (rescue,) = ada.rescues
        assert rescue.text == "unsent one" and rescue.unsaved is not None
        assert await reconsidered == 1
        await may(ada, "read")
        assert ada.text == "one"
    assert await server.text(id) == "one"
    assert await server.operations(id) == []


async def test_who_may_not_even_read_gets_what_a_newcomer_gets(server: Server) -> None:
    id = await server.create_document("Notes", "one")
    ada = await server.connect(id, token=TOKENS["ada"])
    rules(server).may[ada.user.id] = ""
    assert await reconsider(server) == 1
    with pytest.raises(Gone) as caught:
        await ada.wait_for(lambda it: False, timeout=10)
    assert caught.value.code == "forbidden"
    with pytest.raises(Gone):
        await ada.insert(0, "x")
    await ada.close()


async def test_a_plugin_that_fails_lets_nobody_go_on(server: Server) -> None:
    id = await server.create_document("Notes", "one")
    ada = await server.connect(id, token=TOKENS["ada"])
    rules(server).may[ada.user.id] = "broken"
    assert await reconsider(server) == 1
    with pytest.raises(Gone, match="forbidden"):
        await ada.wait_for(lambda it: False, timeout=10)
    await ada.close()


async def test_who_joins_while_it_is_decided_anew_is_not_overlooked(server: Server) -> None:
    """Hazard: asked about before, joined after, and in no list of those who are open."""
    id = await server.create_document("Notes", "one")
    plugin = rules(server)
    plugin.gate = asyncio.Event()
    joining = asyncio.ensure_future(server.connect(id).__aenter__())
    await until(lambda: plugin.asked >= 2)  # it may write: that answer is on its way
    plugin.may[id] = "read"
    assert await reconsider(server) == 0, "nobody is there yet"
    plugin.gate.set()
    ada = await joining
    await may(ada, "read")
    await ada.close()


async def test_switching_a_plugin_that_decides(server: Server) -> None:
    id = await server.create_document("Notes", "one")
    async with server.connect(id, token=TOKENS["ada"]) as ada:
        rules(server).may[id] = "read"
        assert await reconsider(server) == 1
        await may(ada, "read")
        await switch(server, "rules", "off")
        await may(ada, "read", "write")
        await ada.insert(0, "x")
        session = ada.session
        # It has forgotten what it said: nobody may do more or less than without it.
        await switch(server, "rules", "on")
        await switch(server, "rules", "reload")
        await ada.insert(0, "y")
        assert ada.session == session


async def test_a_changed_plugin_that_decides(settings: Settings, tmp_path: Path) -> None:
    file = tmp_path / "plugins" / "rules" / "__init__.py"
    async with serve(settings) as server:
        id = await server.create_document("Notes", "one")
        async with server.connect(id, token=TOKENS["ada"]) as ada:
            file.write_text(file.read_text().replace('"read write"', '"read"'))
            await switch(server, "rules", "reload")
            await may(ada, "read")


async def test_who_is_known_by_another_login_comes_back_as_that(settings: Settings) -> None:
    async with serve(replace(settings, plugins_on=("rules", "login"))) as server:
        id = await server.create_document("Notes", "one")
        async with (
            server.http.ws_connect(server.socket(id), headers={"X-Login": "Ada"}) as known,
            server.connect(id) as guest,
        ):
            await known.send_json([{"type": "hello", "protocol": 1}])
            (welcome,) = await known.receive_json(timeout=10)
            assert welcome["user"]["id"] == "login:Ada"
            session = guest.session
            assert await reconsider(server) == 0
            the(server.app[PLUGINS], "login").known.clear()  # logged out
            assert await reconsider(server) == 1
            (goodbye,) = await known.receive_json(timeout=10)
            assert goodbye["code"] == "permissions_changed"
            await guest.insert(0, "x")
            assert guest.session == session


async def test_switching_a_login_lets_go_whom_it_knows(settings: Settings) -> None:
    async with serve(replace(settings, plugins_on=("login",))) as server:
        id = await server.create_document("Notes", "one")
        async with (
            server.http.ws_connect(server.socket(id), headers={"X-Login": "Ada"}) as known,
            server.connect(id) as guest,
        ):
            await known.send_json([{"type": "hello", "protocol": 1}])
            await known.receive_json(timeout=10)
            session = guest.session
            await switch(server, "login", "off")
            (plugins, goodbye) = [
                message for _ in range(2) for message in await known.receive_json(timeout=10)
            ]
            assert (plugins["type"], goodbye["code"]) == ("plugins", "permissions_changed")
            await guest.insert(0, "x")
            assert guest.session == session


async def test_a_plugin_that_asks_while_it_is_asked_harms_nobody(tmp_path: Path) -> None:
    write_plugin(
        tmp_path, "circular",
        """
        class Circular(Plugin):
            asked = 0

            @hookimpl
            async def authorize(self):
                Circular.asked += 1
                await self.server.reconsider()
        """,
    )  # fmt: skip
    manager = make_manager(tmp_path, bounds=Bounds(hard=0.05))
    await manager.start()
    room = FakeRoom(manager)
    sessions = [room.join(str(number)) for number in range(5)]
    async with asyncio.timeout(20):
        assert await manager.standing.reconsider() == 5
    assert the(manager, "circular").asked == 5
    assert all(one.permissions == frozenset() for one in sessions)
    await manager.stop()


async def test_who_leaves_while_they_are_asked_about_is_left_alone(tmp_path: Path) -> None:
    write_plugin(tmp_path, "rules", RULES)
    manager = make_manager(tmp_path)
    room, plugin = FakeRoom(manager), the(manager, "rules")
    leaves, stays = room.join("1"), room.join("2")
    plugin.gate = asyncio.Event()
    plugin.may["doc"] = "read"
    reconsidered = asyncio.ensure_future(manager.standing.reconsider())
    await until(lambda: plugin.asked == 4)
    room.leave(leaves)
    plugin.gate.set()
    assert await reconsidered == 1
    assert leaves.sent == [] and stays.sent == [errors.PERMISSIONS_CHANGED]
    assert (leaves.permissions, stays.permissions) == ({"read", "write"}, {"read"})


async def test_without_a_plugin_that_decides_nobody_is_let_go(tmp_path: Path) -> None:
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    session = room.join("1")
    standing = Standing(manager.gate, manager.house.open_documents)
    assert await standing.reconsider() == 0
    assert session.sent == []
