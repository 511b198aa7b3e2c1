"""The document that ``before_operation`` is shown: the content that its delta applies to.

That is the newest ordered revision, which may be ahead of the committed one by what is still
being saved. Nothing is copied: the live content is read when the plugin looks at it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from collab.ot import Content, Delta, DocumentType
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.rooms.ordering import Ordering
from collab.rooms.port import Session
from collab.storage.port import DocumentRecord, Kept

if TYPE_CHECKING:
    from collab.plugins.document import Document, OpenRoom


class OrderedRoom:
    """An open room as of its newest ordered revision, until `end`; then as of the committed one.

    Nothing is ordered while plugins are asked, so that it stays the same for all of them.
    """

    __slots__ = ("asking", "lasting", "room")

    def __init__(self, room: OpenRoom, document: Document) -> None:
        self.room = room
        self.lasting = document
        """What other hooks are handed as this document."""
        self.asking = True

    def end(self) -> None:
        """The plugins were asked: what is still being saved is not shown any more."""
        self.asking = False

    @property
    def document(self) -> DocumentRecord:
        return self.room.document

    @property
    def type(self) -> DocumentType:
        return self.room.type

    @property
    def ordering(self) -> Ordering:
        return self.room.ordering

    @property
    def revision(self) -> int:
        return self.room.ordering.revision if self.asking else self.room.revision

    @property
    def content(self) -> Content:
        return self.room.ordering.content if self.asking else self.room.content

    @property
    def sessions(self) -> Mapping[str, Session]:
        return self.room.sessions

    async def edit(
        self,
        delta: Delta,
        *,
        author: User,
        revision: int | None = None,
        keep: Sequence[Kept] = (),
    ) -> int:
        return await self.room.edit(delta, author=author, revision=revision, keep=keep)

    def broadcast(self, frame: Frame, except_: Session | None = None) -> None:
        self.room.broadcast(frame, except_)
