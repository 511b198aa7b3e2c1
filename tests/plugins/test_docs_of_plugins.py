"""The code in docs/plugins.md runs."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import subprocess
import sys
import zipfile
from pathlib import Path
from typing import Any

import pytest

from collab.cli import main
from collab.cli.newplugin import files
from collab.ot import Delta
from collab.plugins.manager import PluginManager
from collab.protocol.errors import CollabError
from collab.protocol.settings import Settings
from collab.storage.memory import MemoryStore
from collab.testing.server import serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import BOB, FakeRoom, make_manager, until

PAGE = (Path(__file__).parents[2] / "docs/plugins.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(?:python|js|toml)\n(?:#|//) (\S+)\n(.*?)```", re.DOTALL)


PAGES = "1 passed" if shutil.which("chromium") else "1 skipped"
"""What becomes of a test that needs a browser."""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The page's files, as a reader would write them."""
    for path, text in BLOCK.findall(PAGE):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return tmp_path


def load(folder: Path, **settings: Any) -> PluginManager:
    manager = make_manager(folder / "my-plugins", **settings)
    assert manager.problems == []
    return manager


@pytest.mark.bundled("wordcount")  # whose place the page's own one takes
async def test_the_word_count_counts(folder: Path) -> None:
    manager = load(folder)
    assert sorted(manager.plugins) == [
        "bookmark", "hello", "highlights", "lockedpart", "reactions", "shortlines", "tour",
        "wordcount",
    ]
    halves = [half.name for half in manager.browser_halves()]
    assert halves == ["hello", "highlights", "wordcount"]
    await manager.start(store=MemoryStore())
    room = FakeRoom(manager, "one two")
    session = room.join("1")
    await manager.told()
    for _ in range(5):
        await room.submit(session, Delta().insert("zero "))
    await manager.told()
    await until(lambda: not manager.health()["wordcount"].tasks)
    assert session.heard("wordcount") == [{"words": 2}, {"words": 7}]
    await manager.stop()


async def test_long_lines_are_refused(folder: Path) -> None:
    manager = load(folder, plugins={"shortlines": {"longest": 5}})
    await manager.start(store=MemoryStore())
    room = FakeRoom(manager)
    await room.submit(None, Delta().insert("12345\n12345"))
    with pytest.raises(CollabError, match="A line may have 5 characters"):
        await room.submit(None, Delta().insert("123456"))
    await manager.stop()


async def test_the_bookmark_moves_and_is_counted(folder: Path) -> None:
    manager = load(folder)
    await manager.start(store=MemoryStore())
    room = FakeRoom(manager, "Hello")
    session = room.join("1")
    beyond, too_new = {"revision": 0, "index": 6}, {"revision": 1, "index": 0}
    for garbage in (None, {"revision": 0}, beyond, too_new):
        room.say(session, "bookmark", garbage)
    room.say(session, "bookmark", {"index": 5, "revision": 0})
    await manager.told()
    room.commit(Delta().insert("Oh! "))
    await manager.told()
    plugin: Any = manager.plugins["bookmark"]
    (document,) = manager.house.open_documents()
    await plugin.tell(document)
    assert session.heard("bookmark") == [{"place": 9, "revision": 1}]
    assert await plugin.state.list() == {"count": 1}
    (route,) = [one for one in manager.routes() if one.plugin == "bookmark"]
    assert route.path == "/plugins/bookmark/api/count"
    assert (await route.handler(None)).text == '{"count": 1}'
    room.close()
    await manager.stop()
    assert {one.failures for one in manager.health().values()} == {0}


async def test_everybody_reacts_once(folder: Path) -> None:
    manager = load(folder)
    store = MemoryStore()
    room = FakeRoom(manager, "Hello")
    await store.create(room.document, b"[]")
    await manager.start(store=store)
    ada, bob = room.join("1"), room.join("2", BOB)
    for session, emoji in ((ada, "heart"), (bob, "tada"), (ada, "heart"), (bob, "heart")):
        room.say(session, "reactions", {"emoji": emoji})
    await manager.told()
    told = [{"heart": 1}, {"heart": 1, "tada": 1}, {"heart": 2, "tada": 1}]
    assert ada.heard("reactions") == bob.heard("reactions") == told
    assert {one.failures for one in manager.health().values()} == {0}
    assert manager.problems == []
    await manager.stop()


async def test_the_highlights_survive_and_the_tour_leads_everywhere(folder: Path) -> None:
    settings = Settings(
        data_dir=folder / "data",
        plugins_dir=folder / "my-plugins",
        plugins_on=("highlights", "tour"),
        idle_close=0.01,
    )
    for _ in range(2):
        async with serve(settings) as server:
            headers = {"Remote-User": "Ada"}
            async with server.http.get(f"{server.url}/api/me", headers=headers) as response:
                assert (await response.json())["id"] == "proxy:Ada"
            async with server.connect("welcome") as welcome:
                assert welcome.text == "Write anything here."
                marked = welcome.messages("highlights")
                for garbage in (None, {"start": 6, "end": 99, "revision": 0}):
                    welcome.send("highlights", garbage)
                welcome.send("highlights", {"start": 6, "end": 8, "revision": 9})
                welcome.send("highlights", {"start": 6, "end": 14, "revision": 0})
                async for message in marked:
                    told = {"start": 6, "end": 14, "by": welcome.user.name}
                    if told in message["marked"]:
                        break
            for type in ("text", "log"):
                id = await server.create_document("Draft", None, type)
                assert await server.text(id) == "Draft\n\n"
            async with server.http.get(f"{server.url}/") as response:
                assert '<option value="log">Log</option>' in await response.text()
            async with server.http.delete(f"{server.url}/api/documents/{id}") as response:
                assert response.status == 403
            async with server.http.get(
                f"{server.url}/api/documents/welcome/export/shout"
            ) as response:
                assert await response.text() == "WRITE ANYTHING HERE."
            async with server.http.post(
                f"{server.url}/api/import/lines", data="Todo\nmilk\nbread"
            ) as response:
                made = await response.json()
            assert made["title"] == "Todo" and await server.text(made["id"]) == "- milk\n- bread"
            async with server.http.get(f"{server.url}/") as response:
                assert 'href="/plugins/tour/api/about">About</a>' in await response.text()
            async with server.http.get(f"{server.url}/plugins/tour/api/about") as response:
                assert "documents are open." in await response.text()
            tour: Any = server.app[PLUGINS].plugins["tour"]
            await tour.look_around()
            assert {one.failures for one in server.app[PLUGINS].health().values()} == {0}


async def test_the_command_prints_what_is_long_enough(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    where = ("--plugins-dir", "my-plugins", "--plugins-on", "tour")
    (folder / "long.txt").write_text("four")
    assert await asyncio.to_thread(main, ["import", "long.txt"]) == 0
    capsys.readouterr()
    assert await asyncio.to_thread(main, ["longest", "--least", "4", *where]) == 0
    assert capsys.readouterr().out == "4 long\n"
    assert await asyncio.to_thread(main, ["longest", "--least", "5", *where]) == 0
    assert capsys.readouterr().out == ""


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed.")
def test_the_highlights_are_sent_and_drawn_at_the_servers_positions(folder: Path) -> None:
    script = """
      import activate from "./my-plugins/highlights/static/highlights.js";
      const selections = [null, { revision: 3, anchor: 14, head: 6 }];
      activate({
        editor: {
          decorate: () => ({
            update: ([mark], revision) => console.log(mark.from, mark.to, revision),
          }),
          selectionForServer: () => selections.shift(),
        },
        ui: { addToolbarButton: ({ onClick }) => { onClick(); onClick(); } },
        send: ({ start, end, revision }) => console.log(start, end, revision),
        onMessage: (told) => told({ marked: [{ start: 6, end: 14, by: "Ada" }], revision: 5 }),
      });
    """
    assert run_node(folder, script) == "6 14 5\n6 14 3\n"


def run_node(folder: Path, script: str) -> str:
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.js").write_text(script)
    run = subprocess.run(
        ["node", "run.js"], cwd=folder, capture_output=True, text=True, check=True
    )
    return run.stdout


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed.")
def test_the_browser_half_shows_what_it_is_told(folder: Path) -> None:
    script = """
      import activate from "./my-plugins/wordcount/static/wordcount.js";
      let listener;
      const texts = [];
      activate({
        ui: { addStatus: () => ({ setText: (text) => texts.push(text) }) },
        onMessage: (given) => (listener = given),
      });
      [0, 1, 2].forEach((words) => listener({ words }));
      console.log(texts.join());
    """
    assert run_node(folder, script) == "0 words,1 word,2 words\n"


@pytest.mark.skipif(shutil.which("node") is None, reason="Node is not installed.")
def test_the_plugin_without_a_server_half_greets(folder: Path) -> None:
    script = """
      import activate from "./my-plugins/hello/static/hello.js";
      let renamed;
      const texts = [];
      const collab = {
        ui: { addStatus: () => ({ setText: (text) => texts.push(text) }) },
        user: { name: "Ada" },
        onUser: (given) => (renamed = given),
      };
      activate(collab);
      collab.user = { name: "Bob" };
      renamed(collab.user);
      console.log(texts.join());
    """
    assert run_node(folder, script) == "Hello Ada,Hello Bob\n"


@pytest.mark.parametrize(
    ("name", "outcome"), [("test_wordcount.py", "1 passed"), ("test_wordcount_page.py", PAGES)]
)
def test_the_test_passes(folder: Path, name: str, outcome: str) -> None:
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", name],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0 and outcome in run.stdout, run.stdout + run.stderr


def test_the_package_is_what_the_command_makes(folder: Path) -> None:
    assert (folder / "pyproject.toml").read_text() == files("tally", package=True)[
        "pyproject.toml"
    ]


def test_the_package_brings_the_plugin_with_its_browser_half(folder: Path) -> None:
    (folder / "README.md").write_text("Tally")
    shutil.copytree(folder / "my-plugins" / "wordcount", folder / "collab_tally")
    static = folder / "collab_tally" / "static"
    (static / "wordcount.js").rename(static / "tally.js")
    subprocess.run(
        [sys.executable, "-m", "hatchling", "build", "-t", "wheel"],
        cwd=folder, capture_output=True, timeout=60, check=True,
    )  # fmt: skip
    (wheel,) = (folder / "dist").iterdir()
    with zipfile.ZipFile(wheel) as packed:
        packed.extractall(folder / "site")
    run = subprocess.run(
        [sys.executable, "-m", "collab", "plugins", "show", "tally"],
        cwd=folder / "site",
        env={
            **os.environ,
            "PYTHONPATH": f"{folder / 'site'}{os.pathsep}{Path(__file__).parents[2]}",
        },
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert f"Browser half\n  {folder / 'site/collab_tally/static/tally.js'}" in run.stdout


def test_every_promise_about_the_plugin_object_is_kept() -> None:
    from collab.plugins.base import Plugin
    from collab.plugins.state import State

    table = PAGE.split("## What a plugin has")[1].split("\n\n")[1]
    promised = set(re.findall(r"self\.(\w+)", table))
    assert promised == {
        name for name in {*vars(Plugin), *Plugin.__annotations__} if name[0].islower()
    } | {"work"}
    for name in re.findall(r"`\.(\w+)\(", table):
        assert hasattr(State, name)
