"""Our answers are quill-delta's, wherever quill-delta's are a model."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable
from typing import Any

import pytest

from collab.ot import Delta, InvalidOperation, attributes, document_type
from tests.ot.reading import same, vectors

Vector = dict[str, Any]


def built(ops: list[Vector], delta: Delta | None = None) -> Delta:
    """Make a delta by the builders, which take what is not in normal form."""
    delta = Delta() if delta is None else delta
    for op in ops:
        if "insert" in op:
            delta.insert(op["insert"], op.get("attributes"))
        elif "retain" in op:
            delta.retain(op["retain"], op.get("attributes"))
        else:
            delta.delete(op["delete"])
    return delta


def compose(v: Vector) -> bool:
    return same(Delta(v["a"]).compose(Delta(v["b"])).ops, v["out"])


def apply(v: Vector) -> bool:
    document, operation = Delta(v["doc"]), Delta(v["op"])
    content = document_type("richtext").content(document)
    content.apply(operation)
    out = document.compose(operation)
    return (
        same(out.ops, v["out"])
        and same(content.delta().ops, v["out"])
        and out.length() == content.length == v["len"]
        and operation.change_length() == v["len"] - document.length()
    )


def transform(v: Vector) -> bool:
    a, b = Delta(v["a"]), Delta(v["b"])
    if "out" in v:
        return same(a.transform(b, v["priority"]).ops, v["out"])
    return same(a.transform(b, True).ops, v["t1"]) and same(a.transform(b, False).ops, v["t0"])


def pos(v: Vector) -> bool:
    operation = Delta(v["op"])
    if "out" in v:
        return same(operation.transform_position(v["idx"], v["priority"]), v["out"])
    return all(
        [operation.transform_position(index, priority) for index in v["idx"]] == v[name]
        for priority, name in ((True, "p1"), (False, "p0"))
    )


def invert(v: Vector) -> bool:
    operation, document = Delta(v["op"]), Delta(v["doc"])
    inverted = operation.invert(document)
    return document.compose(operation).compose(inverted) == document and (
        v.get("cmp") == "semantic" or same(inverted.ops, v["out"])
    )


def diff(v: Vector) -> bool:
    a, b = Delta(v["a"]), Delta(v["b"])
    return same(a.compose(a.diff(b)).ops, b.ops)


def norm(v: Vector) -> bool:
    delta = built(v["in"])
    return same(delta.ops, v["out"]) and same(delta.chop().ops, v["chopped"])


def square(v: Vector) -> bool:
    document, a, b = Delta(v["doc"]), Delta(v["a"]), Delta(v["b"])
    return all(
        same(document.compose(first).compose(first.transform(second, priority)).ops, v["out"])
        for first, second, priority in ((a, b, True), (b, a, False))
    )


def chain(v: Vector) -> bool:
    document, whole = Delta(v["doc"]), Delta()
    content = document_type("richtext").content(document)
    for ops in v["ops"]:
        whole = whole.compose(Delta(ops))
        content.apply(Delta(ops))
    return (
        same(whole.ops, v["out"])
        and same(content.delta().ops, v["doc_out"])
        and same(document.compose(whole).ops, v["doc_out"])
    )


def session(v: Vector) -> bool:
    # The priority is the history's, not that of the ids.
    document = Delta(v["doc"])
    history: list[Delta] = []
    for sent, expected in zip(v["subs"], v["revs"], strict=True):
        operation = Delta(sent["op"])
        for earlier in history[sent["rev"] :]:
            operation = earlier.transform(operation, True)
        if not same(operation.ops, expected):
            return False
        history.append(operation)
        document = document.compose(operation)
    return same(document.ops, v["out"])


def build(v: Vector) -> bool:
    delta = built(v["start"])
    for name, *args in v["calls"]:
        if name == "push":
            built([args[0]], delta)
        else:
            getattr(delta, name)(*args)
    return same(delta.ops, v["out"])


CHECKS: dict[str, Callable[[Vector], bool]] = {
    "compose": compose,
    "apply": apply,
    "transform": transform,
    "pos": pos,
    "invert": invert,
    "diff": diff,
    "norm": norm,
    "square": square,
    "chain": chain,
    "session": session,
    "build": build,
    "chop": lambda v: same(built(v["in"]).chop().ops, v["out"]),
    "concat": lambda v: same(Delta(v["a"]).concat(Delta(v["b"])).ops, v["out"]),
    "slice": lambda v: same(Delta(v["in"]).slice(v.get("start") or 0, v.get("end")).ops, v["out"]),
    "length": lambda v: Delta(v["in"]).length() == v["out"],
    "changeLength": lambda v: Delta(v["in"]).change_length() == v["out"],
    "op.length": lambda v: built([v["in"]]).length() == v["out"],
    "attr.compose": lambda v: same(
        attributes.compose(v["a"], v["b"], v["keepNull"]), v["out"] or None
    ),
    "attr.transform": lambda v: same(
        attributes.transform(v["a"], v["b"], v["priority"]), v["out"] or None
    ),
    "attr.diff": lambda v: same(attributes.diff(v["a"], v["b"]), v["out"] or None),
}


def attr_invert(v: Vector) -> bool:
    out = attributes.invert(v["a"], v["b"])
    if v.get("cmp") != "semantic":
        return same(out, v["out"])
    before = {key: (v["b"] or {}).get(key) for key in v["a"] or {}}
    return same({**before, **out}, before)


CHECKS["attr.invert"] = attr_invert

NOT_OFFERED = {"eachLine"}


@pytest.mark.parametrize(("name", "least"), [("random", 25_850), ("hand", 190)])
def test_every_vector_is_met(name: str, least: int) -> None:
    met = 0
    wrong: dict[str, list[str]] = defaultdict(list)
    for v in vectors(name):
        if v.get("needs") or "err" in v or v["k"] in NOT_OFFERED:
            continue
        if CHECKS[v["k"]](v):
            met += 1
        else:
            wrong[v["k"]].append(v["id"])
    assert not wrong
    assert met >= least


def test_what_is_no_operation_is_refused() -> None:
    admitted = {
        "o-invalid-28": "an embed with two keys is a delta, but no type of document admits it",
        "o-invalid-34": "a plain retain at the end says nothing: normal form has none",
        "o-invalid-32": "attributes that are null are absent",
        "o-invalid-47": "attributes that are empty are absent",
        "o-invalid-48": "a null attribute of an insert is dropped",
    }
    for v in vectors("invalid"):
        content = document_type("richtext").content(Delta(v["doc"]))
        try:
            delta = Delta(v["op"])
            content.apply(delta)
        except InvalidOperation:
            assert v["id"] not in admitted, v
            assert same(content.delta().ops, v["doc"])
        else:
            assert v["id"] in admitted, v
    assert Delta([{"insert": "a", "attributes": {"bold": None}}]) == Delta([{"insert": "a"}])


def test_edges_follow_our_policy() -> None:
    seen: dict[str, int] = defaultdict(int)
    for v in vectors("edge"):
        seen[v["g"]] += 1
        if v["g"] == "noncanon":
            # Brought into normal form on entry, everything is as usual.
            assert CHECKS[v["k"]]({**v, **_normal(v)}), v["id"]
        elif v["g"] in ("split", "past") and v["k"] == "apply":
            document = Delta(v["doc"])
            content = document_type("richtext").content(document)
            with pytest.raises(InvalidOperation):
                content.apply(Delta(v["op"]))
            assert content.delta() == document
        elif v["g"] == "nullins" and v["k"] == "apply":
            out = Delta(v["doc"]).compose(Delta(v["op"]))
            assert all(None not in op.get("attributes", {}).values() for op in out.ops)
    assert set(seen) == {"split", "noncanon", "past", "nullins"}


def _normal(v: Vector) -> Vector:
    names = [name for name in ("out", "t0", "t1") if isinstance(v.get(name), list)]
    return {name: Delta(v[name]).ops for name in names}
