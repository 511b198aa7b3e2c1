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
