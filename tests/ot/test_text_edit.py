"""Another plain text for a document: its formats and embeds are left alone."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from collab.ot import Content, Delta, document_type, text_edit
from tests.ot.strategies import documents, texts


def text_of(content: Content) -> str:
    return "".join(content.pieces())


def embeds_of(content: Content) -> list[object]:
    """Embeds with their attributes, in order."""
    return [op for op in content.delta().ops if not isinstance(op["insert"], str)]


def after(document: Delta, edit: Delta) -> Content:
    content = document_type("richtext").content(document)
    content.apply(edit)
    return content


@given(documents(), st.one_of(st.just(""), texts, st.tuples(texts, texts).map("".join)))
def test_the_text_is_the_one_wanted_and_every_embed_stays(document: Delta, text: str) -> None:
    changed = after(document, text_edit(document, text))
    assert text_of(changed) == text
    assert embeds_of(changed) == embeds_of(after(document, Delta()))


@given(documents())
def test_the_same_text_is_no_edit(document: Delta) -> None:
    assert text_edit(document, text_of(after(document, Delta()))).empty


@given(documents(rich=False), texts)
def test_in_plain_text_it_is_the_difference(document: Delta, text: str) -> None:
    assert text_edit(document, text) == document.diff(Delta().insert(text))


def test_what_stays_keeps_its_attributes() -> None:
    document = Delta([
        {"insert": "He", "attributes": {"bold": True}}, {"insert": {"image": "a"}},
        {"insert": "llo", "attributes": {"link": "b"}}, {"insert": "\n", "attributes": {"list": 1}},
    ])
    assert text_edit(document, "Hallo!\n").ops == [
        {"retain": 1}, {"insert": "a"}, {"delete": 1}, {"retain": 4}, {"insert": "!"},
    ]
