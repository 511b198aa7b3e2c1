"""Contents: edits in place, refusals that change nothing, chunks, copies, checksums."""

from __future__ import annotations

import random
import zlib
from typing import Any

import pytest

from collab.ot import Content, Delta, InvalidOperation, chunks, document_type, richtext, text
from collab.ot.canonical import canonical
from tests.ot.model import applied, items, text_of
from tests.ot.test_convergence import some_edit


def contents(delta: Delta) -> list[Content]:
    return [document_type(name).content(delta) for name in ("text", "richtext")]


@pytest.mark.parametrize(
    "operation",
    [
        Delta().retain(6),
        Delta().retain(5).delete(1),
        Delta().retain(6).insert("x"),
        Delta().delete(6),
        Delta().insert("x").retain(4).delete(1).retain(1).insert("y"),
        Delta().retain(2).insert("x"),
        Delta().retain(2).delete(1),
        Delta().retain(1).delete(1),
        Delta().retain(1).insert("x").delete(1),
        Delta().insert("x").retain(2).insert("y"),
        Delta().insert("x").retain(1).delete(1),
        Delta().insert("nul\0"),
        Delta().delete(1).retain(2).insert("nul\0"),
    ],
)
def test_what_does_not_fit_is_refused_and_changes_nothing(operation: Delta) -> None:
    start = Delta().insert("a😀bc")
    for content in contents(start):
        for what in (content.check, content.apply):
            with pytest.raises(InvalidOperation):
                what(operation)
        assert content.delta() == start
        assert content.length == 5
    styled = Delta().insert("a", {"b": 1}).insert("😀b", {"b": 2}).insert("c")
    rich = document_type("richtext").content(styled)
    with pytest.raises(InvalidOperation):
        rich.apply(operation)
    assert rich.delta() == styled


def test_errors_carry_both_numbers() -> None:
    content = document_type("text").content(Delta().insert("hello"))
    with pytest.raises(InvalidOperation, match=r"Position 7 is out of range .* of length 5"):
        content.apply(Delta().retain(7).insert("x"))
    with pytest.raises(InvalidOperation, match="is made of plain text only"):
        document_type("text").content(Delta().retain(1).insert("x"))
    with pytest.raises(InvalidOperation, match="is made of inserts only"):
        document_type("richtext").content(Delta().delete(1))
    with pytest.raises(InvalidOperation, match="no attributes and no embeds"):
        content.apply(Delta().insert({"image": "x"}))


def test_a_plain_retain_inside_a_pair_is_no_boundary() -> None:
    """[retain 1, insert] cuts nothing; that a retain passes a pair in two parts does not either."""
    content = document_type("richtext").content(Delta().insert("😀😀"))
    content.apply(Delta().retain(2).insert("x").retain(2).insert("y"))
    assert content.text() == "😀x😀y"
    with pytest.raises(InvalidOperation):
        content.apply(Delta().retain(1, {"b": True}))


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("name", ["text", "richtext"])
def test_a_check_says_what_applying_would(name: str) -> None:
    """Boundaries anywhere, half of them inside of characters or past the end."""
    refused = 0
    for seed in range(2000):
        random_ = random.Random(seed)
        content = document_type(name).content(Delta().insert("a😀\n" * random_.randint(0, 8)))
        delta = Delta()
        for _ in range(random_.randint(1, 4)):
            length = random_.randint(1, 6)
            match random_.randrange(4):
                case 0:
                    delta.insert(random_.choice(["x", "😀", "y\0"]))
                case 1:
                    delta.delete(length)
                case 2:
                    delta.retain(length, {"b": random_.choice([True, None])})
                case _:
                    delta.retain(length)
        outcomes = []
        for what in (content.check, content.copy().apply):
            try:
                what(delta)
            except InvalidOperation as error:
                outcomes.append(str(error))
            else:
                outcomes.append("fits")
        assert (outcomes[0] == "fits") == (outcomes[1] == "fits"), (seed, outcomes)
        refused += outcomes[0] != "fits"
    assert 200 < refused < 1950


@pytest.fixture
def small_chunks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Make chunks and blocks so small that every edit meets their borders."""
    limits = {
        "FILL": 8,
        "SMALL": 3,
        "LARGE": 16,
        "BLOCK_FILL": 4,
        "BLOCK_LARGE": 8,
        "GROUP": 2,
        "RUNS_FILL": 3,
        "RUNS_LARGE": 6,
        "RUNS_SMALL": 2,
    }
    for module in (chunks, text, richtext):
        for name, limit in limits.items():
            if hasattr(module, name):
                monkeypatch.setattr(module, name, limit)


@pytest.mark.usefixtures("small_chunks")
@pytest.mark.parametrize("name", ["text", "richtext"])
def test_chunks_and_blocks_divide_and_join(name: str) -> None:
    for seed in range(12):
        random_ = random.Random(seed)
        start = Delta().insert("ab😀\n" * random_.choice([0, 1, 60]))
        content: Any = document_type(name).content(start)
        model = items(start.ops)
        for step in range(60):
            if step % 20 == 19:  # nearly everything goes, or much comes
                size = content.length
                operation = Delta().insert("x😀" * 90) if seed % 2 else Delta().delete(size)
            else:
                operation = some_edit(random_, content, rich=name == "richtext")
            copy, before = content.copy(), content.delta()
            content.check(operation)
            assert content.delta() == before
            content.apply(operation)
            model = applied(model, operation.ops)
            assert content.text() == text_of(model), (seed, step)
            assert content.length == len(model)
            for block, sizes in zip(content._blocks, content._sizes_of, strict=True):
                assert list(map(content._size, block)) == sizes
                assert 0 < len(block) <= chunks.BLOCK_LARGE
                assert all(not content._large(chunk) for chunk in block)
            assert copy.delta() == before
            assert "".join(content.pieces()) == content.text()


def test_a_copy_shares_chunks_and_goes_its_own_way() -> None:
    for content in contents(Delta().insert("abc" * 10_000)):
        copy = content.copy()
        copy.apply(Delta().retain(3).insert("x"))
        content.apply(Delta().delete(3))
        assert copy.text() == "abcx" + "abc" * 9_999
        assert content.text() == "abc" * 9_999


def test_a_content_keeps_nothing_of_the_delta_it_was_made_of() -> None:
    delta = Delta().insert("a", {"b": 1})
    content = document_type("richtext").content(delta)
    delta.insert("more")
    content.apply(Delta().insert("x"))
    assert content.text() == "xa"
    assert delta.ops[1:] == [{"insert": "more"}]


def test_checksums_are_those_that_the_browser_computes() -> None:
    text_content, rich = contents(Delta().insert("a😀é" * 3000))
    assert text_content.checksum() == zlib.crc32(("a😀é" * 3000).encode("utf-16-le"))
    assert document_type("text").content().checksum() == 0
    rich.apply(Delta().insert({"image": {"é": 1, "a": 1.5}}, {"b": True, "a": "x\n\u2028\x1f"}))
    head = '[{"attributes":{"a":"x\\n\u2028\\u001f","b":true},"insert":{"image":{"a":1.5,"é":1}}}'
    body = f'{head},{{"insert":"{"a😀é" * 3000}"}}]'
    assert rich.checksum() == zlib.crc32(body.encode("utf-16-le"))


@pytest.mark.parametrize(
    ("value", "written"),
    [
        # As `JSON.stringify` writes them.
        (1.5, "1.5"),
        (-0.0, "0"),
        (100.25, "100.25"),
        (0.1, "0.1"),
        (1e-5, "0.00001"),
        (1.5e-6, "0.0000015"),
        (1e-7, "1e-7"),
        (1.25e-7, "1.25e-7"),
        (-2.5e-10, "-2.5e-10"),
        (1e16, "10000000000000000"),
        (123456789012345680000.0, "123456789012345680000"),
        (1e21, "1e+21"),
        (1.5e300, "1.5e+300"),
        (2.0**70, "1.1805916207174113e+21"),
        (2.0**69, "590295810358705700000"),
        (5e-324, "5e-324"),
        ('\x7f\u2028"\\\b', '"\x7f\u2028\\"\\\\\\b"'),
        ({"\ue000": 1, "😀": 2, "a": None}, '{"a":null,"😀":2,"\ue000":1}'),
        ([True, False, None, 0], "[true,false,null,0]"),
    ],
)
def test_there_is_one_spelling_of_json(value: Any, written: str) -> None:
    assert canonical(value) == written


@pytest.mark.parametrize("name", ["text", "richtext"])
def test_a_keystroke_in_a_long_document_touches_one_chunk(name: str) -> None:
    """Cost follows the edit: counted, not timed."""
    content: Any = document_type(name).content(Delta().insert("abcdefghij" * 100_000))
    before = [chunk for block in content._blocks for chunk in block]
    random_ = random.Random(1)
    for position in [random_.randrange(1_000_000) for _ in range(20)]:
        content.apply(Delta().retain(position).insert("x"))
    after = [chunk for block in content._blocks for chunk in block]
    kept = {id(chunk) for chunk in before}
    assert sum(id(chunk) not in kept for chunk in after) <= 20
    assert content.length == 1_000_020
