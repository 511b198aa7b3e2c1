"""The threads of one open document: what people do with them, and where they are."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterable

import msgspec
from msgspec.structs import replace

from collab.plugins.document import Document
from collab.plugins.positions import OutOfReach, Positions
from collab.plugins.ranges import Ranges
from collab.protocol.messages import User

from .parcels import full
from .stored import comments_of, stored_thread
from .texts import quotation
from .wire import Comment, Open, Placed, Resolution, Thread


async def placed(ranges: Ranges) -> dict[str, Placed]:
    """The threads that are kept with some ranges by id, in the order of the text."""
    found = [
        Placed(id, one.start, one.end, thread)
        for id, one in (await ranges.all()).items()
        if (thread := stored_thread(one.data)) is not None
    ]
    return {one.id: one for one in in_order(found)}


def in_order(threads: Iterable[Placed]) -> list[Placed]:
    """Threads in the order of the text."""
    return sorted(threads, key=lambda one: (one.start, one.end, one.thread.comments[0].time))


class Refused(Exception):
    """What somebody asked for is not done; they read the sentence."""


class Discussion:
    """The threads are kept with the plugin's ranges, by the thread's id.

    Texts that are handed in are clean. Whatever changes a thread raises `Refused` when there
    is no such thread or comment, or somebody may not change it.
    """

    def __init__(
        self,
        document: Document,
        ranges: Ranges,
        positions: Positions,
        clock: Callable[[], float],
    ) -> None:
        """``clock`` tells seconds since 1970 (UTC)."""
        self._document = document
        self._ranges = ranges
        self._positions = positions
        self._clock = clock

    @property
    def revision(self) -> int:
        """The revision at which places are told."""
        return self._ranges.revision

    async def all(self) -> dict[str, Placed]:
        """All threads by id, in the order of the text."""
        return await placed(self._ranges)

    async def get(self, id: str) -> Placed | None:
        """One thread."""
        found = await self._ranges.get(id)
        thread = found and stored_thread(found.data)
        if found is None or thread is None:
            return None
        return Placed(id, found.start, found.end, thread)

    async def find(self, author: User, key: str) -> str | None:
        """The thread that has a comment already: browsers send again what they are unsure of."""
        # As it is stored: this is asked at each comment, and there may be a thousand threads.
        for id, one in (await self._ranges.all()).items():
            if any(comment.get("key") == key for comment in comments_of(one.data, author.id)):
                return id
        return None

    async def begin(self, author: User, text: str, message: Open, most: int) -> str:
        """Begin a thread, of which there may be ``most``; returns its id."""
        if message.start >= message.end:
            raise Refused("Select the text that your comment is about.")
        if len(await self._ranges.all()) >= most:
            raise Refused(f"A document may have {most} threads of comments.")
        id = secrets.token_hex(8)
        comment = Comment(1, author, self._clock(), message.key, text)
        try:
            thread = Thread(await self._quote(message), message.revision, [comment])
            await self._ranges.add(
                id,
                message.start,
                message.end,
                msgspec.to_builtins(thread),
                revision=message.revision,
            )
        except OutOfReach as error:
            raise Refused("The text has changed too much since: select it again.") from error
        except ValueError as error:
            raise Refused("That text is not there: select it again.") from error
        return id

    async def reply(self, author: User, text: str, id: str, key: str) -> None:
        """Add a comment to a thread."""
        thread = await self._thread(id)
        number = thread.comments[-1].id + 1
        comment = Comment(number, author, self._clock(), key, text)
        await self._keep(id, replace(thread, comments=[*thread.comments, comment]))

    async def change(self, author: User, text: str, id: str, number: int) -> None:
        """Give a comment another text, which only its author may."""
        thread, comment = await self._own(author, id, number)
        changed = replace(comment, text=text, edited=self._clock())
        await self._keep(id, _with(thread, changed))

    async def delete(self, author: User | None, id: str, number: int) -> Comment:
        """Delete a comment, which only its author may (None: whoever manages the document), and
        with the last one the thread. Returns what it was."""
        thread, comment = await self._own(author, id, number)
        await self._keep_or_remove(id, _with(thread, _deleted(comment)))
        return comment

    async def remove(self, id: str) -> Thread:
        """Remove a whole thread. Returns what it was."""
        thread = await self._thread(id)
        await self._ranges.remove(id)
        return thread

    async def remove_all(self, author: str) -> list[str]:
        """Delete all comments of the user of that id; returns the ids of their threads."""
        found = [
            id
            for id, one in (await self._ranges.all()).items()
            if any(comments_of(one.data, author))
        ]
        for id in found:
            thread = await self._thread(id)
            comments = [
                _deleted(one) if one.author.id == author else one for one in thread.comments
            ]
            await self._keep_or_remove(id, replace(thread, comments=comments))
        return found

    async def resolve(self, by: User, id: str, resolved: bool) -> None:
        """Settle a thread, or open it again."""
        thread = await self._thread(id)
        resolution = Resolution(by, self._clock()) if resolved else None
        await self._keep(id, replace(thread, resolved=resolution))

    async def adopt(self, arrived: Placed) -> None:
        """Take a thread as it is, placed in the document's first revision."""
        # One that came before an interruption is there, under the same id.
        if await self._ranges.get(arrived.id) is not None:
            return
        thread = msgspec.to_builtins(arrived.thread)
        try:
            await self._ranges.add(arrived.id, arrived.start, arrived.end, thread, revision=0)
        except OutOfReach:
            # Scripts have rewritten the text before anybody looked at it.
            await self._ranges.add(arrived.id, 0, 0, thread)

    async def _quote(self, message: Open) -> str:
        """The text that a new thread is about. Raises `OutOfReach`, ValueError."""
        place = self._positions.set(
            "new", message.start, message.end, revision=message.revision
        )
        self._positions.discard("new")
        quote = quotation(self._document.delta, *place)
        if not quote:  # it was deleted in this very moment
            then = await self._document.content_at(message.revision)
            quote = quotation(then.delta, message.start, message.end)
        return quote

    async def _thread(self, id: str) -> Thread:
        found = await self.get(id)
        if found is None:
            raise Refused("This thread is not there any more.")
        return found.thread

    async def _own(self, author: User | None, id: str, number: int) -> tuple[Thread, Comment]:
        thread = await self._thread(id)
        comment = next((one for one in thread.comments if one.id == number), None)
        if comment is None or comment.deleted:
            raise Refused("This comment is not there any more.")
        if author is not None and comment.author.id != author.id:
            raise Refused("Only who wrote a comment can change it.")
        return thread, comment

    async def _keep_or_remove(self, id: str, thread: Thread) -> None:
        if all(one.deleted for one in thread.comments):
            await self._ranges.remove(id)
        else:
            await self._ranges.update(id, msgspec.to_builtins(thread))

    async def _keep(self, id: str, thread: Thread) -> None:
        if full(thread):
            raise Refused("This thread is full: begin another one.")
        await self._ranges.update(id, msgspec.to_builtins(thread))


def _deleted(comment: Comment) -> Comment:
    return Comment(comment.id, comment.author, comment.time, comment.key, deleted=True)


def _with(thread: Thread, changed: Comment) -> Thread:
    comments = [changed if one.id == changed.id else one for one in thread.comments]
    return replace(thread, comments=comments)
