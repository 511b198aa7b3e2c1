"""The types of documents: variants of the built-in ones, and who brought them."""

from __future__ import annotations

import pytest

from collab.ot import Delta, InvalidOperation, content_like, document_type, document_types, register
from collab.ot.types import unregister


def test_a_variant_has_the_same_content_under_another_name() -> None:
    poem = document_type("text").variant("poem", title="Poem", extension="poem")
    assert (poem.name, poem.like, poem.title, poem.extension) == ("poem", "text", "Poem", "poem")
    assert poem.content(Delta().insert("a")).text() == "a"
    with pytest.raises(InvalidOperation):
        poem.validate(Delta().insert("a", {"bold": True}))
    assert document_type("richtext").variant("page").like == "richtext"


def test_a_type_is_there_as_long_as_somebody_has_it() -> None:
    poem = document_type("text").variant("poem")
    register(poem)
    register(document_type("text").variant("poem"))  # by another server in this process
    with pytest.raises(ValueError, match="'poem' already"):
        register(document_type("richtext").variant("poem"))
    unregister("poem")
    assert content_like("poem") == "text" and poem in document_types()
    unregister("poem")
    assert content_like("poem") == "" and poem not in document_types()
    unregister("poem")


def test_names_that_browsers_lose_are_refused_and_still_read() -> None:
    """A document may hold one from before they were refused: it is opened as it is."""
    kind = document_type("richtext")
    old = Delta([{"insert": "x", "attributes": {"__proto__": 1}}, {"insert": {"valueOf": 1}}])
    assert kind.content(old).delta() == old
    with pytest.raises(InvalidOperation, match="Element 0: __proto__ is no name"):
        kind.validate(old)
    with pytest.raises(InvalidOperation, match="Element 1: toString is no name"):
        kind.validate(Delta([{"retain": 1}, {"retain": 1, "attributes": {"toString": None}}]))
