"""When a document's content is kept in the store, so that opening it reads less."""

from __future__ import annotations

import logging

from collab.ot import Content
from collab.protocol.contents import encoded
from collab.rooms.turns import SERVER, aside
from collab.storage.port import Snapshot, Store

log = logging.getLogger(__name__)

EVERY = 500
"""Operations between snapshots of a small document."""

SHARE = 256
"""A document of n units waits n / SHARE operations more: snapshots then take at most that many
bytes of storage per operation, whatever the document's size."""


class Snapshots:
    """The snapshots of one open document."""

    def __init__(self, store: Store, document: str, revision: int) -> None:
        """``revision`` is that of the newest snapshot there is."""
        self.revision = revision
        self._store = store
        self._document = document
        self._saving = False

    def due(self, revision: int, length: int) -> bool:
        """Whether content of ``length`` units at ``revision`` should be kept."""
        return not self._saving and revision - self.revision >= EVERY + length // SHARE

    def worthwhile(self, revision: int, length: int) -> bool:
        """Whether to keep it although it is not `due`, since the document is being closed.

        Not at every close: who changes a word in ten megabytes every minute would fill the disk.
        """
        return not self._saving and revision - self.revision > EVERY // 8 + length // SHARE

    async def save(self, revision: int, content: Content, hash: bytes) -> bool:
        """Keep ``content``, which nobody changes any more, of a revision with that ``hash``.

        A failure is logged, and no loss.
        """
        self._saving = True
        try:
            # Encoding ten megabytes takes a while: not in the event loop.
            kept = await aside(lambda: encoded(content), SERVER)
            snapshot = Snapshot(revision, kept, hash)
            await self._store.save_snapshot(self._document, snapshot)
            self.revision = revision
            return True
        except Exception as error:
            # The log has it all. Try again when half as many operations have come.
            log.warning(
                "document %s: no snapshot of revision %d: %s", self._document, revision, error
            )
            self.revision = revision - (EVERY + content.length // SHARE) // 2
            return False
        finally:
            self._saving = False
