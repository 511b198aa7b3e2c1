"""Positions move with the text, whenever they are looked at."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from collab.ot import Delta
from collab.plugins.positions import OutOfReach, Positions, Track

LETTERS = st.text("ab\U0001f600", min_size=1, max_size=3)


def delta(at: int, insert: str, delete: int) -> Delta:
    return Delta().retain(at).insert(insert).delete(delete)


STEPS = st.lists(
    st.tuples(
        st.sampled_from("xyz"),
        st.builds(delta, st.integers(0, 30), LETTERS, st.integers(0, 4)),
        st.booleans(),
    ),
    max_size=40,
)


@given(STEPS, st.integers(0, 40), st.sampled_from("xyz"))
def test_reading_late_gives_what_reading_always_gives(
    steps: list[tuple[str, Delta, bool]], index: int, owner: str
) -> None:
    track = Track(7, catch_up=4)
    positions = Positions(track, lambda: 1000)
    positions.set("held", index, owner=owner)
    eager = index
    for client, change, look in steps:
        track.extend([client], [change])
        eager = change.transform_position(eager, client != owner)
        if look:
            assert positions.get("held") == (eager,)
    assert positions.get("held") == (eager,)
    assert positions.revision == 7 + len(steps)
    assert track.revision - track.oldest <= 8


def test_an_insert_at_a_position_pushes_its_owner_only() -> None:
    track = Track(0)
    positions = Positions(track, lambda: 1000)
    positions.set("ada", 3, 3, owner="a")
    positions.set("bob", 3, 5, owner="b")
    track.extend(["a"], [Delta().retain(3).insert("xy")])
    assert dict(positions.items()) == {"ada": (5, 5), "bob": (3, 7)}


def test_a_position_of_an_earlier_revision_is_brought_up_to_date() -> None:
    track = Track(0)
    positions = Positions(track, lambda: 1000)
    track.extend(["a", "a"], [Delta().insert("12"), Delta().insert("3")])
    assert positions.set("x", 4, revision=1) == (5,)
    assert positions.set("y", 4, revision=2) == (4,)
    assert positions.set("z", 4, revision=0) == (7,)


def test_a_revision_that_is_not_remembered_or_not_there_yet_is_out_of_reach() -> None:
    track = Track(10, catch_up=2)
    positions = Positions(track, lambda: 1000)
    for _ in range(6):
        track.extend(["a"], [Delta().insert("1")])
    assert (track.oldest, track.revision) == (13, 16)
    for revision in (12, 17):
        with pytest.raises(OutOfReach, match=rf"Revision {revision} .* 13 to 16"):
            positions.set("x", 0, revision=revision)
    assert "x" not in positions and positions.get("x") is None


def test_what_is_forgotten_is_gone() -> None:
    positions = Positions(Track(0), lambda: 1000)
    positions.set("x", 1)
    assert len(positions) == 1 and "x" in positions
    assert positions.discard("x") and not positions.discard("x")
    assert list(positions.items()) == []


def test_a_position_outside_of_the_document_is_refused_and_the_one_before_stays() -> None:
    track = Track(0)
    positions = Positions(track, lambda: 5)
    assert positions.set("x", 0, 5) == (0, 5)
    for outside in (-1, 6):
        with pytest.raises(ValueError, match=f"osition {outside}"):
            positions.set("x", 0, outside)
    track.extend(["a"], [Delta().insert("12")])  # the document had 3 before
    assert positions.set("y", 3, revision=0) == (5,)
    with pytest.raises(ValueError, match="Position 6 is out of range in a document of 5"):
        positions.set("z", 4, revision=0)
    assert positions.get("x") == (0, 7) and "z" not in positions
