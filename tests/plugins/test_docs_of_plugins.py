"""The code in docs/plugins.md runs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from collab.ot import Delta
from collab.plugins.manager import PluginManager
from collab.protocol.errors import CollabError
from collab.storage.memory import MemoryStore
from tests.plugins.fake import FakeRoom, make_manager, until

PAGE = (Path(__file__).parents[2] / "docs/plugins.md").read_text(encoding="utf-8")
BLOCK = re.compile(r"```(?:python|js)\n(?:#|//) (\S+)\n(.*?)```", re.DOTALL)


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
    assert sorted(manager.plugins) == ["bookmark", "shortlines", "wordcount"]
    assert manager.problems == []
    return manager


async def test_the_word_count_counts(folder: Path) -> None:
    manager = load(folder)
    assert [half.name for half in manager.browser_halves()] == ["wordcount"]
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
    room = FakeRoom(manager)
    await room.submit(None, Delta().insert("12345\n12345"))
    with pytest.raises(CollabError, match="A line may have 5 characters"):
        await room.submit(None, Delta().insert("123456"))


async def test_the_bookmark_moves_and_is_counted(folder: Path) -> None:
    manager = load(folder)
    await manager.start(store=MemoryStore())
    room = FakeRoom(manager, "Hello")
    session = room.join("1")
    for garbage in (None, {"revision": 0}, {"revision": 0, "index": 6}):
        room.say(session, "bookmark", garbage)
    room.say(session, "bookmark", {"index": 5, "revision": 0})
    await manager.told()
    room.commit(Delta().insert("Oh! "))
    await manager.told()
    plugin: Any = manager.plugins["bookmark"]
    (document,) = manager._documents.values()
    await plugin.tell(document)
    assert session.heard("bookmark") == [{"place": [9], "revision": 1}]
    assert await plugin.state.list() == {"count": 1}
    (route,) = manager.routes()
    assert route.path == "/plugins/bookmark/api/count"
    assert (await route.handler(None)).text == '{"count": 1}'
    room.close()
    await manager.stop()
    assert {one.failures for one in manager.health().values()} == {0}


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
    (folder / "package.json").write_text('{"type": "module"}')
    (folder / "run.js").write_text(script)
    run = subprocess.run(
        ["node", "run.js"], cwd=folder, capture_output=True, text=True, check=True
    )
    assert run.stdout == "0 words,1 word,2 words\n"


def test_the_test_passes(folder: Path) -> None:
    (folder / "pytest.ini").write_text("[pytest]\nasyncio_mode = auto\n")
    run = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "test_wordcount.py"],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(Path(__file__).parents[2])},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr


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
