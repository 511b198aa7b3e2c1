"""Scheduled work is done again and again, whatever it does, until the plugin ends."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from collab.plugins.loading import Bounds
from tests.plugins.fake import make_manager, the, until, write_plugin

CLOCKWORK = """
import asyncio

class Clockwork(Plugin):
    def __init__(self):
        self.turns = 0
        self.others = 0

    @hookimpl
    def schedules(self):
        return [(0.001, self.turn), (0.001, self.other)]

    async def turn(self):
        self.turns += 1
        if self.turns == 2:
            raise RuntimeError("no")
        if self.turns == 3:
            await asyncio.Event().wait()

    async def other(self):
        self.others += 1
"""


async def test_a_turn_that_fails_or_hangs_is_followed_by_the_next(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "clockwork", CLOCKWORK)
    manager = make_manager(tmp_path, bounds=Bounds(hard=0.2))
    clockwork = the(manager, "clockwork")
    assert clockwork.turns == 0
    await manager.start()
    await until(lambda: clockwork.turns >= 5 and clockwork.others > 5)
    assert "plugin clockwork failed in turn: RuntimeError: no" in caplog.text
    assert "plugin clockwork failed in turn: took more than 0.2 s" in caplog.text
    assert manager.health()["clockwork"].failures == 2
    await manager.stop()
    turns = clockwork.turns
    await asyncio.sleep(0.01)
    assert clockwork.turns == turns


async def test_a_plugin_that_is_left_alone_has_no_turns(tmp_path: Path) -> None:
    write_plugin(tmp_path, "clockwork", CLOCKWORK)
    manager = make_manager(tmp_path)
    await manager.start()
    manager.loaded["clockwork"].services.guard.breaker.open()
    before = the(manager, "clockwork").others
    await until(lambda: manager.health()["clockwork"].skipped > 3)
    assert the(manager, "clockwork").others == before
    await manager.stop()


@pytest.mark.parametrize(
    "given", ["[(0, self.turn)]", "[(1, 2)]", "[(1, self.plain)]", "5", "[('1', self.turn)]"]
)
def test_what_is_no_schedule_is_a_failure(tmp_path: Path, given: str) -> None:
    source = CLOCKWORK.replace("[(0.001, self.turn), (0.001, self.other)]", given)
    write_plugin(tmp_path, "clockwork", source + "\n    def plain(self): ...\n")
    manager = make_manager(tmp_path)
    assert str(manager.health()["clockwork"].last_error).startswith("schedules: ")
