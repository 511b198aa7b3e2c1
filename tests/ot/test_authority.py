"""The authority: revisions, bases, ties, and a history of bounded length."""

from __future__ import annotations

import pytest

from collab.ot import (
    Authority,
    Client,
    Delta,
    ForgottenRevision,
    InvalidOperation,
    UnknownRevision,
    document_type,
    precedes,
)


def authority(text: str = "hello", revision: int = 0) -> Authority:
    return Authority(document_type("text").content(Delta().insert(text)), revision)


def test_an_operation_is_transformed_over_what_came_after_its_base() -> None:
    a = authority()
    assert a.apply("x", Delta().insert("1")) == 1
    assert a.apply("y", a.transform(0, "y", Delta().retain(5).insert("2"))) == 2
    assert a.content.text() == "1hello2"
    assert a.transform(1, "z", Delta().retain(6).delete(0).insert("!")).ops == [
        {"retain": 7},
        {"insert": "!"},
    ]
    assert a.transform(2, "z", Delta().delete(1)) == Delta().delete(1)
    assert [client for client, _ in a.history(0)] == ["x", "y"]
    assert a.history(1, 2) == [("y", Delta().retain(6).insert("2"))]
    assert a.history(2) == []


def test_ties_are_settled_by_the_ids_not_by_arrival() -> None:
    for first, second in (("a", "b"), ("b", "a")):
        a = authority("")
        a.apply(first, Delta().insert(first))
        a.apply(second, a.transform(0, second, Delta().insert(second)))
        assert a.content.text() == "ab"
    assert precedes("a", "b") and not precedes("b", "a") and not precedes("a", "a")
    assert precedes("B", "a") and precedes("a", "aa") and precedes("a1", "a2")


def test_two_who_type_at_one_place_do_not_interleave() -> None:
    """Arrival order gives "The w,ho hleh?" on a real trace."""
    for first, second in (("m", "y"), ("y", "m")):
        a = authority("")
        words = {"m": "hello", "y": "WORLD"}
        clients = {id: Client(id, 0) for id in words}
        for id, client in clients.items():
            for at, letter in enumerate(words[id]):
                client.edit(Delta().retain(at).insert(letter))
        for id in (first, second, second, first):
            pending = clients[id].pending
            assert pending is not None
            revision = a.apply(id, a.transform(pending.revision, id, pending.delta))
            ((_, committed),) = a.history(revision - 1)
            for client in clients.values():
                client.receive(revision, id, pending.sequence, committed)
        assert a.content.text() == "helloWORLD"


def test_revisions_that_are_not_there_are_named() -> None:
    a = authority(revision=10)
    a.apply("x", Delta().insert("1"))
    a.apply("x", Delta().insert("2"))
    assert (a.oldest, a.revision) == (10, 12)
    with pytest.raises(UnknownRevision, match="Revision 13 is ahead of 12"):
        a.transform(13, "y", Delta().insert("z"))
    with pytest.raises(UnknownRevision):
        a.history(10, 13)
    a.forget(1)
    assert a.oldest == 11
    with pytest.raises(ForgottenRevision, match="begins at 11"):
        a.transform(10, "y", Delta().insert("z"))
    with pytest.raises(ForgottenRevision):
        a.history(10)
    a.forget(5)
    assert a.history(11) == [("x", Delta().insert("2"))]
    a.forget(0)
    assert a.oldest == a.revision == 12


def test_it_begins_with_the_history_it_is_given() -> None:
    given = [("x", Delta().insert("1")), ("y", Delta().insert("2", {"b": True}))]
    content = document_type("richtext").content(Delta().insert("2", {"b": True}).insert("1"))
    a = Authority(content, 7, given)
    assert (a.oldest, a.revision) == (5, 7)
    assert a.history(5) == given
    assert a.transform(5, "a", Delta().insert("0")).ops == [{"insert": "0"}]
    assert a.transform(5, "z", Delta().insert("3")).ops == [{"retain": 2}, {"insert": "3"}]


def test_what_does_not_fit_leaves_everything_as_it_was() -> None:
    a = authority()
    with pytest.raises(InvalidOperation):
        a.apply("x", Delta().retain(9).insert("1"))
    assert (a.revision, a.history(0), a.content.text()) == (0, [], "hello")


def test_a_week_offline_is_no_deep_recursion() -> None:
    """Splices and other operations take turns in the history, thousands of them."""
    a = Authority(document_type("richtext").content(Delta().insert("x" * 10)), 0)
    for number in range(4000):
        a.apply("b", Delta().retain(1, {"n": number}) if number % 2 else Delta().insert("y"))
    late = a.transform(0, "a", Delta().retain(5).insert("z").delete(2))
    assert late == Delta().retain(2005).insert("z").delete(2)
