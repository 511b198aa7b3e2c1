"""Who is here: one person for all tabs of a user, with a name, a colour and whether idle."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from collab import Plugin, hookimpl
from collab.plugins.document import Document
from collab.rooms.port import Session

from .people import people


class Presence(Plugin):
    """Show who has the document open."""

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        idle_after: Annotated[
            float, Meta(gt=0, description="Seconds without activity after which somebody is idle.")
        ] = 300.0
        interval: Annotated[
            float, Meta(gt=0, description="Seconds between two announcements in a document.")
        ] = 0.1

    class Message(Struct, forbid_unknown_fields=True):
        """What a browser half says: its person came back, or has done nothing for a while."""

        idle: bool

    settings: Settings

    def __init__(self) -> None:
        self.idle: dict[str, set[str]] = {}
        """By document id, the sessions that are idle."""

    @hookimpl
    def session_joined(self, document: Document, session: Session) -> None:
        self.announce_soon(document)

    @hookimpl
    def session_changed(self, document: Document, session: Session) -> None:
        self.announce_soon(document)

    @hookimpl
    def session_left(self, document: Document, session: Session) -> None:
        self.idle.get(document.id, set()).discard(session.id)
        self.announce_soon(document)

    @hookimpl
    def document_closed(self, document: Document) -> None:
        self.idle.pop(document.id, None)

    @hookimpl
    def message_received(self, document: Document, session: Session, data: Message) -> None:
        if session.id not in document.sessions:
            return
        idle = self.idle.setdefault(document.id, set())
        if data.idle != (session.id in idle):
            (idle.add if data.idle else idle.discard)(session.id)
            self.announce_soon(document)

    def announce_soon(self, document: Document) -> None:
        """Tell everybody who is here, once for all that changes in the next moment."""
        self.soon(document.id, self.settings.interval, self.announce, document)

    async def announce(self, document: Document) -> None:
        await self.broadcast(
            document,
            {
                "kind": "people",
                "idle_after": self.settings.idle_after,
                "people": people(document.sessions.values(), self.idle.get(document.id, set())),
            },
        )
