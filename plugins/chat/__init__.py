"""A conversation beside every document: stored, for everybody who may read it."""

from __future__ import annotations

import math
import secrets
import time
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from collab import Plugin, TokenBuckets, VisitorBuckets, hookimpl
from collab.plugins.document import Document
from collab.plugins.offers import Format
from collab.protocol.messages import User
from collab.rooms.port import Session

from .conversation import Conversation
from .mentions import find, units
from .texts import Unfit, clean
from .transcript import transcript
from .wire import (
    Delete,
    DeleteAll,
    Edit,
    Entry,
    FromBrowser,
    FromPlugin,
    Mention,
    Older,
    Post,
    Posted,
    WhoIsThere,
)

READING = (5.0, 20)
"""Pages per second, and at once, that one person may look through."""

PLUGIN = "plugin:"
"""What the ids of plugins that post begin with; no person has such a one."""

NAME_LENGTH = 64
"""UTF-16 code units in a plugin's name at most."""

COLOR = "#512da8"
"""Of the messages that plugins post."""


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
        hourly: Annotated[
            int,
            Meta(
                ge=5000,
                description="Characters that one person may write in an hour; all guests at one"
                " network address together, ten times as many.",
            ),
        ] = 100_000

    Message = FromBrowser

    settings: Settings

    clock = staticmethod(time.time)

    @hookimpl
    def server_started(self) -> None:
        settings = self.settings
        self.writing = VisitorBuckets(settings.rate, settings.burst, time.monotonic)
        self.filling = VisitorBuckets(settings.hourly / 3600, settings.hourly, time.monotonic)
        self.reading = VisitorBuckets(*READING, time.monotonic)
        self.posting = TokenBuckets(settings.rate, settings.burst, time.monotonic)
        """Of other plugins."""

    @hookimpl
    async def session_joined(self, document: Document, session: Session) -> None:
        messages, more = await self.conversation(document).before()
        manages = await self.manages(session)
        await self.send(
            document,
            session,
            {
                "kind": "newest",
                "messages": messages,
                "more": more,
                "longest": self.settings.longest,
                "manages": manages,
            },
        )

    @hookimpl
    async def message_received(
        self, document: Document, session: Session, data: FromBrowser
    ) -> None:
        try:
            match data:
                case Post():
                    await self.post(document, session, data)
                case Edit(id=id, text=text):
                    await self.change(document, session, id, text)
                case Delete(id=id):
                    await self.change(document, session, id, None)
                case DeleteAll(author=author):
                    await self.delete_all(document, session, author)
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
                    "key": getattr(data, "key", None),
                    "id": getattr(data, "id", None),
                },
            )

    @hookimpl
    async def published(
        self, topic: str, sender: str, data: Any, document: Document | None
    ) -> None:
        """Let another plugin take part, under an id that says which one it is."""
        if topic != "chat.post" or document is None:
            return
        try:
            said = msgspec.convert(data, FromPlugin)
            text = clean(said.text, self.settings.longest)
            name = clean(said.name or sender, NAME_LENGTH).replace("\n", " ")
            if self.posting.try_take((sender, document.id)):
                raise Refused("That was too fast.")
        except (msgspec.ValidationError, Unfit, Refused) as error:
            self.log.warning("what the plugin %s posts is ignored: %s", sender, error)
            return
        author = User(PLUGIN + sender, name, COLOR)
        await self.keep(document, author, text, secrets.token_urlsafe(9))

    @hookimpl
    def exporters(self) -> list[Format]:
        return [
            Format("chat", "Chat", "txt", "text/plain", self.export_text),
            Format("chat-json", "Chat (JSON)", "json", "application/json", self.export_json),
        ]

    async def post(self, document: Document, session: Session, post: Post) -> None:
        """Keep a message and show it to everybody."""
        text = self.admit(session, post.text)
        message, new = await self.keep(document, session.user, text, post.key)
        if not new:
            await self.send(document, session, {"kind": "posted", "message": message})

    async def keep(
        self, document: Document, author: User, text: str, key: str
    ) -> tuple[Entry, bool]:
        """Keep a message, and if it is new, show it to everybody and tell other plugins."""
        conversation = self.conversation(document)
        message, new = await conversation.add(
            author, text, await self.mentions(document, text), key, self.clock()
        )
        if new:
            await self.broadcast(document, {"kind": "posted", "message": message})
            posted = Posted(message.id, author, text, message.mentions, message.time)
            await self.publish("chat.posted", posted, document)
        return message, new

    async def change(
        self, document: Document, session: Session, id: int, text: str | None
    ) -> None:
        """Give a message of one's own another text, or (None) delete it; whoever manages the
        document may delete anybody's."""
        conversation = self.conversation(document)
        message = await conversation.get(id)
        if message is None or message.deleted:
            raise Refused("This message is not there any more.")
        if message.author.id != session.user.id:
            if text is not None or not await self.manages(session):
                raise Refused("Only who wrote a message can change it.")
            self.log.info(
                "%s removed message %d, by %s, in document %s",
                session.user.id, id, message.author.id, document.id,
            )  # fmt: skip
        if text is None:
            changed = Entry(message.id, message.author, message.time, message.key, deleted=True)
        else:
            text = self.admit(session, text)
            mentions = await self.mentions(document, text)
            changed = replace(message, text=text, mentions=mentions, edited=self.clock())
        await conversation.replace(changed)
        await self.broadcast(document, {"kind": "changed", "message": changed})

    async def delete_all(self, document: Document, session: Session, author: str) -> None:
        """Delete all messages of somebody, as whoever manages the document."""
        if not await self.manages(session):
            raise Refused("Only who manages this document can delete what others wrote.")
        count = await self.conversation(document).delete_all(author)
        self.log.info(
            "%s removed all %d messages by %s in document %s",
            session.user.id, count, author, document.id,
        )  # fmt: skip
        await self.broadcast(document, {"kind": "deleted_all", "author": author})

    async def manages(self, session: Session) -> bool:
        """Whether somebody may delete what others wrote."""
        return await self.server.may(session, "administer")

    async def show_older(self, document: Document, session: Session, before: int) -> None:
        if self.reading.try_take(session):
            raise Refused("That was too fast: wait a moment.")
        messages, more = await self.conversation(document).before(before)
        await self.send(document, session, {"kind": "older", "messages": messages, "more": more})

    async def show_people(self, document: Document, session: Session) -> None:
        if self.reading.try_take(session):
            raise Refused("That was too fast: wait a moment.")
        await self.send(
            document, session, {"kind": "people", "people": await self.people(document)}
        )

    def admit(self, session: Session, text: str) -> str:
        """The text as it is kept. Raises `Refused`, `Unfit`."""
        if "write" not in session.permissions:
            raise Refused("You may read this document, but not write in it.")
        text = clean(text, self.settings.longest)
        wait = math.ceil(self.writing.try_take(session))
        if wait:
            seconds = "a second" if wait == 1 else f"{wait} seconds"
            raise Refused(f"You are writing too fast: go on in {seconds}.")
        if self.filling.try_take(session, units(text)):
            raise Refused("So much has been written from where you are in this hour: go on later.")
        return text

    async def people(self, document: Document) -> list[User]:
        """Whom one can mention: who is here, and who wrote here."""
        known = {user.id: user for user in await self.conversation(document).people()}
        present = {session.user.id: session.user for session in document.sessions.values()}
        return list({**known, **present}.values())

    async def mentions(self, document: Document, text: str) -> list[Mention]:
        """Who is mentioned in a text."""
        return find(text, await self.people(document)) if "@" in text else []

    def conversation(self, document: Document) -> Conversation:
        """The messages of a document, open or not."""
        return Conversation(self.tables, document.id)

    async def export_text(self, document: Document) -> str:
        return transcript(document.title, await self.conversation(document).all())

    async def export_json(self, document: Document) -> bytes:
        messages = await self.conversation(document).all()
        exported = {"document": document.id, "title": document.title, "messages": messages}
        return msgspec.json.format(msgspec.json.encode(exported), indent=2)
