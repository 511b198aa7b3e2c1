"""presence: who is here."""

from __future__ import annotations

from typing import Any

import pytest

from collab.plugins.manager import PluginManager
from collab.protocol.messages import User
from tests.plugins.fake import ADA, BOB, FakeRoom, FakeSession, make_manager, the, until


@pytest.fixture
def manager() -> PluginManager:
    return make_manager(None, off=("cursors",), plugins={"presence": {"interval": 0.001}})


async def announced(manager: PluginManager) -> None:
    """Return when everything that waits for an announcement was announced."""
    await manager.told()
    await until(lambda: not manager.health()["presence"].tasks)
    assert manager.health()["presence"].failures == 0


def last(session: FakeSession) -> list[Any]:
    message = session.heard("presence")[-1]
    assert (message["kind"], message["idle_after"]) == ("people", 300)
    people: list[Any] = message["people"]
    return people


async def test_everybody_learns_who_is_here(manager: PluginManager) -> None:
    room = FakeRoom(manager)
    ada = room.join("1", ADA)
    bob = room.join("2", BOB)
    await announced(manager)
    assert len(ada.heard("presence")) == 1, "two who come together are announced once"
    assert last(ada) == last(bob) == [
        {"id": "ada", "name": "Ada Lovelace", "color": "#1d4ed8", "idle": False,
         "sessions": ["1"], "clients": ["client-1"]},
        {"id": "bob", "name": "Bob", "color": "#be123c", "idle": False,
         "sessions": ["2"], "clients": ["client-2"]},
    ]
    room.leave(ada)
    await announced(manager)
    assert [one["id"] for one in last(bob)] == ["bob"]


async def test_several_tabs_of_one_person_are_one_person(manager: PluginManager) -> None:
    room = FakeRoom(manager)
    first, second = room.join("1", ADA), room.join("2", ADA)
    await announced(manager)
    (person,) = last(first)
    assert person["sessions"] == ["1", "2"] and person["clients"] == ["client-1", "client-2"]
    room.leave(second)
    await announced(manager)
    (person,) = last(first)
    assert person["sessions"] == ["1"]


async def test_a_person_is_idle_when_all_their_tabs_are(manager: PluginManager) -> None:
    room = FakeRoom(manager)
    first, second = room.join("1", ADA), room.join("2", ADA)
    room.say(first, "presence", {"idle": True})
    await announced(manager)
    assert [one["idle"] for one in last(first)] == [False]
    room.say(second, "presence", {"idle": True})
    await announced(manager)
    assert [one["idle"] for one in last(first)] == [True]
    room.say(second, "presence", {"idle": False})
    await announced(manager)
    assert [one["idle"] for one in last(first)] == [False]
    count = len(first.heard("presence"))
    room.say(second, "presence", {"idle": False})
    await announced(manager)
    assert len(first.heard("presence")) == count, "nothing changed, nothing is said"


async def test_a_new_name_and_colour_are_seen_at_once(manager: PluginManager) -> None:
    room = FakeRoom(manager)
    ada = room.join("1", ADA)
    ada.user = User("ada", "Countess", "#047857")
    manager.observer.changed(room, ada)
    await announced(manager)
    assert [(one["name"], one["color"]) for one in last(ada)] == [("Countess", "#047857")]


@pytest.mark.parametrize(
    "garbage", [None, 1, "idle", [], {}, {"idle": "yes"}, {"idle": True, "name": "Bob"}]
)
async def test_garbage_is_ignored_with_a_line_in_the_log(
    manager: PluginManager, garbage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    room = FakeRoom(manager)
    ada = room.join("1")
    room.say(ada, "presence", garbage)
    await announced(manager)
    assert "message from session 1 ignored" in caplog.text
    assert [one["idle"] for one in last(ada)] == [False]


async def test_nothing_is_kept_of_what_is_gone(manager: PluginManager) -> None:
    room = FakeRoom(manager)
    ada = room.join("1")
    room.say(ada, "presence", {"idle": True})
    await announced(manager)
    room.say(ada, "presence", {"idle": False})
    room.close()
    await announced(manager)
    assert the(manager, "presence").idle == {}
    await manager.stop()
