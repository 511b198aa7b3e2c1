"""A document as it was: what exporters read."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from collab.ot import Delta, DocumentType
from collab.plugins.archive import Contents
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.rooms.ordering import Ordering
from collab.rooms.port import Session
from collab.rooms.replay import known_type
from collab.storage.port import DocumentRecord, Kept

if TYPE_CHECKING:
    from collab.ot import Content


class FrozenRoom:
    """In the place of an open room: content that stays, and nobody in it."""

    def __init__(self, document: DocumentRecord, contents: Contents) -> None:
        self.document = document
        self.type: DocumentType = known_type(document)
        self.revision = contents.revision
        self.content: Content = contents.content
        self.sessions: Mapping[str, Session] = {}

    @property
    def ordering(self) -> Ordering:
        raise CollabError(errors.READ_ONLY, "This is what the document was: nothing is ordered.")

    async def edit(
        self,
        delta: Delta,
        *,
        author: User,
        revision: int | None = None,
        keep: Sequence[Kept] = (),
    ) -> int:
        raise CollabError(errors.READ_ONLY, "This is what the document was: it can't be edited.")

    def broadcast(self, frame: Frame, except_: Session | None = None) -> None:
        """Nobody is here."""
