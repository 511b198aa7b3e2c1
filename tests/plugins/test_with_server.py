"""The bundled plugins, and bad ones, on a running server with real connections."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from tests.plugins.fake import BUNDLED, write_plugin

BAD = """
import asyncio

class Bad(Plugin):
    @hookimpl
    async def server_started(self): raise RuntimeError("no")

    @hookimpl
    async def session_joined(self): await asyncio.Event().wait()

    @hookimpl
    def before_operation(self, delta): raise SystemExit(1)

    @hookimpl
    def operation_committed(self): 1 / 0

    @hookimpl
    async def server_stopping(self): await asyncio.Event().wait()
"""


async def first(stream: Any, fits: Any) -> Any:
    """The first message of a plugin that fits."""
    async with asyncio.timeout(20):
        async for message in stream:
            if fits(message):
                return message
    raise AssertionError("the stream ended")


async def edit_together(server: Server) -> None:
    id = await server.create_document("Together", "")
    async with server.connect(id) as one, server.connect(id) as two:
        await asyncio.gather(one.insert(0, "one "), two.insert(0, "two "))
        await one.saved()
        await two.saved()
        await one.wait_for(lambda document: document.revision == 2, timeout=10)
        assert sorted(one.text.split()) == ["one", "two"]
        assert await server.text(id) == one.text


@pytest.mark.parametrize("off", [(), *((name,) for name in BUNDLED), BUNDLED], ids=" ".join)
async def test_switching_a_bundled_plugin_off_leaves_everything_else_working(
    tmp_path: Path, off: tuple[str, ...], pytestconfig: pytest.Config
) -> None:
    all_off = {*off, pytestconfig.getoption("--without")}
    async with serve(Settings(data_dir=tmp_path, plugins_off=off)) as server:
        await edit_together(server)
        async with server.http.get(f"{server.url}/d/{await server.create_document()}") as page:
            text = await page.text()
        for name in BUNDLED:
            path = f"/plugins/{name}/static/{name}.js"
            if not (Path(__file__).parents[2] / path[1:]).is_file():
                continue
            assert (path in text) == (name not in all_off)
            async with server.http.get(server.url + path) as script:
                assert script.status == (404 if name in all_off else 200)


@pytest.mark.bundled("cursors", "presence")
async def test_people_and_carets_reach_the_others(tmp_path: Path) -> None:
    async with serve(Settings(data_dir=tmp_path)) as server:
        id = await server.create_document("Together", "Hello")
        async with server.connect(id) as one:
            people = one.messages("presence")
            cursors = one.messages("cursors")
            async with server.connect(id) as two:
                sessions = {one.session, two.session}
                said = await first(
                    people,
                    lambda it: {s for p in it["people"] for s in p["sessions"]} == sessions,
                )
                assert said["kind"] == "people"
                two.send("cursors", {"anchor": 5, "head": 5, "revision": 0})
                moved = await first(cursors, lambda it: it["kind"] == "moved")
                (caret,) = moved["cursors"]
                assert (caret["session"], caret["client"]) == (two.session, two.client)
                assert caret["user"]["id"] == two.user.id
                await one.insert(0, "Oh! ")
                async with server.connect(id) as three:
                    late = three.messages("cursors")
                    three.send("cursors", {"anchor": 0, "head": 0, "revision": three.revision})
                    seen = await first(late, lambda it: it["kind"] == "moved")
                    assert seen["revision"] == 1
                gone = await first(cursors, lambda it: it["kind"] == "gone")
                assert gone["session"] not in sessions
            assert (await first(cursors, lambda it: it["kind"] == "gone"))["session"] in sessions


async def test_a_bad_plugin_is_felt_by_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path / "plugins", "bad", BAD)
    settings = Settings(data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins")
    async with serve(settings) as server:
        for _ in range(5):
            await edit_together(server)
    for hook in ("server_started", "before_operation", "server_stopping"):
        assert f"plugin bad failed in {hook}" in caplog.text
    assert "plugin bad keeps failing: switched off for a while" in caplog.text


async def test_state_is_there_after_a_restart(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "plugins",
        "counter",
        """
        class Counter(Plugin):
            @hookimpl
            async def server_started(self, server):
                count = await self.state.get("starts", 0) + 1
                await self.state.set("starts", count)

            @hookimpl
            def routes(self):
                return [("GET", "/starts", self.starts)]

            async def starts(self, request):
                from aiohttp import web

                return web.json_response(await self.state.get("starts"))
        """,
    )
    settings = Settings(data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins")
    for expected in (1, 2):
        async with (
            serve(settings) as server,
            server.http.get(f"{server.url}/plugins/counter/api/starts") as response,
        ):
            assert await response.json() == expected
