"""Who wrote what: the text in the colours of its authors."""

from __future__ import annotations

import asyncio
from typing import Any

import msgspec
from aiohttp import web

from collab import Plugin, hookimpl
from collab.plugins.document import Document
from collab.plugins.routes import RouteLike
from collab.storage.port import Conflict

from .attribution import Attribution, pack, unpack
from .authors import shown
from .replay import Progress, Replays

STORED = "runs"
"""The state's key for what was worked out when a document was closed."""


class Authorship(Plugin):
    """Colour the text by who wrote it."""

    def __init__(self) -> None:
        self.replays = Replays(self.spawn)

    @hookimpl
    async def document_closed(self, document: Document) -> None:
        worked = self.replays.newest(document.id)
        if worked is not None:
            await self.store(document, worked)
        self.replays.forget(document.id)

    @hookimpl
    def routes(self) -> list[RouteLike]:
        return [("GET", "/documents/{id}/runs", self.show_runs)]

    async def show_runs(self, request: web.Request) -> web.Response:
        """Who wrote which units, at the newest revision; or how far the work has come."""
        id = request.match_info["id"]
        await self.allowed(request, "read", id)
        async with self.server.document(id) as document:
            await self.recall(document)
            found = await self.replays.at(document, document.revision)
            if isinstance(found, Progress):
                return _json(found._asdict(), 202)
            packed = await asyncio.to_thread(pack, found)
            authors = await shown(document, packed["authors"])
        told = {**packed, "authors": [one._asdict() for one in authors]}
        return _json(told)

    async def recall(self, document: Document) -> None:
        """Begin where the work stood when the document was closed, not at its first edit."""
        if self.replays.newest(document.id) is not None:
            return
        stored = await self.state.get(STORED, document=document)
        if stored is None or stored["revision"] > document.revision:
            return
        self.replays.keep(document.id, await asyncio.to_thread(lambda: unpack(**stored)))

    async def store(self, document: Document, worked: Attribution) -> None:
        """Keep what was worked out, unless there is so much of it that reading it is no gain."""
        try:
            await self.state.set(STORED, await asyncio.to_thread(pack, worked), document=document)
        except Conflict:
            pass  # it was deleted meanwhile
        except ValueError as error:
            self.log.info("the runs of %s are not kept: %s", document.id, error)


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        content_type="application/json",
        headers={"Cache-Control": "no-store"},
    )
