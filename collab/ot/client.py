"""The client's machine of three states: one operation in flight, the rest composed in a buffer.

    synchronized --edit--> awaiting --edit--> buffering
          ^                 |    ^               |
          +------its own----+    +----its own----+

No clock and no network: `edit` says what to send, `receive` says what to apply and what to send.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from collab.ot.delta import Delta
from collab.ot.errors import OutOfOrder
from collab.ot.order import precedes


class Pending(NamedTuple):
    """An operation to send: `delta` on `revision`, the client's operation number `sequence`."""

    revision: int
    sequence: int
    delta: Delta


class Received(NamedTuple):
    """What an operation from the server asks for."""

    delta: Delta | None = None
    """To be applied to the editor; None for an own operation, or one seen before."""

    send: Pending | None = None
    """To be sent now."""

    rewritten: bool = False
    """The server committed something else than we sent (a plugin rewrote it): take a fresh copy."""


class Client:
    """One document as one client sees it.

    `revision` is the last one received, `sequence` the number of the last operation sent. To go on
    after a reload, give `inflight` (which bears the number `sequence`) and `buffer` as they were
    saved, both based on `revision`.
    """

    def __init__(
        self,
        id: str,
        revision: int,
        sequence: int = 0,
        inflight: Delta | None = None,
        buffer: Delta | None = None,
    ) -> None:
        self.id = id
        self.revision = revision
        self.sequence = sequence
        self.inflight = inflight
        self.buffer: Delta | None = None
        self._sent = int(inflight is not None)  # edits in flight and in the buffer
        self._kept = 0
        if buffer is not None:
            self.edit(buffer)

    @property
    def state(self) -> Literal["synchronized", "awaiting", "buffering"]:
        """Whether anything is in flight, and anything waits behind it."""
        if self.inflight is None:
            return "synchronized"
        return "awaiting" if self.buffer is None else "buffering"

    @property
    def pending(self) -> Pending | None:
        """What is in flight, as it is to be sent again after a reconnect."""
        if self.inflight is None:
            return None
        return Pending(self.revision, self.sequence, self.inflight)

    @property
    def unsaved(self) -> int:
        """How many edits the server has not acknowledged."""
        return self._sent + self._kept

    def edit(self, delta: Delta) -> Pending | None:
        """Take an edit that was made in the editor; return what is to be sent now, if anything."""
        if delta.empty:
            return None
        if self.inflight is None:
            return self._send(delta, 1)
        self.buffer = delta if self.buffer is None else self.buffer.compose(delta)
        self._kept += 1
        return None

    def receive(self, revision: int, client: str, sequence: int, delta: Delta) -> Received:
        """Take operation number `revision` of the document, which `client` made.

        One that was received before is ignored. Raises OutOfOrder, and changes nothing, when
        operations are missing before it, or when it is said to be ours but is not what is in
        flight.
        """
        if revision <= self.revision:
            return Received()
        if revision != self.revision + 1:
            raise OutOfOrder(f"Revision {revision} came after revision {self.revision}.")
        if client == self.id:
            return self._acknowledged(sequence, delta)
        self.revision = revision
        inflight, buffer = self.inflight, self.buffer
        if inflight is None:
            return Received(delta)
        ours_first = precedes(self.id, client)
        self.inflight = delta.transform(inflight, not ours_first)
        delta = inflight.transform(delta, ours_first)
        if buffer is not None:
            self.buffer = delta.transform(buffer, not ours_first)
            delta = buffer.transform(delta, ours_first)
        return Received(delta)

    def _acknowledged(self, sequence: int, delta: Delta) -> Received:
        inflight = self.inflight
        if inflight is None or sequence != self.sequence:
            raise OutOfOrder(
                f"Operation {sequence} of client {self.id} is not in flight (the last one sent is"
                f" {self.sequence}, {'acknowledged' if inflight is None else 'in flight'})."
            )
        self.revision += 1
        self.inflight = None
        self._sent = 0
        send = None
        if self.buffer is not None:
            buffer, self.buffer = self.buffer, None
            send = self._send(buffer, self._kept)
            self._kept = 0
        return Received(None, send, delta != inflight)

    def _send(self, delta: Delta, edits: int) -> Pending:
        self.inflight = delta
        self.sequence += 1
        self._sent = edits
        return Pending(self.revision, self.sequence, delta)
