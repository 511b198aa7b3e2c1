"""Tells other programs what happens, by HTTP requests that are signed, ordered and repeated."""

from __future__ import annotations

import asyncio
import time
from typing import Annotated

from msgspec import Meta, Struct

from collab import Plugin, hookimpl
from collab.plugins.archive import Operation
from collab.plugins.document import Document
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.rooms.port import Session

from . import events, signing
from .events import NAMES, Event, Name
from .line import Line, Patience, Send
from .sending import attempt
from .shelf import Shelf

CHANGED = "changed."
"""What the keys of documents begin with whose last edits nobody was told of yet."""


class Target(Struct, forbid_unknown_fields=True, frozen=True):
    """A receiver: where it is, what we sign with, what it wants to be told."""

    url: Annotated[str, Meta(pattern=r"^https?://[^/\s]\S*$")]
    secret: Annotated[str, Meta(min_length=16)]
    events: tuple[Name, ...] = ("document_created", "document_renamed", "document_deleted",
                                "document_changed")  # fmt: skip

    def __post_init__(self) -> None:
        signing.key_of(self.secret)


class Change(Struct):
    """Edits of a document that nobody was told of yet."""

    since: int
    revision: int
    authors: set[str]


class Webhooks(Plugin):
    """Tell other programs what happens to documents, by signed HTTP requests."""

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        urls: Annotated[
            tuple[Target, ...],
            Meta(description="Who is told: tables of url, secret and events."),
        ] = ()
        interval: Annotated[
            float, Meta(gt=0, description="Seconds between two document_changed of a document.")
        ] = 5.0
        timeout: Annotated[
            float, Meta(gt=0, description="Seconds that a receiver has to answer.")
        ] = 10.0
        retry: Annotated[
            float,
            Meta(gt=0, description="Seconds until the second attempt; then twice as long, …"),
        ] = 1.0
        give_up: Annotated[
            float, Meta(gt=0, description="Seconds after which an event is too old to be sent.")
        ] = 86400.0
        queue: Annotated[
            int, Meta(ge=10, le=100_000, description="Events that may wait for one receiver.")
        ] = 1000

        def __post_init__(self) -> None:
            if len({target.url for target in self.urls}) < len(self.urls):
                raise ValueError("a url may be there once, with all of its events")

    settings: Settings

    now = staticmethod(time.time)

    def __init__(self) -> None:
        self.lines: dict[Name, list[Line]] = {name: [] for name in NAMES}
        """Who wants to be told what."""
        self.changes: dict[str, Change] = {}
        """By document id."""
        self.workers: list[asyncio.Task[None]] = []

    def wants(self, hook: str) -> bool:
        """Without a receiver nothing; otherwise what some receiver is told."""
        wanted: set[str] = {name for target in self.settings.urls for name in target.events}
        if "document_changed" in wanted:
            wanted |= {"operation_committed", "document_deleted"}
        return bool(wanted) and (hook in wanted or hook in ("server_started", "server_stopping"))

    # Start and stop.

    @hookimpl
    async def server_started(self) -> None:
        """Take up what an earlier run left, and begin to deliver."""
        settings = self.settings
        self.shelf = Shelf(self.state, self.log)
        kept = await self.shelf.load()
        patience = Patience(settings.retry, settings.give_up, settings.queue)
        lines = []
        for target in settings.urls:
            line = Line(target.url, self.sender(target), self.shelf, patience, self.log, self.now)
            lines.append(line)
            for name in target.events:
                self.lines[name].append(line)
        self.restore(lines, kept)
        self.workers = [self.spawn(self.shelf.run())]
        self.workers += [self.spawn(line.run()) for line in lines]
        for key, since in kept.items():
            if key.startswith(CHANGED):
                await self.tell_of_earlier_changes(key.removeprefix(CHANGED), since)

    def restore(self, lines: list[Line], kept: dict[str, object]) -> None:
        """Put the events that were kept into their lines."""
        unknown = 0
        for key in sorted(kept):
            line = next((line for line in lines if key.startswith(line.prefix)), None)
            if line is not None:
                line.restore(key, kept[key])
            elif not key.startswith(CHANGED):
                self.shelf.discard(key)
                unknown += 1
        if unknown:
            self.log.warning("%d events dropped: their url is not set any more", unknown)

    @hookimpl
    async def server_stopping(self) -> None:
        """What did not arrive is kept, and so is which changes were not told."""
        for worker in self.workers:
            worker.cancel()
        await self.shelf.flush()

    # What happens.

    @hookimpl
    def document_created(self, document: Document) -> None:
        self.tell("document_created", document)

    @hookimpl
    def document_renamed(self, document: Document) -> None:
        self.tell("document_renamed", document)

    @hookimpl
    def document_deleted(self, document: Document) -> None:
        if self.changes.pop(document.id, None) is not None:
            self.shelf.discard(CHANGED + document.id)
        self.tell("document_deleted", document)

    @hookimpl
    def session_joined(self, document: Document, session: Session) -> None:
        self.tell("session_joined", document, session)

    @hookimpl
    def session_left(self, document: Document, session: Session) -> None:
        self.tell("session_left", document, session)

    @hookimpl
    def operation_committed(self, document: Document, operation: Operation) -> None:
        if not self.lines["document_changed"]:
            return
        change = self.changes.get(document.id)
        if change is None:
            since = operation.revision - 1
            change = self.changes[document.id] = Change(since, since, set())
            self.shelf.put(CHANGED + document.id, since)
            self.soon(document.id, self.settings.interval, self.tell_of_changes, document)
        change.revision = operation.revision
        change.authors.add(operation.author)

    # Who is told.

    def tell(self, name: Name, document: Document, session: Session | None = None) -> None:
        if self.lines[name]:
            self.put(name, events.about(name, self.now(), document, session))

    async def tell_of_changes(self, document: Document) -> None:
        change = self.changes.pop(document.id, None)
        if change is not None:
            self.put_changes(document, change)

    async def tell_of_earlier_changes(self, id: str, since: int) -> None:
        """An earlier run ended before it told of these."""
        try:
            async with self.server.document(id) as document:
                operations = await document.history(since)
                authors = {operation.author for operation in operations}
                self.put_changes(document, Change(since, document.revision, authors))
        except CollabError as error:
            self.log.warning("nobody is told that %s has changed: %s", id, error)
            if error.code is errors.NO_DOCUMENT:
                self.shelf.discard(CHANGED + id)

    def put_changes(self, document: Document, change: Change) -> None:
        self.put(
            "document_changed",
            events.changed(
                self.now(), document, change.since, change.revision, change.authors
            ),
        )
        self.shelf.discard(CHANGED + document.id)

    def put(self, name: Name, event: Event) -> None:
        for line in self.lines[name]:
            line.put(event)

    def sender(self, target: Target) -> Send:
        """What makes an attempt for a receiver."""
        key = signing.key_of(target.secret)

        async def send(event: Event) -> None:
            await attempt(
                self.http, target.url, key, event, self.now(), self.settings.timeout
            )

        return send
