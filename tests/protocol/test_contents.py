"""Contents read and written a little at a time: the same as in one go, within bounds."""

from __future__ import annotations

import json
from random import Random
from typing import Any

import msgspec
import pytest

from collab.ot import Delta, document_type
from collab.protocol import slices
from collab.protocol.contents import (
    Bounds,
    decoded,
    encoded,
    encoded_delta,
    encoded_text,
    read_content,
    read_text,
    read_with_content,
    stored_content,
    texts,
)
from collab.protocol.errors import CollabError

BOUNDS = Bounds(1_000_000, 10_000)
ALPHABET = [
    "a", "é", "中", "😀", "\n", '"', "\\", "\x01", "\u2028", "{", "}", "[", "]", ",",
    "👨‍👩‍👧",
]


@pytest.fixture(params=[7, 16, 64 * 1024])
def window(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> int:
    """How much is looked at in one go: little, so that everything is cut everywhere."""
    monkeypatch.setattr(slices, "WINDOW", max(request.param, 16))
    monkeypatch.setattr("collab.protocol.contents.PIECE", request.param)
    monkeypatch.setattr("collab.protocol.contents.WINDOW", request.param)
    size: int = request.param
    return size


def some_text(random: Random, most: int = 40) -> str:
    return "".join(random.choice(ALPHABET) for _ in range(random.randrange(1, most)))


def some_ops(random: Random) -> list[dict[str, Any]]:
    ops: list[dict[str, Any]] = []
    for _ in range(random.randrange(1, 30)):
        op: dict[str, Any] = {"insert": some_text(random)}
        if random.random() < 0.2:
            op = {"insert": {"image": {"deep": [1, {"deeper": [[some_text(random)]]}]}}}
        if random.random() < 0.5:
            op["attributes"] = {"bold": True, "link": some_text(random), "list": [{"a": [1.5]}]}
        if random.random() < 0.3:
            op = dict(reversed(op.items()))
        ops.append(op)
    return ops


@pytest.mark.parametrize("indent", [None, 1])
@pytest.mark.parametrize("ascii", [True, False])
def test_what_is_read_is_what_a_decoder_reads(
    window: int, indent: int | None, ascii: bool
) -> None:
    for seed in range(60):
        ops = some_ops(Random(seed))
        data = json.dumps(ops, indent=indent, ensure_ascii=ascii).encode()
        assert read_content(data, BOUNDS) == Delta(ops), seed
        assert stored_content(data) == Delta(ops), seed
        whole = json.dumps(
            {"title": "x", "content": ops, "type": "richtext"}, indent=indent, ensure_ascii=ascii
        ).encode()
        fields, content = read_with_content(whole, BOUNDS)
        assert (fields, content) == ({"title": "x", "type": "richtext"}, Delta(ops)), seed


@pytest.mark.parametrize("ascii", [True, False])
def test_a_text_is_read_as_a_decoder_reads_it(window: int, ascii: bool) -> None:
    for seed in range(60):
        text = some_text(Random(seed), 300)
        data = json.dumps(text, ensure_ascii=ascii).encode()
        assert read_text(data, BOUNDS) == text
        assert read_content(data, BOUNDS) == Delta().insert(text)
        assert encoded_text(text) == text.encode()
        for charset in ("utf-8", "utf-16"):
            assert decoded(text.encode(charset), charset, BOUNDS) == text


def test_what_is_written_is_what_an_encoder_writes(window: int) -> None:
    for seed in range(60):
        delta = Delta(some_ops(Random(seed)))
        plain = Delta().insert(some_text(Random(seed), 300))
        for kind, content in (("richtext", delta), ("text", plain)):
            made = document_type(kind).content(content)
            assert encoded(made) == msgspec.json.encode(content.ops), seed
            assert b"".join(texts(made)).decode() == made.text()
        change = Delta().retain(3).concat(delta).concat(Delta().delete(2).retain(1, {"bold": None}))
        assert encoded_delta(change) == msgspec.json.encode(change.ops), seed


def test_a_long_document_in_chunks_is_written_as_one_text() -> None:
    content = document_type("richtext").content(
        Delta().insert("a😀" * 10_000, {"bold": True}).insert("b" * 10_000)
    )
    assert encoded(content) == msgspec.json.encode(content.delta().ops)
    assert encoded(document_type("text").content()) == b"[]"
    assert content.part_count() >= 2


@pytest.mark.parametrize(
    "data",
    [b"[", b"[}", b"[{]", b"[,]", b'[{"insert":"a"},]', b'[{"insert":"a"}', b'[{"insert":"a"}]x',
     b'"', b'"a', b'"\\', b'"\\u12', b'"\\ud800"', b'"\\udc00\\ud800"', b'"\\x"', b"", b" ",
     b'[{"insert":"a",}]', b'[{"insert" "a"}]', b'[{insert:1}]', b'"\xff"', b'"\xc3"',
     b"[" * 100_000, b'[{"insert":{"a":' + b"[" * 100 + b"]" * 100 + b"}}]",
     b'[{"insert":"a"}' + b' ' * 100_000 + b"}"],
)  # fmt: skip
def test_what_is_no_json_is_refused_by_name(data: bytes) -> None:
    for read in (read_content, read_text):
        with pytest.raises(CollabError) as refused:
            read(data, BOUNDS)
        assert refused.value.code.code in ("bad_json", "bad_operation"), data[:40]
    with pytest.raises(CollabError):
        read_with_content(b'{"content":' + data + b"}", BOUNDS)


@pytest.mark.parametrize(
    ("data", "bounds"),
    [
        (b'"' + b"a" * 11 + b'"', Bounds(10, 10)),
        (b'[{"insert":"' + b"a" * 11 + b'"}]', Bounds(10, 10)),
        ("😀".join(["", *["a"] * 6, '"']).encode().replace(b"\xf0", b'"\xf0', 1), Bounds(10, 10)),
        (b"[" + b",".join([b'{"insert":{"a":1}}'] * 11) + b"]", Bounds(1000, 10)),
        (b"[" + b",".join([b'{"insert":"a"}'] * 200_000) + b"]", Bounds(1_000_000, 1000)),
    ],
)
def test_too_much_is_refused_while_it_is_read(data: bytes, bounds: Bounds) -> None:
    with pytest.raises(CollabError) as refused:
        read_content(data, bounds)
    assert refused.value.code.code == "document_too_large"


def test_nothing_and_null_are_no_content() -> None:
    assert read_with_content(b'{"title": "x"}', BOUNDS) == ({"title": "x"}, None)
    assert read_with_content(b' {"content" : null } ', BOUNDS) == ({}, None)
    assert read_with_content(b"{}", BOUNDS) == ({}, None)
    assert read_with_content(b'{"content": []}', BOUNDS) == ({}, Delta())
