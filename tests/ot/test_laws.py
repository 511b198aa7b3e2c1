"""What holds for every document and every operation, on generated ones."""

from __future__ import annotations

import pickle

from hypothesis import given, settings
from hypothesis import strategies as st

from collab.ot import Authority, Delta, document_type
from tests.ot.model import applied, items, text_of
from tests.ot.reading import same
from tests.ot.strategies import chains, documents, operations, squares

many = settings(max_examples=150, deadline=None)


@many
@given(chains())
def test_applying_is_what_the_model_says(case: tuple[Delta, list[Delta]]) -> None:
    document, chain = case
    content = document_type("richtext").content(document)
    model = items(document.ops)
    for operation in chain:
        model = applied(model, operation.ops)
        content.apply(operation)
        assert same([list(item) for item in items(content.delta().ops)], [list(i) for i in model])
    assert content.text() == text_of(model) == "".join(content.pieces())
    assert content.length == len(model)


@many
@given(chains(rich=False))
def test_plain_text_is_what_the_model_says(case: tuple[Delta, list[Delta]]) -> None:
    document, chain = case
    content = document_type("text").content(document)
    rich = document_type("richtext").content(document)
    model = items(document.ops)
    for operation in chain:
        model = applied(model, operation.ops)
        content.apply(operation)
        rich.apply(operation)
        assert content.text() == text_of(model)
        assert content.length == len(model)
        assert rich.delta() == content.delta()


@many
@given(chains())
def test_composing_is_applying_one_after_another(case: tuple[Delta, list[Delta]]) -> None:
    document, (a, b, c) = case
    model = applied(applied(items(document.ops), a.ops), b.ops)
    both = a.compose(b)
    assert same([list(i) for i in applied(items(document.ops), both.ops)], [list(i) for i in model])
    assert both.compose(c) == a.compose(b.compose(c))
    assert document.compose(both) == document.compose(a).compose(b)
    assert document.compose(both).length() == document.length() + both.change_length()


@many
@given(squares(), st.booleans())
def test_two_ways_round_the_square_meet(case: tuple[Delta, Delta, Delta], first: bool) -> None:
    document, a, b = case
    b_after_a, a_after_b = a.transform(b, first), b.transform(a, not first)
    assert document.compose(a).compose(b_after_a) == document.compose(b).compose(a_after_b)
    start = items(document.ops)
    left = applied(applied(start, a.ops), b_after_a.ops)
    right = applied(applied(start, b.ops), a_after_b.ops)
    assert same([list(i) for i in left], [list(i) for i in right])


@many
@given(chains())
def test_inverting_undoes(case: tuple[Delta, list[Delta]]) -> None:
    document, chain = case
    for operation in chain:
        after = document.compose(operation)
        assert after.compose(operation.invert(document)) == document
        document = after


@many
@given(squares(), st.booleans())
def test_positions_move_as_inserts_do(case: tuple[Delta, Delta, Delta], first: bool) -> None:
    """A position with priority stays before an insert there, as an insert does that goes first."""
    document, a, _ = case
    for position in range(document.length() + 1):
        marked = a.transform(Delta().retain(position).insert("|"), not first)
        moved = a.transform_position(position, first)
        assert marked == Delta().retain(moved).insert("|")


@many
@given(documents(), documents())
def test_a_diff_makes_one_document_into_the_other(a: Delta, b: Delta) -> None:
    change = a.diff(b)
    assert a.compose(change) == b
    content = document_type("richtext").content(a)
    content.apply(change)  # which refuses to cut a pair
    assert content.delta() == b
    assert a.diff(a) == Delta()


@many
@given(chains(), st.data())
def test_what_is_written_is_read_back(case: tuple[Delta, list[Delta]], data: st.DataObject) -> None:
    document, chain = case
    for delta in [document, *chain]:
        assert Delta(delta.ops) == delta
        assert same(Delta(delta.ops).ops, delta.ops)
        assert pickle.loads(pickle.dumps(delta)) == delta
    cuts = [0]
    for op in document.ops:
        content = op["insert"]
        for character in content if isinstance(content, str) else " ":
            cuts.append(cuts[-1] + 1 + (ord(character) > 0xFFFF))
    cut = data.draw(st.sampled_from(cuts))
    assert document.slice(0, cut).concat(document.slice(cut)) == document
    assert same(
        [list(i) for i in items(document.slice(cut).ops)],
        [list(i) for i in items(document.ops)[cut:]],
    )


@many
@given(st.data())
def test_the_quick_walk_of_the_authority_is_the_general_one(data: st.DataObject) -> None:
    document = data.draw(documents(rich=data.draw(st.booleans())))
    authority = Authority(document_type("richtext").content(document), 0)
    mine = data.draw(operations(document))
    expected = mine
    for number in range(data.draw(st.integers(1, 6))):
        operation = data.draw(operations(authority.content.delta()))
        client = data.draw(st.sampled_from(["a", "m", "z"]))
        authority.apply(client, operation)
        expected = operation.transform(expected, client < "n")
        assert authority.transform(0, "n", mine) == expected
        assert authority.revision == number + 1
