"""Hooks that are wrong are refused in a sentence; those that are right are called in order."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.plugins.fake import FakeRoom, make_manager, the, write_plugin


@pytest.mark.parametrize(
    ("body", "parts"),
    [
        (
            "@hookimpl\n    def operation_committed(self, document, op): ...",
            [
                "operation_committed(self, document, op)",
                "operation_committed(document: Document, operation: Operation) -> None",
                "op is not an argument",
            ],
        ),
        (
            "@hookimpl\n    def session_joined(self, document, session=None): ...",
            ["session can't have a default"],
        ),
        (
            "@hookimpl\n    def operation_commited(self, document): ...",
            ["there is no hook operation_commited; did you mean operation_committed?"],
        ),
        ("@hookimpl\n    def brew_coffee(self): ...", ["there is no hook brew_coffee"]),
        (
            "async def operation_committed(self, document): ...",
            ["operation_committed is a hook: mark it with @hookimpl"],
        ),
        (
            "@hookimpl(wrapper=True)\n    def document_opened(self, document): yield",
            ["hooks can't be wrapped"],
        ),
        ("@hookimpl\n    async def routes(self): return []", ["routes has to be a plain def"]),
        (
            "@hookimpl\n    def document_opened(self, *documents): ...",
            ["documents is not an argument"],
        ),
    ],
)
def test_a_wrong_hook_is_refused_in_a_sentence(
    tmp_path: Path, body: str, parts: list[str]
) -> None:
    write_plugin(tmp_path, "wrong", f"class Wrong(Plugin):\n    {body}\n")
    write_plugin(tmp_path, "good", "class Good(Plugin): ...")
    manager = make_manager(tmp_path)
    assert list(manager.plugins) == ["good"]
    (problem,) = manager.problems
    for part in parts:
        assert part in problem.sentence


async def test_an_implementation_names_the_arguments_it_wants_in_any_order(
    tmp_path: Path,
) -> None:
    write_plugin(
        tmp_path,
        "some",
        """
        class Some(Plugin):
            def __init__(self):
                self.seen = []

            @hookimpl
            def operation_committed(self, operation):
                self.seen.append(operation.revision)

            @hookimpl
            def message_received(self, data, document):
                self.seen.append((data, document.id))

            @hookimpl
            async def session_left(self, unused="x"):
                self.seen.append(unused)
        """,
    )
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    ada = room.join("1")
    from collab.ot import Delta

    room.commit(Delta().insert("a"))
    room.say(ada, "some", 7)
    room.leave(ada)
    await manager.told()
    assert the(manager, "some").seen == [1, (7, "doc"), "x"]


async def test_plugins_are_called_by_name_unless_they_ask_to_be_first_or_last(
    tmp_path: Path,
) -> None:
    order: list[str] = []
    for name, how in [("a", "(trylast=True)"), ("b", ""), ("c", ""), ("d", "(tryfirst=True)")]:
        write_plugin(
            tmp_path,
            name,
            f"""
            class It(Plugin):
                @hookimpl{how}
                def document_opened(self):
                    self.order.append("{name}")
            """,
        )
    manager = make_manager(tmp_path)
    for name in manager.plugins:
        the(manager, name).order = order
    assert list(manager.plugins) == ["a", "b", "c", "d"]
    FakeRoom(manager)
    await manager.told()
    assert order == ["d", "b", "c", "a"]


def test_a_hook_that_the_settings_leave_without_work_is_not_called(tmp_path: Path) -> None:
    write_plugin(
        tmp_path,
        "it",
        """
        class It(Plugin):
            def wants(self, hook):
                if hook == "session_left":
                    raise RuntimeError("no")
                return hook != "before_operation"

            @hookimpl
            def before_operation(self): ...

            @hookimpl
            def session_left(self): ...

            @hookimpl
            def operation_committed(self): ...
        """,
    )
    manager = make_manager(tmp_path)
    assert not manager.observer.vets and not manager.implements("before_operation")
    assert manager.implements("operation_committed") and manager.implements("session_left")
    assert str(manager.health()["it"].last_error).startswith("wants: RuntimeError")


def test_whether_anybody_implements_a_hook_is_known(tmp_path: Path) -> None:
    write_plugin(
        tmp_path,
        "some",
        """
        class Some(Plugin):
            @hookimpl
            def session_left(self): ...
        """,
    )
    manager = make_manager(tmp_path)
    assert manager.implements("session_left")
    assert not manager.implements("operation_committed")
    assert not manager.observer.vets
    (listed,) = [one for one in manager.listing() if one.state == "on"]
    assert listed.hooks == ("session_left",)
