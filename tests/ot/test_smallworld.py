"""The laws, on every case of a small world."""

from __future__ import annotations

from itertools import permutations

from collab.ot import Client, Delta, document_type
from tests.ot.model import applied, items, text_of
from tests.ot.smallworld import CLIENTS, documents, operations, ordered, pairs, triples


def test_every_pair_meets_whoever_was_first() -> None:
    count = 0
    for document, a, b in pairs():
        start = items([{"insert": document}] if document else [])
        for first in (True, False):
            left = applied(applied(start, a.ops), a.transform(b, first).ops)
            right = applied(applied(start, b.ops), b.transform(a, not first).ops)
            assert text_of(left) == text_of(right), (document, a, b, first)
        count += 1
    assert count == 1641


def test_every_two_in_a_row_compose_and_undo() -> None:
    for document in documents():
        whole = Delta().insert(document)
        for a in operations(len(document), "A"):
            middle = whole.compose(a)
            assert middle.compose(a.invert(whole)) == whole
            for b in operations(middle.length(), "B"):
                expected = applied(applied(items(whole.ops), a.ops), b.ops)
                content = document_type("text").content(whole)
                content.apply(a.compose(b))
                assert content.text() == text_of(expected)
                assert whole.compose(a).compose(b) == whole.compose(a.compose(b))


def test_every_position_moves_as_an_insert_does() -> None:
    for document in documents():
        for a in operations(len(document), "A"):
            for position in range(len(document) + 1):
                for first in (True, False):
                    mark = a.transform(Delta().retain(position).insert("|"), not first)
                    assert mark == Delta().retain(a.transform_position(position, first)).insert("|")


def test_every_triple_converges_in_every_order() -> None:
    """Three clients, one operation each, and the server takes them in all six orders."""
    for document, ops in triples():
        start = document_type("text").content(Delta().insert(document))
        for order in permutations(range(3)):
            authority = ordered(document, ops, order)
            expected = authority.content.text()
            for number, name in enumerate(CLIENTS):
                client, content = Client(name, 0), start.copy()
                content.apply(ops[number])
                client.edit(ops[number])
                for revision, (author, delta) in enumerate(authority.history(0), 1):
                    received = client.receive(revision, author, 1, delta)
                    if received.delta is not None:
                        content.apply(received.delta)
                assert content.text() == expected, (document, ops, order, name)
                assert client.state == "synchronized"


def test_inserts_at_one_place_stand_in_the_order_of_the_ids_whatever_the_arrival() -> None:
    ops = (
        Delta().retain(1).insert("A"),
        Delta().retain(1).insert("B"),
        Delta().retain(1).insert("C"),
    )
    for order in permutations(range(3)):
        assert ordered("xy", ops, order).content.text() == "xABCy"
