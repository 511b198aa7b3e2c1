"""Plugins are switched on and off and loaded anew while people write."""

from __future__ import annotations

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace
from yarl import URL

from collab.cli import main
from collab.cli.lock import locked
from collab.plugins.gate import Gate
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.administration import SWITCHBOARD
from collab.web.keys import PLUGINS
from tests.plugins.fake import until, write_plugin

HELLO = """
class Hello(Plugin):
    '''Say hello.'''

    GREETING = "hello"

    @hookimpl
    async def server_started(self, server):
        await self.state.set("starts", await self.state.get("starts", 0) + 1)

    @hookimpl
    async def server_stopping(self):
        await self.state.set("stops", await self.state.get("stops", 0) + 1)

    @hookimpl
    async def session_joined(self, document, session):
        await self.send(document, session, {"say": self.GREETING, "to": document.title})

    @hookimpl
    async def message_received(self, document, session, data):
        await self.send(document, session, {"again": self.GREETING})

    @hookimpl
    def routes(self):
        return [("GET", "/greeting/{name}", self.greeting)]

    async def greeting(self, request):
        from aiohttp import web

        return web.Response(text=f"{self.GREETING} {request.match_info['name']}")
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_plugin(
        tmp_path / "plugins", "hello", HELLO,
        static__hello_dot_js="export default () => {};\n", templates__hello_dot_html="",
    )  # fmt: skip
    return Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("hello",)
    )


async def post(server: Server, name: str, state: str) -> tuple[int, Any]:
    path = f"{server.url}/api/plugins/{name}"
    async with server.http.post(
        path, json={"state": state}, headers=server.operator
    ) as response:
        return response.status, await response.json()


async def get(server: Server, path: str) -> tuple[int, str]:
    async with server.http.get(server.url + path, headers=server.operator) as response:
        return response.status, await response.text()


async def as_listed(server: Server, name: str) -> dict[str, Any]:
    found = json.loads((await get(server, "/api/plugins"))[1])["plugins"]
    return next(dict(one) for one in found if one["name"] == name)


class Reader:
    """A connection that stays, and what it is told."""

    def __init__(self, socket: Any) -> None:
        self.socket = socket
        self.waiting: list[Any] = []

    @classmethod
    async def open(cls, server: Server, id: str) -> Reader:
        reader = cls(await server.http.ws_connect(server.socket(id)))
        await reader.socket.send_json([{"type": "hello", "protocol": 1}])
        await reader.hear("welcome")
        return reader

    async def hear(self, type: str) -> dict[str, Any]:
        while True:
            if not self.waiting:
                self.waiting = await self.socket.receive_json(timeout=10)
            message: dict[str, Any] = self.waiting.pop(0)
            if message["type"] == type:
                return message


async def test_a_plugin_is_switched_off_and_on_and_nobody_is_disconnected(
    settings: Settings,
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Notes", "one")
        reader = await Reader.open(server, id)
        assert (await reader.hear("message"))["data"] == {"say": "hello", "to": "Notes"}
        assert await get(server, "/plugins/hello/api/greeting/Ada") == (200, "hello Ada")
        assert (await get(server, "/plugins/hello/static/hello.js"))[0] == 200

        status, shown = await post(server, "hello", "off")
        assert (status, shown["state"], shown["health"]) == (200, "off", None)
        assert (await reader.hear("plugins"))["plugins"] == []
        assert (await get(server, "/plugins/hello/api/greeting/Ada"))[0] == 404
        assert (await get(server, "/plugins/hello/static/hello.js"))[0] == 404
        await reader.socket.send_json([{"type": "message", "plugin": "hello", "data": 1}])
        assert (await reader.hear("error"))["code"] == "no_plugin"
        assert (await post(server, "hello", "off"))[0] == 200

        status, shown = await post(server, "hello", "on")
        assert (status, shown["state"], shown["health"]["state"]) == (200, "on", "closed")
        (half,) = (await reader.hear("plugins"))["plugins"]
        assert half == {
            "name": "hello", "script": "/plugins/hello/static/hello.js", "styles": [],
        }  # fmt: skip
        # As if the document had been opened now.
        assert (await reader.hear("message"))["data"] == {"say": "hello", "to": "Notes"}
        plugin = server.app[PLUGINS].plugins["hello"]
        assert await plugin.state.list() == {"starts": 2, "stops": 1}
        assert (await post(server, "hello", "on"))[0] == 200
        await reader.socket.close()
        assert not reader.waiting


async def test_a_changed_plugin_is_loaded_anew(
    settings: Settings, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    file = tmp_path / "plugins" / "hello" / "__init__.py"
    source = file.read_text()
    async with serve(settings) as server:
        id = await server.create_document("Notes", "one")
        reader = await Reader.open(server, id)
        await reader.hear("message")
        file.write_text(source.replace('"hello"', '"howdy"'))  # as long as it was
        status, shown = await post(server, "hello", "reload")
        assert (status, shown["state"]) == (200, "on")
        assert "plugin hello was loaded anew by hand" in caplog.text
        (half,) = (await reader.hear("plugins"))["plugins"]
        assert half["script"] == "/plugins/hello/static.1/hello.js"
        assert (await get(server, half["script"]))[0] == 200
        assert (await reader.hear("message"))["data"]["say"] == "howdy"
        assert await get(server, "/plugins/hello/api/greeting/Ada") == (200, "howdy Ada")
        await reader.socket.send_json([{"type": "message", "plugin": "hello", "data": 1}])
        assert (await reader.hear("message"))["data"] == {"again": "howdy"}
        assert "/plugins/hello/static.1/hello.js" in (await get(server, f"/d/{id}"))[1]

        for wrong, sentence in (
            ("def broken(:", "SyntaxError"),
            (source.replace("session_joined", "session_joint"), "session_joint"),
            (source.replace("(Plugin):", "(Plugin):\n    api = 2"), "version"),
        ):
            file.write_text(wrong)
            status, answer = await post(server, "hello", "reload")
            if "session_joint" in sentence:
                # A method that is no hook is none of our business, unless it is marked.
                assert "there is no hook session_joint" in answer["error"]["message"]
            assert (status, answer["error"]["code"]) == (422, "plugin_unusable")
            assert sentence in answer["error"]["message"]
            # It goes on as it was.
            assert await get(server, "/plugins/hello/api/greeting/Ada") == (200, "howdy Ada")
        await reader.socket.close()


async def test_static_files_are_the_same_below_every_generation(
    settings: Settings, tmp_path: Path
) -> None:
    static = tmp_path / "plugins" / "hello" / "static"
    (static / "parts").mkdir()
    (static / "parts" / "inner.js").write_text("export default 1;\n")
    async with serve(settings) as server:
        (static / "parts" / "inner.js").write_text("export default 20;\n")
        await post(server, "hello", "reload")
        # What is told; one from before; one that another server told; a page's own.
        for folder in ("static.1", "static", "static.27", "static.1.3"):
            path = f"{server.url}/plugins/hello/{folder}/parts/inner.js"
            async with server.http.get(path) as response:
                assert (response.status, await response.text()) == (200, "export default 20;\n")
                assert response.headers["Cache-Control"] == "no-cache"
                assert response.headers["X-Content-Type-Options"] == "nosniff"
                assert "javascript" in response.content_type
                tag = response.headers["ETag"]
            headers = {"If-None-Match": tag}
            async with server.http.get(path, headers=headers) as response:
                assert response.status == 304
            async with server.http.post(path) as response:
                assert response.status == 405
        for path in (
            "static.1/nothing.js", "static.1", "static.x/hello.js", "static./hello.js",
            "static.1/../__init__.py", "static.1/%2e%2e/__init__.py", "api/static.1/hello.js",
        ):  # fmt: skip
            url = URL(f"{server.url}/plugins/hello/{path}", encoded=True)
            async with server.http.get(url) as response:
                assert response.status in (403, 404), path
        await post(server, "hello", "off")
        assert (await get(server, "/plugins/hello/static.1/hello.js"))[0] == 404


async def test_a_plugin_that_comes_while_the_server_runs(
    settings: Settings, tmp_path: Path
) -> None:
    async with serve(settings) as server:
        assert (await post(server, "late", "on"))[0] == 404
        write_plugin(tmp_path / "plugins", "late", "1 / 0")
        status, answer = await post(server, "late", "on")
        assert status == 422 and "ZeroDivisionError" in answer["error"]["message"]
        (tmp_path / "plugins" / "late" / "__init__.py").write_text(
            "from collab import Plugin\n\nclass Late(Plugin):\n    '''Come late.'''\n"
        )
        status, shown = await post(server, "late", "reload")
        assert (status, shown["state"], shown["description"]) == (200, "on", "Come late.")


async def test_what_can_t_be_asked_for(settings: Settings) -> None:
    async with serve(settings) as server:
        assert (await post(server, "hello", "sideways"))[0] == 400
        for state in ("on", "off", "reload", "close breaker"):
            status, answer = await post(server, "nobody", state)
            assert (status, answer["error"]["code"]) == (404, "no_plugin")


async def test_a_plugin_that_hangs_while_it_stops_keeps_nobody(
    settings: Settings, tmp_path: Path
) -> None:
    write_plugin(
        tmp_path / "plugins",
        "bad",
        """
        import asyncio

        class Bad(Plugin):
            @hookimpl
            async def server_stopping(self): await asyncio.Event().wait()

            @hookimpl
            async def session_joined(self): await asyncio.Event().wait()
        """,
    )
    async with serve(settings) as server:
        assert (await post(server, "bad", "on"))[0] == 200
        id = await server.create_document("Notes", "one")
        async with server.connect(id) as notes:
            switching = asyncio.create_task(post(server, "bad", "off"))
            await notes.insert(0, "zero ")
            await notes.saved()
            assert not switching.done()
            assert (await switching)[0] == 200
            await notes.insert(0, "!")
            await notes.saved()


async def test_the_operators_page(settings: Settings, tmp_path: Path) -> None:
    write_plugin(tmp_path / "plugins", "broken", "1 / 0")
    on = ("hello", "broken")
    async with serve(replace(settings, plugins_on=on)) as server:
        status, page = await get(server, "/plugins")
        assert status == 200
        assert "Say hello." in page and "On and well." in page
        assert "Can’t be used." in page and "ZeroDivisionError" in page
        form = {"name": "hello", "state": "off"}
        async with server.http.post(
            f"{server.url}/plugins", data=form, headers=server.operator, allow_redirects=False
        ) as response:
            assert response.status == 303 and response.headers["Location"] == "/plugins"
        assert "Off." in (await get(server, "/plugins"))[1]
        assert "hello" not in server.app[PLUGINS].plugins
        form["state"] = "sideways"
        async with server.http.post(
            f"{server.url}/plugins", data=form, headers=server.operator
        ) as response:
            assert response.status == 400
        headers = {**server.operator, "Origin": "https://evil.example"}
        form["state"] = "on"
        async with server.http.post(
            f"{server.url}/plugins", data=form, headers=headers
        ) as response:
            assert response.status == 403


async def test_the_breaker_is_shown_and_closed_by_hand(
    settings: Settings, tmp_path: Path
) -> None:
    write_plugin(
        tmp_path / "plugins",
        "bad",
        "class Bad(Plugin):\n    @hookimpl\n    def document_created(self): 1 / 0\n",
    )
    async with serve(settings) as server:
        await post(server, "bad", "on")
        plugins = server.app[PLUGINS]
        await server.create_document()
        await until(lambda: plugins.health()["bad"].failures == 1)
        assert "On, but it has failed: see below." in (await get(server, "/plugins"))[1]
        for _ in range(9):
            await server.create_document()
        await until(lambda: plugins.health()["bad"].state == "open")
        listed = json.loads((await get(server, "/api/plugins"))[1])["plugins"]
        (bad,) = [one for one in listed if one["name"] == "bad"]
        assert bad["health"]["state"] == "open" and bad["health"]["failures"] == 10
        assert "document_created: ZeroDivisionError" in bad["health"]["last_error"]
        assert "left alone for a while" in (await get(server, "/plugins"))[1]
        status, shown = await post(server, "bad", "close breaker")
        assert status == 200 and shown["health"]["state"] == "closed"


async def test_the_command_line_shows_how_they_are_doing(
    settings: Settings, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    monkeypatch.chdir(tmp_path)
    async with serve(settings) as server:
        words = ["plugins", "list", "--url", server.url, "--data-dir", str(settings.data_dir)]
        assert await asyncio.to_thread(main, words) == 1, "that server does not hold it"
        assert "`collab open`" in capsys.readouterr().err
        with locked(settings.data_dir, f"a Collab server at {server.url}/"):
            assert await asyncio.to_thread(main, words) == 0
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].split()[:5] == ["NAME", "STATE", "BREAKER", "CALLS", "FAILED"]
        (hello,) = [line.split() for line in lines if line.startswith("hello ")]
        assert hello[1:3] == ["on", "closed"]
        (off,) = [line.split() for line in lines if line.startswith("presence ")]
        assert off[1:] == ["off", "-", "-", "-", "-"]
        words = ["plugins", "list", "--url", server.url, "--token", "wrong"]
        assert await asyncio.to_thread(main, words) == 1
        assert "token is not known" in capsys.readouterr().err


async def test_below_a_base_path(settings: Settings) -> None:
    async with serve(replace(settings, base_path="/team")) as server:
        id = await server.create_document("Notes", "one")
        reader = await Reader.open(server, id)
        assert await get(server, "/plugins/hello/api/greeting/Ada") == (200, "hello Ada")
        async with server.http.post(f"{server.url}/plugins/hello/api/greeting/Ada") as response:
            assert response.status == 405
        await post(server, "hello", "reload")
        (half,) = (await reader.hear("plugins"))["plugins"]
        assert half["script"] == "/team/plugins/hello/static.1/hello.js"
        script = half["script"].removeprefix("/team")
        assert (await get(server, script))[0] == 200
        await reader.socket.close()


GUARDED = """
import asyncio


class Guarded(Plugin):
    @hookimpl
    async def server_started(self, server):
        for _ in range(20):
            await asyncio.sleep(0)  # as one that reads who may do what

    @hookimpl
    def authorize(self, user, action, document):
        return False
"""


async def test_nobody_may_more_while_a_plugin_that_decides_is_loaded_anew(
    tmp_path: Path, settings: Settings
) -> None:
    write_plugin(tmp_path / "plugins", "guarded", GUARDED)
    async with serve(replace(settings, plugins_on=("guarded",))) as server:
        gate, switchboard = server.app[PLUGINS].gate, server.app[SWITCHBOARD]
        ada = User("ada", "Ada", "#112233")
        reloading = asyncio.create_task(switchboard.reload("guarded"))
        asked = []
        while not reloading.done():
            assert gate.guards
            asked.append(asyncio.create_task(gate.allows(ada, "read", None)))
            await asyncio.sleep(0)
        await reloading
        assert not any(await asyncio.gather(*asked)) and len(asked) > 20
        await switchboard.off("guarded")
        assert await gate.allows(ada, "read", None)


async def test_what_was_lost_while_it_was_loaded_anew_stays_closed_until_it_is_off() -> None:
    gate = Gate(lambda hook: [], 1000)
    with pytest.raises(ZeroDivisionError), gate.exchanging("guarded", ["authorize"]):
        raise ZeroDivisionError
    with pytest.raises(CollabError, match="The plugin guarded decides about that"):
        await gate.allows(User("ada", "Ada", "#112233"), "read", None)
    gate.settled("guarded")
    assert await gate.allows(User("ada", "Ada", "#112233"), "read", None)


async def test_a_plugin_that_was_added_since_the_start_can_be_switched_off(
    tmp_path: Path, settings: Settings
) -> None:
    async with serve(settings) as server:
        write_plugin(tmp_path / "plugins", "late", HELLO)
        url = f"{server.url}/api/plugins/late"
        for _ in range(2):
            async with server.http.post(
                url, json={"state": "off"}, headers=server.operator
            ) as response:
                assert response.status == 200, await response.text()
                assert (await response.json())["name"] == "late"


async def test_a_task_can_not_be_started_after_the_end(settings: Settings) -> None:
    async with serve(settings) as server:
        hello = server.app[PLUGINS].plugins["hello"]
        await server.app[SWITCHBOARD].off("hello")
        with pytest.raises(RuntimeError, match="Plugin hello has ended"):
            hello.spawn(asyncio.sleep(0))


async def test_positions_of_a_plugin_that_is_loaded_anew_are_let_go(settings: Settings) -> None:
    async with serve(settings) as server:
        plugins = server.app[PLUGINS]
        id = await server.create_document("Notes", "text")
        async with plugins.plugins["hello"].server.document(id) as document:
            track = plugins.house.track(document)
            for _ in range(3):
                hello = plugins.plugins["hello"]
                hello.positions(document)
                hello.ranges(document)
                assert len(track._registries) == 2
                await server.app[SWITCHBOARD].reload("hello")


BROKEN = {
    "routes": "def routes(self): return [('GET', 'no slash', self.greeting)]",
    "exporters": "def exporters(self): return 1 / 0",
    "importers": "def importers(self): raise KeyError('x')",
    "document_types": "def document_types(self): raise RuntimeError('no')",
    "schedules": "def schedules(self): return [(0, self.greeting)]",
    "commands": "def commands(self): return ['x']",
}
"""By hook, what a new version has that can't be used."""


@pytest.mark.parametrize("hook", [*BROKEN, "a path that no router takes", "server_started"])
async def test_the_old_one_stays_until_the_new_one_works(
    settings: Settings, tmp_path: Path, hook: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "plugins" / "hello" / "__init__.py"
    before = file.read_text()
    source = before.replace('GREETING = "hello"', 'GREETING = "howdy"')
    if hook in BROKEN:
        if hook == "routes":
            source = source.replace("@hookimpl\n    def routes(self):", "def unused(self):")
        source += f"\n    @hookimpl\n    {BROKEN[hook]}\n"
    elif hook == "server_started":
        source = source.replace('await self.state.set("starts"', 'if True: 1 / 0  # "starts"')
        source = source.replace(', await self.state.get("starts", 0) + 1)', "")
    else:
        source = source.replace("/greeting/{name}", "/greeting/{name")
    async with serve(settings) as server:
        id = await server.create_document("Notes", "one")
        reader = await Reader.open(server, id)
        await reader.hear("message")
        file.write_text(source)
        status, answer = await post(server, "hello", "reload")
        assert (status, answer["error"]["code"]) == (422, "plugin_unusable")
        told = answer["error"]["message"]
        if hook in ("exporters", "importers", "document_types", "server_started"):
            line = 1 + next(
                number for number, text in enumerate(source.splitlines())
                if any(one in text for one in ("1 / 0", "KeyError", "RuntimeError"))
            )  # fmt: skip
            assert f"({file}:{line})" in told
        assert (hook if hook in BROKEN else hook.split()[0]) in told or "route" in told
        # It works as before, routes, messages and all.
        assert await get(server, "/plugins/hello/api/greeting/Ada") == (200, "hello Ada")
        await reader.socket.send_json([{"type": "message", "plugin": "hello", "data": 1}])
        while (await reader.hear("message"))["data"] != {"again": "hello"}:
            pass
        shown = await as_listed(server, "hello")
        assert shown["state"] == "on" and shown["reload_error"] in told
        assert "the previous one still runs" in (await get(server, "/plugins"))[1]
        bearer = server.operator["Authorization"].removeprefix("Bearer ")
        words = ["plugins", "list", "--url", server.url, "--token", bearer]
        assert await asyncio.to_thread(main, words) == 0
        assert "the new version failed: " in capsys.readouterr().out
        # A version that works comes in its place, and nothing is said of the other any more.
        file.write_text(before.replace('"hello"', '"hullo"'))
        assert (await post(server, "hello", "reload"))[0] == 200
        assert await get(server, "/plugins/hello/api/greeting/Ada") == (200, "hullo Ada")
        shown = await as_listed(server, "hello")
        assert shown["reload_error"] is None
        await reader.socket.close()


async def test_one_that_can_not_be_made_again_is_a_problem_that_the_operator_sees(
    tmp_path: Path,
) -> None:
    """It was nowhere in the list, and reloading it was an error of the server's."""
    source = """
        MADE = 0

        class Once(Plugin):
            def __init__(self):
                global MADE
                MADE += 1
                if MADE > 1: raise OSError("its port is taken")

            @hookimpl
            def server_started(self): pass
        """
    write_plugin(tmp_path / "plugins", "once", source)
    file = tmp_path / "plugins" / "once" / "__init__.py"
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("once",)
    )
    async with serve(settings) as server:
        before = file.read_text()
        file.write_text(before.replace("(self): pass", "(self): 1 / 0"))
        status, answer = await post(server, "once", "reload")
        assert (status, answer["error"]["code"]) == (422, "plugin_unusable")
        shown = await as_listed(server, "once")
        assert shown["state"] == "problem"
        assert "its port is taken" in shown["description"]
        file.write_text(before)
        assert (await post(server, "once", "reload"))[0] == 200
        assert (await as_listed(server, "once"))["state"] == "on"


async def test_the_files_of_the_version_before_stay_for_pages_that_can_t_load_the_new_ones(
    settings: Settings, tmp_path: Path
) -> None:
    static = tmp_path / "plugins" / "hello" / "static"

    async def reloaded(text: str) -> Any:
        (static / "hello.js").write_text(text)
        (static / "part.json").write_text(f'"{text}"')
        assert (await post(server, "hello", "reload"))[0] == 200
        return (await reader.hear("plugins"))["plugins"][0].get("previous")

    async with serve(settings) as server:
        id = await server.create_document("Notes", "one")
        reader = await Reader.open(server, id)
        old = (await get(server, "/plugins/hello/static/hello.js"))[1]
        assert await reloaded("one") == "/plugins/hello/static.p0/hello.js"
        for folder in ("static.p0", "static.p0.1"):
            path = f"{server.url}/plugins/hello/{folder}/hello.js"
            async with server.http.get(path) as response:
                assert (response.status, await response.text()) == (200, old)
                assert "javascript" in response.content_type
                assert response.headers["X-Content-Type-Options"] == "nosniff"
        for path in ("static.p0/part.json", "static.p0/../__init__.py", "static.px/hello.js"):
            assert (await get(server, f"/plugins/hello/{path}"))[0] == 404, path
        assert await get(server, "/plugins/hello/static.1/hello.js") == (200, "one")
        # What ran, by all that is known, stands in for what comes next …
        assert await reloaded("two") == "/plugins/hello/static.p1/hello.js"
        assert await get(server, "/plugins/hello/static.p1/part.json") == (200, '"one"')
        # … and what did not run in some browser does not.
        fault = "the new version can't be loaded, and the previous one runs: SyntaxError"
        await reader.socket.send_json([{"type": "fault", "plugin": "hello", "error": fault}])
        await until(lambda: server.app[PLUGINS].health()["hello"].browser_failures)
        assert await reloaded("three") == "/plugins/hello/static.p1/hello.js"
        assert '"previous": "/plugins/hello/static.p1/hello.js"' in (
            (await get(server, f"/d/{id}"))[1].replace('":"', '": "')
        )
        await reader.socket.close()

