"""A conversation beside every document: stored, for everybody who may read it."""

from __future__ import annotations

import math
import time
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from collab import Plugin, hookimpl
from collab.plugins.document import Document
from collab.plugins.offers import Format
from collab.plugins.pace import Pace
from collab.protocol.messages import User
from collab.rooms.port import Session

from .conversation import Conversation
from .mentions import find
from .texts import Unfit, clean
from .transcript import transcript
from .wire import Delete, Edit, FromBrowser, Message, Older, Post, WhoIsThere

READING = (5.0, 20)
"""Pages per second, and at once, that one person may look through."""


class Refused(Exception):
    """What somebody asked for is not done; they read the sentence."""


class Chat(Plugin):
    """Talk about a document beside it."""

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        longest: Annotated[
            int, Meta(ge=1, le=5000, description="Characters in one message at most.")
        ] = 4000
        rate: Annotated[
            float, Meta(gt=0, description="Messages per second one person may send for long.")
        ] = 1.0
        burst: Annotated[
            int, Meta(ge=1, description="Messages one person may send at once.")
        ] = 10

    settings: Settings

    clock = staticmethod(time.time)

    def __init__(self) -> None:
        self.conversations: dict[str, Conversation] = {}
        """By document id, of those that are open."""

    @hookimpl
    def server_started(self) -> None:
        self.writing = Pace(self.settings.rate, self.settings.burst, time.monotonic)
        self.reading = Pace(*READING, time.monotonic)

    @hookimpl
    async def session_joined(self, document: Document, session: Session) -> None:
        messages, more = await self.conversation(document).before()
        await self.send(
            document,
            session,
            {
                "kind": "newest",
                "messages": messages,
                "more": more,
                "longest": self.settings.longest,
            },
        )

    @hookimpl
    def document_closed(self, document: Document) -> None:
        self.conversations.pop(document.id, None)

    @hookimpl
    async def message_received(self, document: Document, session: Session, data: Any) -> None:
        try:
            message = msgspec.convert(data, FromBrowser)
        except msgspec.ValidationError as error:
            self.log.warning("message from session %s ignored: %s", session.id, error)
            return
        try:
            match message:
                case Post():
                    await self.post(document, session, message)
                case Edit(id=id, text=text):
                    await self.change(document, session, id, text)
                case Delete(id=id):
                    await self.change(document, session, id, None)
                case Older(before=before):
                    await self.show_older(document, session, before)
                case WhoIsThere():
                    await self.show_people(document, session)
        except (Refused, Unfit) as refusal:
            await self.send(
                document,
                session,
                {
                    "kind": "refused",
                    "sentence": str(refusal),
                    "key": getattr(message, "key", None),
                    "id": getattr(message, "id", None),
                },
            )

    @hookimpl
    def exporters(self) -> list[Format]:
        return [
            Format("chat", "Chat", "txt", "text/plain", self.export_text),
            Format("chat-json", "Chat (JSON)", "json", "application/json", self.export_json),
        ]

    async def post(self, document: Document, session: Session, post: Post) -> None:
        """Keep a message and show it to everybody."""
        text = self.admit(session, post.text)
        conversation = self.conversation(document)
        message, new = await conversation.add(
            session.user,
            text,
            find(text, await self.people(document)),
            post.key,
            self.clock(),
        )
        told: dict[str, Any] = {"kind": "posted", "message": message}
        if new:
            await self.broadcast(document, told)
        else:
            await self.send(document, session, told)

    async def change(
        self, document: Document, session: Session, id: int, text: str | None
    ) -> None:
        """Give a message of one's own another text, or (None) delete it."""
        conversation = self.conversation(document)
        message = await conversation.get(id)
        if message is None or message.deleted:
            raise Refused("This message is not there any more.")
        if message.author.id != session.user.id:
            raise Refused("Only who wrote a message can change it.")
        if text is None:
            changed = Message(message.id, message.author, message.time, message.key, deleted=True)
        else:
            text = self.admit(session, text)
            mentions = find(text, await self.people(document))
            changed = replace(message, text=text, mentions=mentions, edited=self.clock())
        await conversation.replace(changed)
        await self.broadcast(document, {"kind": "changed", "message": changed})

    async def show_older(self, document: Document, session: Session, before: int) -> None:
        if self.reading.take(session.user.id):
            raise Refused("That was too fast: wait a moment.")
        messages, more = await self.conversation(document).before(before)
        await self.send(document, session, {"kind": "older", "messages": messages, "more": more})

    async def show_people(self, document: Document, session: Session) -> None:
        if self.reading.take(session.user.id):
            raise Refused("That was too fast: wait a moment.")
        await self.send(
            document, session, {"kind": "people", "people": await self.people(document)}
        )

    def admit(self, session: Session, text: str) -> str:
        """The text as it is kept. Raises `Refused`, `Unfit`."""
        if "write" not in session.permissions:
            raise Refused("You may read this document, but not write in it.")
        text = clean(text, self.settings.longest)
        wait = math.ceil(self.writing.take(session.user.id))
        if wait:
            seconds = "a second" if wait == 1 else f"{wait} seconds"
            raise Refused(f"You are writing too fast: go on in {seconds}.")
        return text

    async def people(self, document: Document) -> list[User]:
        """Whom one can mention: who is here, and who wrote here."""
        conversation = self.conversation(document)
        await conversation.before()
        present = {session.user.id: session.user for session in document.sessions.values()}
        return list({**conversation.people, **present}.values())

    def conversation(self, document: Document) -> Conversation:
        """The conversation of an open document; remembered until that is closed."""
        found = self.conversations.get(document.id)
        if found is None:
            found = self.conversations[document.id] = Conversation(self.state, document.id)
        return found

    async def export_text(self, document: Document) -> str:
        return transcript(document.title, await self.stored(document))

    async def export_json(self, document: Document) -> bytes:
        messages = await self.stored(document)
        exported = {"document": document.id, "title": document.title, "messages": messages}
        return msgspec.json.format(msgspec.json.encode(exported), indent=2)

    async def stored(self, document: Document) -> list[Message]:
        """Every message of a document that nobody needs to have open."""
        return await Conversation(self.state, document.id).all()
