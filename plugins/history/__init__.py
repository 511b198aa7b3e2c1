"""Every revision of a document: look at it, see who wrote what, compare, name and restore."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from typing import Annotated, Any

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from collab import Plugin, VisitorBuckets, hookimpl
from collab.plugins.document import Document
from collab.plugins.routes import RouteLike
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.rooms.port import Session

from ..authorship.attribution import Attribution
from ..authorship.authors import shown
from ..authorship.replay import Progress, Replays
from .difference import difference, plain
from .grouping import stretches
from .versions import Versions

PAGE = 500
"""Operations that one page of revisions is made of, at most."""

COMPARISONS = 2
"""Differences that are worked out at once."""

NAMED = 60
"""Versions that one person may name in an hour; all guests at one address together, three times as
many."""

Revision = Annotated[int, Meta(ge=0, le=2**53)]


class Restore(Struct, forbid_unknown_fields=True, tag_field="do", tag="restore"):
    """A browser half asks to make the text what it was."""

    revision: Revision


class TakeBack(Struct, forbid_unknown_fields=True, tag_field="do", tag="take_back"):
    """A browser half asks to undo the one edit that made a revision, such as a restoring."""

    revision: Annotated[int, Meta(ge=1, le=2**53)]


class Name(Struct, forbid_unknown_fields=True, tag_field="do", tag="name"):
    """A browser half names a revision; without a name it has none any more."""

    revision: Revision
    name: Annotated[str, Meta(max_length=1000)] | None = None


Asked = Restore | TakeBack | Name


class History(Plugin):
    """Look back at every revision, compare, name and restore."""

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        pause: Annotated[
            float, Meta(gt=0, description="Seconds without an edit that begin a new entry.")
        ] = 300.0

    Message = Asked

    settings: Settings

    def __init__(self) -> None:
        self.replays = Replays(self.spawn)
        self.asking: set[str] = set()
        """Sessions for which something is being done."""
        self.comparing = asyncio.Semaphore(COMPARISONS)
        self.naming = VisitorBuckets(NAMED / 3600, NAMED, time.monotonic, address_times=3)

    @hookimpl
    async def server_started(self) -> None:
        self.versions = Versions(self.state)

    @hookimpl
    def document_closed(self, document: Document) -> None:
        self.replays.forget(document.id)

    # Looking: requests of the browser half, and of scripts.

    @hookimpl
    def routes(self) -> list[RouteLike]:
        return [
            ("GET", "/documents/{id}/revisions", self.list_revisions),
            ("GET", "/documents/{id}/revisions/{revision}", self.show_revision),
            ("GET", "/documents/{id}/difference", self.show_difference),
            ("GET", "/documents/{id}/versions", self.list_versions),
        ]

    async def list_revisions(self, request: web.Request) -> web.Response:
        """The log from ``before`` backwards, by who did what in one go; newest first."""
        id = await self.admitted(request)
        async with self.server.document(id) as document:
            newest = document.revision
            before = min(_number(request.query.get("before"), newest + 1), newest + 1)
            since = max(0, before - 1 - PAGE)
            operations = await document.history(since, before - 1) if before > 1 else []
            found = await asyncio.to_thread(stretches, operations, self.settings.pause)
            if since and len(found) > 1:
                del found[0]  # it may have begun earlier: the next page has all of it
            authors = await self.named(document, (one.author for one in found))
        first = found[0].first if found else 1
        return _json(
            {
                "newest": newest,
                "stretches": found[::-1],
                "authors": authors,
                "next": first if first > 1 else None,
            }
        )

    async def show_revision(self, request: web.Request) -> web.Response:
        """The text at a revision, and who wrote which units of it."""
        id = await self.admitted(request)
        revision = _number(request.match_info["revision"])
        async with self.server.document(id) as document:
            found = await self.replays.at(document, _there(document, revision))
            if isinstance(found, Progress):
                return _json(found._asdict(), 202)
            contents = await document.content_at(revision)
            made = await document.history(revision - 1, revision) if revision else []
            runs, authors = _numbered(found)
            authors += [one.author for one in made if one.author not in authors]
            told = {
                "revision": revision,
                "text": await asyncio.to_thread(lambda: plain(contents.delta)),
                "runs": runs,
                "authors": await self.named(document, authors),
                "author": made[0].author if made else None,
                "time": made[0].time if made else document.created,
            }
        return _json(told)

    async def show_difference(self, request: web.Request) -> web.Response:
        """What is different between the revisions ``from`` and ``to``, in pieces."""
        id = await self.admitted(request)
        async with self.server.document(id) as document:
            since = _there(document, _number(request.query.get("from")))
            until = _there(document, _number(request.query.get("to"), document.revision))
            wrote = []
            for revision in (since, until):
                found = await self.replays.at(document, revision)
                if isinstance(found, Progress):
                    return _json(found._asdict(), 202)
                wrote.append(found.runs())
            old, new = [await document.content_at(revision) for revision in (since, until)]
            async with self.comparing:
                pieces, complete = await asyncio.to_thread(
                    lambda: difference(old.delta, new.delta, *wrote)
                )
            authors = await self.named(document, (one.author for one in pieces if one.author))
        return _json(
            {
                "from": since, "to": until,
                "pieces": pieces, "complete": complete, "authors": authors,
            }
        )

    async def list_versions(self, request: web.Request) -> web.Response:
        """The revisions that have a name."""
        id = await self.admitted(request)
        async with self.server.document(id) as document:
            versions = await self.versions.all(document)
            authors = await self.named(document, (one.author for one in versions))
        return _json({"versions": versions, "authors": authors})

    async def admitted(self, request: web.Request) -> str:
        """The id of the document that a request is about, if its sender may read it."""
        id = request.match_info["id"]
        await self.allowed(request, "read", id)
        return id

    async def named(self, document: Document, ids: Iterable[str]) -> list[dict[str, str]]:
        """What authors are called, each once."""
        return [one._asdict() for one in await shown(document, dict.fromkeys(ids))]

    # Changing: messages of the browser half, whose session says who it is.

    @hookimpl
    def message_received(self, document: Document, session: Session, data: Asked) -> None:
        # Comparing long texts may take longer than a hook has.
        if session.id not in self.asking:
            self.spawn(self.do(document, session, data))
            self.asking.add(session.id)

    async def do(self, document: Document, session: Session, asked: Asked) -> None:
        """Do what a session asked for, or tell it why not; what it asks meanwhile is not heard."""
        try:
            if "write" not in session.permissions:
                raise CollabError(errors.READ_ONLY)
            match asked:
                case Restore():
                    revision = await self.restore(document, asked.revision, session.user)
                    done = {"kind": "restored", "to": asked.revision, "revision": revision}
                    await self.send(document, session, done)
                case TakeBack():
                    await self.take_back(document, asked.revision, session.user)
                    done = {"kind": "taken_back", "revision": asked.revision}
                    await self.send(document, session, done)
                case Name():
                    if asked.name is not None and self.naming.try_take(session):
                        raise ValueError("So many versions were named in this hour: go on later.")
                    await self.name_version(document, asked, session.user)
        except (CollabError, ValueError) as error:
            sentence = error.sentence if isinstance(error, CollabError) else str(error)
            await self.send(document, session, {"kind": "refused", "sentence": sentence})
        finally:
            self.asking.discard(session.id)

    async def restore(self, document: Document, revision: int, user: User) -> int | None:
        """Make the document what it was, as one edit of ``user``; returns the edit's revision,
        or None when nothing is different.

        It is the smallest edit that does it: what did not change keeps its authors and everybody's
        carets, what is typed meanwhile stays. Raises `CollabError`.
        """
        base, now = document.revision, document.delta
        wanted = await document.content_at(_there(document, revision))
        change = await asyncio.to_thread(lambda: now.diff(wanted.delta))
        if change.empty:
            return None
        return await document.apply(change, author=user, revision=base)

    async def take_back(self, document: Document, revision: int, user: User) -> int:
        """Undo the edit that made a revision, and nothing that came after it."""
        (operation,) = await document.history(_there(document, revision) - 1, revision)
        before = await document.content_at(revision - 1)
        inverse = await asyncio.to_thread(lambda: operation.delta.invert(before.delta))
        return await document.apply(inverse, author=user, revision=revision)

    async def name_version(self, document: Document, asked: Name, user: User) -> None:
        """Name a revision, or take its name away, and let everybody know."""
        if asked.name is None:
            await self.versions.unname(document, asked.revision)
        else:
            await self.versions.name(document, asked.revision, asked.name, user)
        await self.broadcast(document, {"kind": "versions"})


def _numbered(attribution: Attribution) -> tuple[list[int], list[str]]:
    """Runs as pairs of an author's number and a length, and the authors' ids."""
    numbers: dict[str, int] = {}
    runs: list[int] = []
    for author, length in attribution.runs():
        runs += (numbers.setdefault(author, len(numbers)), length)
    return runs, list(numbers)


def _there(document: Document, revision: int) -> int:
    """A revision that the document has. Raises `CollabError`."""
    if revision > document.revision:
        raise CollabError(
            errors.BAD_REVISION,
            f"There is no revision {revision} yet; the newest is {document.revision}.",
        )
    return revision


def _number(text: str | None, default: int | None = None) -> int:
    """A revision in an address. Raises `CollabError`."""
    if text is None and default is not None:
        return default
    if text is None or not (text.isascii() and text.isdigit() and len(text) < 16):
        raise CollabError(errors.BAD_REQUEST, "A revision is a whole number.")
    return int(text)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
