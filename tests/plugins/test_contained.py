"""What one plugin does wrong, in the server's own work for it too, leaves all others their turn."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

import collab
from collab.ot import Delta
from collab.plugins import ranges
from collab.plugins.contained import for_all, for_each
from collab.plugins.discovery import Unusable
from collab.plugins.tasks import LIMIT, PLANNED, Tasks
from collab.protocol.settings import Settings
from collab.storage.memory import MemoryStore
from collab.testing.process import ServerProcess
from collab.testing.server import serve
from collab.web.administration import SWITCHBOARD
from collab.web.keys import PLUGINS
from tests.plugins.fake import FakeRoom, make_manager, the, until, write_plugin

GREEDY = """
import asyncio

class Greedy(Plugin):
    @hookimpl
    def server_started(self):
        self.turns = 0
        for _ in range(1000):
            self.spawn(asyncio.Event().wait())

    @hookimpl
    def schedules(self):
        return [(0.001, self.turn)]

    async def turn(self):
        self.turns += 1

    @hookimpl
    async def document_opened(self, document):
        await self.ranges(document).add("all", 0, 0)
"""

WITNESS = """
from pathlib import Path

class Witness(Plugin):
    @hookimpl
    async def document_opened(self, document):
        await self.ranges(document).add("all", 0, 0)

    @hookimpl
    async def server_stopping(self):
        print("the witness was told", flush=True)
"""


def both(folder: Path) -> None:
    write_plugin(folder, "greedy", GREEDY)
    write_plugin(folder, "witness", WITNESS)


async def test_schedules_and_ranges_are_not_charged_to_a_plugin_s_tasks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ranges, "STALE", 10)
    both(tmp_path)
    manager = make_manager(tmp_path)
    store = MemoryStore()
    await manager.start(store=store)
    await until(lambda: the(manager, "greedy").turns > 2)
    room = FakeRoom(manager)
    await store.create(room.document, b"[]")
    await manager.told()
    for _ in range(20):
        room.commit(Delta().insert("x"))
    stale = {
        name: manager.loaded[name].services.ranged["doc"].stale for name in ("greedy", "witness")
    }
    assert stale == {"greedy": True, "witness": True}
    room.close()
    for name in stale:
        services = manager.loaded[name].services
        await until(lambda services=services: not services.flushing)
        held = await services.kept.get("all", document="doc")
        assert held["revision"] == 20, name
    assert all(one.failures == 0 for one in manager.health().values())
    await manager.stop()


async def test_a_server_with_a_greedy_plugin_starts_and_ends_and_tells_the_others(
    tmp_path: Path,
) -> None:
    both(tmp_path / "plugins")
    arguments = ("--plugins-dir", str(tmp_path / "plugins"))
    async with ServerProcess(tmp_path / "data", *arguments) as server:
        assert await server.stop() == 0
    log = "\n".join(server.log)
    assert "the witness was told" in log
    assert "Traceback" not in log


async def test_one_that_spawns_too_much_fails_alone_with_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "greedy", GREEDY.replace("range(1000)", "range(1001)"))
    write_plugin(tmp_path, "witness", WITNESS)
    manager = make_manager(tmp_path)
    await manager.start(store=MemoryStore())
    assert "Plugin greedy has 1000 background tasks already." in caplog.text
    await until(lambda: the(manager, "greedy").turns > 2)
    assert manager.health()["witness"].failures == 0
    await manager.stop()


async def test_what_is_planned_for_many_documents_at_once_waits_for_its_turn(
    tmp_path: Path,
) -> None:
    """Somebody who is in 2,000 documents takes another name: presence plans something in each."""
    write_plugin(tmp_path, "planner", "class Planner(Plugin): pass")
    planner = the(make_manager(tmp_path), "planner")
    done: list[int] = []

    async def work(number: int) -> None:
        done.append(number)

    for number in range(2 * LIMIT):
        planner.soon(number, 0, work, number)
    await until(lambda: len(done) == 2 * LIMIT)
    assert done == sorted(done)


async def test_what_may_be_planned_is_bounded(tmp_path: Path) -> None:
    write_plugin(tmp_path, "planner", "class Planner(Plugin): pass")
    manager = make_manager(tmp_path)
    planner = the(manager, "planner")

    async def work() -> None: ...

    for number in range(PLANNED):
        planner.soon(number, 60, work)
    planner.soon(0, 60, work)
    with pytest.raises(RuntimeError, match="has planned 10000 things already"):
        planner.soon(PLANNED, 60, work)
    tasks: Tasks = manager.loaded["planner"].services.tasks
    assert await tasks.cancel(1.0) == 0
    with pytest.raises(RuntimeError, match="has ended"):
        planner.soon(0, 60, work)


@pytest.mark.parametrize("broken", ["tasks", "queue", "flow", "kept"])
async def test_the_server_lives_on_when_its_own_part_of_a_plugin_breaks(
    tmp_path: Path, broken: str
) -> None:
    """Whatever is wrong with what the server keeps for one plugin: every walk over all of them
    (start, tell, forget, stop …) gets to the others."""
    both(tmp_path / "plugins")
    settings = Settings(
        data_dir=tmp_path / "data",
        plugins_dir=tmp_path / "plugins",
        plugins_on=("greedy", "witness"),
        idle_close=0.01,
    )
    async with serve(settings) as server:
        manager = server.app[PLUGINS]
        setattr(manager.loaded["greedy"].services, broken, None)
        id = await server.create_document("Notes", "one")
        async with server.connect(id) as one:
            await one.insert(0, "zero ")
            await one.saved()
        await until(lambda: not manager.house.open_documents())
        assert manager.health()["witness"].failures == 0
    assert manager.loaded["witness"].services.tasks.ended


async def test_walks_go_on_after_a_failure_and_say_whose_it_was(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    both(tmp_path)
    manager = make_manager(tmp_path)
    reached: list[str] = []

    def at_once(one: Any) -> str:
        reached.append(one.found.name)
        if one.found.name == "greedy":
            raise SystemExit("no")
        return "fine"

    async def later(one: Any) -> str:
        return at_once(one)

    loaded = manager.loaded.values()
    assert for_each(loaded, "a walk", at_once) == ["fine"]
    assert await for_all(loaded, "another walk", later) == ["fine"]
    assert reached == ["greedy", "witness"] * 2
    assert "plugin greedy failed in a walk: SystemExit: no" in caplog.text
    assert "plugin greedy failed in another walk: SystemExit: no" in caplog.text
    assert manager.health()["greedy"].state == "closed"


@pytest.mark.parametrize("name", ["migrations", "static", "templates"])
async def test_a_folder_of_a_plugin_s_that_can_not_be_read_is_its_own_affair(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    """A server did not start for it, and a reload was an error of the server's."""
    write_plugin(tmp_path / "plugins", "bad", "class Bad(Plugin): pass\n")
    really = Path.is_dir

    def is_dir(self: Path) -> bool:
        if (self.parent.name, self.name) == ("bad", name):
            raise PermissionError(13, "Permission denied", str(self))
        return really(self)

    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("bad",)
    )
    monkeypatch.setattr(Path, "is_dir", is_dir)
    async with serve(settings) as server:
        (shown,) = [one for one in server.app[PLUGINS].listing() if one.name == "bad"]
        assert shown.state == ("problem" if name == "migrations" else "on")
        try:
            await server.app[SWITCHBOARD].reload("bad")
        except Unusable as refused:
            assert "Permission denied" in str(refused)
        else:
            assert name == "templates"


def test_nobody_walks_over_the_plugins_by_hand() -> None:
    """What can fail for one plugin is done by `for_each` and `for_all`. Left are walks that only
    read the server's own attributes."""
    walk = re.compile(r"^\s*(?:async )?for .*loaded(?:\(\))?\.(?:values|items)\(\)\)?:", re.M)
    found = {
        (path.name, match[0].strip())
        for path in Path(collab.__file__).parent.rglob("*.py")
        for match in walk.finditer(path.read_text("utf-8"))
    }
    assert found == {
        ("manager.py", "for loaded in self.loaded.values():"),
        ("manager.py", "for name, one in list(self.loaded.items()):"),
        ("manager.py", "for one in self.loaded.values():"),
        ("lifecycle.py", "for name, loaded in self._loaded().items():"),
    }
