"""Any JSON value becomes a normal delta, or an error that says what is wrong and where."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from collab.ot import Delta, InvalidOperation, document_type
from tests.ot.reading import same


def nested(depth: int) -> Any:
    value: Any = 1
    for _ in range(depth):
        value = [value]
    return value


@pytest.mark.parametrize(
    ("ops", "says"),
    [
        (None, "a list of operations, not null"),
        ("abc", "not a text"),
        ({"ops": []}, "not an object"),
        (7, "not 7"),
        ([None], "Element 0 is not an object but null"),
        ([{"insert": "a"}, [1]], "Element 1 is not an object but a list"),
        ([{}], "it has none"),
        ([{"attributes": {}}], "it has none"),
        ([{"insert": "a", "delete": 1}], "it has insert and delete"),
        ([{"insert": "a", "extra": 1}], "unknown key: 'extra'"),
        ([{"insert": ""}], "inserts an empty text"),
        ([{"insert": None}], "an insert is a text or an object with one key, not null"),
        ([{"insert": 5}], "not 5"),
        ([{"insert": ["a"]}], "not a list"),
        ([{"insert": {}}], "an embed has a key"),
        ([{"insert": "a\ud83d"}], "half a character (a lone surrogate, at character 1)"),
        ([{"insert": "\ud83d\ude00"}], "half a character"),
        ([{"insert": {"a": "\udc00"}}], "half a character"),
        ([{"insert": {"a\0": 1}}], "U+0000"),
        ([{"insert": "a", "attributes": {"k": ["\0"]}}], "U+0000"),
        ([{"retain": 0}], "a whole number from 1 to 2147483647, not 0"),
        ([{"retain": -1}], "not -1"),
        ([{"delete": 0}], "a delete is a whole number"),
        ([{"delete": 1.5}], "not 1.5"),
        ([{"retain": 2.0}], "not 2.0"),
        ([{"retain": True}], "not true"),
        ([{"delete": False}], "not false"),
        ([{"retain": "1"}], "not a text"),
        ([{"retain": 2**31}], "not 2147483648"),
        ([{"retain": 10**5000}], "more than 20 digits"),
        ([{"retain": 2**31 - 1}, {"retain": 1}, {"insert": "a"}], "add up to more than"),
        ([{"retain": {"image": []}}], "not an object"),
        ([{"delete": 1, "attributes": {"b": 1}}], "a delete has no attributes"),
        ([{"insert": "a", "attributes": "bold"}], "attributes are an object, not a text"),
        ([{"insert": "a", "attributes": ["b"]}], "attributes are an object, not a list"),
        ([{"retain": 1, "attributes": {"b": float("nan")}}], "no number in JSON"),
        ([{"retain": 1, "attributes": {"b": 2**53}}], "too large to be exact"),
        ([{"retain": 1, "attributes": {"b": nested(32)}}], "nested deeper than 32"),
        ([{"insert": {"b": nested(32)}}], "nested deeper than 32"),
        ([{"insert": {"b": {1: 2}}}], "a key of an object is a text, not 1"),
        ([{"insert": {"b": {1, 2}}}], "set is no JSON value"),
    ],
)
def test_it_is_refused_with_a_sentence(ops: Any, says: str) -> None:
    with pytest.raises(InvalidOperation, match=re.escape(says)):
        Delta(ops)


@pytest.mark.parametrize(
    ("ops", "normal"),
    [
        ([{"insert": "a", "attributes": None}], [{"insert": "a"}]),
        ([{"insert": "a", "attributes": {}}], [{"insert": "a"}]),
        ([{"delete": 1, "attributes": None}], [{"delete": 1}]),
        ([{"insert": "a", "attributes": {"b": None}}], [{"insert": "a"}]),
        ([{"retain": 1, "attributes": {"b": None}}], [{"retain": 1, "attributes": {"b": None}}]),
        ([{"insert": "a"}, {"insert": "b"}], [{"insert": "ab"}]),
        ([{"delete": 1}, {"insert": "a"}, {"delete": 2}], [{"insert": "a"}, {"delete": 3}]),
        ([{"retain": 1}, {"retain": 2}, {"delete": 1}], [{"retain": 3}, {"delete": 1}]),
        ([{"insert": "a"}, {"retain": 5}], [{"insert": "a"}]),
        ([{"retain": 5}], []),
        ([{"insert": {"b": 1.0}}], [{"insert": {"b": 1}}]),
        ([{"insert": {"b": nested(31)}}], [{"insert": {"b": nested(31)}}]),
    ],
)
def test_it_is_brought_into_normal_form(ops: Any, normal: Any) -> None:
    assert same(Delta(ops).ops, normal)
    assert same(Delta(tuple(ops)).ops, normal)


def test_true_is_not_one() -> None:
    one, true = ({"insert": "a", "attributes": {"b": value}} for value in (1, True))
    assert Delta([one]) != Delta([true])
    assert Delta([one, true]).ops == [one, true]
    assert Delta([one]) == Delta([{"insert": "a", "attributes": {"b": 1.0}}])


def test_a_delta_shares_nothing_with_what_it_was_made_of() -> None:
    style = {"k": [1]}
    ops = [{"insert": {"image": ["a"]}, "attributes": style}]
    delta = Delta(ops)
    built = Delta().insert("a", style).retain(1, style)
    before = json.dumps([delta.ops, built.ops])
    style["k"].append(2)
    delta.ops[0]["insert"]["image"].append("b")
    built.ops[0]["attributes"]["k"].append(3)
    assert json.dumps([delta.ops, built.ops]) == before


def test_builders_ignore_nothing_and_refuse_nonsense() -> None:
    assert Delta().insert("").retain(0).delete(0).insert("", {"b": 1}).empty
    for wrong in (True, 1.0, "1", 2**31, None):
        with pytest.raises(InvalidOperation):
            Delta().retain(wrong)  # that is the point
        with pytest.raises(InvalidOperation):
            Delta().delete(wrong)  # that is the point
    with pytest.raises(InvalidOperation):
        Delta().insert(5)  # that is the point
    with pytest.raises(InvalidOperation):
        Delta().insert("\ud800")
    builders: list[Any] = [Delta().insert, Delta().retain]
    for builder in builders:
        with pytest.raises(InvalidOperation, match="attributes are an object, not a text"):
            builder(1, "bold")


def test_many_small_parts_take_linear_time() -> None:
    """Joining neighbours one by one would copy the text again and again."""
    ops = [{"insert": "abcdefgh"}, {"delete": 1}] * 100_000
    assert Delta(ops).ops == [{"insert": "abcdefgh" * 100_000}, {"delete": 100_000}]


@pytest.mark.parametrize(
    ("type", "ops", "says"),
    [
        ("text", [{"insert": "a\0"}], "U+0000"),
        ("richtext", [{"insert": "a\0", "attributes": {"b": 1}}], "U+0000"),
        ("richtext", [{"insert": {"a": 1, "b": 2}}], "exactly one key"),
        ("text", [{"insert": {"a": 1}}], "no attributes and no embeds"),
        ("text", [{"insert": "a", "attributes": {"b": 1}}], "no attributes and no embeds"),
        ("text", [{"retain": 1, "attributes": {"b": None}}], "no attributes and no embeds"),
    ],
)
def test_a_type_says_what_it_does_not_admit(type: str, ops: Any, says: str) -> None:
    with pytest.raises(InvalidOperation, match=re.escape(says)):
        document_type(type).validate(Delta(ops))


def test_types_admit_what_is_theirs() -> None:
    document_type("text").validate(Delta().retain(3).insert("😀\n").delete(2))
    document_type("richtext").validate(
        Delta().retain(1, {"b": None}).insert({"image": "x"}).insert("a", {"b": True})
    )
    with pytest.raises(LookupError, match=r"There is no document type 'poem'; there are: .*text"):
        document_type("poem")


json_values = st.recursive(
    st.one_of(
        st.none(), st.booleans(), st.integers(), st.floats(allow_nan=True), st.text(max_size=3)
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=4),
        st.dictionaries(
            st.sampled_from(["insert", "retain", "delete", "attributes", "x"]), inner, max_size=3
        ),
    ),
    max_leaves=12,
)


@settings(max_examples=300, deadline=None)
@given(st.one_of(json_values, st.lists(json_values, max_size=4)))
def test_validation_is_total(value: Any) -> None:
    try:
        delta = Delta(value)
    except InvalidOperation:
        return
    assert Delta(delta.ops) == delta
    json.dumps(delta.ops, allow_nan=False, ensure_ascii=False).encode()


def test_what_a_delta_inserts_can_be_asked() -> None:
    delta = Delta().retain(3).insert("one\ntwo").delete(4)
    delta.insert("😀", {"bold": True}).insert({"image": "x"})
    for text in ("\n", "one\nt", "😀", ""):
        assert delta.inserts(text), text
    for text in ("x", "two😀", "😁"):
        assert not delta.inserts(text), text
    assert not Delta().delete(1).inserts("")
