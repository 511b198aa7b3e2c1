"""Plugins speak to each other: in order, each with a copy of its own, and nobody waits."""

from __future__ import annotations

import asyncio
import time
from pathlib import Path
from typing import Any

import pytest

from collab.ot import Delta
from collab.plugins.base import MESSAGE_SIZE
from collab.plugins.loading import Bounds
from collab.plugins.manager import PluginManager
from collab.plugins.publishing import SIZE
from collab.plugins.switchboard import Switchboard
from collab.storage.memory import MemoryStore
from collab.storage.port import DocumentRecord
from tests.plugins.fake import FakeRoom, make_manager, the, until, write_plugin

LISTENER = """
class Listener(Plugin):
    def __init__(self):
        self.heard = []

    @hookimpl
    def session_joined(self, document, session):
        self.heard.append(f"{session.id} joined")

    @hookimpl
    def published(self, topic, sender, data, document):
        self.heard.append((topic, sender, data, document and document.id))
        if isinstance(data, list):
            data.append("scribbled")
"""

SPEAKER = """
class Speaker(Plugin):
    def __init__(self):
        self.heard = []

    @hookimpl
    def published(self, data):
        self.heard.append(data)
"""


async def started(folder: Path, **how: Any) -> PluginManager:
    manager = make_manager(folder, **how)
    await manager.start(store=MemoryStore())
    return manager


async def test_all_others_hear_it_and_one_does_not_hear_oneself(tmp_path: Path) -> None:
    write_plugin(tmp_path, "speaker", SPEAKER)
    for name in ("one", "two"):
        write_plugin(tmp_path, name, LISTENER)
    manager = await started(tmp_path)
    room = FakeRoom(manager)
    speaker = the(manager, "speaker")
    speaker.name = "two"  # that is not asked
    said = ["words", 1, None, {"deep": [1.5]}]
    await speaker.publish("speaker.said", said, manager.house.document_of(room))
    await speaker.publish("one.please", {"about": "nothing"})
    await manager.told()
    expected = [
        ("speaker.said", "speaker", ["words", 1, None, {"deep": [1.5]}, "scribbled"], "doc"),
        ("one.please", "speaker", {"about": "nothing"}, None),
    ]
    assert the(manager, "one").heard == the(manager, "two").heard == expected
    assert the(manager, "one").heard[0][2] is not the(manager, "two").heard[0][2]
    assert said[-1] == {"deep": [1.5]} and speaker.heard == []
    await manager.stop()


async def test_it_is_heard_in_order_with_what_happens_to_the_document(tmp_path: Path) -> None:
    write_plugin(tmp_path, "speaker", SPEAKER)
    write_plugin(tmp_path, "listener", LISTENER)
    manager = await started(tmp_path)
    room = FakeRoom(manager)
    document, speaker = manager.house.document_of(room), the(manager, "speaker")
    room.join("1")
    await speaker.publish("speaker.said", 1, document)
    room.join("2")
    await speaker.publish("speaker.said", 2, document)
    await manager.told()
    heard = [one if isinstance(one, str) else one[2] for one in the(manager, "listener").heard]
    assert heard == ["1 joined", 1, "2 joined", 2]
    await manager.stop()


@pytest.mark.parametrize(
    "topic",
    ["", "chat", "chat.", ".posted", "Chat.posted", "chat.posted.now", "chat posted",
     "chat.posted\n", "1.x", "é.x", "c." + "x" * 63],
)  # fmt: skip
async def test_a_wrong_topic_is_said(tmp_path: Path, topic: str) -> None:
    write_plugin(tmp_path, "speaker", SPEAKER)
    manager = await started(tmp_path)
    with pytest.raises(ValueError, match=r"A topic is written like chat\.posted"):
        await the(manager, "speaker").publish(topic, 1)
    await manager.stop()


async def test_what_can_not_be_said(tmp_path: Path) -> None:
    write_plugin(tmp_path, "speaker", SPEAKER)
    manager = make_manager(tmp_path)
    speaker = the(manager, "speaker")
    with pytest.raises(LookupError):
        await speaker.publish("speaker.said", 1)
    await manager.start()
    with pytest.raises(TypeError):
        await speaker.publish("speaker.said", object())
    with pytest.raises(ValueError, match=f"at most {MESSAGE_SIZE} bytes"):
        await speaker.publish("speaker.said", "x" * MESSAGE_SIZE)
    await speaker.publish("speaker." + "x" * 56, "x" * (MESSAGE_SIZE - 2))
    await manager.stop()


async def test_what_is_said_at_the_start_is_heard_when_all_have_started(tmp_path: Path) -> None:
    write_plugin(
        tmp_path, "early",
        """
        class Early(Plugin):
            @hookimpl
            async def server_started(self):
                await self.publish("early.bird", 1)

            @hookimpl
            async def server_stopping(self):
                await self.publish("early.late", 2)
        """,
    )  # fmt: skip
    write_plugin(
        tmp_path, "slow",
        """
        import asyncio

        class Slow(Plugin):
            @hookimpl
            async def server_started(self):
                for _ in range(50):
                    await asyncio.sleep(0)
                self.heard = []

            @hookimpl
            def published(self, data):
                self.heard.append(data)
        """,
    )  # fmt: skip
    manager = await started(tmp_path)
    await manager.told()
    assert the(manager, "slow").heard == [1]
    await manager.stop()
    assert the(manager, "slow").heard == [1]
    assert manager.health()["slow"].failures == 0


async def test_where_nobody_listens_it_costs_nothing(tmp_path: Path) -> None:
    write_plugin(tmp_path, "speaker", SPEAKER.replace("@hookimpl\n    def published", "def hear"))
    write_plugin(
        tmp_path, "deaf",
        LISTENER + "\n    def wants(self, hook):\n        return hook != 'published'\n",
    )  # fmt: skip
    manager = await started(tmp_path)
    assert not manager.implements("published")
    await the(manager, "speaker").publish("speaker.said", 1)
    assert manager.health()["deaf"].waiting == 0
    await manager.stop()


async def test_a_listener_s_failure_is_its_own(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "speaker", SPEAKER)
    write_plugin(tmp_path, "listener", LISTENER)
    write_plugin(
        tmp_path, "broken",
        """
        class Broken(Plugin):
            @hookimpl
            async def published(self, data):
                raise RuntimeError(data)
        """,
    )  # fmt: skip
    write_plugin(
        tmp_path, "hanging",
        """
        import asyncio

        class Hanging(Plugin):
            @hookimpl
            async def published(self):
                await asyncio.Event().wait()
        """,
    )  # fmt: skip
    manager = await started(tmp_path, bounds=Bounds(hard=0.02))
    for number in range(3):
        await the(manager, "speaker").publish("speaker.said", number)
    await manager.told()
    assert [one[2] for one in the(manager, "listener").heard] == [0, 1, 2]
    health = manager.health()
    assert (health["broken"].failures, health["hanging"].failures) == (3, 3)
    assert health["speaker"].failures == health["listener"].failures == 0
    assert "plugin broken failed in published: RuntimeError: 0" in caplog.text
    await manager.stop()


async def test_who_does_not_keep_up_with_large_words_misses_them(tmp_path: Path) -> None:
    write_plugin(tmp_path, "speaker", SPEAKER)
    write_plugin(
        tmp_path, "slow",
        """
        import asyncio

        class Slow(Plugin):
            def __init__(self):
                self.go = asyncio.Event()
                self.heard = 0

            @hookimpl
            async def published(self):
                self.heard += 1
                await self.go.wait()
        """,
    )  # fmt: skip
    manager = await started(tmp_path, bounds=Bounds(burst=10 * SIZE))
    speaker, slow = the(manager, "speaker"), the(manager, "slow")
    large = "x" * (MESSAGE_SIZE - 2)
    fit = SIZE // MESSAGE_SIZE
    for _ in range(fit):
        await speaker.publish("speaker.said", large)
    assert manager.health()["slow"].waiting == fit
    await speaker.publish("speaker.said", large)
    health = manager.health()["slow"]
    assert (health.state, health.waiting, health.skipped) == ("closed", 1, fit)
    slow.go.set()
    await manager.told()
    # What was dropped does not weigh any more.
    for _ in range(fit):
        await speaker.publish("speaker.said", large)
    await manager.told()
    assert slow.heard == fit + 1 and manager.health()["slow"].state == "closed"
    await manager.stop()


async def test_what_is_not_taken_does_not_weigh(tmp_path: Path) -> None:
    """Hazard: what is said while a plugin is left alone, and something still waits for it."""
    write_plugin(tmp_path, "speaker", SPEAKER)
    write_plugin(
        tmp_path, "slow",
        """
        import asyncio

        class Slow(Plugin):
            def __init__(self):
                self.go = asyncio.Event()
                self.heard = []

            @hookimpl
            async def published(self, data):
                self.heard.append(len(data))
                await self.go.wait()
        """,
    )  # fmt: skip
    manager = await started(tmp_path, bounds=Bounds(burst=10 * SIZE))
    document = manager.house.document_of(FakeRoom(manager))
    speaker, slow = the(manager, "speaker"), the(manager, "slow")
    for _ in range(3):
        await speaker.publish("speaker.said", "x", document)
    await until(lambda: slow.heard)
    manager.loaded["slow"].services.guard.breaker.open()
    large = "x" * (MESSAGE_SIZE - 2)
    count = SIZE // MESSAGE_SIZE + 1
    for _ in range(count):
        await speaker.publish("speaker.said", large, document)
    health = manager.health()["slow"]
    assert (health.waiting, health.skipped, health.failures) == (2, count, 0)
    manager.close_breaker("slow")
    await speaker.publish("speaker.said", large, document)
    slow.go.set()
    await manager.told()
    assert slow.heard == [1, 1, 1, len(large)]
    await manager.stop()


async def test_speaking_about_documents_that_are_not_open_is_not_remembered_forever(
    tmp_path: Path,
) -> None:
    write_plugin(tmp_path, "speaker", SPEAKER)
    now = 0.0
    manager = await started(tmp_path, clock=lambda: now)
    speaker = the(manager, "speaker")
    for number in range(3000):
        now += 0.1
        record = DocumentRecord(str(number), "A title", "text", "epoch", 0, 0.0, 0.0)
        await speaker.publish("speaker.said", number, manager.house.document(record))
    assert len(manager.loaded["speaker"].services.flow) <= 2
    await manager.stop()


async def test_who_is_switched_off_hears_what_waits_and_has_the_last_word(tmp_path: Path) -> None:
    write_plugin(
        tmp_path, "speaker",
        """
        class Speaker(Plugin):
            @hookimpl
            async def server_stopping(self):
                await self.publish("speaker.goodbye", {})
        """,
    )  # fmt: skip
    for name in ("one", "two"):
        write_plugin(tmp_path, name, LISTENER)
    store = MemoryStore()
    manager = make_manager(tmp_path)
    await manager.start(store=store)
    document = manager.house.document_of(FakeRoom(manager))
    speaker, one, two = (the(manager, name) for name in ("speaker", "one", "two"))
    switchboard = Switchboard(manager, lambda: store)
    for number in range(3):
        await speaker.publish("speaker.said", number, document)
    await switchboard.off("one")
    await speaker.publish("speaker.said", 3, document)
    await switchboard.off("speaker")
    await manager.told()
    assert [heard[2] for heard in one.heard] == [0, 1, 2]
    assert [heard[2] for heard in two.heard] == [0, 1, 2, 3, {}]
    await manager.stop()


BALL = """
class Ball(Plugin):
    heard = 0

    @hookimpl
    async def published(self, topic, data, document):
        self.heard += 1
        for _ in range(BALLS):
            await self.publish("ball.thrown", data, document)
"""


@pytest.mark.parametrize("balls", [1, 2])
async def test_plugins_that_answer_each_other_without_end_harm_nobody(
    tmp_path: Path, balls: int
) -> None:
    """One ball goes to and fro at the pace of the flow; where each becomes two, somebody who
    does not keep up misses some. Documents stay editable, and nothing grows."""
    for name in ("left", "right"):
        write_plugin(tmp_path, name, BALL.replace("BALLS", str(balls)))
    write_plugin(
        tmp_path, "witness",
        """
        class Witness(Plugin):
            def __init__(self):
                self.seen = []

            @hookimpl
            def operation_committed(self, operation):
                self.seen.append(operation.revision)
        """,
    )  # fmt: skip
    bounds = Bounds(hard=0.2, queue=200, burst=20_000, rate=40_000, failures=3)
    manager = await started(tmp_path, bounds=bounds)
    room, other = FakeRoom(manager), FakeRoom(manager, id="other")
    left, right = the(manager, "left"), the(manager, "right")
    await left.publish("ball.thrown", "x" * 100, manager.house.document_of(room))

    def thrown() -> int:
        return int(left.heard + right.heard)

    await until(lambda: thrown() > 50)
    if balls > 1:
        await until(lambda: any(
            manager.health()[name].skipped for name in ("left", "right")
        ))  # fmt: skip
    session = room.join("1")
    latest = 0.0
    for _ in range(20):
        before = time.perf_counter()
        await room.submit(session, Delta().insert("x"))
        await other.submit(None, Delta().insert("y"))
        await asyncio.sleep(0)
        latest = max(latest, time.perf_counter() - before)
        assert all(one.waiting <= 200 for one in manager.health().values())
    assert latest < 5.0
    assert room.content.text() == "x" * 20 and other.content.text() == "y" * 20
    await until(lambda: len(the(manager, "witness").seen) == 40)
    async with asyncio.timeout(20):
        await manager.stop()
    thrown_until_now = thrown()
    await asyncio.sleep(0)
    assert thrown() == thrown_until_now


async def test_one_who_speaks_without_end_is_slowed_down(tmp_path: Path) -> None:
    write_plugin(tmp_path, "speaker", SPEAKER)
    write_plugin(tmp_path, "listener", LISTENER)
    manager = await started(tmp_path, bounds=Bounds(burst=2000, rate=1000))

    async def speak() -> None:
        while True:
            await the(manager, "speaker").publish("speaker.said", 1)

    speaking = asyncio.ensure_future(speak())
    listener = the(manager, "listener")
    await until(lambda: len(listener.heard) >= 10)
    for _ in range(200):
        await asyncio.sleep(0)
    assert len(listener.heard) < 20
    speaking.cancel()
    await manager.stop()
