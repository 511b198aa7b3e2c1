"""Who blocks the event loop is named, with the hook, the seconds and the line."""

from __future__ import annotations

import asyncio
import re
import time
from pathlib import Path

import pytest

from collab.plugins.loading import Bounds
from collab.plugins.watchdog import Culprit, Watchdog
from tests.plugins.fake import FakeRoom, make_manager, until, write_plugin

WAIT = """
import asyncio
import time

class Bad(Plugin):
    @hookimpl
    {how} {hook}(self):
        {before}
        self.wait(0.4)

    def wait(self, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until:
            time.sleep(0.01)  # so it is, when somebody calls a library that blocks
"""


@pytest.mark.parametrize(
    ("how", "before"),
    [("def", "pass"), ("async def", "pass"), ("async def", "await asyncio.sleep(0)")],
)
async def test_a_plugin_that_blocks_the_loop_is_named_and_left_alone(
    tmp_path: Path, how: str, before: str, caplog: pytest.LogCaptureFixture
) -> None:
    source = WAIT.format(how=how, hook="document_opened", before=before)
    write_plugin(tmp_path, "bad", source)
    manager = make_manager(tmp_path, bounds=Bounds(late=0.08, blocked=0.2, pause=0.05))
    await manager.start()
    FakeRoom(manager)
    await manager.told()
    await until(lambda: manager.health()["bad"].state == "open")
    health = manager.health()["bad"]
    assert health.last_error is not None and health.failures == 1
    assert health.last_error.startswith("document_opened: blocked the event loop for ")
    (line,) = [one for one in caplog.messages if "while everybody waited" in one]
    assert line.startswith("plugin bad blocked the event loop for ")
    assert "in document_opened, while everybody waited:" in line
    assert "in wait" in line and "time.sleep(0.01)" in line
    assert manager.loader.registry.hooks("bad") == ["document_opened"]
    await manager.stop()


async def test_a_plugin_in_a_folder_that_was_given_relatively_is_named_too(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.chdir(tmp_path)
    source = WAIT.format(how="def", hook="document_opened", before="pass")
    write_plugin(tmp_path / "my-plugins", "bad", source)
    manager = make_manager(Path("my-plugins"), bounds=Bounds(late=0.08, blocked=0.2, pause=60))
    await manager.start()
    FakeRoom(manager)
    await until(lambda: manager.health()["bad"].state == "open")
    assert "plugin bad blocked the event loop" in caplog.text
    await manager.stop()


async def test_a_task_and_a_timer_are_named_too(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = WAIT.format(how="async def", hook="server_started", before="self.later(); return")
    source += """
    def later(self):
        asyncio.get_running_loop().call_later(0.01, self.tick)

    def tick(self):
        self.wait(0.3)
"""
    write_plugin(tmp_path, "bad", source)
    manager = make_manager(tmp_path, bounds=Bounds(late=0.08, blocked=5.0))
    await manager.start()
    await until(lambda: manager.health()["bad"].failures)
    assert str(manager.health()["bad"].last_error).startswith("tick: blocked")
    assert manager.health()["bad"].state == "closed", "not for long enough"
    await manager.stop()


async def test_who_never_lets_go_is_named_while_it_holds_on(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    source = WAIT.format(how="def", hook="document_opened", before="pass")
    write_plugin(tmp_path, "bad", source)
    manager = make_manager(tmp_path, bounds=Bounds(late=0.04, blocked=0.05))
    await manager.start()
    FakeRoom(manager)
    await manager.told()
    said = r"plugin bad blocks the event loop in document_opened, for [0-9.]+ s now"
    assert re.search(said, caplog.text)
    await manager.stop()


async def test_a_look_that_fails_is_not_the_last(caplog: pytest.LogCaptureFixture) -> None:
    told: list[Culprit] = []
    looks = 0

    def whose(file: str) -> str | None:
        nonlocal looks
        looks += 1
        if looks == 1:
            raise AttributeError("'dict' object has no attribute 'f_lineno'")
        return "bad" if file == __file__ else None

    dog = Watchdog(whose, lambda who, seconds, stack: told.append(who), 0.04, 0.05)
    dog.start()
    await asyncio.sleep(0)
    time.sleep(0.3)  # noqa: ASYNC251 - that is what is tried
    await until(lambda: told)
    dog.stop()
    assert told[0].plugin == "bad"
    assert "could not see who blocks the event loop" in caplog.text


async def test_what_is_no_plugins_is_nobodys() -> None:
    told: list[Culprit] = []
    dog = Watchdog(lambda file: None, lambda who, seconds, stack: told.append(who), 0.04, 0.05)
    dog.start()
    await asyncio.sleep(0)
    time.sleep(0.2)  # noqa: ASYNC251 - that is what is tried
    await asyncio.sleep(0.05)
    dog.stop()
    assert told == []


HOLDS = '''
import re
import time

class Bad(Plugin):
    used = 0.0

    @hookimpl
    {how} document_opened(self, document):
        began = time.thread_time()
        re.search(r"\\s+$", " " * 6000 + "x")
        # Quadratic: so long a text takes 0.8 s, in one call that never lets go of the lock.
        length = int(6000 * (0.8 / max(1e-4, time.thread_time() - began)) ** 0.5)
        began = time.thread_time()
        re.search(r"\\s+$", " " * length + "x")
        self.used = time.thread_time() - began
'''


@pytest.mark.parametrize("how", ["def", "async def"])
async def test_a_call_that_holds_the_interpreter_s_lock_is_seen_whole(
    tmp_path: Path, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "bad", HOLDS.format(how=how))
    manager = make_manager(tmp_path, bounds=Bounds(late=0.08, blocked=0.4, pause=60))
    await manager.start()
    FakeRoom(manager)
    await manager.told()
    await until(lambda: manager.health()["bad"].state == "open")
    health = manager.health()["bad"]
    line = str(health.last_error)
    said = re.search(r"document_opened: blocked the event loop for ([0-9.]+) s", line)
    assert said is not None
    used = manager.plugins["bad"].__dict__["used"]
    assert float(said[1]) > 0.7 * used, "and not only what was left when somebody could look"
    assert "in document_opened" in caplog.text and "re.search(" in caplog.text
    await manager.stop()
