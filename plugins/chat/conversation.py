"""The messages of one document, kept in pages: what is new costs the newest page only."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec

from collab.plugins.state import State
from collab.protocol.messages import User

from .wire import Mention, Message

PAGE = 50
"""Messages in one stored page. Message ``n`` is in page ``(n - 1) // PAGE``."""

ANSWER = 128 * 1024
"""Bytes of messages that are handed out at once; one message is always."""

KNOWN = 200
"""People who wrote here that are remembered, to be mentioned."""

_PEOPLE = "people"
_LAST = "last"


class Conversation:
    """One document's messages. Everything raises `StorageError` when the store can't do it.

    Reads may come at any time, also while a message is added.
    """

    def __init__(self, state: State, document: str) -> None:
        self._state = state
        self._document = document
        self._writing = asyncio.Lock()
        self._pages: dict[int, list[Message]] = {}
        """The last two pages; older ones are read when somebody wants them."""
        self._last: int | None = None
        """The number of the last page; None until it was looked for."""
        self.people: dict[str, User] = {}
        """Who wrote here, whoever wrote last at the end."""

    async def add(
        self, author: User, text: str, mentions: list[Mention], key: str, time: float
    ) -> tuple[Message, bool]:
        """Keep a message; False with the one that is there, when this one came before."""
        async with self._writing:
            last = await self._load()
            before = self._known(author, key)
            if before is not None:
                return before, False
            page = self._pages.get(last, [])
            newest = page[-1] if page else None
            if len(page) >= PAGE:
                last, page = last + 1, []
            message = Message(
                id=last * PAGE + len(page) + 1,
                author=author,
                # Whatever the clock does, time goes on.
                time=max(time, newest.time) if newest is not None else time,
                key=key,
                text=text,
                mentions=mentions,
            )
            await self._remember(author)
            await self._store(last, [*page, message])
            if last != self._last:
                await self._state.set(_LAST, last, document=self._document)
                self._last = last
                self._pages.pop(last - 2, None)
            return message, True

    async def get(self, id: int) -> Message | None:
        """The message of that number."""
        await self._opened()
        page = await self._page((id - 1) // PAGE)
        index = (id - 1) % PAGE
        return page[index] if index < len(page) else None

    async def replace(self, message: Message) -> None:
        """Keep a message in the place of the one that had its number."""
        async with self._writing:
            number = (message.id - 1) // PAGE
            page = list(await self._page(number))
            page[(message.id - 1) % PAGE] = message
            await self._store(number, page)

    async def before(self, id: int | None = None) -> tuple[list[Message], bool]:
        """The messages before ``id`` (None: the newest), oldest first; are there earlier ones?"""
        last = await self._opened()
        if id is None:
            id = last * PAGE + len(await self._page(last)) + 1
        found: list[Message] = []
        size = 0
        for number in range(min(last, (id - 2) // PAGE), -1, -1):
            for message in reversed(await self._page(number)):
                if message.id >= id:
                    continue
                size += len(msgspec.json.encode(message))
                if found and (size > ANSWER or len(found) >= PAGE):
                    return found[::-1], True
                found.append(message)
        return found[::-1], False

    async def all(self) -> list[Message]:
        """Every message, oldest first."""
        last = await self._opened()
        return [message for number in range(last + 1) for message in await self._page(number)]

    async def _opened(self) -> int:
        async with self._writing:
            return await self._load()

    async def _load(self) -> int:
        """The number of the last page, which is in memory with the one before."""
        if self._last is not None:
            return self._last
        last: int = await self._state.get(_LAST, 0, document=self._document)
        # The server may have ended between writing a page and noting that it is the last.
        while await self._state.get(_key(last + 1), document=self._document) is not None:
            last += 1
        for number in (last - 1, last):
            if number >= 0:
                self._pages[number] = await self._read(number)
        people = await self._state.get(_PEOPLE, [], document=self._document)
        self.people = {user.id: user for user in msgspec.convert(people, list[User])}
        self._last = last
        return last

    async def _page(self, number: int) -> list[Message]:
        page = self._pages.get(number)
        return await self._read(number) if page is None else page

    async def _read(self, number: int) -> list[Message]:
        stored: Any = await self._state.get(_key(number), [], document=self._document)
        return msgspec.convert(stored, list[Message])

    async def _store(self, number: int, page: list[Message]) -> None:
        await self._state.set(_key(number), page, document=self._document)
        if number in self._pages or number >= (self._last or 0):
            self._pages[number] = page

    async def _remember(self, author: User) -> None:
        if self.people.get(author.id) == author:
            return
        people = {id: user for id, user in self.people.items() if id != author.id}
        people[author.id] = author
        kept = list(people.values())[-KNOWN:]
        await self._state.set(_PEOPLE, kept, document=self._document)
        self.people = {user.id: user for user in kept}

    def _known(self, author: User, key: str) -> Message | None:
        for page in self._pages.values():
            for message in page:
                if message.key == key and message.author.id == author.id:
                    return message
        return None


def _key(page: int) -> str:
    return f"page {page}"
