"""The replica, message by message, without a network."""

from __future__ import annotations

from typing import Any

import msgspec
from msgspec import Raw

from collab.client.events import (
    Change,
    Complaint,
    Ended,
    Event,
    Joined,
    Restart,
    Retry,
    Saved,
    Told,
)
from collab.client.replica import Replica
from collab.ot import Delta, document_type
from collab.protocol import messages
from collab.protocol.messages import Committed, ServerMessage, User

LIMITS = {"message_size": 262144, "operation_size": 131072, "document_size": 1 << 24}


def welcome(
    content: str | None = "", revision: int = 0, operations: Any = msgspec.UNSET, **more: Any
) -> messages.Welcome:
    fields: dict[str, Any] = {
        "protocol": 1, "session": "s", "client": "me", "secret": "x", "epoch": "e",
        "document": {"id": "d", "title": "T", "type": "text"},
        "user": User("u", "Ada", "#000000"), "permissions": ["read", "write"],
        "revision": revision, "sequence": 0, "limits": LIMITS, "operations": operations,
    }
    if content is not None:
        fields["content"] = Raw(msgspec.json.encode([{"insert": content}] if content else []))
    return messages.Welcome(**{**fields, **more})


def committed(revision: int, client: str, sequence: int, delta: Delta) -> Committed:
    return Committed(revision, client, sequence, "u", 1.0, Raw(msgspec.json.encode(delta.ops)))


def told(replica: Replica, *messages_: ServerMessage) -> list[Event]:
    return [event for message in messages_ for event in replica.receive(message)]


def joined(content: str = "") -> Replica:
    replica = Replica()
    replica.hello()
    told(replica, welcome(content))
    return replica


def sent(replica: Replica) -> list[tuple[int, int, Any]]:
    return [
        (message.revision, message.sequence, message.delta)
        for message in replica.take()
        if isinstance(message, messages.Operation)
    ]


def test_hello_names_nothing_first_and_everything_later() -> None:
    replica = Replica()
    assert replica.hello() == messages.Hello(protocol=1)
    events = told(replica, welcome("abc", 7))
    assert isinstance(events[0], Joined) and events[0].fresh
    assert isinstance(events[1], Change) and events[1].reset
    assert replica.hello() == messages.Hello(
        protocol=1, client="me", secret="x", revision=7, epoch="e"
    )


def test_one_in_flight_the_rest_composed() -> None:
    replica = joined()
    for text in "abc":
        replica.edit(Delta().retain(replica.content.length).insert(text))
    assert sent(replica) == [(0, 1, [{"insert": "a"}])]
    assert replica.unsaved == 3
    events = told(replica, messages.Operations([committed(1, "me", 1, Delta().insert("a"))]))
    assert [event.ticket for event in events if isinstance(event, Saved)] == [1]
    assert sent(replica) == [(1, 2, [{"retain": 1}, {"insert": "bc"}])]
    told(replica, messages.Operations([committed(2, "me", 2, Delta().retain(1).insert("bc"))]))
    assert replica.unsaved == 0 and replica.synchronized


def test_an_edit_that_changes_nothing_is_saved_already() -> None:
    replica = joined("abc")
    replica.edit(Delta().retain(2))
    assert replica.unsaved == 0 and sent(replica) == []
    replica.edit(Delta().insert("x"))
    replica.edit(Delta())
    told(replica, messages.Operations([committed(1, "me", 1, Delta().insert("x"))]))
    assert replica.unsaved == 0


def test_typed_and_deleted_again_while_waiting_is_saved() -> None:
    replica = joined()
    replica.edit(Delta().insert("a"))
    replica.edit(Delta().insert("b"))
    replica.edit(Delta().delete(1))
    told(replica, messages.Operations([committed(1, "me", 1, Delta().insert("a"))]))
    for revision, sequence, delta in sent(replica)[1:]:
        told(
            replica,
            messages.Operations([committed(revision + 1, "me", sequence, Delta(delta))]),
        )
    assert replica.unsaved == 0


def test_a_resumed_connection_finds_the_acknowledgement_that_was_lost() -> None:
    replica = joined()
    replica.edit(Delta().insert("a"))
    replica.edit(Delta().retain(1).insert("b"))
    replica.hello()
    events = told(
        replica,
        welcome(
            None, 2,
            [committed(1, "me", 1, Delta().insert("a")), committed(2, "x", 1, Delta().insert("-"))],
        ),
    )
    assert any(isinstance(event, Saved) and event.ticket == 1 for event in events)
    assert sent(replica) == [(2, 2, [{"retain": 2}, {"insert": "b"}])]
    assert replica.content.text() == "-ab"


def test_a_gap_is_asked_for_again_and_nothing_is_dropped() -> None:
    """HedgeDoc's revision gap: what comes during the refill must not be thrown away."""
    replica = joined()
    replica.edit(Delta().insert("mine"))
    events = told(replica, messages.Operations([committed(2, "x", 2, Delta().insert("b"))]))
    assert events == [Restart("gap")]
    assert replica.hello().revision == 0
    events = told(
        replica,
        messages.Operations([committed(3, "x", 3, Delta().insert("c"))]),
        welcome(
            None, 2,
            [committed(1, "x", 1, Delta().insert("a")), committed(2, "x", 2, Delta().insert("b"))],
        ),
        messages.Operations([committed(3, "x", 3, Delta().insert("c"))]),
    )
    assert replica.content.text() == "mine" + "cba" or replica.content.text() == "cba" + "mine"
    assert replica.revision == 3 and replica.unsaved == 1


def test_checksums_are_compared_only_when_they_can_be() -> None:
    replica = joined("abc")
    wrong = messages.Checksum(revision=0, value=replica.content.checksum() ^ 1)
    replica.edit(Delta().insert("x"))
    assert told(replica, wrong) == []
    told(replica, messages.Operations([committed(1, "me", 1, Delta().insert("x"))]))
    assert told(replica, wrong) == []
    assert told(replica, messages.Checksum(1, replica.content.checksum())) == []


def test_a_checksum_from_the_future_shows_a_gap() -> None:
    replica = joined("abc")
    assert told(replica, messages.Checksum(1, 5)) == [Restart("gap")]
    assert replica.hello().revision == 0


def test_a_copy_that_differs_is_kept_reported_and_given_up() -> None:
    replica = joined("abc")
    replica.take()
    checksum = document_type("text").content(Delta().insert("abd")).checksum()
    (event,) = told(replica, messages.Checksum(0, checksum))
    assert isinstance(event, Restart) and event.rescue is not None
    assert (event.code, event.rescue.text, event.rescue.unsaved) == ("mismatch", "abc", None)
    (report,) = replica.take()
    assert isinstance(report, messages.Mismatch) and report.checksum != checksum
    assert replica.hello() == messages.Hello(protocol=1)


def test_an_operation_that_does_not_fit_is_a_difference_too() -> None:
    replica = joined("abc")
    operation = committed(1, "x", 1, Delta().retain(9).delete(1))
    (event,) = told(replica, messages.Operations([operation]))
    assert isinstance(event, Restart) and event.code == "mismatch"


def test_refused_for_now_is_sent_again_refused_for_good_is_kept() -> None:
    replica = joined("a")
    replica.edit(Delta().insert("b"))
    replica.edit(Delta().insert("c"))
    replica.take()
    assert told(replica, messages.Error("slow_down", "", True, 2.5, 1)) == [Retry(2.5)]
    replica.resend()
    assert sent(replica) == [(0, 1, [{"insert": "b"}])]
    (event,) = told(replica, messages.Error("vetoed", "No.", False, None, 1))
    assert isinstance(event, Restart) and event.rescue is not None
    assert event.rescue.text == "cba"
    assert event.rescue.unsaved == Delta().insert("cb")
    assert replica.unsaved == 0


def test_an_error_about_something_settled_changes_nothing() -> None:
    replica = joined()
    assert told(replica, messages.Error("vetoed", "No.", False, None, 1)) == []
    assert told(replica, messages.Error("no_plugin", "?")) == [Complaint("no_plugin", "?")]


def test_another_epoch_gives_a_rescue_and_never_a_merge() -> None:
    replica = joined("a")
    replica.edit(Delta().insert("b"))
    replica.hello()
    (event,) = told(replica, messages.Goodbye("epoch_changed", "restored", None))
    assert isinstance(event, Restart) and event.rescue is not None and event.rescue.text == "ba"
    assert replica.hello() == messages.Hello(protocol=1)
    told(replica, welcome("older"))
    assert replica.content.text() == "older"


def test_the_hash_of_the_last_revision_is_said() -> None:
    replica = joined("a")
    assert replica.hello().hash is None  # a server of before there were hashes
    told(replica, welcome("a", hash="h0"))
    assert replica.hello().hash == "h0"
    told(replica, welcome(None, 0, [], hash="h0"))
    other = committed(1, "you", 1, Delta().insert("b")), committed(2, "you", 2, Delta().insert("c"))
    told(replica, messages.Operations(list(other), "h2"))
    assert (replica.hello().revision, replica.hello().hash) == (2, "h2")
    told(replica, welcome(None, 3, [committed(3, "you", 3, Delta().insert("d"))], hash="h3"))
    # What it has seen already changes nothing, and neither does what doesn't follow.
    told(replica, messages.Operations([other[1]], "other"))
    assert (replica.hello().revision, replica.hello().hash) == (3, "h3")
    told(replica, welcome(None, 3, [], hash="h3"))
    told(replica, messages.Operations([committed(5, "you", 5, Delta().insert("f"))], "h5"))
    assert (replica.hello().revision, replica.hello().hash) == (3, "h3")


def test_a_client_that_had_no_hash_gets_one_when_it_comes_back() -> None:
    replica = joined("a")
    replica.hello()
    told(replica, welcome(None, 0, [], hash="h0"))
    assert replica.hello().hash == "h0"


def test_another_history_gives_a_rescue_of_everything() -> None:
    for code in ("history_changed", "bad_revision"):
        replica = joined("a")
        replica.hello()
        (event,) = told(replica, messages.Goodbye(code, "another", None))
        assert isinstance(event, Restart) and event.rescue is not None
        assert (event.rescue.text, event.rescue.unsaved) == ("a", None)
        assert replica.hello() == messages.Hello(protocol=1)


def test_without_anything_unsaved_a_fresh_start_needs_no_rescue() -> None:
    replica = joined("a")
    replica.hello()
    assert told(replica, messages.Goodbye("compacted", "", None)) == [Restart("compacted")]


def test_ends() -> None:
    replica = joined()
    assert told(replica, messages.Goodbye("shutting_down", "s", 2.0)) == [
        Ended("shutting_down", "s", 2.0)
    ]
    assert told(replica, messages.Goodbye("deleted", "d", None)) == [Ended("deleted", "d", None)]
    assert told(replica, messages.Goodbye("superseded", "s", None)) == [
        Ended("superseded", "s", 0.0)
    ]


def test_messages_and_titles() -> None:
    replica = joined()
    assert told(replica, messages.Message("chat", {"a": 1})) == [Told("chat", {"a": 1})]
    told(replica, messages.Document("New"), messages.Pong())
    assert replica.title == "New"
    assert replica.tell("chat", 1)
    replica.hello()
    assert not replica.tell("chat", 1)


def test_a_rewritten_operation_is_followed_under_what_was_typed_since() -> None:
    replica = joined()
    replica.edit(Delta().insert("abc"))
    replica.edit(Delta().retain(3).insert("!"))
    told(replica, messages.Operations([committed(1, "me", 1, Delta().insert("ABC?"))]))
    assert replica.content.text() in ("ABC?!", "ABC!?")
    (_, (revision, sequence, delta)) = sent(replica)
    server = document_type("text").content(Delta().insert("ABC?"))
    server.apply(Delta(delta))
    assert (revision, sequence) == (1, 2)
    assert server.text() == replica.content.text()


def test_a_rewritten_deletion_is_read_afresh() -> None:
    replica = joined("abc")
    replica.edit(Delta().delete(2))
    events = told(replica, messages.Operations([committed(1, "me", 1, Delta().delete(1))]))
    assert events == [Saved(1, 1), Restart("rewritten")]


def test_large_edits_leave_in_parts_and_are_saved_when_the_last_is() -> None:
    replica = Replica()
    replica.hello()
    told(replica, welcome(limits={"operation_size": 4, "message_size": 10_000}))
    replica.edit(Delta().insert("0123456789"))
    replica.edit(Delta().insert("!"))
    server = document_type("text").content()
    saved = []
    for _ in range(9):
        operations = sent(replica)
        if not operations:
            break
        (_, sequence, delta), = operations
        server.apply(Delta(delta))
        events = told(
            replica,
            messages.Operations([committed(replica.revision + 1, "me", sequence, Delta(delta))]),
        )
        saved += [event.ticket for event in events if isinstance(event, Saved)]
    assert server.text() == replica.content.text() == "!0123456789"
    assert saved[-1] == 2 and replica.unsaved == 0


def test_a_type_that_only_the_server_knows_is_what_it_is_like() -> None:
    replica = Replica()
    replica.hello()
    document = {"id": "d", "title": "T", "type": "poem", "like": "text"}
    told(replica, welcome("cat", document=document))
    assert (replica.type_name, replica.content.text()) == ("poem", "cat")
    replica.edit(Delta().insert("a "))
    assert replica.content.text() == "a cat"
