"""Large edits leave in parts that the server takes."""

from __future__ import annotations

import json
from random import Random

import pytest

from collab.client.splitting import split
from collab.ot import Delta, document_type
from tests.simulation.edits import random_edit


def parts_of(delta: Delta, units: int, size: int) -> list[Delta]:
    parts = []
    rest: Delta | None = delta
    while rest is not None:
        first, rest = split(rest, units, size)
        parts.append(first)
        assert len(parts) < 10_000
    return parts


def units(delta: Delta) -> int:
    return sum(
        len(op["insert"].encode("utf-16-le")) // 2 if isinstance(op["insert"], str) else 1
        for op in delta.ops
        if "insert" in op
    )


def test_what_fits_is_left_whole() -> None:
    delta = Delta().retain(3).insert("abc").delete(1)
    assert split(delta, 3, 1000) == (delta, None)


def test_parts_are_within_bounds_and_add_up() -> None:
    delta = Delta().retain(5).delete(2).insert("x" * 1000).retain(3).insert("y" * 10).delete(1)
    parts = parts_of(delta, 64, 200)
    composed = parts[0]
    for part in parts[1:]:
        composed = composed.compose(part)
    assert composed == delta
    assert all(units(part) <= 64 for part in parts)
    assert all(len(json.dumps(part.ops)) <= 200 for part in parts)


def test_escapes_count_as_the_bytes_they_take() -> None:
    parts = parts_of(Delta().insert("\x01" * 1000), 10_000, 600)
    assert all(len(json.dumps(part.ops)) <= 600 for part in parts)


def test_a_surrogate_pair_is_never_cut() -> None:
    parts = parts_of(Delta().insert("😀" * 50), 7, 10_000)
    assert [units(part) for part in parts[:-1]] == [6] * (len(parts) - 1)


def test_limits_too_small_for_anything_still_make_progress() -> None:
    delta = Delta().insert("😀a").insert({"image": "x" * 100}).retain(4, {"bold": True})
    parts = parts_of(delta, 1, 10)
    composed = parts[0]
    for part in parts[1:]:
        composed = composed.compose(part)
    assert composed == delta


@pytest.mark.parametrize("seed", range(50))
def test_any_edit_is_the_sum_of_its_parts(seed: int) -> None:
    random = Random(seed)
    kind = document_type("richtext")
    content = kind.content(Delta().insert("The cat 😀 sat.\n" * 3))
    delta = Delta()
    after = content.copy()
    for _ in range(10):
        edit = random_edit(random, after, rich=True)
        after.apply(edit)
        delta = delta.compose(edit)
    for part in parts_of(delta, random.choice((1, 3, 20)), random.choice((60, 200))):
        content.apply(part)
    assert content.delta() == after.delta()


def test_a_part_has_half_as_many_parts_as_may_be_sent() -> None:
    delta = Delta()
    for _ in range(50):
        delta.retain(1).insert("x").delete(1)
    parts: list[Delta] = []
    rest: Delta | None = delta
    while rest is not None:
        first, rest = split(rest, 1000, 10_000, 8)
        parts.append(first)
        assert len(first.ops) <= 5
    whole = parts[0]
    for part in parts[1:]:
        whole = whole.compose(part)
    assert whole == delta
