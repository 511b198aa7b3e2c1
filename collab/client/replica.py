"""One client's copy of a document, without input or output.

A `Replica` is told what the server sent (`receive`) and what its user did (`edit`); it keeps
the content, says what happened (see `collab.client.events`) and collects what has to be sent
(`take`). `collab.client.document.Document` gives it a socket, the simulations a network
of their own.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

from msgspec import UnsetType

from collab import ot
from collab.client.errors import Rescue
from collab.client.events import (
    Change,
    Complaint,
    Ended,
    Event,
    Joined,
    Restart,
    Retry,
    Saved,
    Titled,
    Told,
)
from collab.client.rewriting import correction
from collab.client.splitting import ROOM, split
from collab.ot import Content, Delta, DocumentType, InvalidOperation, document_type
from collab.protocol import messages
from collab.protocol.messages import ClientMessage, Committed, ServerMessage, User, Welcome

_START_AFRESH = frozenset(
    {"epoch_changed", "history_changed", "compacted", "bad_revision", "bad_client"}
)
"""What the server says when this copy's past is of no use to it."""

_SERVER_KNOWS_LESS = frozenset({"history_changed", "bad_revision"})
"""What it says when it lacks more than what is unsaved here: all of this copy is rescued."""

_AT_FAULT = frozenset({"message_too_large", "bad_sequence", "bad_message", "bad_json"})
"""What ends a connection because of what was in flight: sending it again would not help."""


_COME_BACK = frozenset({"superseded"})
"""Only we have our secret, so it was a connection of our own: one given up, whose hello had
been held up on its way, took the place of its successor."""


class Replica:
    """The state of one client of one document."""

    def __init__(self) -> None:
        self.client: str | None = None
        self.title = ""
        self.type: DocumentType | None = None
        """Of the content: that of a type that is only known to the server is what it is like."""
        self.type_name = ""
        self.user: User | None = None
        self.permissions: frozenset[str] = frozenset()
        self.limits: dict[str, int] = {}
        self.session = ""
        self.welcomed = False
        """Whether the server has answered hello on this connection."""
        self._secret: str | None = None
        self._epoch: str | None = None
        self._hash: str | None = None
        """What the server called the history up to `revision`; opaque."""
        self._machine: ot.Client | None = None
        self._content: Content | None = None
        self._outgoing: list[ClientMessage] = []
        self._ticket = 0
        self._saved_ticket = 0
        self._flight_ticket = 0

    # What it is.

    @property
    def revision(self) -> int:
        """The last revision seen; 0 before the first welcome."""
        return self._machine.revision if self._machine else 0

    @property
    def content(self) -> Content:
        """The content with every local edit. Raises RuntimeError before the first welcome."""
        if self._content is None:
            raise RuntimeError("the document has not been read yet")
        return self._content

    @property
    def unsaved(self) -> int:
        """How many local edits are not acknowledged."""
        return self._ticket - self._saved_ticket

    @property
    def synchronized(self) -> bool:
        return self._machine is not None and self._machine.pending is None

    # What has to be sent.

    def hello(self) -> messages.Hello:
        """The first message of a new connection; forgets what the last one had to send."""
        self.welcomed = False
        self._outgoing.clear()
        return messages.Hello(
            protocol=messages.VERSION,
            client=self.client,
            secret=self._secret,
            revision=self._machine.revision if self._machine else None,
            epoch=self._epoch,
            hash=self._hash,
        )

    def take(self) -> list[ClientMessage]:
        """What has to be sent now, in order; the caller sends it or drops the connection."""
        outgoing, self._outgoing = self._outgoing, []
        return outgoing

    def resend(self) -> None:
        """Send the operation in flight again, if there is one."""
        pending = self._machine.pending if self._machine else None
        if self.welcomed and pending is not None:
            self._outgoing.append(
                messages.Operation(
                    revision=pending.revision,
                    sequence=pending.sequence,
                    delta=pending.delta.ops,
                )
            )

    def tell(self, plugin: str, data: Any) -> bool:
        """A message for a plugin: False (and forgotten) while there is no connection."""
        if self.welcomed:
            self._outgoing.append(messages.Message(plugin=plugin, data=data))
        return self.welcomed

    def edit(self, delta: Delta) -> int:
        """Make a local edit; returns its ticket, which a `Saved` event will reach or pass.

        Raises InvalidOperation, and changes nothing, when it does not fit the document.
        """
        machine = self._machine
        if machine is None or self.type is None:
            raise RuntimeError("the document has not been read yet")
        self.type.validate(delta)
        idle = machine.pending is None
        self.content.apply(delta)
        machine.edit(Delta.of_parts(list(delta.parts)).chop())
        self._ticket += 1
        if idle:
            self._launch()
            self.resend()
        return self._ticket

    def _launch(self) -> None:
        """Something has just come to be in flight (or nothing has): note what, and keep it
        within the server's limits. Only here: what was sent before is sent again as it was.
        """
        machine = self._machine
        pending = machine.pending if machine else None
        if machine is None or pending is None:
            self._saved_ticket = self._flight_ticket = self._ticket
            return
        first, rest = split(
            pending.delta,
            self.limits.get("operation_size", 128 * 1024),
            self.limits.get("message_size", 256 * 1024) - ROOM,
            self.limits.get("operation_parts"),
        )
        if rest is None:
            self._flight_ticket = self._ticket
        else:
            self._machine = ot.Client(
                machine.id, pending.revision, pending.sequence, inflight=first, buffer=rest
            )

    def give_up(self, code: str, sentence: str) -> Rescue:
        """Forget this copy and return it; the next hello asks for a fresh one."""
        machine = self._machine
        unsaved = None
        if machine is not None and machine.inflight is not None:
            unsaved = machine.inflight
            if machine.buffer is not None:
                unsaved = unsaved.compose(machine.buffer)
        rescue = Rescue(code, sentence, self.revision, self.content.delta(), unsaved)
        self.client = self._secret = self._epoch = self._hash = self._machine = None
        self._saved_ticket = self._flight_ticket = self._ticket
        self.welcomed = False
        return rescue

    # What comes.

    def receive(self, message: ServerMessage) -> Iterator[Event]:
        """Take in one message; yields what happened. Exhaust it before the next one."""
        match message:
            case messages.Welcome():
                yield from self._welcome(message)
            case messages.Operations():
                yield from self._operations(message.operations, message.hash)
            case messages.Checksum():
                yield from self._compare(message)
            case messages.Document():
                self.title = message.title
                yield Titled()
            case messages.Message():
                yield Told(message.plugin, message.data)
            case messages.Error():
                yield from self._error(message)
            case messages.Goodbye():
                yield from self._goodbye(message)
            case messages.Pong() | messages.Plugins():
                pass  # browser halves are for browsers

    def _welcome(self, welcome: Welcome) -> Iterator[Event]:
        fresh = not isinstance(welcome.content, UnsetType)
        if fresh and self.unsaved:
            yield self._restart("compacted", "What happened meanwhile is no longer known.")
            return
        self.client = welcome.client
        self._secret = welcome.secret
        self._epoch = welcome.epoch
        self.session = welcome.session
        self.title = welcome.document["title"]
        self.user = welcome.user
        self.permissions = frozenset(welcome.permissions)
        self.limits = welcome.limits
        self.welcomed = True
        if not isinstance(welcome.content, UnsetType):
            self.type_name = welcome.document["type"]
            self.type = document_type(welcome.document.get("like", self.type_name))
            self._content = self.type.content(Delta(json.loads(bytes(welcome.content))))
            self._machine = ot.Client(welcome.client, welcome.revision, welcome.sequence)
        yield Joined(fresh)
        if fresh:
            yield Change(
                revision=welcome.revision, delta=self.content.delta(), applied=None,
                client="", author="", time=0.0, own=False, reset=True,
            )
        if not isinstance(welcome.operations, UnsetType):
            yield from self._operations(welcome.operations, welcome.hash, sending=False)
        if self.welcomed:
            if self.revision == welcome.revision:
                self._hash = welcome.hash
            self.resend()

    def _operations(
        self, operations: list[Committed], hash: str | None, *, sending: bool = True
    ) -> Iterator[Event]:
        for committed in operations:
            machine = self._machine
            if machine is None or not self.welcomed:
                return
            if committed.revision <= machine.revision:
                continue
            delta = Delta(json.loads(bytes(committed.delta)))
            own = committed.client == self.client
            sent = machine.inflight
            try:
                received = machine.receive(
                    committed.revision, committed.client, committed.sequence, delta
                )
                applied = received.delta
                if own and received.rewritten and sent is not None:
                    applied = self._correct(sent, delta)
                if applied is not None:
                    self.content.apply(applied)
            except ot.OutOfOrder:
                self.welcomed = False
                yield Restart("gap")
                return
            except InvalidOperation as error:
                yield self._restart(
                    "mismatch", f"Revision {committed.revision} did not fit this copy: {error}"
                )
                return
            except _Unknowable:
                self._saved_ticket = self._flight_ticket
                yield Saved(self._saved_ticket, committed.revision)
                yield self._restart("rewritten", "A plugin rewrote what was typed.")
                return
            # It is that of the last of them.
            self._hash = hash if committed is operations[-1] else None
            yield Change(
                revision=committed.revision, delta=delta, applied=applied,
                client=committed.client, author=committed.author, time=committed.time, own=own,
            )
            if own:
                yield self._acknowledged(committed.revision, sending=sending)

    def _acknowledged(self, revision: int, *, sending: bool) -> Saved:
        self._saved_ticket = self._flight_ticket
        self._launch()
        if sending:
            self.resend()
        return Saved(self._saved_ticket, revision)

    def _correct(self, sent: Delta, committed: Delta) -> Delta | None:
        """A plugin rewrote what was in flight: move what was typed since then over the
        difference. Returns what to change in the local text. Raises `_Unknowable`.
        """
        difference = correction(sent, committed)
        if difference is None:
            raise _Unknowable
        machine = self._machine
        if difference.empty or machine is None:
            return None
        pending = machine.pending
        if pending is None:
            return difference
        # What was the buffer a moment ago has just become what is in flight.
        self._machine = ot.Client(
            machine.id, pending.revision, pending.sequence,
            inflight=difference.transform(pending.delta, True),
        )
        return pending.delta.transform(difference, False)

    def _compare(self, checksum: messages.Checksum) -> Iterator[Event]:
        if checksum.revision > self.revision:
            self.welcomed = False
            yield Restart("gap")  # something that came before it was lost
            return
        if not self.synchronized or checksum.revision != self.revision:
            return
        if (mine := self.content.checksum()) == checksum.value:
            return
        self._outgoing.append(messages.Mismatch(revision=checksum.revision, checksum=mine))
        yield Restart(
            "mismatch",
            self.give_up("mismatch", "This copy differed from the server's: it is read afresh."),
        )

    def _error(self, error: messages.Error) -> Iterator[Event]:
        if not self.welcomed and error.code in _START_AFRESH:
            yield self._restart(error.code, error.message)
        elif error.sequence is None:
            yield Complaint(error.code, error.message)
        elif self._machine is None or error.sequence != self._machine.sequence:
            pass  # about something that is settled by now
        elif error.retry:
            yield Retry(1.0 if error.retry_after is None else error.retry_after)
        else:
            yield self._restart(error.code, error.message)

    def _goodbye(self, goodbye: messages.Goodbye) -> Iterator[Event]:
        self.welcomed = False
        if goodbye.code in _START_AFRESH or (goodbye.code in _AT_FAULT and self.unsaved):
            yield self._restart(goodbye.code, goodbye.message)
        else:
            after = 0.0 if goodbye.code in _COME_BACK else goodbye.retry_after
            yield Ended(goodbye.code, goodbye.message, after)

    def _restart(self, code: str, sentence: str) -> Restart:
        """Start afresh; with a rescue when that gives up something unsaved."""
        unsaved = self.unsaved
        if self._content is None:
            self.client = self._secret = None
            return Restart(code)
        rescue = self.give_up(code, sentence)
        return Restart(code, rescue if unsaved or code in _SERVER_KNOWS_LESS else None)


class _Unknowable(Exception):
    """The text after a rewritten operation can't be told from what is known here."""
