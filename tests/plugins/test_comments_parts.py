"""comments: what it is made of, each alone."""

from __future__ import annotations

import pytest
from collab.plugins.comments.annotated import annotated
from collab.plugins.comments.parcels import PARCEL, full, parcels
from collab.plugins.comments.returning import LONGEST, Returning, Trace
from collab.plugins.comments.texts import QUOTE, Unfit, clean, quotation
from collab.plugins.comments.wire import Comment, Placed, Resolution, Thread

from collab.ot import Delta
from collab.plugins.ranges import Range
from collab.protocol.messages import User

ADA = User("ada", "Ada", "#1d4ed8")
BOB = User("bob", "Bob", "#be123c")


def test_texts_are_plain() -> None:
    assert clean("  a\r\nb\x00 \n", 10) == "a\nb"
    with pytest.raises(Unfit, match="may have 1 characters, this one has 2"):
        clean("👋", 1)
    with pytest.raises(Unfit, match="nothing"):
        clean("\t\n", 10)


def test_quotations_count_as_browsers_do_and_are_short() -> None:
    text = Delta().insert("a👋b")
    assert quotation(text, 1, 3) == "👋"
    assert quotation(text, 3, 9) == "b"
    assert quotation(text, 2, 4) == "b", "no half characters"
    assert quotation(Delta().insert("x" * 900), 0, 900) == "x" * QUOTE + "…"
    rich = Delta([{"insert": "one "}, {"insert": {"image": "x"}}, {"insert": "two"}])
    assert quotation(rich, 2, 7) == "e tw"
    assert quotation(rich, 5, 8) == "two"
    assert quotation(Delta(), 0, 0) == ""


def thread(*texts: str, **more: object) -> Thread:
    comments = [Comment(number, ADA, 0.0, "k", text) for number, text in enumerate(texts, 1)]
    return Thread("quote\nof it", 0, comments, **more)  # the test's own


def test_a_text_is_annotated_behind_each_place() -> None:
    settled = thread("one\ntwo", resolved=Resolution(BOB, 1.0))
    deleted = Comment(1, ADA, 0.0, "k", deleted=True)
    lost = Thread("gone", 0, [deleted, Comment(2, BOB, 60.0, "k", "x")])
    placed = [Placed("a", 0, 6, settled), Placed("b", 2, 3, thread("in")), Placed("c", 4, 4, lost)]
    assert annotated("", "a👋bcdef", placed) == (
        "a👋[2]b[3]cd[1]ef\n\nComments on Untitled (times are UTC)\n"
        "\n[1] “quote of it”\n    1970-01-01 00:00 Ada: one\n        two\n    Resolved by Bob.\n"
        "\n[2] “quote of it”\n    1970-01-01 00:00 Ada: in\n"
        "\n[3] “gone” (this text was deleted)\n    1970-01-01 00:00 Ada (deleted)\n"
        "    1970-01-01 00:01 Bob: x\n"
    )
    assert annotated("T", "", [])[:1] == "\n"
    assert "x[1]" in annotated("T", "x", [Placed("a", 0, 99, settled)])


def test_parcels_hold_everything_and_are_not_too_large() -> None:
    assert list(parcels([])) == [[]]
    placed = [Placed(str(number), 0, 1, thread("x" * 5000)) for number in range(100)]
    made = list(parcels(placed))
    assert [one for parcel in made for one in parcel] == placed
    assert len(made) == -(-100 // (PARCEL // 5200))
    assert not full(thread(*["x" * 5000] * 5))
    assert full(thread(*["x" * 5000] * 20))


@pytest.mark.parametrize(
    ("edits", "quote", "found"),
    [
        # The range is [4, 7): "fox" in "The fox.".
        ([[{"retain": 4}, {"delete": 3}], [{"retain": 4}, {"insert": "fox"}]], "fox", (4, 7)),
        ([[{"retain": 4}, {"insert": "fox"}, {"delete": 3}]], "fox", (4, 7)),
        ([[{"delete": 8}], [{"insert": "A fox, the fox."}]], "fox", None),
        ([[{"delete": 8}], [{"insert": "A fox."}]], "fox", (2, 5)),
        ([[{"delete": 8}], [{"insert": "A fox."}], [{"delete": 3}]], "fox", None),
        ([[{"delete": 8}], [{"insert": "A fox."}], [{"delete": 2}]], "fox", (0, 3)),
        ([[{"delete": 8}], [{"insert": "👋 fox"}], [{"insert": "x"}]], "fox", (4, 7)),
        ([[{"delete": 8}], [{"insert": "f"}], [{"insert": "xx"}]], "f", None),
        ([[{"delete": 8}], [{"insert": "f"}]], "f", (0, 1)),
        ([[{"delete": 8}], [{"insert": {"image": "x"}}], [{"insert": "fox"}]], "fox", (0, 3)),
        ([[{"delete": 8}], [{"insert": "fox"}]], "", None),
        ([[{"retain": 4}, {"delete": 3}], [{"retain": 5}, {"insert": "fox"}]], "fox", None),
        ([[{"retain": 4}, {"delete": 3}], [{"insert": "fox "}]], "fox", None),
        ([[{"delete": 8}], [{"insert": "\u6600\u6f00"}]], "of", None),  # bytes, no characters
        ([[{"delete": 8}], [{"insert": "x" * LONGEST + "fox"}]], "fox", None),
    ],
)
def test_what_is_written_where_a_text_was(
    edits: list[list[dict[str, object]]], quote: str, found: tuple[int, int] | None
) -> None:
    trace = Trace(4, 7)
    for ops in edits:
        trace.follow(Delta(ops))
    assert trace.gone
    assert trace.find(quote) == found


def test_a_range_is_followed_as_pages_do() -> None:
    trace = Trace(4, 7)
    for ops in (
        [{"insert": "👋"}],
        [{"retain": 6}, {"insert": "a"}],
        [{"retain": 8}, {"insert": "b"}],
        [{"retain": 11}, {"insert": "c"}],
        [{"delete": 1}],
        [{"retain": 9}, {"delete": 9}],
        [{"retain": 99}, {"delete": 9}],
    ):
        trace.follow(Delta(ops))
    assert (trace.start, trace.end, trace.gone) == (6, 9, False)


def test_ranges_that_nobody_could_move_along_are_named() -> None:
    returning = Returning()
    assert returning.since(5) == 5
    returning.know(3, {"a": Range(4, 7, None), "b": Range(0, 2, None)})
    returning.know(4, {"b": Range(9, 9, None), "c": Range(1, 1, None)})
    assert returning.since(5) == 3
    away, back = Delta().retain(4).delete(3), Delta().retain(4).insert("fox")
    steps = [_Step(4, away), _Step(5, back), _Step(6, away)]
    now = {"a": Range(4, 7, None), "b": Range(0, 2, None), "c": Range(1, 1, None)}
    empty, strayed = returning.follow(5, now, steps)  # enough of one
    assert (set(empty), strayed) == ({"c"}, {"a"})
    assert returning.since(5) == 5
    assert returning.follow(5, now, [])[1] == set()


class _Step:
    def __init__(self, revision: int, delta: Delta) -> None:
        self.revision = revision
        self.delta = delta
