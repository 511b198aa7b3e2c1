"""What those who write are called: noted with the first edit of each, as the log has ids."""

from __future__ import annotations

from collections.abc import Sequence

from collab.protocol.messages import User
from collab.rooms.journal import Ordered
from collab.storage.port import Author


class Authors:
    """Whom the journal has still to note for one document."""

    def __init__(self) -> None:
        self._known: dict[str, User] = {}
        self._waiting: dict[int, Author] = {}
        """By the revision that they are to be noted with."""

    def wrote(self, user: User, revision: int) -> None:
        """``user`` has made ``revision``. One without a name is known by the id alone."""
        known = self._known.get(user.id)
        if known is user:
            return
        self._known[user.id] = user
        if known != user and user.name:
            self._waiting[revision] = Author(user.id, user.name, user.color, revision)

    def of(self, batch: Sequence[Ordered]) -> Sequence[Author]:
        """Whom to note with these operations: nearly always nobody."""
        if not self._waiting:
            return ()
        found = {
            author.id: author
            for operation, _ in batch
            if (author := self._waiting.get(operation.revision)) is not None
        }
        return list(found.values())

    def saved(self, batch: Sequence[Ordered]) -> None:
        """These operations are on disk, and with them their authors."""
        if self._waiting:
            for operation, _ in batch:
                self._waiting.pop(operation.revision, None)
