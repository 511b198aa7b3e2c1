"""A plugin that decides and does not run: the server serves its operator only, and says why."""

from __future__ import annotations

import logging
import re
from importlib.metadata import EntryPoint
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from msgspec.structs import replace

from collab.plugins.deciders import QUESTIONS, mentions
from collab.plugins.manager import PluginManager
from collab.plugins.settings import WrongSettings
from collab.protocol.settings import Settings
from collab.testing.raw import RawSession
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from collab.web.operator import link_key
from collab.web.secret import read_secret
from tests.plugins.fake import BUNDLED, make_manager, the, write_plugin

TOKEN = "0123456789abcdef"
OPERATOR = {"Authorization": f"Bearer {TOKEN}"}
GUEST = {"Via": "a proxy"}
"""A visitor who is not at this machine."""

DOOR = """
class Door(Plugin):
    @hookimpl
    def authorize(self, user, action, document):
        return False if user.id.startswith("guest:") else None
"""

HARMLESS = """
class Lamp(Plugin):
    '''Shine.'''
"""


def settings(tmp_path: Path, **more: Any) -> Settings:
    return Settings(data_dir=tmp_path / "data", tokens={"ops": TOKEN}, **more)


def own(tmp_path: Path, name: str, source: str) -> Path:
    """A folder of plugins of the operator's, with one in it."""
    write_plugin(tmp_path / "mine", name, source)
    return tmp_path / "mine"


async def asked(
    server: Server, method: str, path: str, headers: dict[str, str], **how: Any
) -> tuple[int, str]:
    async with server.http.request(
        method, server.url + path, headers={**GUEST, **headers}, **how
    ) as response:
        return response.status, await response.text()


async def created(server: Server, headers: dict[str, str]) -> int:
    return (await asked(server, "POST", "/api/documents", headers, json={}))[0]


CLOSED = {"members": {"guests": "nothing"}}

BROKEN = "import nothing_of_that_name\n\n" + DOOR

WAYS: dict[str, tuple[str, dict[str, Any]]] = {
    # What is in the operator's folder, and the settings.
    "safe mode": ("", {"plugins": CLOSED, "plugins_on": (), "safe_mode": True}),
    "safe mode with another": (
        "", {"plugins": CLOSED, "plugins_on": ("presence",), "safe_mode": True}
    ),
    "can't be imported": ("members/1 / 0", {"plugins": CLOSED}),
    "not named in plugins_on": ("", {"plugins": CLOSED, "plugins_on": ("chat",)}),
    "found, and can't be imported": ("door/" + BROKEN, {}),
    "found, and can't be compiled": ("door/" + DOOR + "\n1 +", {}),
    "found, and the hook has another name": ("door/" + DOOR.replace("ize(", "ise("), {}),
    "named, and nobody can see what it does": (
        "door/from elsewhere import Door as Base\n\nclass Door(Base): pass",
        {"plugins_on": ("*", "door")},
    ),
    "has a table, and nobody can see what it does": (
        "door/from elsewhere import Door as Base\n\nclass Door(Base): pass",
        {"plugins": {"door": {}}},
    ),
    "found, in safe mode": ("door/" + DOOR, {"plugins_on": (), "safe_mode": True}),
    "is written for another version": ("door/" + DOOR + "    api = 7\n", {}),
}


@pytest.mark.bundled("members", "chat", "presence")
@pytest.mark.parametrize("way", WAYS)
async def test_without_a_plugin_that_decides_only_the_operator_is_served(
    way: str, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    plugin, how = WAYS[way]
    name, _, source = plugin.partition("/")
    if source:
        how = {**how, "plugins_dir": own(tmp_path, name, source)}
    async with serve(settings(tmp_path, **how)) as server:
        assert await created(server, OPERATOR) == 201
        for method, path in (
            ("POST", "/api/documents"), ("GET", "/api/documents"), ("GET", "/api/me"),
            ("GET", "/api/types"), ("GET", "/api/plugins"), ("GET", "/nowhere"),
            ("POST", "/api/import/text"),
        ):
            status, text = await asked(server, method, path, {}, json={})
            assert status == 503 and '"operator_only"' in text, (path, text)
            assert f"plugin {name or 'members'} decides" in text
    assert "only the operator is served" in caplog.text
    assert f"--plugins-off {name or 'members'}" in caplog.text


@pytest.mark.bundled("members", "chat", "metrics")
@pytest.mark.parametrize(
    ("plugin", "how"),
    [
        # Nothing that decides is missing.
        ("", {"plugins_on": (), "safe_mode": True}),
        ("", {"plugins": {"metrics": {}}, "plugins_on": (), "safe_mode": True}),
        ("lamp/" + HARMLESS + "1 / 0", {}),
        ("lamp/" + HARMLESS, {"plugins_on": (), "safe_mode": True}),
        ("metrics/1 / 0", {}),
        # The operator says that it shall not decide.
        ("door/" + BROKEN, {"plugins_off": ("door",)}),
        ("", {"plugins": CLOSED, "plugins_off": ("members",)}),
        ("", {"plugins": CLOSED, "plugins_off": ("members",), "safe_mode": True}),
        ("door/" + DOOR, {"plugins_on": ("chat",)}),
    ],
)
async def test_otherwise_everybody_is_served(
    plugin: str, how: dict[str, Any], tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    name, _, source = plugin.partition("/")
    if source:
        how = {**how, "plugins_dir": own(tmp_path, name, source)}
    async with serve(settings(tmp_path, **how)) as server:
        assert server.app[PLUGINS].gate.missing == {}
        assert await created(server, {}) == 201
    if "plugins" in how and "plugins_off" in how:
        assert "plugin members does not decide who may do what" in caplog.text


@pytest.mark.bundled("members")
async def test_a_person_gets_a_page_and_no_connection(tmp_path: Path) -> None:
    how = settings(tmp_path, plugins=CLOSED, plugins_on=(), safe_mode=True)
    async with serve(how) as server:
        async with server.http.post(
            f"{server.url}/api/documents", json={}, headers=OPERATOR
        ) as response:
            id = (await response.json())["id"]
        browser = {**GUEST, "Accept": "text/html"}
        for path in ("/", f"/d/{id}", "/plugins", "/plugins/members/api/documents/x"):
            async with server.http.get(server.url + path, headers=browser) as response:
                text = await response.text()
                assert response.status == 503 and response.headers["Retry-After"] == "30"
            assert "serves its operator only" in text and "members" in text
            if "/api/" in path:
                continue
            styles = re.findall(r'"(/static/[^"]+\.css)"', text)
            assert styles and (await asked(server, "GET", styles[0], {}))[0] == 200
        for probe in ("/livez", "/readyz"):
            assert (await asked(server, "GET", probe, {}))[0] == 200
        # The operator's browser gets in by the link.
        assert (await asked(server, "GET", "/operator", browser))[0] == 200
        form, here = {"key": link_key(read_secret(how.data_dir))}, {"Origin": server.url}
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers=here
        ) as theirs:
            async with theirs.post(f"{server.url}/operator", data=form) as response:
                assert response.status == 200 and response.url.path == "/plugins"
            async with theirs.get(server.page(id)) as response:
                assert response.status == 200
        with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
            await server.http.ws_connect(server.socket(id), headers=GUEST, origin=server.url)
        assert refused.value.status == 503
        session = RawSession(await server.http.ws_connect(server.socket(id), headers=OPERATOR))
        welcome = await session.hello()
        assert set(welcome["permissions"]) == {"read", "write"}
        await session.close()


@pytest.mark.bundled("members")
async def test_the_operator_mends_it_or_decides_to_do_without_while_it_runs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = own(tmp_path, "door", BROKEN)
    how = settings(tmp_path, plugins_dir=folder, plugins_on=("door",))

    async def switch(server: Server, state: str) -> int:
        path = "/api/plugins/door"
        return (await asked(server, "POST", path, OPERATOR, json={"state": state}))[0]

    async with serve(how) as server:
        manager = server.app[PLUGINS]
        assert [one.state for one in manager.listing() if one.name == "door"] == ["problem"]
        assert await switch(server, "on") == 422
        assert await created(server, {}) == 503
        assert await switch(server, "off") == 200
        assert "plugin door does not decide any more who may do what" in caplog.text
        assert await created(server, {}) == 201
        assert [one.state for one in manager.listing() if one.name == "door"] == ["off"]
    async with serve(how) as server:
        assert await created(server, {}) == 503
        (folder / "door" / "__init__.py").write_text(
            "from collab import Plugin, hookimpl\n\n" + DOOR, "utf-8"
        )
        assert await switch(server, "on") == 200
        assert await created(server, {}) == 403
        assert await created(server, OPERATOR) == 201


async def test_a_plugin_that_decides_and_whose_tables_cant_be_used(tmp_path: Path) -> None:
    folder = own(tmp_path, "door", DOOR)
    (folder / "door" / "migrations").mkdir()
    (folder / "door" / "migrations" / "0001_rows.py").write_text("1 / 0\n", "utf-8")
    async with serve(settings(tmp_path, plugins_dir=folder, plugins_on=("door",))) as server:
        assert "door" in server.app[PLUGINS].gate.missing
        assert await created(server, {}) == 503
    lamp = own(tmp_path / "other", "lamp", HARMLESS)
    (lamp / "lamp" / "migrations").mkdir()
    (lamp / "lamp" / "migrations" / "0001_rows.py").write_text("1 / 0\n", "utf-8")
    async with serve(
        replace(settings(tmp_path), plugins_dir=lamp, plugins_on=("lamp",))
    ) as server:
        assert await created(server, {}) == 201


@pytest.mark.bundled("members")
@pytest.mark.parametrize(
    ("setting", "wrong", "meant"),
    [
        ("plugins_on", "member", "members"),
        ("plugins_off", "presense", "presence"),
        ("plugins_off", "*", "there are"),
        ("plugins", "member", "members"),
    ],
)
def test_a_name_that_no_plugin_has_stops_the_start(
    setting: str, wrong: str, meant: str
) -> None:
    value: Any = {wrong: {}} if setting == "plugins" else (wrong,)
    manager = PluginManager(Settings(**{setting: value}), installed=())
    with pytest.raises(WrongSettings, match=f"{setting}.*'{wrong.replace('*', '.')}'.*{meant}"):
        manager.load()


@pytest.mark.bundled(*BUNDLED)
def test_no_bundled_plugin_decides_with_its_default_settings() -> None:
    """What the rule for bundled plugins rests on."""
    manager = make_manager(None, off=())
    assert not [name for name in BUNDLED if manager.decides(name)]
    found = {one.found.name: one.found for one in manager.loaded.values()}
    declared = {
        name for name in BUNDLED if QUESTIONS & set(manager.loader.registry.hooks(name))
    }
    assert declared == {name for name in declared if mentions(found[name].source)}
    assert "members" in declared
    assert the(manager, "members").settings.guests == "write"


def test_the_files_of_an_installed_plugin_are_read_without_importing_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.syspath_prepend(str(tmp_path))
    for name, source in (("far_door", "import gone\n\n" + DOOR), ("far_lamp", HARMLESS)):
        (tmp_path / name).mkdir()
        (tmp_path / name / "__init__.py").write_text("1 / 0\n", "utf-8")
        (tmp_path / name / "plugin.py").write_text(source, "utf-8")
    assert mentions(EntryPoint("door", "far_door.plugin:Door", "collab.plugins"))
    assert not mentions(EntryPoint("lamp", "far_lamp.plugin:Lamp", "collab.plugins"))
    assert mentions(EntryPoint("gone", "far_gone.plugin:Gone", "collab.plugins"))


def test_settings_that_name_a_running_plugin_miss_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.ERROR)
    manager = make_manager(own(tmp_path, "door", DOOR), plugins={"door": {}})
    assert manager.gate.missing == {} and not caplog.records
