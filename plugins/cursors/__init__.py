"""Everybody's caret and selection, moved by the server through every edit."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from collab import Plugin, hookimpl
from collab.plugins.document import Document
from collab.plugins.positions import OutOfReach, Positions
from collab.protocol.messages import User
from collab.rooms.port import Session

Position = Annotated[int, Meta(ge=0)]


class Cursor(Struct):
    """A caret as it is shown to others."""

    session: str
    client: str
    user: User
    anchor: int
    head: int


class Cursors(Plugin):
    """Show where everybody's caret is and what they have selected."""

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        interval: Annotated[
            float, Meta(gt=0, description="Seconds between two announcements in a document.")
        ] = 0.05

    class Message(Struct, forbid_unknown_fields=True):
        """Where a browser's caret is at ``revision``; ``anchor`` null: it has none."""

        anchor: Position | None
        head: Position | None = None
        revision: Position = 0

    settings: Settings

    def __init__(self) -> None:
        self.changed: dict[str, set[str]] = {}
        """By document id, the sessions whose carets moved or are gone since it was told."""

    @hookimpl
    async def session_joined(self, document: Document, session: Session) -> None:
        if document.sessions:
            revision, cursors = self.cursors(document)
            await self.send(
                document, session, {"kind": "cursors", "revision": revision, "cursors": cursors}
            )

    @hookimpl
    def session_changed(self, document: Document, session: Session) -> None:
        if session.id in document.sessions and session.id in self.positions(document):
            self.tell_soon(document, session)

    @hookimpl
    def session_left(self, document: Document, session: Session) -> None:
        self.forget(document, session)

    @hookimpl
    def document_closed(self, document: Document) -> None:
        self.changed.pop(document.id, None)

    @hookimpl
    def message_received(self, document: Document, session: Session, data: Message) -> None:
        if session.id not in document.sessions:
            return
        try:
            if data.anchor is None:
                self.forget(document, session)
            elif self.place(document, session, data, data.anchor):
                self.tell_soon(document, session)
        except (ValueError, OutOfReach) as error:
            self.log.warning("message from session %s ignored: %s", session.id, error)

    def place(
        self, document: Document, session: Session, message: Message, anchor: int
    ) -> bool:
        """Hold a caret where the message says it is; False when it was there already."""
        head = anchor if message.head is None else message.head
        positions = self.positions(document)
        before = positions.get(session.id)
        now = positions.set(
            session.id, anchor, head, revision=message.revision, owner=session.client
        )
        return now != before

    def tell_soon(self, document: Document, session: Session) -> None:
        """Tell everybody about a caret, and all others that change in the next moment."""
        self.changed.setdefault(document.id, set()).add(session.id)
        self.soon(document.id, self.settings.interval, self.tell, document)

    async def tell(self, document: Document) -> None:
        changed = self.changed.pop(document.id, set())
        if not document.sessions:
            return
        revision, cursors = self.cursors(document)
        moved = [cursor for cursor in cursors if cursor.session in changed]
        if moved:
            await self.broadcast(
                document, {"kind": "moved", "revision": revision, "cursors": moved}
            )
        for gone in changed - {cursor.session for cursor in moved}:
            await self.broadcast(document, {"kind": "gone", "session": gone})

    def forget(self, document: Document, session: Session) -> None:
        """A session has no caret any more, or is gone."""
        if document.sessions and self.positions(document).discard(session.id):
            self.tell_soon(document, session)

    def cursors(self, document: Document) -> tuple[int, list[Cursor]]:
        """Where everybody's caret is at the revision that is returned with them."""
        positions: Positions = self.positions(document)
        sessions = document.sessions
        cursors = []
        for key, (anchor, head) in positions.items():
            session = sessions.get(str(key))
            if session is None:
                positions.discard(key)
            else:
                cursors.append(Cursor(session.id, session.client, session.user, anchor, head))
        return positions.revision, cursors
