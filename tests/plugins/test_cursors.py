"""cursors: everybody's caret, moved through every edit."""

from __future__ import annotations

from typing import Any

import pytest

from collab.ot import Delta
from collab.plugins.manager import PluginManager
from collab.protocol.messages import User
from tests.plugins.fake import ADA, BOB, FakeRoom, FakeSession, make_manager, the, until


@pytest.fixture
def manager() -> PluginManager:
    return make_manager(None, off=("presence",), plugins={"cursors": {"interval": 0.02}})


async def announced(manager: PluginManager) -> None:
    """Return when everything that waits for an announcement was announced."""
    await manager.told()
    await until(lambda: not manager.health()["cursors"].tasks)
    assert manager.health()["cursors"].failures == 0


def carets(session: FakeSession) -> dict[str, tuple[int, int]]:
    """What a browser that heard everything shows, at the revision of the last message."""
    shown: dict[str, tuple[int, int]] = {}
    for message in session.heard("cursors"):
        if message["kind"] == "gone":
            shown.pop(message["session"], None)
            continue
        if message["kind"] == "cursors":
            shown.clear()
        for one in message["cursors"]:
            shown[one["session"]] = (one["anchor"], one["head"])
    return shown


async def test_a_caret_is_seen_by_everybody(manager: PluginManager) -> None:
    room = FakeRoom(manager, "Hello")
    ada, bob = room.join("1", ADA), room.join("2", BOB)
    room.say(ada, "cursors", {"anchor": 1, "head": 4, "revision": 0})
    await announced(manager)
    assert bob.heard("cursors")[-1] == {
        "kind": "moved",
        "revision": 0,
        "cursors": [
            {"session": "1", "client": "client-1", "anchor": 1, "head": 4,
             "user": {"id": "ada", "name": "Ada Lovelace", "color": "#1d4ed8"}}
        ],
    }
    room.say(bob, "cursors", {"anchor": 2, "revision": 0})
    await announced(manager)
    assert carets(ada) == carets(bob) == {"1": (1, 4), "2": (2, 2)}


async def test_a_newcomer_gets_carets_that_were_moved_through_every_edit(
    manager: PluginManager,
) -> None:
    room = FakeRoom(manager, "Hello")
    ada = room.join("1", ADA)
    room.say(ada, "cursors", {"anchor": 5, "head": 5, "revision": 0})
    await announced(manager)
    room.commit(Delta().insert("Say: "))
    room.commit(Delta().retain(10).insert("!"), client="somebody")
    room.commit(Delta().retain(10).insert(" Ada"), client=ada.client)
    await manager.told()
    bob = room.join("2", BOB)
    await announced(manager)
    (message,) = bob.heard("cursors")
    assert (message["kind"], message["revision"]) == ("cursors", 3)
    assert carets(bob) == {"1": (14, 14)}, "her own edit pushed her caret, that of others did not"


async def test_a_position_of_an_earlier_revision_is_moved_to_now(manager: PluginManager) -> None:
    room = FakeRoom(manager, "Hello")
    ada = room.join("1", ADA)
    await manager.told()
    room.commit(Delta().insert("123"))
    room.say(ada, "cursors", {"anchor": 2, "head": 2, "revision": 0})
    await announced(manager)
    assert ada.heard("cursors")[-1]["revision"] == 1
    assert carets(ada) == {"1": (5, 5)}


async def test_a_caret_that_moved_only_because_its_owner_typed_is_not_sent(
    manager: PluginManager,
) -> None:
    room = FakeRoom(manager, "Hello")
    ada, bob = room.join("1", ADA), room.join("2", BOB)
    room.say(ada, "cursors", {"anchor": 5, "head": 5, "revision": 0})
    await announced(manager)
    count = len(bob.heard("cursors"))
    room.commit(Delta().retain(5).insert("!"), client=ada.client)
    room.say(ada, "cursors", {"anchor": 6, "head": 6, "revision": 1})
    await announced(manager)
    assert len(bob.heard("cursors")) == count
    room.say(ada, "cursors", {"anchor": 0, "head": 6, "revision": 1})
    await announced(manager)
    assert carets(bob) == {"1": (0, 6)}


async def test_carets_that_move_together_are_told_together(manager: PluginManager) -> None:
    room = FakeRoom(manager, "Hello")
    sessions = [room.join(str(number)) for number in range(20)]
    await announced(manager)
    for position in range(5):
        for session in sessions:
            room.say(session, "cursors", {"anchor": position, "head": position, "revision": 0})
    await announced(manager)
    moved = [one for one in sessions[0].heard("cursors") if one["kind"] == "moved"]
    assert len(moved) == 1
    assert carets(sessions[0]) == {str(number): (4, 4) for number in range(20)}


async def test_a_caret_is_gone_when_its_owner_is(manager: PluginManager) -> None:
    room = FakeRoom(manager, "Hello")
    ada, bob, eve = room.join("1", ADA), room.join("2", BOB), room.join("3")
    for session in (ada, bob):
        room.say(session, "cursors", {"anchor": 1, "head": 1, "revision": 0})
    await announced(manager)
    room.leave(ada)
    room.say(bob, "cursors", {"anchor": None})
    await announced(manager)
    assert carets(eve) == {}
    gone = [one for one in eve.heard("cursors") if one["kind"] == "gone"]
    assert sorted(one["session"] for one in gone) == ["1", "2"]
    count = len(bob.heard("cursors"))
    room.say(bob, "cursors", {"anchor": None})
    await announced(manager)
    assert len(bob.heard("cursors")) == count, "it was gone before"


async def test_a_new_name_is_shown_at_the_caret(manager: PluginManager) -> None:
    room = FakeRoom(manager, "Hello")
    ada, bob = room.join("1", ADA), room.join("2", BOB)
    room.say(ada, "cursors", {"anchor": 1, "head": 1, "revision": 0})
    await announced(manager)
    for session in (ada, bob):
        session.user = User(session.user.id, "New", "#047857")
        manager.observer.changed(room, session)
    await announced(manager)
    (cursor,) = bob.heard("cursors")[-1]["cursors"]
    assert cursor["user"] == {"id": "ada", "name": "New", "color": "#047857"}


@pytest.mark.parametrize(
    "garbage",
    [
        None, 1, "x", [], {}, {"anchor": -1, "revision": 0}, {"anchor": 1.5, "revision": 0},
        {"anchor": 6, "head": 0, "revision": 0}, {"anchor": 0, "head": 10**30, "revision": 0},
        {"anchor": 0, "head": 0, "revision": 99}, {"anchor": 0, "head": "0", "revision": 0},
        {"anchor": 0, "head": 0, "revision": 0, "session": "2"},
    ],
)
async def test_garbage_is_ignored_with_a_line_in_the_log(
    manager: PluginManager, garbage: Any, caplog: pytest.LogCaptureFixture
) -> None:
    room = FakeRoom(manager, "Hello")
    ada = room.join("1")
    room.say(ada, "cursors", garbage)
    await announced(manager)
    assert "message from session 1 ignored" in caplog.text
    assert carets(ada) == {}


async def test_who_left_while_the_plugin_was_not_told_is_not_shown(
    manager: PluginManager,
) -> None:
    room = FakeRoom(manager, "Hello")
    ada, bob = room.join("1", ADA), room.join("2", BOB)
    for session in (ada, bob):
        room.say(session, "cursors", {"anchor": 1, "head": 1, "revision": 0})
    await announced(manager)
    del room.sessions["1"]
    eve = room.join("3")
    await announced(manager)
    assert carets(eve) == {"2": (1, 1)}


async def test_closing_a_document_in_the_middle_of_things_harms_nobody(
    manager: PluginManager,
) -> None:
    room = FakeRoom(manager, "Hello")
    ada = room.join("1")
    room.say(ada, "cursors", {"anchor": 1, "head": 1, "revision": 0})
    await manager.told()
    room.say(ada, "cursors", {"anchor": 2, "head": 2, "revision": 0})
    manager.observer.changed(room, ada)
    room.close()
    await announced(manager)
    assert the(manager, "cursors").changed == {}
    await manager.stop()
