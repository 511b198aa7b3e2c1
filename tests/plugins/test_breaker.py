"""The circuit breaker, by a clock that the test holds."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from collab.ot import Delta
from collab.plugins.breaker import Breaker
from collab.plugins.loading import Bounds
from tests.plugins.fake import FakeRoom, make_manager, the, until, write_plugin


class Clock:
    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def breaker(clock: Clock) -> Breaker:
    return Breaker(clock, failures=3, window=10, pause=5)


def test_it_opens_after_so_many_failures_in_the_window(breaker: Breaker, clock: Clock) -> None:
    for expected in (False, False, True):
        assert breaker.admits()
        assert breaker.failed() is expected
        clock.now += 1
    assert breaker.state == "open" and breaker.refuses and not breaker.admits()


def test_failures_far_apart_do_not_open_it(breaker: Breaker, clock: Clock) -> None:
    for _ in range(20):
        assert not breaker.failed()
        clock.now += 5.1
    assert breaker.state == "closed"


def test_one_call_is_tried_after_the_pause_and_closes_it(breaker: Breaker, clock: Clock) -> None:
    breaker.open()
    clock.now += 4.9
    assert not breaker.admits()
    clock.now += 0.1
    assert not breaker.refuses
    assert breaker.admits()
    assert breaker.state == "trial" and breaker.refuses and not breaker.admits()
    assert breaker.succeeded()
    assert breaker.state == "closed" and breaker.admits()


def test_a_trial_that_fails_opens_it_again(breaker: Breaker, clock: Clock) -> None:
    breaker.open()
    clock.now += 5
    assert breaker.admits()
    assert breaker.failed()
    assert breaker.state == "open" and not breaker.admits()
    clock.now += 5
    assert not breaker.admits()
    clock.now += 5
    assert breaker.admits()


def test_the_pause_grows_with_every_trial_that_fails(breaker: Breaker, clock: Clock) -> None:
    breaker.open()
    pauses = []
    for _ in range(7):
        began = clock.now
        while not breaker.admits():
            clock.now += 5
        pauses.append(clock.now - began)
        assert breaker.failed()
    assert pauses == [5, 10, 20, 40, 80, 80, 80]
    breaker.close()
    breaker.open()
    clock.now += 5
    assert breaker.admits()


def test_a_trial_that_is_interrupted_leaves_it_to_the_next_call(
    breaker: Breaker, clock: Clock
) -> None:
    breaker.open()
    clock.now += 5
    assert breaker.admits()
    breaker.interrupted()
    assert breaker.admits()
    breaker.close()
    breaker.interrupted()
    assert breaker.state == "closed"


def test_what_failed_before_it_was_closed_by_hand_is_forgotten(breaker: Breaker) -> None:
    breaker.failed()
    breaker.failed()
    breaker.open()
    breaker.close()
    assert not breaker.failed()


SOURCE = """
class Flaky(Plugin):
    broken = True
    calls = 0

    @hookimpl
    async def operation_committed(self):
        self.calls += 1
        if self.broken:
            raise RuntimeError("no")
"""


async def test_a_plugin_that_keeps_failing_is_left_alone_and_tried_again(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "flaky", SOURCE)
    manager = make_manager(tmp_path, clock=clock, bounds=Bounds(failures=3, pause=5))
    plugin = the(manager, "flaky")
    room = FakeRoom(manager)

    async def edit() -> int:
        room.commit(Delta().insert("a"))
        await manager.told()
        return int(plugin.calls)

    assert [await edit() for _ in range(5)] == [1, 2, 3, 3, 3]
    assert manager.health()["flaky"].state == "open"
    assert manager.health()["flaky"].skipped == 2
    clock.now += 5
    assert await edit() == 4
    assert manager.health()["flaky"].state == "open"
    plugin.broken = False
    clock.now += 10
    assert [await edit(), await edit()] == [5, 6]
    health = manager.health()["flaky"]
    assert (health.state, health.calls, health.failures) == ("closed", 6, 4)
    assert "plugin flaky keeps failing" in caplog.text
    assert "plugin flaky works again" in caplog.text


async def test_a_plugin_can_be_switched_on_by_hand(tmp_path: Path, clock: Clock) -> None:
    write_plugin(tmp_path, "flaky", SOURCE)
    manager = make_manager(tmp_path, clock=clock, bounds=Bounds(failures=1))
    room = FakeRoom(manager)
    room.commit(Delta().insert("a"))
    await manager.told()
    assert manager.health()["flaky"].state == "open"
    assert manager.close_breaker("flaky") and not manager.close_breaker("nobody")
    assert manager.health()["flaky"].state == "closed"


async def test_a_writer_who_goes_while_a_plugin_is_tried_does_not_leave_it_off(
    tmp_path: Path, clock: Clock
) -> None:
    write_plugin(
        tmp_path,
        "vetting",
        """
        import asyncio

        class Vetting(Plugin):
            def __init__(self):
                self.asked = asyncio.Event()

            @hookimpl
            async def before_operation(self):
                self.asked.set()
                await asyncio.Event().wait()
        """,
    )
    manager = make_manager(tmp_path, clock=clock, bounds=Bounds(failures=1, hard=60, pause=5))
    room = FakeRoom(manager)
    guard = manager.plugins["vetting"]._services.guard
    guard.breaker.open()
    clock.now += 5
    writer = asyncio.create_task(room.submit(None, Delta().insert("a")))
    await the(manager, "vetting").asked.wait()
    assert manager.health()["vetting"].state == "trial"
    writer.cancel()
    with pytest.raises(asyncio.CancelledError):
        await writer
    assert guard.admits()


LATE = """
class Late(Plugin):
    broken = True

    def __init__(self):
        self.told = []

    @hookimpl
    def document_opened(self, document):
        self.told.append(document.id)

    @hookimpl
    async def session_joined(self, session):
        self.told.append(session.id)

    @hookimpl
    def operation_committed(self):
        if self.broken:
            raise RuntimeError("no")
"""


@pytest.mark.parametrize("by_hand", [True, False])
async def test_what_is_there_after_the_pause_is_told_anew(
    tmp_path: Path, clock: Clock, by_hand: bool
) -> None:
    write_plugin(tmp_path, "late", LATE)
    manager = make_manager(tmp_path, clock=clock, bounds=Bounds(failures=1, pause=5))
    plugin = the(manager, "late")
    one, two = FakeRoom(manager, id="one"), FakeRoom(manager, id="two")
    gone = one.join("a")
    one.commit(Delta().insert("a"))
    await manager.told()
    assert manager.health()["late"].state == "open"
    one.leave(gone)
    one.join("b")
    two.join("c")
    await manager.told()
    assert plugin.told == ["one", "two", "a"]
    plugin.broken = False
    if by_hand:
        manager.close_breaker("late")
    else:
        clock.now += 5
        one.commit(Delta().insert("a"))
    await manager.told()
    assert manager.health()["late"].state == "closed"
    assert sorted(plugin.told[3:]) == ["b", "c", "one", "two"]
    assert plugin.told.index("one", 3) < plugin.told.index("b")
    manager.close_breaker("late")
    await manager.told()
    assert len(plugin.told) == 7, "nothing was missed, so nothing is told anew"


JUNK = """
import asyncio

class Trusting(Plugin):
    @hookimpl
    {how} message_received(self, session, data):
        if data["wait"]:
            await asyncio.Event().wait()

    @hookimpl
    def document_renamed(self):
        pass
"""


@pytest.mark.parametrize("how", ["def", "async def"])
async def test_junk_that_a_visitor_sends_does_not_switch_a_plugin_off(
    tmp_path: Path, clock: Clock, caplog: pytest.LogCaptureFixture, how: str
) -> None:
    source = JUNK.format(how=how)
    write_plugin(tmp_path, "trusting", source if "async" in how else source.replace("await ", ""))
    manager = make_manager(tmp_path, clock=clock, bounds=Bounds(failures=3, pause=5))
    room = FakeRoom(manager)
    ada = room.join("1")

    async def send_junk(times: int) -> str:
        for _ in range(times):
            room.say(ada, "trusting", {})
        await manager.told()
        return manager.health()["trusting"].state

    assert await send_junk(20) == "closed"
    health = manager.health()["trusting"]
    assert health.failures == 20
    assert health.last_error == "message_received: KeyError: 'wait'"
    line = "plugin trusting failed in message_received, told by the user ada ('Ada Lovelace')"
    assert caplog.text.count(line) == 20
    assert caplog.text.count("Traceback") == 1
    clock.now += 10
    await send_junk(2)
    assert caplog.text.count("Traceback") == 2
    # It decides nothing when it is the trial either: the next call does.
    manager.loaded["trusting"].services.guard.breaker.open()
    clock.now += 5
    assert await send_junk(1) == "open"
    manager.observer.renamed(room.document)
    await manager.told()
    assert manager.health()["trusting"].state == "closed"


async def test_messages_that_are_cut_off_do_not_switch_it_off_either(tmp_path: Path) -> None:
    write_plugin(tmp_path, "trusting", JUNK.format(how="async def"))
    manager = make_manager(tmp_path, bounds=Bounds(failures=2, hard=0.01))
    room = FakeRoom(manager)
    ada = room.join("1")
    for _ in range(2):
        room.say(ada, "trusting", {"wait": True})
    await manager.told()
    assert manager.health()["trusting"].failures == 2
    assert manager.health()["trusting"].state == "closed"


async def test_messages_that_cannot_be_stopped_count(tmp_path: Path) -> None:
    """However often somebody sends them: nothing else bounds how many of them go on."""
    write_plugin(
        tmp_path,
        "stubborn",
        """
        import asyncio

        class Stubborn(Plugin):
            def __init__(self):
                self.go = asyncio.Event()

            @hookimpl
            async def message_received(self):
                while not self.go.is_set():
                    try:
                        await self.go.wait()
                    except asyncio.CancelledError:
                        pass
        """,
    )
    manager = make_manager(tmp_path, bounds=Bounds(failures=2, hard=0.01))
    room = FakeRoom(manager)
    ada = room.join("1")
    for _ in range(2):
        room.say(ada, "stubborn", {})
    await manager.told()
    health = manager.health()["stubborn"]
    assert (health.state, health.hanging) == ("open", 2)
    the(manager, "stubborn").go.set()
    await until(lambda: not manager.health()["stubborn"].hanging)
