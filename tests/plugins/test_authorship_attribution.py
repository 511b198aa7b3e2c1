"""authorship: the runs are what a list of one author for each unit would say."""

from __future__ import annotations

import random

import pytest
from collab.plugins.authorship import attribution
from collab.plugins.authorship.attribution import BEGINNING, Attribution, Run, pack, unpack
from hypothesis import given
from hypothesis import strategies as st

from collab.ot import Delta
from tests.ot.traces import edit, trace

TEXTS = st.text(st.sampled_from("ab\né汉👩\u0301🇩"), min_size=1, max_size=4)


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


class Naive:
    """One author for each unit."""

    def __init__(self, length: int = 0) -> None:
        self.authors = [BEGINNING] * length

    def apply(self, delta: Delta, author: str) -> None:
        index = 0
        for op in delta.ops:
            if "insert" in op:
                content = op["insert"]
                length = units(content) if isinstance(content, str) else 1
                self.authors[index:index] = [author] * length
                index += length
            elif "delete" in op:
                del self.authors[index : index + op["delete"]]
            else:
                index += op["retain"]

    def runs(self) -> list[Run]:
        runs: list[Run] = []
        for author in self.authors:
            if runs and runs[-1].author == author:
                runs[-1] = Run(author, runs[-1].length + 1)
            else:
                runs.append(Run(author, 1))
        return runs


@st.composite
def logs(draw: st.DrawFn) -> tuple[int, list[tuple[Delta, str]]]:
    """A document's first length and what was done to it."""
    first = length = draw(st.integers(0, 20))
    log = []
    for _ in range(draw(st.integers(0, 10))):
        delta, left = Delta(), length
        for _ in range(draw(st.integers(0, 4))):
            kind = draw(st.sampled_from(["insert", "embed", "retain", "format", "delete"]))
            if kind == "insert":
                delta.insert(draw(TEXTS))
            elif kind == "embed":
                delta.insert({"image": "x"})
            elif left:
                count = draw(st.integers(1, left))
                left -= count
                if kind == "delete":
                    delta.delete(count)
                else:
                    delta.retain(count, {"bold": True} if kind == "format" else None)
        length += delta.change_length()
        log.append((delta, draw(st.sampled_from(["ada", "bob", "eve"]))))
    return first, log


@given(logs())
def test_replaying_a_log_gives_what_the_naive_model_says(
    given: tuple[int, list[tuple[Delta, str]]],
) -> None:
    first, log = given
    fast, naive = Attribution([Run(BEGINNING, first)]), Naive(first)
    for delta, author in log:
        before, told = fast.copy(), naive.runs()
        fast.apply(delta, author)
        naive.apply(delta, author)
        assert fast.runs() == naive.runs()
        assert before.runs() == told, "a copy stays as it was"
        assert fast.length == len(naive.authors)
    assert sum(fast.authors().values()) == fast.length
    packed = pack(fast)
    assert unpack(**packed).runs() == fast.runs()


@pytest.mark.parametrize("seed", range(5))
def test_long_documents_by_many_authors_stay_right(
    seed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With small chunks, every way of dividing and joining them is met."""
    monkeypatch.setattr(attribution, "LARGE", 6)
    monkeypatch.setattr(attribution, "SMALL", 2)
    chance = random.Random(seed)
    fast, naive = Attribution(), Naive()
    for step in range(2000):
        delta = Delta()
        left = fast.length
        for _ in range(chance.randrange(1, 4)):
            skip = chance.randrange(left + 1)
            delta.retain(skip)
            left -= skip
            if chance.random() < (0.35 if step % 400 < 200 else 0.65):
                gone = min(left, chance.randrange(1, 30))
                delta.delete(gone)
                left -= gone
            else:
                delta.insert("x" * chance.randrange(1, 9))
        author = chance.choice("abcd")
        fast.apply(delta, author)
        naive.apply(delta, author)
        assert fast.length == len(naive.authors)
        if step % 20 == 0:
            assert fast.runs() == naive.runs(), f"seed {seed}, step {step}"
    assert fast.runs() == naive.runs()


def test_what_does_not_fit_is_refused() -> None:
    runs = Attribution([Run("ada", 3)])
    for delta in (Delta().retain(4).insert("x"), Delta().delete(4), Delta().retain(3).delete(1)):
        with pytest.raises(ValueError, match="past the end of 3"):
            runs.copy().apply(delta, "bob")


@pytest.mark.parametrize("name", ["friendsforever_flat", "sveltecomponent"])
def test_real_editing_is_followed(name: str) -> None:
    """Edits of a recorded session, given to one of three authors in turns."""
    fast, naive = Attribution(), Naive()
    txns = trace(f"sequential/{name}")["txns"]
    for number, delta in enumerate(edit(patch) for txn in txns for patch in txn["patches"]):
        author = "abc"[number // 40 % 3]
        fast.apply(delta, author)
        naive.apply(delta, author)
        if number % 2000 == 0:
            assert fast.runs() == naive.runs()
    assert fast.runs() == naive.runs()
