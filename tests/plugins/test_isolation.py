"""A plugin may raise, hang, end itself or flood: documents stay editable, the log says who."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from pathlib import Path

import pytest

from collab.ot import Delta
from collab.plugins.access import Request
from collab.plugins.loading import Bounds
from collab.plugins.manager import PluginManager
from collab.plugins.specs import HOOKS
from collab.protocol import messages
from collab.protocol.errors import CollabError
from collab.storage.memory import MemoryStore
from tests.plugins.fake import ADA, FakeRoom, FakeSession, make_manager, the, until, write_plugin

UNPRINTABLE = """class Unprintable(Exception):
    def __str__(self): raise RuntimeError("no text")
raise Unprintable"""

WITNESS = """
class Witness(Plugin):
    def __init__(self):
        self.seen = []

    @hookimpl
    def operation_committed(self, operation):
        self.seen.append(operation.revision)
"""

REQUEST = Request("GET", "/", {}, {}, {}, "127.0.0.1", "127.0.0.1", False)

FAST = Bounds(hard=0.02, failures=3)


def misbehaving(folder: Path, what: str, hooks: list[str], how: str = "async def") -> None:
    """A plugin that does ``what`` in every hook, beside one that does everything right."""
    lines = [
        f"    @hookimpl\n    {'def' if HOOKS[name].kind == 'collected' else how} {name}(self):\n"
        + "".join(f"        {line}\n" for line in what.splitlines())
        for name in hooks
    ]
    write_plugin(folder, "bad", "import asyncio\n\nclass Bad(Plugin):\n" + "\n".join(lines))
    write_plugin(folder, "witness", WITNESS)


async def live(manager: PluginManager) -> FakeSession:
    """Everything that can happen to a server, with five edits among it."""
    await manager.start(store=MemoryStore())
    with suppress(CollabError):
        await manager.gate.authenticate(lambda: REQUEST)
    with suppress(CollabError):
        await manager.gate.allows(ADA, "create", None)
    assert await manager.gate.find_document("anything") is None
    assert await manager.gate.contributions("documents", None) == []
    begun = await manager.house.make_document("Begun", "text", None)
    assert (await begun.content_at(0)).text == ""
    room = FakeRoom(manager)
    manager.observer.renamed(room.document)
    session = room.join("1")
    manager.observer.changed(room, session)
    room.say(session, "bad", {"hello": 1})
    for letter in "abcde":
        await room.submit(session, Delta().insert(letter))
    assert room.content.text() == "edcba"
    manager.observer.saved(room, 5)
    await the(manager, "witness").publish("bad.news", {}, manager.house.document_of(room))
    await manager.told()
    room.close()
    manager.observer.deleted(room.document)
    await manager.told()
    await manager.stop()
    return session


@pytest.mark.parametrize("how", ["def", "async def"])
@pytest.mark.parametrize(
    "what",
    [
        "raise RuntimeError('no')", "raise SystemExit(1)", "raise asyncio.CancelledError",
        "raise KeyboardInterrupt", "raise GeneratorExit", "raise BaseException", UNPRINTABLE,
    ],
)
async def test_raises_in_every_hook(
    tmp_path: Path, what: str, how: str, caplog: pytest.LogCaptureFixture
) -> None:
    misbehaving(tmp_path, what, list(HOOKS), how)
    manager = make_manager(tmp_path, bounds=Bounds(failures=1000))
    await live(manager)
    health = manager.health()
    assert health["bad"].failures >= len(HOOKS)
    assert health["witness"].failures == 0
    assert the(manager, "witness").seen == [1, 2, 3, 4, 5]
    for hook in HOOKS:
        assert f"plugin bad failed in {hook}" in caplog.text


async def test_never_returns_from_any_hook(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    hooks = [name for name, hook in HOOKS.items() if hook.kind != "collected"]
    misbehaving(tmp_path, "await asyncio.Event().wait()", hooks)
    manager = make_manager(tmp_path, bounds=FAST)
    await live(manager)
    health = manager.health()["bad"]
    assert health.failures >= 3 and health.skipped > 0
    assert health.hanging == 0
    assert the(manager, "witness").seen == [1, 2, 3, 4, 5]
    assert "plugin bad failed in server_started: took more than 0.02 s" in caplog.text
    assert "switched off for a while" in caplog.text


async def test_a_call_that_refuses_to_be_cancelled_is_abandoned(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(
        tmp_path,
        "bad",
        """
        import asyncio

        class Bad(Plugin):
            def __init__(self):
                self.end = asyncio.Event()

            @hookimpl
            async def before_operation(self):
                while not self.end.is_set():
                    try:
                        await self.end.wait()
                    except asyncio.CancelledError:
                        pass
        """,
    )
    manager = make_manager(tmp_path, bounds=FAST)
    room = FakeRoom(manager)
    await room.submit(None, Delta().insert("a"))
    assert room.content.text() == "a"
    assert manager.health()["bad"].hanging == 1
    assert "plugin bad can't be stopped in before_operation" in caplog.text
    # What was cut off while a writer waited is switched off at once.
    assert not manager.observer.vets
    the(manager, "bad").end.set()
    await until(lambda: not manager.health()["bad"].hanging)


async def test_a_told_plugin_that_refuses_to_be_cancelled_is_told_the_rest_by_another_task(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(
        tmp_path,
        "bad",
        """
        import asyncio

        class Bad(Plugin):
            def __init__(self):
                self.end = asyncio.Event()
                self.seen = []

            @hookimpl
            async def operation_committed(self, operation):
                while operation.revision == 2 and not self.end.is_set():
                    try:
                        await self.end.wait()
                    except asyncio.CancelledError:
                        pass
                self.seen.append(operation.revision)
        """,
    )
    manager = make_manager(tmp_path, bounds=Bounds(hard=0.02))
    room = FakeRoom(manager)
    room.commit(*[Delta().insert("a") for _ in range(4)])
    await manager.told()
    bad = the(manager, "bad")
    assert bad.seen == [1, 3, 4]
    health = manager.health()["bad"]
    assert (health.hanging, health.failures, health.waiting) == (1, 1, 0)
    assert "plugin bad can't be stopped in operation_committed" in caplog.text
    bad.end.set()
    await until(lambda: not manager.health()["bad"].hanging)
    assert bad.seen == [1, 3, 4, 2]
    room.commit(Delta().insert("a"))
    await manager.told()
    assert bad.seen == [1, 3, 4, 2, 5]
    assert manager.health()["bad"].failures == 1


async def test_a_call_that_was_cut_off_and_ends_in_time_is_followed_by_the_next(
    tmp_path: Path,
) -> None:
    write_plugin(
        tmp_path,
        "bad",
        """
        import asyncio

        class Bad(Plugin):
            def __init__(self):
                self.seen = []

            @hookimpl
            async def operation_committed(self, operation):
                try:
                    if operation.revision % 2:
                        await asyncio.Event().wait()
                except asyncio.CancelledError:
                    await asyncio.sleep(0)
                self.seen.append(operation.revision)
        """,
    )
    manager = make_manager(tmp_path, bounds=Bounds(hard=0.02))
    room = FakeRoom(manager)
    room.commit(*[Delta().insert("a") for _ in range(4)])
    await manager.told()
    assert the(manager, "bad").seen == [1, 2, 3, 4]
    assert manager.health()["bad"].failures == 2


@pytest.mark.parametrize("how", ["def", "async def"])
@pytest.mark.parametrize("hook", ["operation_committed", "before_operation"])
async def test_a_hook_that_cancels_itself_has_failed(
    tmp_path: Path, hook: str, how: str
) -> None:
    misbehaving(tmp_path, "raise asyncio.CancelledError", [hook], how)
    manager = make_manager(tmp_path)
    await live(manager)
    assert manager.health()["bad"].failures == 5
    assert "cancelled" in str(manager.health()["bad"].last_error).lower()


async def test_a_call_that_cancels_its_own_task_takes_no_other_with_it(tmp_path: Path) -> None:
    write_plugin(
        tmp_path,
        "bad",
        """
        import asyncio

        class Bad(Plugin):
            def __init__(self):
                self.seen = []

            @hookimpl
            async def operation_committed(self, operation):
                await asyncio.sleep(0)
                if operation.revision % 2:
                    asyncio.current_task().cancel()
                await asyncio.sleep(0)
                self.seen.append(operation.revision)
        """,
    )
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    room.commit(*[Delta().insert("a") for _ in range(4)])
    await manager.told()
    assert the(manager, "bad").seen == [2, 4]
    health = manager.health()["bad"]
    assert (health.failures, health.waiting, health.state) == (2, 0, "closed")
    assert "cancelled its own task" in str(health.last_error)
    await manager.stop()


async def test_a_slow_plugin_delays_neither_the_writer_nor_another_plugin(tmp_path: Path) -> None:
    write_plugin(
        tmp_path,
        "bad",
        """
        import asyncio

        class Slow(Plugin):
            def __init__(self):
                self.go = asyncio.Event()
                self.seen = []

            @hookimpl
            async def operation_committed(self, document, operation):
                await self.go.wait()
                self.seen.append((document.id, operation.revision))
        """,
    )
    write_plugin(tmp_path, "witness", WITNESS)
    manager = make_manager(tmp_path)
    slow, witness = the(manager, "bad"), the(manager, "witness")
    room = FakeRoom(manager)
    for _ in range(3):
        room.commit(Delta().insert("a"))
    await until(lambda: witness.seen == [1, 2, 3])
    assert slow.seen == []
    assert manager.health()["bad"].waiting == 2
    slow.go.set()
    await manager.told()
    assert slow.seen == [("doc", 1), ("doc", 2), ("doc", 3)]


async def test_documents_do_not_wait_for_each_other(tmp_path: Path) -> None:
    write_plugin(
        tmp_path,
        "half",
        """
        import asyncio

        class Half(Plugin):
            def __init__(self):
                self.go = asyncio.Event()
                self.seen = []

            @hookimpl
            async def operation_committed(self, document, operation):
                if document.id == "stuck":
                    await self.go.wait()
                self.seen.append((document.id, operation.revision))
        """,
    )
    manager = make_manager(tmp_path)
    plugin = the(manager, "half")
    stuck, free = FakeRoom(manager, id="stuck"), FakeRoom(manager, id="free")
    stuck.commit(Delta().insert("a"))
    free.commit(Delta().insert("a"), Delta().insert("b"))
    await until(lambda: len(plugin.seen) == 2)
    assert plugin.seen == [("free", 1), ("free", 2)]
    plugin.go.set()
    await manager.told()


async def test_a_plugin_that_does_not_keep_up_misses_something_with_a_word(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    misbehaving(tmp_path, "await asyncio.Event().wait()", ["operation_committed"])
    manager = make_manager(tmp_path, bounds=Bounds(queue=10, hard=0.02))
    room = FakeRoom(manager)
    for _ in range(20):
        room.commit(Delta().insert("a"))
        await asyncio.sleep(0)
        assert manager.health()["bad"].waiting <= 11
    health = manager.health()["bad"]
    assert health.state == "closed" and health.skipped >= 10
    assert "plugin bad does not keep up" in caplog.text
    await manager.told()
    assert the(manager, "witness").seen == list(range(1, 21))


@pytest.mark.parametrize("how", ["def", "async def"])
async def test_many_calls_at_once_leave_the_event_loop_its_turns(
    tmp_path: Path, how: str
) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.001
        return now

    write_plugin(tmp_path, "witness", WITNESS.replace("    def operation", f"    {how} operation"))
    manager = make_manager(tmp_path, clock=clock)
    room = FakeRoom(manager)
    room.commit(*[Delta().insert("a") for _ in range(100)])
    seen = the(manager, "witness").seen
    await until(lambda: seen)
    assert len(seen) < 20
    await manager.told()
    assert seen == list(range(1, 101))


async def test_calls_that_make_more_calls_leave_the_event_loop_its_turns(tmp_path: Path) -> None:
    now = 0.0

    def clock() -> float:
        nonlocal now
        now += 0.01  # each call takes more than its share of a turn
        return now

    write_plugin(
        tmp_path,
        "echo",
        """
        class Echo(Plugin):
            def __init__(self):
                self.seen = []

            @hookimpl
            def operation_committed(self, operation):
                self.seen.append(operation.revision)
                if operation.revision <= 10:
                    self.again()
        """,
    )
    manager = make_manager(tmp_path, clock=clock)
    room = FakeRoom(manager)
    seen = the(manager, "echo").seen
    the(manager, "echo").again = lambda: room.commit(Delta().insert("b"))
    room.commit(*[Delta().insert("a") for _ in range(20)])
    while len(seen) < 30:
        before = len(seen)
        await asyncio.sleep(0)
        assert len(seen) <= before + 1
    await manager.told()
    assert seen == list(range(1, 31))


async def test_a_plugin_that_blocks_the_loop_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(
        tmp_path,
        "bad",
        """
        class Bad(Plugin):
            @hookimpl
            def operation_committed(self):
                self.sleep()
        """,
    )
    now = 0.0
    manager = make_manager(tmp_path, clock=lambda: now)

    def sleep() -> None:
        nonlocal now
        now += length

    the(manager, "bad").sleep = sleep
    room = FakeRoom(manager)
    for length in (0.5, 3.0):  # noqa: B007 - `sleep` reads it
        room.commit(Delta().insert("a"))
        await manager.told()
    assert "plugin bad is slow: operation_committed took 0.50 s" in caplog.text
    assert "plugin bad failed in operation_committed: blocked the event loop for 3.0 s" in (
        caplog.text
    )
    health = manager.health()["bad"]
    assert (health.failures, health.slowest_hook, health.slowest) == (
        1, "operation_committed", 3.0,
    )


async def test_a_flood_of_messages_waits_with_the_plugin_and_not_with_its_readers(
    tmp_path: Path,
) -> None:
    write_plugin(
        tmp_path,
        "bad",
        """
        class Bad(Plugin):
            @hookimpl
            async def document_renamed(self, document):
                while True:
                    await self.broadcast(document, "x" * 1000)
        """,
    )
    manager = make_manager(tmp_path, bounds=Bounds(hard=0.05, burst=20_000, rate=1000))
    room = FakeRoom(manager)
    reader = room.join("1")
    manager.observer.renamed(room.document)
    await manager.told()
    assert 10 <= len(reader.heard("bad")) <= 20
    assert "took more than 0.05 s" in str(manager.health()["bad"].last_error)


async def test_background_tasks_fail_and_end_with_their_plugin(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(
        tmp_path,
        "tasks",
        """
        import asyncio

        class Tasks(Plugin):
            ended = False

            @hookimpl
            def server_started(self):
                self.spawn(self.wait())
                self.spawn(self.fail())
                self.spawn(self.leave())

            async def wait(self):
                try:
                    await asyncio.Event().wait()
                finally:
                    self.ended = True

            async def fail(self):
                raise RuntimeError("no")

            async def leave(self):
                raise SystemExit(1)
        """,
    )
    manager = make_manager(tmp_path)
    await manager.start()
    await until(lambda: manager.health()["tasks"].tasks == 1)
    assert manager.health()["tasks"].failures == 2
    assert "plugin tasks failed in task fail: RuntimeError: no" in caplog.text
    await manager.stop()
    assert the(manager, "tasks").ended


async def test_a_plugin_may_not_have_any_number_of_tasks(tmp_path: Path) -> None:
    misbehaving(
        tmp_path, "while True:\n    self.spawn(asyncio.Event().wait())", ["document_opened"], "def"
    )
    manager = make_manager(tmp_path)
    FakeRoom(manager)
    await manager.told()
    health = manager.health()["bad"]
    assert health.tasks == 1000
    assert "has 1000 background tasks already" in str(health.last_error)
    await manager.stop()
    assert manager.health()["bad"].tasks == 0


async def test_what_is_planned_soon_is_done_once_as_it_was_asked_for_last(tmp_path: Path) -> None:
    write_plugin(
        tmp_path,
        "later",
        """
        class Later(Plugin):
            def __init__(self):
                self.done = []

            @hookimpl
            def operation_committed(self, document, operation):
                self.soon(document.id, 0.001, self.do, operation.revision, by=operation.author)

            async def do(self, revision, by):
                self.done.append((revision, by))
        """,
    )
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    for _ in range(2):
        room.commit(Delta().insert("a"), author="ada")
        room.commit(Delta().insert("b"), author="bob")
        await manager.told()
        await until(lambda: not manager.health()["later"].tasks)
    assert the(manager, "later").done == [(2, "bob"), (4, "bob")]


async def test_a_message_for_a_plugin_that_is_not_there_is_answered(tmp_path: Path) -> None:
    write_plugin(tmp_path, "deaf", "class Deaf(Plugin): ...")
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    session = room.join("1")
    room.say(session, "nobody", 1)
    room.say(session, "deaf", 1)
    assert [one.message for one in session.sent if isinstance(one, messages.Error)] == [
        "No such plugin is switched on.", "The plugin deaf takes no messages.",
    ]


async def test_stopping_does_not_wait_for_a_plugin_that_hangs(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.plugins.lifecycle.DRAIN", 0.02)
    monkeypatch.setattr("collab.plugins.lifecycle.END", 0.02)
    write_plugin(
        tmp_path,
        "bad",
        """
        import asyncio

        class Bad(Plugin):
            def __init__(self):
                self.end = asyncio.Event()

            @hookimpl
            def server_started(self):
                self.spawn(self.stay())

            @hookimpl
            async def document_opened(self):
                await asyncio.Event().wait()

            @hookimpl
            async def server_stopping(self):
                await asyncio.Event().wait()

            async def stay(self):
                while not self.end.is_set():
                    try:
                        await self.end.wait()
                    except asyncio.CancelledError:
                        pass
        """,
    )
    manager = make_manager(tmp_path, bounds=Bounds(hard=0.05))
    await manager.start()
    FakeRoom(manager)
    async with asyncio.timeout(20):
        await manager.stop()
    assert "plugin bad: 1 background tasks do not end" in caplog.text
    the(manager, "bad").end.set()
    await until(lambda: not manager.health()["bad"].tasks)


VETTING = """
class Vetting(Plugin):
    @hookimpl
    async def before_operation(self, document, session, delta):
        return self.answer(delta)
"""


async def test_an_edit_can_be_refused_with_a_sentence(tmp_path: Path) -> None:
    write_plugin(tmp_path, "guarding", VETTING + "\n    def answer(self, delta): raise Veto('No!')")
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    assert manager.observer.vets
    with pytest.raises(CollabError) as caught:
        await room.submit(None, Delta().insert("a"))
    assert (caught.value.code.code, caught.value.sentence) == ("vetoed", "No!")
    assert caught.value.details == {"plugin": "guarding"}
    assert room.content.text() == ""
    assert manager.health()["guarding"].failures == 0


async def test_edits_are_rewritten_by_one_plugin_after_the_other(tmp_path: Path) -> None:
    for name in ("one", "two"):
        answer = f"\n    def answer(self, delta): return delta.insert('{name}')"
        write_plugin(tmp_path, name, VETTING + answer)
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    given = Delta().insert("a")
    await room.submit(None, given)
    assert room.content.text() == "aonetwo"
    assert given == Delta().insert("a"), "what a plugin does to its copy is its own affair"


@pytest.mark.parametrize("answer", ["[{'insert': 'x'}]", "delta.insert({'image': 1})", "1 / 0"])
async def test_an_answer_that_is_no_edit_is_the_plugin_s_failure(
    tmp_path: Path, answer: str
) -> None:
    write_plugin(tmp_path, "wrong", VETTING + f"\n    def answer(self, delta): return {answer}")
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    await room.submit(None, Delta().insert("a"))
    assert room.content.text() == "a"
    assert manager.health()["wrong"].failures == 1


async def test_a_browser_half_that_fails_is_told_and_judged_by_nobody(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "bad", WITNESS)
    manager = make_manager(tmp_path)
    session = FakeRoom(manager).join("s1")
    for _ in range(100):
        manager.observer.browser_failed(session, "bad", "TypeError: x\n  at bad.js:1" + "!" * 1000)
    manager.observer.browser_failed(session, "nobody", "TypeError")
    health = manager.health()["bad"]
    assert (health.browser_failures, health.failures, health.state) == (100, 0, "closed")
    assert health.last_browser_error is not None and len(health.last_browser_error) == 500
    told = [line for line in caplog.messages if "in the browser of ada ('Ada Lovelace')" in line]
    assert len(told) == 1 and "TypeError: x at bad.js:1" in told[0]
