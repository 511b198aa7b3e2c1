"""What is on disk of an open document, as far as memory holds it."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from collab.ot import Content
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.rooms.journal import Ordered
from collab.storage.port import StoredOperation

RECENT = 2048
"""Committed operations kept in memory; a base revision older than that is too slow."""


class Committed:
    """The content at the last committed revision, and the operations that led there.

    The content trails behind: it is brought up to date when somebody looks, so that a room
    that nobody reads from pays for applying each operation to its live content only.
    """

    def __init__(
        self, content: Content, revision: int, hash: bytes, recent: Sequence[Ordered]
    ) -> None:
        """``recent`` ends at ``revision``, whose content and hash are given."""
        self.revision = revision
        self.hash = hash
        """Of `revision` (`collab.storage.chain`)."""
        self._content = content
        self._content_revision = revision
        self._recent = deque(recent[-RECENT:])

    @property
    def content(self) -> Content:
        """The content at `revision`. Do not change it; ``copy`` it to keep it."""
        recent = self._recent
        for index in range(len(recent) - (self.revision - self._content_revision), len(recent)):
            self._content.apply(recent[index][1])
        self._content_revision = self.revision
        return self._content

    def extend(self, batch: Sequence[Ordered]) -> None:
        """Take in what was committed."""
        self._recent.extend(batch)
        self.revision += len(batch)
        self.hash = batch[-1][0].hash

    def hash_at(self, revision: int) -> bytes | None:
        """The hash of a revision up to the last one; None when memory does not reach that far."""
        if revision == self.revision:
            return self.hash
        missing = self.revision - revision
        recent = self._recent
        return None if missing >= len(recent) else recent[len(recent) - missing - 1][0].hash

    def since(self, revision: int) -> list[StoredOperation] | None:
        """The operations after ``revision``, or None when memory does not reach that far.

        Raises `CollabError` BAD_REVISION for a revision that never was.
        """
        missing = self.revision - revision
        if missing < 0:
            raise CollabError(
                errors.BAD_REVISION,
                f"The server has revision {self.revision}, you come with {revision}:"
                " it lost changes, or is another server.",
            )
        recent = self._recent
        if missing > len(recent):
            return None
        return [recent[index][0] for index in range(len(recent) - missing, len(recent))]

    def forget(self) -> int | None:
        """Now and then, drop what is not recent any more; how many are kept, if it was now."""
        if len(self._recent) <= 2 * RECENT:
            return None
        _ = self.content  # catches up: it can't once they are gone
        while len(self._recent) > RECENT:
            self._recent.popleft()
        return RECENT
