"""Documents and operations, generated: every width of character, and characters that join."""

from __future__ import annotations

from typing import Any

from hypothesis import strategies as st

from collab.ot import Delta

CHARACTERS = [
    *("a", "b", "\n", "\x7f"),  # one byte in UTF-8
    *("é", "\u0301", "ß"),  # two, one of them a combining mark
    *("中", "\u200d", "\ufe0f", "\ue000", "\uffff"),  # three: joiner, selector, private, the last
    *("😀", "𝒪", "\U0010ffff"),  # four: a pair of surrogates in UTF-16
    *("👨\u200d👩\u200d👧\u200d👦", "🇩🇪", "e\u0301\u0323"),  # several that are seen as one
]

texts = st.lists(st.sampled_from(CHARACTERS), min_size=1, max_size=6).map("".join)
values = st.sampled_from([True, 1, 0, False, "x", "é", 1.5, [1, True], {"k": None}])
styles = st.one_of(
    st.none(), st.dictionaries(st.sampled_from(["b", "i", "ü"]), values, min_size=1, max_size=2)
)
changes = st.one_of(
    st.none(),
    st.dictionaries(
        st.sampled_from(["b", "i", "ü"]), st.one_of(st.none(), values), min_size=1, max_size=2
    ),
)
embeds = st.sampled_from([{"image": "a"}, {"image": "b"}, {"box": {"deep": [1, None]}}])


def documents(rich: bool = True) -> st.SearchStrategy[Delta]:
    """Return documents."""

    def build(runs: list[tuple[Any, Any]]) -> Delta:
        delta = Delta()
        for content, style in runs:
            delta.insert(content, style)
        return delta

    content = st.one_of(texts, embeds) if rich else texts
    style = styles if rich else st.none()
    return st.lists(st.tuples(content, style), max_size=6).map(build)


@st.composite
def operations(draw: st.DrawFn, document: Delta, rich: bool = True) -> Delta:
    """Return an operation that fits a document: its boundaries are between characters."""
    characters: list[int] = []  # the length of each
    for op in document.ops:
        content = op["insert"]
        characters += [1 + (ord(c) > 0xFFFF) for c in content] if isinstance(content, str) else [1]
    delta = Delta()
    at = 0
    for _ in range(draw(st.integers(1, 6))):
        kind = draw(st.sampled_from(["insert", "retain", "delete"]))
        if kind == "insert":
            inserted: Any = draw(st.one_of(texts, embeds) if rich else texts)
            delta.insert(inserted, draw(styles) if rich else None)
            continue
        count = draw(st.integers(0, min(len(characters) - at, 8)))
        length = sum(characters[at : at + count])
        at += count
        if kind == "delete":
            delta.delete(length)
        else:
            delta.retain(length, draw(changes) if rich else None)
    return delta.chop()


@st.composite
def squares(draw: st.DrawFn, rich: bool = True) -> tuple[Delta, Delta, Delta]:
    """Return a document and two operations on it."""
    document = draw(documents(rich))
    return document, draw(operations(document, rich)), draw(operations(document, rich))


@st.composite
def chains(draw: st.DrawFn, rich: bool = True) -> tuple[Delta, list[Delta]]:
    """Return a document and operations on it, one after another."""
    document = draw(documents(rich))
    chain: list[Delta] = []
    current = document
    for _ in range(3):
        chain.append(draw(operations(current, rich)))
        current = current.compose(chain[-1])
    return document, chain
