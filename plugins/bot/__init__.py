"""A participant that lives on the server: it reads along, answers in the text, and comes back."""

from __future__ import annotations

import asyncio
import secrets
import time
from collections.abc import Awaitable, Callable, Iterable
from datetime import UTC, datetime
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from collab import Plugin, TokenBucket, VisitorBuckets, hookimpl
from collab.ot import Delta
from collab.plugins.archive import Operation
from collab.plugins.document import Document
from collab.plugins.routes import RouteLike
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.rooms.port import Session

from .commands import Later, Question, answer
from .mentions import MARK, Mention, below, find

MOST = 1000
"""Reminders that are kept."""

HOURLY = 20
"""Reminders that one person may ask for in an hour; all guests at one address together, three
times as many. Those who ask by scripts, without a page, share one such number."""

LONGEST_TEXT = 500
"""Characters of a reminder's text; the rest is left out."""

LOOK = 5.0
"""Seconds between two looks at what is due."""

PATIENCE = 86400.0
"""Seconds that a reminder waits for a document that can't be opened or edited now."""

OUR_KIND = ("bot:", "plugin:")
"""What the ids of those begin with who are no people, and are not answered."""

FULL = "I can’t keep any more reminders."
TOO_MANY = "That were many reminders in this hour: ask me again later."


class Reminder(Struct):
    """Something to be said in a document when it is due."""

    document: str
    due: float
    """Seconds since 1970 (UTC)."""
    text: str
    chat: bool = False
    """Whether it was asked for in the chat."""


class Said(Struct):
    """What is asked for of a chat message."""

    author: User
    text: str


class Bot(Plugin):
    """Answer questions that are asked in the text or the chat, such as “@bot help”."""

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        name: Annotated[
            str,
            Meta(
                pattern=r"^([a-z][a-z0-9_-]{0,31})?$",
                description="What it is called, such as bot; without a name it is not there.",
            ),
        ] = ""
        delay: Annotated[
            float, Meta(ge=0, description="Seconds until it answers a line that was finished.")
        ] = 0.3

    settings: Settings

    now = staticmethod(time.time)

    def __init__(self) -> None:
        self.answering = asyncio.Lock()
        self.reminders: dict[str, Reminder] = {}
        self.asking = VisitorBuckets(HOURLY / 3600, HOURLY, time.monotonic, address_times=3)
        self.scripts = TokenBucket(HOURLY / 3600, HOURLY, time.monotonic())

    def wants(self, hook: str) -> bool:
        """Without a name it is not there."""
        return bool(self.settings.name)

    @property
    def author(self) -> User:
        """Whose edits its edits are."""
        name = self.settings.name
        return User(f"bot:{name}", name, "#512da8")

    @hookimpl
    async def server_started(self) -> None:
        kept = await self.state.list()
        self.reminders = {key: msgspec.convert(one, Reminder) for key, one in kept.items()}

    @hookimpl
    def schedules(self) -> Iterable[tuple[float, Callable[[], Awaitable[None]]]]:
        return [(LOOK, self.remind)]

    # Answering.

    @hookimpl
    def operation_committed(self, document: Document, operation: Operation) -> None:
        """Look for questions when somebody, and not the bot, has finished a line."""
        if (
            operation.inserts("\n")
            and operation.author != self.author.id
            and document.like == "text"
        ):
            asker = document.session_of(operation.client)
            self.soon(document.id, self.settings.delay, self.answer, document.id, asker)

    async def answer(self, id: str, asker: Session | None = None) -> None:
        """Answer what was asked in a document, by ``asker`` if it was asked in a page."""
        try:
            # One after the other, so that nothing is answered twice; and held open meanwhile.
            async with self.answering, self.server.document(id) as document:
                await self.answer_in(document, asker)
        except CollabError as error:
            self.log.info("no answer in document %s: %s", id, error)

    async def answer_in(self, document: Document, asker: Session | None) -> None:
        revision, text = document.revision, document.text
        delta, at = Delta(), 0
        kept: list[str] = []
        for mention in find(text, self.settings.name):
            said = answer(mention.command, self.question(mention, document))
            if isinstance(said, Later):
                kept.append(secrets.token_urlsafe(9))
                said = self.refusal(asker) or await self.keep(
                    kept[-1], document, revision, mention, said
                )
            delta.retain(mention.end - at).insert(f"{MARK}{said}\n")
            at = mention.end
        if not at:
            return
        try:
            await document.apply(delta, author=self.author, revision=revision)
        except CollabError:
            # The question stays, and is answered once more when there is the next line.
            for key in kept:
                await self.ranges(document).remove(key)
                await self.forget(key)
            raise

    def question(self, mention: Mention, document: Document) -> Question:
        """What was asked, and what there is to know in the document."""
        people = tuple(session.user.label for session in document.sessions.values())
        now = datetime.fromtimestamp(self.now(), UTC)
        return Question(mention.argument, document.text, people, now)

    @hookimpl
    async def published(
        self, topic: str, sender: str, data: Any, document: Document | None
    ) -> None:
        """Answer what somebody asked in the chat; never what another of our kind said."""
        if (topic, sender) != ("chat.posted", "chat") or document is None:
            return
        said = msgspec.convert(data, Said)
        asked = find(said.text + "\n", self.settings.name)
        if not asked or said.author.id.startswith(OUR_KIND):
            return
        async with self.server.document(document.id) as open_document:
            answers = [
                await self.answer_in_chat(mention, said.author, open_document)
                for mention in asked
            ]
            await self.say_in_chat(open_document, "\n".join(answers))

    async def answer_in_chat(self, mention: Mention, author: User, document: Document) -> str:
        """What to say to a question of ``author``'s."""
        said = answer(mention.command, self.question(mention, document))
        if isinstance(said, str):
            return said
        asker = next(
            (one for one in document.sessions.values() if one.user.id == author.id), None
        )
        if refusal := self.refusal(asker):
            return refusal
        text = f"@{author.name} {said.reminder[:LONGEST_TEXT]}"
        reminder = Reminder(document.id, said.due.timestamp(), text, chat=True)
        await self.remember(secrets.token_urlsafe(9), reminder)
        return said.answer

    async def say_in_chat(self, document: Document, text: str) -> None:
        """Have the chat, if there is one, take a message."""
        said = {"text": text, "name": self.settings.name}
        await self.publish("chat.post", said, document)

    # Reminding.

    async def keep(
        self, key: str, document: Document, revision: int, mention: Mention, later: Later
    ) -> str:
        """Keep a reminder, and where it was asked for, over restarts; returns what to say."""
        await self.ranges(document).add(key, mention.start, mention.end, revision=revision)
        reminder = Reminder(document.id, later.due.timestamp(), later.reminder[:LONGEST_TEXT])
        await self.remember(key, reminder)
        return later.answer

    def refusal(self, asker: Session | None) -> str | None:
        """Why no reminder is taken now from somebody; None when one is, which is counted."""
        if len(self.reminders) >= MOST:
            return FULL
        if asker is None:
            wait = self.scripts.try_take(time.monotonic())
        else:
            wait = self.asking.try_take(asker)
        return TOO_MANY if wait else None

    @hookimpl
    async def document_deleted(self, document: Document) -> None:
        """What was to be said there is not kept any longer."""
        await self.forget_all(document.id)

    @hookimpl
    def routes(self) -> list[RouteLike]:
        return [("DELETE", "/documents/{id}/reminders", self.clear)]

    async def clear(self, request: web.Request) -> web.Response:
        """Forget all reminders of a document, as the operator."""
        user = await self.allowed(request, "administer")
        id = request.match_info["id"]
        count = await self.forget_all(id)
        self.log.info("%s removed all %d reminders in document %s", user.id, count, id)
        return web.json_response({"removed": count})

    async def forget_all(self, document: str) -> int:
        keys = [key for key, one in self.reminders.items() if one.document == document]
        for key in keys:
            await self.forget(key)
        return len(keys)

    async def remember(self, key: str, reminder: Reminder) -> None:
        await self.state.set(key, msgspec.to_builtins(reminder))
        self.reminders[key] = reminder

    async def remind(self) -> None:
        """Say everything that is due."""
        for key, reminder in list(self.reminders.items()):
            if reminder.due <= self.now():
                await self.say(key, reminder)

    async def say(self, key: str, reminder: Reminder) -> None:
        """Say one reminder where it was asked for, though perhaps nobody has the document open."""
        try:
            async with self.server.document(reminder.document) as document:
                if reminder.chat:
                    await self.say_in_chat(document, reminder.text)
                else:
                    await self.say_in_text(document, key, reminder.text)
        except CollabError as error:
            if error.code is not errors.NO_DOCUMENT and self.now() - reminder.due < PATIENCE:
                self.log.info("a reminder in document %s waits: %s", reminder.document, error)
                return
        await self.forget(key)

    async def forget(self, key: str) -> None:
        await self.state.delete(key)
        self.reminders.pop(key, None)

    async def say_in_text(self, document: Document, key: str, text: str) -> None:
        """Write a reminder below its question, unless that is gone."""
        ranges = self.ranges(document)
        asked = await ranges.get(key)
        if asked is not None:
            index, lead = below(document.text, asked.end)
            async with document.edit(author=self.author) as edit:
                edit.insert(index, f"{lead}{MARK}{text}\n")
            await ranges.remove(key)
