"""Places for connections: no limit can be passed by coming at once, nobody takes all of them."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from aiohttp import WSServerHandshakeError

from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.settings import Limits, Settings
from collab.testing.server import Server, serve
from collab.web.admission import SHARE, Admission
from collab.web.keys import CONNECTIONS, PLUGINS

SLOW = """
import asyncio

from collab import Plugin, hookimpl


class Slow(Plugin):
    waiting = 0

    @hookimpl
    async def authenticate(self, request):
        Slow.waiting += 1
        await asyncio.wait_for(self.event.wait(), 30)

    @hookimpl
    def server_started(self):
        self.event = asyncio.Event()
"""


def settings(tmp_path: Path, **limits: int) -> Settings:
    (tmp_path / "plugins").mkdir()
    return Settings(
        data_dir=tmp_path / "data",
        plugins_dir=tmp_path / "plugins",
        trusted_proxies=("127.0.0.1",),
        limits=Limits(**limits),
    )


async def connect(server: Server, id: str, **headers: str) -> Any:
    """A socket, or the error that it was refused with."""
    address = f"{server.url}/api/documents/{id}/socket"
    sent = {name.replace("_", "-"): value for name, value in headers.items()}
    try:
        return await server.http.ws_connect(address, headers=sent)
    except WSServerHandshakeError as error:
        return error


def opened(found: list[Any]) -> list[Any]:
    return [one for one in found if not isinstance(one, WSServerHandshakeError)]


async def close(found: list[Any]) -> None:
    for one in opened(found):
        await one.close()


async def test_nobody_passes_a_limit_while_others_are_being_looked_at(tmp_path: Path) -> None:
    """60 come at once, and who they are takes a while to find out: 60 came in with a limit of 2."""
    wanted = settings(tmp_path, sessions=2)
    folder = tmp_path / "plugins" / "slow"
    folder.mkdir()
    (folder / "__init__.py").write_text(SLOW)
    async with serve(wanted) as server:
        plugin: Any = server.app[PLUGINS].plugins["slow"]
        plugin.event.set()
        id = await server.create_document("Notes", "")
        plugin.event.clear()
        coming = [asyncio.create_task(connect(server, id)) for _ in range(60)]
        done: set[Any] = set()
        while len(done) < 58:
            done, _ = await asyncio.wait(coming, return_when=asyncio.FIRST_COMPLETED, timeout=30)
            assert len(done) <= 58
        plugin.event.set()
        found = await asyncio.gather(*coming)
        assert len(opened(found)) == len(server.app[CONNECTIONS]) == 2
        refused = [one for one in found if isinstance(one, WSServerHandshakeError)]
        assert {one.status for one in refused} == {503}
        assert all(one.headers and one.headers["Retry-After"] for one in refused)
        await close(found)


async def test_one_person_does_not_lock_the_others_out(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, sessions_per_document=20, sessions_per_person=3)) as server:
        id = await server.create_document("Notes", "")
        page = {"Accept": "text/html"}
        async with server.http.get(server.url + "/", headers=page) as response:
            cookie = response.headers["Set-Cookie"].partition(";")[0]
        server.http.cookie_jar.clear()
        mine = [
            await connect(server, id, Cookie=cookie, Origin=server.url) for _ in range(20)
        ]
        assert len(opened(mine)) == 3
        other = await connect(server, id)
        assert opened([other])
        await close([*mine, other])
        # A place that is given back is there again.
        await until_empty(server)
        again = [await connect(server, id, Cookie=cookie, Origin=server.url) for _ in range(3)]
        assert len(opened(again)) == 3
        await close(again)


async def until_empty(server: Server) -> None:
    async with asyncio.timeout(30):
        while server.app[CONNECTIONS]:
            await asyncio.sleep(0)


async def test_one_address_does_not_lock_the_others_out(tmp_path: Path) -> None:
    """Each time as another guest: nothing but the address is the same."""
    async with serve(settings(tmp_path, sessions_per_document=10)) as server:
        id = await server.create_document("Notes", "")
        from_one = [await connect(server, id, X_Forwarded_For="192.0.2.1") for _ in range(12)]
        assert len(opened(from_one)) == 10 * SHARE
        other = await connect(server, id, X_Forwarded_For="192.0.2.2")
        assert opened([other])
        await close([*from_one, other])


async def test_scripts_with_a_token_are_no_person(tmp_path: Path) -> None:
    """A control."""
    wanted = settings(tmp_path, sessions_per_person=2)
    tokens = {"load": "a-token-that-is-long-enough"}
    async with serve(
        Settings(data_dir=wanted.data_dir, limits=wanted.limits, tokens=tokens)
    ) as server:
        id = await server.create_document("Notes", "")
        token = f"Bearer {tokens['load']}"
        found = [await connect(server, id, Authorization=token) for _ in range(5)]
        assert len(opened(found)) == 5
        await close(found)


@pytest.mark.parametrize("address", ["unix", ""])
def test_an_unknown_address_is_not_counted(address: str) -> None:
    admission = Admission(Limits(sessions_per_address=1, sessions_per_document=1))
    with admission.visitor(address, "notes"), admission.visitor(address, "notes"):
        pass


def test_places_are_given_back_whatever_happens() -> None:
    admission = Admission(Limits(sessions_per_person=1))
    def enter() -> Any:
        return admission.person("ada")

    def fail() -> None:
        with enter():
            with pytest.raises(CollabError) as refused, enter():
                pass
            assert refused.value.code is errors.TOO_MANY_SESSIONS
            raise ZeroDivisionError

    for _ in range(2):
        with pytest.raises(ZeroDivisionError):
            fail()
