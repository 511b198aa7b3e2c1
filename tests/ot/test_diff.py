"""The smallest edit, or a right one in bounded time."""

from __future__ import annotations

import random
import re

import pytest

from collab.ot import Delta, InvalidOperation, document_type
from collab.ot.matching import matches
from tests.simulation.edits import random_edit


def longest_common(a: str, b: str) -> int:
    """Return the length of the longest common subsequence, by the textbook."""
    before = [0] * (len(b) + 1)
    for x in a:
        now = [0]
        for j, y in enumerate(b):
            now.append(max(now[-1], before[j + 1], before[j] + (x == y)))
        before = now
    return before[-1]


def some_text(random_: random.Random) -> str:
    return "".join(
        random_.choices(random_.choice(["ab", "abc\n", "abcdefg"]), k=random_.randint(0, 25))
    )


def test_it_is_the_smallest() -> None:
    random_ = random.Random(7)
    for _ in range(1500):
        a, b = some_text(random_), some_text(random_)
        found = matches(a, b)
        at = (0, 0)
        for i, j, count in found:
            assert count > 0 and i >= at[0] and j >= at[1] and a[i : i + count] == b[j : j + count]
            at = (i + count, j + count)
        assert sum(count for _, _, count in found) == longest_common(a, b), (a, b)


def test_it_is_right_on_any_budget() -> None:
    random_ = random.Random(8)
    for _ in range(1500):
        a, b = some_text(random_), some_text(random_)
        at = (0, 0)
        for i, j, count in matches(a, b, budget=random_.randint(0, 80)):
            assert count > 0 and i >= at[0] and j >= at[1] and a[i : i + count] == b[j : j + count]
            at = (i + count, j + count)


@pytest.mark.parametrize(
    ("a", "b", "ops"),
    [
        ("abc", "abc", []),
        ("", "x", [{"insert": "x"}]),
        ("the cat sat", "the hat sat", [{"retain": 4}, {"insert": "h"}, {"delete": 1}]),
        ("a" * 50 + "b", "a" * 49 + "b", [{"retain": 49}, {"delete": 1}]),
        # U+1F600 and U+1F601 have the first half in common, U+1F600 and U+1FA00 the second.
        ("x😀y", "x😁y", [{"retain": 1}, {"insert": "😁"}, {"delete": 2}]),
        ("x😀y", "x\U0001fa00y", [{"retain": 1}, {"insert": "\U0001fa00"}, {"delete": 2}]),
        ("😀😀", "😀", [{"retain": 2}, {"delete": 2}]),
    ],
)
def test_examples(a: str, b: str, ops: list[dict[str, object]]) -> None:
    assert Delta().insert(a).diff(Delta().insert(b)).ops == ops


def test_attributes_and_embeds_are_compared_too() -> None:
    a = Delta().insert("ab", {"b": True}).insert({"image": "x"}).insert("cd")
    b = Delta().insert("a", {"b": True}).insert("b", {"b": 1}).insert({"image": "x"}, {"w": 3})
    assert a.diff(b).ops == [
        {"retain": 1},
        {"retain": 1, "attributes": {"b": 1}},
        {"retain": 1, "attributes": {"w": 3}},
        {"delete": 2},
    ]
    other = Delta().insert("ab", {"b": True}).insert({"image": "y"}).insert("cd")
    assert a.diff(other).ops == [{"retain": 2}, {"insert": {"image": "y"}}, {"delete": 1}]


def test_only_documents_can_be_compared() -> None:
    for a, b in ((Delta().retain(1).insert("a"), Delta()), (Delta(), Delta().delete(1))):
        with pytest.raises(InvalidOperation, match=re.escape("Only two documents")):
            a.diff(b)


def test_long_texts_keep_the_lines_they_have_in_common() -> None:
    """Too different for the smallest edit: lines are matched, so that most of the text stays."""
    random_ = random.Random(9)
    lines = ["".join(random_.choices("abcdefgh ", k=60)) + "\n" for _ in range(3000)]
    changed = [
        line if random_.random() < 0.9 else "".join(random_.choices("abcdefgh ", k=60)) + "\n"
        for line in lines
    ]
    a, b = Delta().insert("".join(lines)), Delta().insert("".join(changed))
    change = a.diff(b)
    assert a.compose(change) == b
    assert sum(op.get("delete", 0) for op in change.ops) < 3000 * 61 * 0.2


def test_texts_with_nothing_in_common_are_replaced() -> None:
    random_ = random.Random(10)
    a, b = (Delta().insert("".join(random_.choices("abcde\n", k=100_000))) for _ in range(2))
    assert a.compose(a.diff(b)) == b


@pytest.fixture
def trimmed(monkeypatch: pytest.MonkeyPatch) -> None:
    """Documents of any length are compared as long ones are."""
    monkeypatch.setattr("collab.ot.diff.LARGE", 0)
    monkeypatch.setattr("collab.ot.trimming.STEP", 3)


@pytest.mark.usefixtures("trimmed")
@pytest.mark.parametrize("finest", [0, 10, 1000])
def test_long_documents_are_compared_without_what_they_have_in_common(
    finest: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("collab.ot.diff.FINEST", finest)
    for seed in range(300):
        random_ = random.Random(seed)
        content = document_type("richtext").content(Delta().insert("ab😀😁a\nb" * 3))
        for _ in range(10):
            content.apply(random_edit(random_, content, rich=True))
        before = content.delta()
        for _ in range(random_.randrange(4)):
            content.apply(random_edit(random_, content, rich=True))
        after = content.delta()
        assert before.compose(before.diff(after)) == after, seed
        assert before.diff(before).empty


@pytest.mark.usefixtures("trimmed")
def test_no_character_is_cut_where_long_documents_begin_to_differ() -> None:
    before, after = Delta().insert("aa😀bb"), Delta().insert("aa😁bb")
    assert before.diff(after).ops == [{"retain": 2}, {"insert": "😁"}, {"delete": 2}]
    one, two = Delta().insert("x\U0001f600y"), Delta().insert("x\U0001fa00y")  # equal second halves
    assert one.compose(one.diff(two)) == two
