"""The client's machine, as lists of events with one expected outcome."""

from __future__ import annotations

import pytest

from collab.ot import Client, Delta, OutOfOrder, Pending, Received


def type_(text: str, at: int = 0) -> Delta:
    return Delta().retain(at).insert(text)


def test_one_operation_in_flight_and_the_rest_in_the_buffer() -> None:
    client = Client("m", 3)
    assert (client.state, client.pending, client.unsaved) == ("synchronized", None, 0)
    assert client.edit(type_("a")) == Pending(3, 1, type_("a"))
    assert client.state == "awaiting"
    assert client.edit(type_("b", 1)) is None
    assert client.edit(type_("c", 2)) is None
    assert (client.state, client.unsaved) == ("buffering", 3)
    assert client.pending == Pending(3, 1, type_("a"))
    received = client.receive(4, "m", 1, type_("a"))
    assert received == Received(None, Pending(4, 2, type_("bc", 1)))
    assert (client.state, client.unsaved) == ("awaiting", 2)
    assert client.receive(5, "m", 2, type_("bc", 1)) == Received()
    assert (client.state, client.unsaved, client.revision) == ("synchronized", 0, 5)
    assert client.edit(Delta()) is None


def test_a_foreign_operation_passes_what_is_not_acknowledged() -> None:
    client = Client("m", 0)
    client.edit(type_("M"))
    client.edit(type_("N", 1))
    assert client.receive(1, "a", 1, type_("A")) == Received(type_("A"))
    assert client.pending == Pending(1, 1, type_("M", 1))
    assert client.receive(2, "z", 1, type_("Z", 1)) == Received(type_("Z", 3))
    assert client.receive(3, "m", 1, type_("M", 1)).send == Pending(3, 2, type_("N", 2))


def test_what_was_seen_is_ignored_and_what_is_missing_is_noticed() -> None:
    client = Client("m", 5)
    assert client.receive(5, "a", 1, type_("x")) == Received()
    assert client.receive(1, "m", 1, type_("x")) == Received()
    with pytest.raises(OutOfOrder, match="Revision 7 came after revision 5"):
        client.receive(7, "a", 1, type_("x"))
    with pytest.raises(OutOfOrder, match="Operation 1 of client m is not in flight"):
        client.receive(6, "m", 1, type_("x"))
    client.edit(type_("x"))
    with pytest.raises(OutOfOrder):
        client.receive(6, "m", 2, type_("x"))
    assert (client.revision, client.state) == (5, "awaiting")


def test_it_goes_on_after_a_reload() -> None:
    client = Client("m", 2, 4, type_("a"), type_("b", 1))
    assert (client.state, client.unsaved) == ("buffering", 2)
    assert client.pending == Pending(2, 4, type_("a"))
    only_buffered = Client("m", 2, 4, buffer=type_("b"))
    assert only_buffered.pending == Pending(2, 5, type_("b"))


def test_it_says_when_the_server_committed_something_else() -> None:
    client = Client("m", 0)
    client.edit(type_("darn"))
    assert client.receive(1, "m", 1, type_("d**n")) == Received(None, None, rewritten=True)
