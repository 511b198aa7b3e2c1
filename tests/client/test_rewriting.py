"""When a plugin commits something else than a client sent."""

from __future__ import annotations

import random

import pytest

from collab.client.rewriting import correction
from collab.ot import Delta, document_type
from tests.ot.test_convergence import some_edit


@pytest.mark.parametrize(
    ("sent", "committed", "base", "text"),
    [
        (Delta().insert("abc"), Delta().insert("ABC"), "", "ABC"),
        (Delta().retain(2).insert("x"), Delta().retain(2).insert("x!"), "ab", "abx!"),
        (Delta().insert("x"), Delta(), "ab", "ab"),
        (Delta().delete(2), Delta().delete(2).insert("-"), "abc", "-c"),
        (Delta().retain(1).insert("x").delete(1), Delta().delete(2).insert("y"), "abc", "yc"),
        (Delta().insert("same"), Delta().insert("same"), "", "same"),
    ],
)
def test_the_difference_leads_from_one_to_the_other(
    sent: Delta, committed: Delta, base: str, text: str
) -> None:
    content = document_type("text").content(Delta().insert(base) if base else None)
    content.apply(sent)
    difference = correction(sent, committed)
    assert difference is not None
    content.apply(difference)
    assert content.text() == text


@pytest.mark.parametrize(
    ("sent", "committed"),
    [
        (Delta().delete(2), Delta().delete(1)),
        (Delta().delete(2), Delta()),
        (Delta().retain(2, {"bold": True}), Delta().retain(1, {"bold": True})),
        (Delta().retain(2, {"bold": True}), Delta().retain(2, {"italic": True})),
        (Delta().retain(2, {"bold": None}), Delta()),
    ],
)
def test_what_the_client_deleted_it_can_not_bring_back(sent: Delta, committed: Delta) -> None:
    assert correction(sent, committed) is None


BOLD = {"bold": True}


@pytest.mark.parametrize(
    ("sent", "committed"),
    [
        # A plugin corrects what was typed beside what was made bold.
        (
            Delta().retain(4, BOLD).insert("teh "),
            Delta().retain(4, BOLD).insert("the "),
        ),
        (Delta().retain(4, BOLD), Delta().retain(4, {"bold": 1})),
        (Delta().retain(4, BOLD), Delta().retain(4, {"bold": True, "italic": True})),
        (Delta().retain(4, BOLD), Delta().retain(2, BOLD).insert("!").retain(2, BOLD)),
        (Delta().retain(4, BOLD), Delta().delete(4)),
        (Delta().retain(4, BOLD), Delta().retain(1, BOLD).delete(2).retain(1, {"bold": None})),
        (Delta().retain(2).retain(2, {"bold": None}), Delta().retain(4, {"bold": None})),
        (Delta().delete(1).retain(3, BOLD), Delta().delete(1).retain(3, BOLD).insert("x")),
        (Delta().retain(4, BOLD), Delta().retain(6, BOLD)),
    ],
)
def test_what_was_formatted_is_corrected(sent: Delta, committed: Delta) -> None:
    base = Delta().insert("one ", {"italic": False}).insert("two")
    content, wanted = (document_type("richtext").content(base) for _ in range(2))
    content.apply(sent)
    wanted.apply(committed)
    difference = correction(sent, committed)
    assert difference is not None
    content.apply(difference)
    assert content.delta() == wanted.delta()


def test_a_format_that_is_as_it_was_sent_is_not_changed_again() -> None:
    """Otherwise it would take what was done to it meanwhile back."""
    sent, committed = Delta().retain(4, BOLD), Delta().retain(4, BOLD).insert("!")
    assert correction(sent, committed) == Delta().retain(4).insert("!")
    assert correction(sent, sent.slice()) == Delta()


def test_corrections_hold_for_any_edits() -> None:
    found = 0
    for seed in range(3000):
        random_ = random.Random(seed)
        base = Delta().insert("abcd", random_.choice([None, {"b": 1}])).insert("efgh😀")
        content, wanted = (document_type("richtext").content(base) for _ in range(2))
        sent = some_edit(random_, content, rich=True)
        if random_.random() < 0.5:
            committed = some_edit(random_, content, rich=True)
        else:
            content.apply(sent)
            committed = sent.compose(some_edit(random_, content, rich=True))
            content = document_type("richtext").content(base)
        content.apply(sent)
        wanted.apply(committed)
        difference = correction(sent, committed)
        if difference is not None:
            content.apply(difference)
            assert content.delta() == wanted.delta(), seed
            found += any("attributes" in op for op in sent.ops if "retain" in op)
    assert found > 100
