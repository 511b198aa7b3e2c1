"""When a plugin commits something else than a client sent."""

from __future__ import annotations

import pytest

from collab.client.rewriting import correction
from collab.ot import Delta, document_type


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
    ],
)
def test_what_the_client_deleted_it_can_not_bring_back(sent: Delta, committed: Delta) -> None:
    assert correction(sent, committed) is None
