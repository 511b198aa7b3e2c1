"""The chain of hashes that proves a history: each revision's is made of the one before it.

So two histories that differ anywhere differ in every hash from there on, and an operation that
was changed, removed or put elsewhere no longer continues what stands before it. The first hash
is made of what the log begins with. The document's id, title and epoch are not part of it: a
document that is restored from a backup keeps its hashes.

Who can write to the database can also write a chain of their own. It is no signature; but
clients say the last hash that they saw, so even such a history is told apart from theirs.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable, Iterator
from hashlib import blake2b

from msgspec.structs import replace

from collab.storage.port import Damaged, StoredOperation

SIZE = 16
"""Bytes of a hash. Nobody finds two histories with the same one, or a second one to a first."""

# Every part is preceded by its length, so that no two lists of parts look the same.
_ORIGIN = struct.Struct(">6sqIQ").pack
_OPERATION = struct.Struct(">qqdIIQ").pack
_SNAPSHOT = struct.Struct(">6sqIIQ").pack


def origin(type: str, revision: int, content: bytes) -> bytes:
    """The hash of the ``revision`` that a log begins with: 0, or a later one whose hash is not
    known. ``content`` is JSON of a delta."""
    named = type.encode()
    head = _ORIGIN(b"origin", revision, len(named), len(content))
    digest = blake2b(head + named, digest_size=SIZE)
    digest.update(content)
    return digest.digest()


def follow(
    previous: bytes,
    revision: int,
    client: str,
    sequence: int,
    author: str,
    time: float,
    delta: bytes,
) -> bytes:
    """The hash of an operation; ``previous`` is that of the revision before."""
    sender, writer = client.encode(), author.encode()
    head = _OPERATION(revision, sequence, time, len(sender), len(writer), len(delta))
    return blake2b(
        b"".join((previous, head, sender, writer, delta)), digest_size=SIZE
    ).digest()


def followed(previous: bytes, operation: StoredOperation) -> bytes:
    """What the hash of ``operation`` has to be; its own is not looked at."""
    return follow(
        previous,
        operation.revision,
        operation.client,
        operation.sequence,
        operation.author,
        operation.time,
        operation.delta,
    )


def chained(previous: bytes, operations: Iterable[StoredOperation]) -> Iterator[StoredOperation]:
    """``operations`` with the hashes that they have after a revision with the hash ``previous``."""
    for operation in operations:
        previous = followed(previous, operation)
        yield replace(operation, hash=previous)


def seal(document: str, revision: int, hash: bytes, encoding: str, content: bytes) -> bytes:
    """What tells whether a snapshot is the one that was kept, as it was kept, for this document.

    ``hash`` is that of the revision; ``content`` the bytes in the database.
    """
    owner, how = document.encode(), encoding.encode()
    head = _SNAPSHOT(b"sealed", revision, len(owner), len(how), len(content))
    digest = blake2b(b"".join((head, hash, owner, how)), digest_size=SIZE)
    digest.update(content)
    return digest.digest()


class Chain:
    """Follows a document's log, and finds the first revision that was changed."""

    def __init__(self, document: str, revision: int, hash: bytes) -> None:
        """``hash`` is that of ``revision``, after which the log is read."""
        self.document = document
        self.revision = revision
        self.hash = hash

    def take(self, operation: StoredOperation) -> None:
        """The next one of the log. Raises `Damaged` when it is not what was written there."""
        expected = self.revision + 1
        if operation.revision != expected:
            raise missing(self.document, expected)
        try:
            hash = followed(self.hash, operation)
        except (AttributeError, TypeError, ValueError, struct.error):
            raise changed(self.document, expected) from None
        if operation.hash != hash:
            raise changed(self.document, expected)
        self.revision, self.hash = expected, hash

    def take_all(self, operations: Iterable[StoredOperation]) -> None:
        """`take` one after the other."""
        for operation in operations:
            self.take(operation)


def missing(document: str, revision: int) -> Damaged:
    """Says that a log lacks a revision."""
    return Damaged(document, revision, "it is missing")


def changed(document: str, revision: int) -> Damaged:
    """Says that a revision is not what was written."""
    return Damaged(document, revision, "it is not what was written")
