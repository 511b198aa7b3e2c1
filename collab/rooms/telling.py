"""What a room says, encoded once for all readers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from msgspec import Raw

from collab.protocol import messages
from collab.protocol.errors import CollabError
from collab.protocol.frames import Frame
from collab.rooms.port import Session
from collab.storage.port import StoredOperation

COME_BACK = 0.5
"""Seconds after which who was let go may come back; never at once, lest somebody spins."""

FRAME_SIZE = 256 * 1024
"""Bytes of deltas after which a frame ends: what waits for one who reads slowly is counted by
frames, and the first one is always sent."""


def committed_message(operation: StoredOperation) -> messages.Committed:
    """A stored operation as it goes over the wire."""
    return messages.Committed(
        operation.revision,
        operation.client,
        operation.sequence,
        operation.author,
        operation.time,
        Raw(operation.delta),
    )


def operations_frame(operations: Sequence[StoredOperation]) -> Frame:
    """Committed operations, at least one, the same bytes for everybody."""
    told = [committed_message(one) for one in operations]
    return Frame(messages.encode(messages.Operations(told, operations[-1].hash.hex())))


def operations_frames(operations: Sequence[StoredOperation]) -> Iterator[Frame]:
    """`operations_frame`, in several where it would be large."""
    start = size = 0
    for number, operation in enumerate(operations):
        size += len(operation.delta)
        if size > FRAME_SIZE and number > start:
            yield operations_frame(operations[start:number])
            start, size = number, len(operation.delta)
    yield operations_frame(operations[start:] if start else operations)


def refuse(session: Session, error: CollabError, sequence: int | None = None) -> None:
    """Tell a session that something was not taken; some errors end it.

    ``sequence`` is the operation that was refused, where it was one.
    """
    code = error.code
    wait = error.details.get("retry_after")
    refusal = messages.Error(code.code, error.sentence, code.retry, wait, sequence)
    session.send(Frame(messages.encode(refusal)))
    if code.close is not None:
        session.end(code, error.sentence, COME_BACK if code.retry else None)
