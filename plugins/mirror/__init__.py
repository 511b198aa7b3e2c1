"""Documents as files in a folder: written there, and found there."""

from __future__ import annotations

import asyncio
import os
import re
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Annotated

from msgspec import Meta, Struct

from collab import Command, NewDocument, Plugin, hookimpl
from collab.plugins.document import Document
from collab.plugins.server import Server

_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]*")


class Mirror(Plugin):
    """Keep a text file of every document in a folder, and open files that lie there."""

    api = 1

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        folder: Annotated[
            str | None, Meta(description="Where the files are; without it nothing is done.")
        ] = None
        template: Annotated[
            str | None, Meta(description="A file whose text new documents begin with.")
        ] = None

    settings: Settings

    def __init__(self) -> None:
        self.opened: dict[str, int] = {}
        """By document id, the revision that its file has, or had when it was opened."""

    def wants(self, hook: str) -> bool:
        if hook == "initial_content":
            return self.settings.template is not None
        return hook == "commands" or self.settings.folder is not None

    @hookimpl
    async def find_document(self, id: str) -> NewDocument | None:
        try:
            text = await asyncio.to_thread(self.file(id).read_text, "utf-8")
        except FileNotFoundError:
            return None
        return NewDocument(title=id, content=text)

    @hookimpl
    async def initial_content(self, document: Document) -> str | None:
        if document.like != "text":
            return None
        return await asyncio.to_thread(Path(self.settings.template or "").read_text, "utf-8")

    @hookimpl
    def document_opened(self, document: Document) -> None:
        # Told anew after a pause: what was typed meanwhile is still to be written.
        self.opened.setdefault(document.id, document.revision)

    @hookimpl
    async def snapshot_saved(self, document: Document, revision: int) -> None:
        await self.write(document.id, (await document.content_at(revision)).text)
        self.opened[document.id] = revision

    @hookimpl
    async def document_closed(self, document: Document) -> None:
        if self.opened.pop(document.id, 0) != document.revision:
            await self.write(document.id, document.text)

    @hookimpl
    async def document_deleted(self, document: Document) -> None:
        await asyncio.to_thread(self.file(document.id).unlink, missing_ok=True)

    @hookimpl
    def commands(self) -> Iterable[Command]:
        return [Command("mirror", "write every document into the mirror's folder", self.mirror)]

    async def mirror(self, server: Server, arguments: Namespace) -> int:
        if self.settings.folder is None:
            raise ValueError("the setting plugins.mirror.folder says where to")
        cursor = None
        while True:
            documents, cursor = await server.documents(limit=200, cursor=cursor)
            for one in documents:
                await self.write(one.id, (await one.content_at(one.revision)).text)
                print(self.file(one.id))
            if cursor is None:
                return 0

    def file(self, id: str) -> Path:
        """Where a document's text is. Raises ValueError for what is no document's id."""
        if not _ID.fullmatch(id):
            raise ValueError(f"{id!r} can't be a file's name")
        return Path(self.settings.folder or "") / f"{id}.txt"

    async def write(self, id: str, text: str) -> None:
        """Put the text into its file, whole or not at all."""
        await asyncio.to_thread(_write, self.file(id), text)


def _write(file: Path, text: str) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    aside = file.with_suffix(".part")
    aside.write_text(text, encoding="utf-8")
    os.replace(aside, file)
