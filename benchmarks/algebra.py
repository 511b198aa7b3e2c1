"""How fast the algebra is on the machine at hand: `python -m benchmarks.algebra`.

Medians of several runs on one thread. The traces are read from the shared folder beside the
repository (or COLLAB_SHARED), and left out when it is not there.
"""

from __future__ import annotations

import gzip
import json
import os
import random
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

from collab.ot import Authority, Delta, document_type

RUNS = 7
SHARED = Path(os.environ.get("COLLAB_SHARED") or Path(__file__).parents[2] / "shared")
TRACES = ("automerge-paper", "seph-blog1", "sveltecomponent", "friendsforever_flat")

Row = dict[str, Any]


def measure() -> list[Row]:
    """Run everything; return rows of `name`, `value` and `unit`, and `note` where one is due."""
    rows = [*_operations(), *_authority(), *_traces()]
    for name in ("text", "richtext"):
        rows += _keystrokes(name)
    return rows


def _seconds(action: Callable[[], object], runs: int = RUNS) -> float:
    """Return the median of how long an action takes."""
    taken = []
    for _ in range(runs):
        start = time.perf_counter()
        action()
        taken.append(time.perf_counter() - start)
    return statistics.median(taken)


def _row(name: str, value: float, unit: str, note: str = "") -> Row:
    return {"name": name, "value": round(value, 3), "unit": unit, "note": note}


def _edits(random_: random.Random, count: int, span: int) -> list[Delta]:
    """Return small edits as people make them: three quarters inserts, a quarter deletes."""
    return [
        Delta().retain(random_.randint(1, span)).delete(random_.randint(1, 2))
        if random_.random() < 0.25
        else Delta().retain(random_.randint(1, span)).insert("x")
        for _ in range(count)
    ]


def _operations() -> list[Row]:
    edits = _edits(random.Random(1), 300, 1000)
    wire = [edit.ops for edit in edits] * 100
    parsed = [Delta(ops) for ops in wire]

    def transform() -> None:
        for a in edits:
            run = a.transform
            for b in edits:
                run(b, True)

    def compose() -> None:
        for a in edits:
            run = a.compose
            for b in edits:
                run(b)

    def apply() -> None:
        content = document_type("text").content(Delta().insert("abcdefgh" * 10_000))
        for edit in parsed:
            content.apply(edit)

    def parse() -> None:
        for ops in wire:
            Delta(ops)

    def write() -> None:
        for delta in parsed:
            delta.ops  # noqa: B018 (a property that does the work)

    def build() -> None:
        for position in range(1, 30_001):
            Delta().retain(position).insert("x")

    squared, many = len(edits) ** 2, len(wire)
    return [
        _row("transform", squared / _seconds(transform), "1/s", "small edits, any two"),
        _row("compose", squared / _seconds(compose), "1/s", "small edits, any two"),
        _row("apply", many / _seconds(apply), "1/s", "small edits in 80 KB of text"),
        _row("parse", many / _seconds(parse), "1/s", "Delta(ops) of small edits"),
        _row("write", many / _seconds(write), "1/s", "Delta.ops of small edits"),
        _row("build", 30_000 / _seconds(build), "1/s", "Delta().retain(p).insert('x')"),
    ]


def _authority() -> list[Row]:
    edits = _edits(random.Random(2), 250, 10_000)
    authority = Authority(document_type("text").content(Delta().insert("a" * 20_000)), 0)
    for number, edit in enumerate(edits[:49]):
        authority.apply(f"client-{number:02}", edit)

    def transform() -> None:
        for edit in edits:
            authority.transform(0, "client-25", edit)

    seconds = _seconds(transform) / len(edits)
    return [
        _row("order", 1 / seconds, "1/s", "Authority.transform over 49 concurrent edits"),
        _row("order, one step", seconds / 49 * 1e9, "ns"),
    ]


def _traces() -> list[Row]:
    rows = []
    for name in TRACES:
        path = SHARED / "corpus" / "traces" / "sequential" / f"{name}.json.gz"
        if not path.exists():
            continue
        with gzip.open(path) as packed:
            trace = json.load(packed)
        patches = [patch for txn in trace["txns"] for patch in txn["patches"]]

        def replay(start: str = trace["startContent"], patches: list[Any] = patches) -> str:
            content = document_type("text").content(Delta().insert(start))
            for position, deleted, inserted in patches:
                content.apply(Delta().retain(position).insert(inserted).delete(deleted))
            return content.text()

        if replay() != trace["endContent"]:
            raise AssertionError(f"The trace {name} did not end in its text.")
        rows.append(_row(f"trace {name}", _seconds(replay, 3), "s", f"{len(patches):,} edits"))
    return rows


def _keystrokes(name: str) -> list[Row]:
    """Measure what the authority does for a keystroke anywhere in a document.

    That is: read the operation's JSON form, transform it over one that came meanwhile, apply it,
    and write its JSON form. Nothing is cached for the next one, which is elsewhere.
    """
    rows = []
    for size, label in ((1_000, "1 KB"), (100_000, "100 KB"), (10_000_000, "10 MB")):
        content = document_type(name).content(Delta().insert("abcdefghij" * (size // 10)))
        authority = Authority(content, 0)
        random_ = random.Random(3)
        keys: list[list[dict[str, Any]]] = []
        for _ in range(5_000):  # as many come as go, so that the size stays
            keys.append([{"retain": random_.randrange(1, size)}, {"insert": "x"}])
            keys.append([{"retain": random_.randrange(1, size)}, {"delete": 1}])

        def press(
            authority: Authority = authority, keys: list[list[dict[str, Any]]] = keys
        ) -> None:
            for ops in keys:
                base = max(authority.revision - 1, 0)
                delta = authority.transform(base, "a", Delta(ops))
                authority.apply("a", delta)
                delta.ops  # noqa: B018 (a property that does the work)
            authority.forget(1)

        press()
        micros = _seconds(press) / len(keys) * 1e6
        rows.append(
            _row(f"keystroke, {name}, {label}", micros, "µs", "read, order, apply, write; anywhere")
        )
    return rows


def main() -> None:
    """Print what was measured as a table."""
    for row in measure():
        value = f"{row['value']:,.0f}" if row["value"] >= 1000 else f"{row['value']:,.3f}"
        print(f"{row['name']:32} {value:>12} {row['unit']:4} {row['note']}")


if __name__ == "__main__":
    main()
