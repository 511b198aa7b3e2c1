"""Messages of browser halves, checked against what the plugin declares."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collab.protocol import messages
from tests.plugins.fake import FakeRoom, FakeSession, make_manager, the, write_plugin

IT = """

from msgspec import Struct

class Say(Struct, tag_field="kind", tag="say"):
    text: str

class Stop(Struct, tag_field="kind", tag="stop"):
    def __post_init__(self):
        raise RuntimeError("stopped")

class It(Plugin):
    Message = Say | Stop

    def __init__(self):
        self.heard = []

    @hookimpl
    def message_received(self, data):
        self.heard.append(data)
"""


def refused(session: FakeSession) -> list[tuple[str, str]]:
    return [(one.code, one.message) for one in session.sent if isinstance(one, messages.Error)]


async def test_the_plugin_is_handed_what_it_declares(tmp_path: Path) -> None:
    write_plugin(tmp_path, "it", IT)
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    ada = room.join("1")
    room.say(ada, "it", {"kind": "say", "text": "hello"})
    await manager.told()
    (heard,) = the(manager, "it").heard
    assert (type(heard).__name__, heard.text) == ("Say", "hello")
    assert refused(ada) == []


async def test_the_keys_of_an_object_are_what_they_are_declared_as(tmp_path: Path) -> None:
    declared = "class Marks(Struct):\n    marks: dict[int, str]\n\nclass It(Plugin):"
    source = IT.replace("class It(Plugin):", declared)
    write_plugin(tmp_path, "it", source.replace("Say | Stop", "Marks"))
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    room.say(room.join("1"), "it", {"marks": {"7": "seven"}})
    await manager.told()
    (heard,) = the(manager, "it").heard
    assert heard.marks == {7: "seven"}


@pytest.mark.parametrize(
    ("data", "problem"),
    [
        (7, "Expected `object`, got `int`"),
        ({"kind": "say"}, "missing required field `text`"),
        ({"kind": "say", "text": 7}, "Expected `str`, got `int` - at `$.text`"),
        ({"kind": "sing"}, "Invalid value 'sing'"),
        ({"kind": "stop"}, "stopped"),
    ],
)
async def test_who_sends_something_else_is_told_and_the_plugin_is_not(
    tmp_path: Path, data: Any, problem: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "it", IT)
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    ada, bob = room.join("1"), room.join("2")
    room.say(ada, "it", data)
    await manager.told()
    ((code, sentence),) = refused(ada)
    assert code == "bad_message" and problem in sentence and "The plugin it" in sentence
    assert refused(bob) == [] and the(manager, "it").heard == []
    assert manager.health()["it"].failures == 0
    assert "message from session 1 ignored" in caplog.text


@pytest.mark.parametrize(
    "declared",
    [
        "One | Two",  # which of them is meant?
        "Plugin",
        "'nothing'",
        "7",
    ],
)
def test_what_can_t_be_checked_is_no_message(tmp_path: Path, declared: str) -> None:
    write_plugin(
        tmp_path,
        "it",
        f"""
        from msgspec import Struct

        class One(Struct):
            a: int

        class Two(Struct):
            b: int

        class It(Plugin):
            Message = {declared}
        """,
    )
    manager = make_manager(tmp_path)
    (problem,) = [one for one in manager.problems if one.name == "it"]
    assert "its Message has to be a msgspec.Struct" in problem.sentence
