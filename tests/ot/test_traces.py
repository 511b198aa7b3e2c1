"""Recorded sessions of real people end in the text they ended in."""

from __future__ import annotations

import pytest

from collab.ot import Authority, Content, document_type
from tests.ot.traces import Replay, edit, replay, trace


@pytest.mark.parametrize(
    "name",
    [
        "sequential/automerge-paper",
        "sequential/seph-blog1",
        "sequential/sveltecomponent",
        "sequential/friendsforever_flat",
        "sequential/clownschool_flat",
        "derived/friendsforever_flat-astral",
        "derived/sveltecomponent-astral",
    ],
)
def test_a_sequential_trace_ends_in_its_text(name: str) -> None:
    recorded = trace(name)
    content = replay(recorded)
    text = recorded["endContent"]
    assert content.text() == text
    assert content.length == len(text.encode("utf-16-le")) // 2


@pytest.mark.parametrize(
    ("name", "seed"),
    [
        ("concurrent/clownschool", 1),
        ("concurrent/friendsforever", 1),
        ("concurrent/friendsforever", 2),
        ("derived/clownschool-astral", 3),
        ("derived/friendsforever-astral", 4),
    ],
)
def test_a_concurrent_trace_ends_in_its_text_for_everybody(name: str, seed: int) -> None:
    """The one tie in friendsforever puts the lower agent's insert on the left, as the ids do."""
    recorded = trace(name)
    contents = Replay(recorded, seed).run()
    assert {content.text() for content in contents} == {recorded["endContent"]}


def test_a_rich_text_takes_a_trace_as_a_text_does() -> None:
    recorded = trace("derived/sveltecomponent-astral")
    content: Content = document_type("richtext").content()
    authority = Authority(content, 0)
    for txn in recorded["txns"]:
        for patch in txn["patches"]:
            authority.apply("a", edit(patch))
    assert content.text() == recorded["endContent"]
    assert authority.oldest == 0
