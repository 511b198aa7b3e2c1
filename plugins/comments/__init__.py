"""Conversations about parts of the text, which move with it."""

from __future__ import annotations

import asyncio
import math
import time
from typing import Annotated, Any

import msgspec
from msgspec import Meta, Struct
from msgspec.structs import replace

from collab import Plugin, VisitorBuckets, hookimpl
from collab.plugins.document import Document
from collab.plugins.offers import Format, Imported
from collab.plugins.ranges import Range, moved
from collab.rooms.port import Session

from .annotated import annotated
from .discussion import Discussion, Refused, in_order, placed
from .importing import ARRIVED, read
from .parcels import parcels
from .returning import Returning
from .stored import stored_placed, stored_thread
from .texts import Unfit, clean
from .wire import (
    Delete,
    Edit,
    FromBrowser,
    Open,
    Placed,
    Remove,
    RemoveAll,
    Reply,
    Resolve,
)

ADDRESS_TIMES = 3
"""How many times as many threads as one person all guests at one address may begin."""



class Comments(Plugin):
    """Discuss parts of the text beside it."""

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        longest: Annotated[
            int, Meta(ge=1, le=5000, description="Characters in one comment at most.")
        ] = 4000
        most: Annotated[int, Meta(ge=1, description="Threads in one document at most.")] = 1000
        rate: Annotated[
            float, Meta(gt=0, description="Comments per second one person may write for long.")
        ] = 1.0
        burst: Annotated[
            int, Meta(ge=1, description="Comments one person may write at once.")
        ] = 10
        hourly: Annotated[
            int,
            Meta(
                ge=1,
                description="Threads that one person may begin in a document in an hour; all"
                " guests at one network address together, three times as many.",
            ),
        ] = 60
        interval: Annotated[
            float,
            Meta(gt=0, description="Seconds between two times that pages are told what moved."),
        ] = 1.0

    Message = FromBrowser

    settings: Settings

    clock = staticmethod(time.time)

    def __init__(self) -> None:
        self.told: dict[str, dict[str, tuple[int, int]]] = {}
        """By document id and thread: where everybody was told last that it is."""
        self.returning: dict[str, Returning] = {}
        """By document id: what is written where the text of threads was deleted."""

    @hookimpl
    def server_started(self) -> None:
        settings = self.settings
        self.pace = VisitorBuckets(settings.rate, settings.burst, time.monotonic)
        self.beginning = VisitorBuckets(
            settings.hourly / 3600, settings.hourly, time.monotonic, address_times=ADDRESS_TIMES
        )

    @hookimpl
    async def session_joined(self, document: Document, session: Session) -> None:
        await self.show_all(document, session)

    @hookimpl
    def operation_committed(self, document: Document) -> None:
        # Pages move what they show themselves, and know it before us. But what a deletion took
        # and undo brought back is known here only, and two edits at once can meet differently.
        if self.told.get(document.id):
            self.soon(document.id, self.settings.interval, self.look, document)

    @hookimpl
    def document_closed(self, document: Document) -> None:
        self.told.pop(document.id, None)
        self.returning.pop(document.id, None)

    @hookimpl
    async def message_received(
        self, document: Document, session: Session, data: FromBrowser
    ) -> None:
        if not document.sessions:
            return
        try:
            await self.do(document, session, data)
        except (Refused, Unfit) as refusal:
            key = getattr(data, "key", None)
            await self.send(
                document, session, {"kind": "refused", "sentence": str(refusal), "key": key}
            )

    @hookimpl
    def exporters(self) -> list[Format]:
        return [
            Format("comments", "Text with comments", "txt", "text/plain", self.export_text),
            _json_format(self.export_json),
        ]

    @hookimpl
    def importers(self) -> list[Format]:
        return [_json_format(self.import_json)]

    # What people do.

    async def do(self, document: Document, session: Session, message: FromBrowser) -> None:
        """Do what somebody asks for, and show it. Raises `Refused`, `Unfit`."""
        discussion = await self.discussion(document)
        user = session.user
        if isinstance(message, Open | Reply):
            may_comment(session)
            known = await discussion.find(user, message.key)
            if known is not None:
                await self.show(document, known, session)
                return
        match message:
            case Open():
                text = self.admit(session, message.text)
                if self.beginning.try_take(session, about=document.id):
                    raise Refused(
                        "So many threads have been begun from where you are in this hour: go on in"
                        " one of those that there are, or later."
                    )
                id = await discussion.begin(user, text, message, self.settings.most)
            case Reply(thread=id, key=key):
                await discussion.reply(user, self.admit(session, message.text), id, key)
            case Edit(thread=id, comment=number):
                await discussion.change(user, self.admit(session, message.text), id, number)
            case Delete(thread=id, comment=number):
                await self.delete(discussion, document, session, id, number)
            case Remove(thread=id):
                await self.check_manages(session)
                thread = await discussion.remove(id)
                self.told_removed(session, document, f"thread {id}", thread.comments[0].author.id)
            case RemoveAll(author=author):
                await self.check_manages(session)
                # It may take longer than a hook has.
                self.spawn(self.remove_all(document, session, author))
                return
            case Resolve(thread=id, resolved=resolved):
                self.admit(session)
                await discussion.resolve(user, id, resolved)
        await self.show(document, id)

    async def delete(
        self, discussion: Discussion, document: Document, session: Session, id: str, number: int
    ) -> None:
        """Delete one's own comment, or as whoever manages the document anybody's."""
        try:
            await discussion.delete(session.user, id, number)
        except Refused:
            if not await self.manages(session):
                raise
            comment = await discussion.delete(None, id, number)
            what = f"comment {number} of thread {id}"
            self.told_removed(session, document, what, comment.author.id)

    async def remove_all(self, document: Document, session: Session, author: str) -> None:
        """Delete all that somebody wrote, and show it."""
        threads = await (await self.discussion(document)).remove_all(author)
        self.told_removed(session, document, f"what is in {len(threads)} threads", author)
        for id in threads:
            await self.show(document, id)

    async def manages(self, session: Session) -> bool:
        """Whether somebody may remove what others wrote."""
        return await self.server.may(session, "administer")

    async def check_manages(self, session: Session) -> None:
        """Raises `Refused` for somebody who may not remove what others wrote."""
        if not await self.manages(session):
            raise Refused("Only who manages this document can remove what others wrote.")

    def told_removed(self, session: Session, document: Document, what: str, author: str) -> None:
        """Put into the log who removed what of whose."""
        self.log.info(
            "%s removed %s, by %s, in document %s", session.user.id, what, author, document.id
        )

    def admit(self, session: Session, text: str | None = None) -> str:
        """The text as it is kept. Raises `Refused`, `Unfit`."""
        if text is not None:
            text = clean(text, self.settings.longest)
        may_comment(session)
        wait = math.ceil(self.pace.try_take(session))
        if wait:
            seconds = "a second" if wait == 1 else f"{wait} seconds"
            raise Refused(f"That was too fast: go on in {seconds}.")
        return text or ""

    async def discussion(self, document: Document) -> Discussion:
        """The threads of an open document, those among them that were imported with it."""
        discussion = Discussion(
            document, self.ranges(document), self.positions(document), self.clock
        )
        if document.id not in self.told:
            for key, several in (await self.arrived(document)).items():
                for one in several:
                    await discussion.adopt(one)
                await self.state.delete(key, document=document)
        return discussion

    # What pages are told.

    async def show(self, document: Document, id: str, session: Session | None = None) -> None:
        """Show one thread, or that it is gone, to everybody or to one session."""
        discussion = await self.discussion(document)
        placed = await discussion.get(id)
        told = self.told.setdefault(document.id, {})
        if placed is None:
            told.pop(id, None)
            await self.broadcast(document, {"kind": "removed", "thread": id})
            return
        self.know(document, discussion.revision, {id: placed})
        data = {"kind": "thread", "revision": discussion.revision, "placed": placed}
        if session is not None:
            await self.send(document, session, data)
        else:
            told[id] = (placed.start, placed.end)
            await self.broadcast(document, data)

    async def show_all(self, document: Document, session: Session) -> None:
        """Show all threads to one session."""
        if not document.sessions:
            return
        discussion = await self.discussion(document)
        manages = await self.manages(session)
        threads = await discussion.all()
        revision = discussion.revision
        told = self.told.setdefault(document.id, {})
        for id, one in threads.items():
            told.setdefault(id, (one.start, one.end))
        self.know(document, revision, threads)
        for number, parcel in enumerate(parcels(threads.values())):
            await self.send(
                document,
                session,
                {
                    "kind": "threads",
                    "revision": revision,
                    "first": number == 0,
                    "placed": parcel,
                    "longest": self.settings.longest,
                    "manages": manages,
                },
            )

    async def look(self, document: Document) -> None:
        """Look where threads are after edits, and tell everybody which have moved."""
        if not document.sessions:
            return
        ranges = self.ranges(document)
        strayed = await self.give_back(document)
        found = await ranges.all()
        told = self.told.setdefault(document.id, {})
        moved = []
        for id, (start, end, _) in found.items():
            if id in strayed or told.get(id) != (start, end):
                told[id] = (start, end)
                moved.append([id, start, end])
        if moved:
            await self.broadcast(
                document, {"kind": "moved", "revision": ranges.revision, "ranges": moved}
            )

    def know(self, document: Document, revision: int, threads: dict[str, Placed]) -> None:
        """Remember where threads are, to follow what becomes of them."""
        returning = self.returning.setdefault(document.id, Returning())
        returning.know(
            revision, {id: Range(one.start, one.end, None) for id, one in threads.items()}
        )

    async def give_back(self, document: Document) -> set[str]:
        """Put threads whose text was deleted and is there again at that text.

        Returns those that are not where a page thinks that has only moved them along.
        """
        ranges = self.ranges(document)
        returning = self.returning.setdefault(document.id, Returning())
        async with returning.looking:
            found = await ranges.all()
            revision = ranges.revision
            since = returning.since(revision)
            operations = await document.history(since, revision) if since < revision else []
            empty, strayed = returning.follow(revision, found, operations)
            for id, trace in empty.items():
                one = await ranges.get(id)
                thread = one and stored_thread(one.data)
                place = thread and trace.find(thread.quote)
                if one and place:
                    await ranges.add(id, *place, one.data, revision=revision)
                    strayed.add(id)
        return strayed

    # Files.

    async def export_text(self, document: Document) -> str:
        return annotated(document.title, document.text, await self.as_of(document))

    async def export_json(self, document: Document) -> bytes:
        exported = {
            "document": document.id,
            "title": document.title,
            "type": document.type,
            "revision": document.revision,
            "content": document.delta.ops,
            "threads": await self.as_of(document),
        }
        return msgspec.json.format(msgspec.json.encode(exported), indent=2)

    async def import_json(self, data: bytes, filename: str) -> Imported:
        settings = self.settings
        return await asyncio.to_thread(read, data, settings.most, settings.longest)

    async def as_of(self, document: Document) -> list[Placed]:
        """The threads that there were at the document's revision, and where they were."""
        threads = await placed(self.ranges(document))
        waiting = [
            one
            for several in (await self.arrived(document)).values()
            for one in several
            if one.id not in threads
        ]
        operations = await document.history(0, document.revision) if waiting else []
        for one in waiting:
            start, end = moved(one.start, one.end, [each.delta for each in operations])
            threads[one.id] = replace(one, start=start, end=end)
        return in_order(threads.values())

    async def arrived(self, document: Document) -> dict[str, list[Placed]]:
        """The threads that were imported with a document and wait for somebody to look at it,
        by the keys of its state."""
        state = await self.state.list(document=document)
        found = {key: value for key, value in state.items() if key.startswith(ARRIVED)}
        return {
            key: [one for each in value if (one := stored_placed(each)) is not None]
            for key, value in found.items()
            if isinstance(value, list)
        }


def _json_format(convert: Any) -> Format:
    title = "Text with comments (JSON)"
    return Format("comments-json", title, "json", "application/json", convert)


def may_comment(session: Session) -> None:
    """Raises `Refused` for somebody who may only read."""
    if "write" not in session.permissions:
        raise Refused("You may read this document, but not comment on it.")
