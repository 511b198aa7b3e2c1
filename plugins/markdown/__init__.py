"""Documents in Markdown, and a preview beside the text."""

from __future__ import annotations

import asyncio
from typing import Annotated, NamedTuple

import msgspec
from aiohttp import web
from msgspec import Meta, Struct

from collab import DocumentType, Plugin, document_type, hookimpl
from collab.plugins.document import Document
from collab.plugins.routes import RouteLike

from ..formats.workshop import Workshop

REST = 10
"""How many times as long as it took in vain a text is left alone, before it is tried again."""


class Preview(NamedTuple):
    """A rendered revision. The HTML is harmless; it is empty where a sentence says why not."""

    revision: int
    html: str
    problem: str | None


class Markdown(Plugin):
    """Documents in Markdown, with what they look like beside the text while everybody types."""

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        longest: Annotated[
            int, Meta(ge=1, description="UTF-16 code units of a text that is rendered, at most.")
        ] = 500_000
        seconds: Annotated[
            float, Meta(gt=0, description="Seconds that rendering a text may take.")
        ] = 3.0

    settings: Settings

    def __init__(self) -> None:
        self.made: dict[str, Preview] = {}
        """By document id, the last preview."""
        self.turns: dict[str, asyncio.Lock] = {}
        """By document id: one preview is made at a time."""
        self.rests: dict[str, float] = {}
        """By document id, until when (on the loop's clock) its text is not tried again: others
        use the same process."""

    @hookimpl
    def document_types(self) -> list[DocumentType]:
        text = document_type("text")
        return [text.variant("markdown", title="Markdown", extension="md")]

    @hookimpl
    async def server_started(self) -> None:
        self.workshop = Workshop(self.settings.seconds)

    @hookimpl
    async def server_stopping(self) -> None:
        await self.workshop.close()

    @hookimpl
    def document_closed(self, document: Document) -> None:
        self.made.pop(document.id, None)
        self.turns.pop(document.id, None)
        self.rests.pop(document.id, None)

    @hookimpl
    def routes(self) -> list[RouteLike]:
        return [("GET", "/documents/{id}/preview", self.show_preview)]

    async def show_preview(self, request: web.Request) -> web.Response:
        """The newest revision as harmless HTML."""
        id = request.match_info["id"]
        await self.allowed(request, "read", id)
        async with self.server.document(id) as document:
            preview = await self.preview(document)
        return web.Response(
            body=msgspec.json.encode(preview._asdict()),
            content_type="application/json",
            headers={"Cache-Control": "no-store"},
        )

    async def preview(self, document: Document) -> Preview:
        """What a document looks like now; made once for everybody who asks meanwhile."""
        wanted = document.revision
        async with self.turns.setdefault(document.id, asyncio.Lock()):
            made = self.made.get(document.id)
            now = asyncio.get_running_loop().time()
            if made is None or (made.revision < wanted and now >= self.rests.get(document.id, 0)):
                made = self.made[document.id] = await self.render(document)
            return made

    async def render(self, document: Document) -> Preview:
        """Render the newest revision, or say in a sentence why that can't be done."""
        revision = document.revision
        if document.length > self.settings.longest:
            return Preview(revision, "", "The text is too long for a preview.")
        try:
            html = await self.workshop.do("preview", document.text)
        except ValueError:
            now = asyncio.get_running_loop().time()
            self.rests[document.id] = now + REST * self.settings.seconds
            return Preview(revision, "", "The text is too intricate for a preview.")
        return Preview(revision, html, None)
