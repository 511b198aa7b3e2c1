"""Documents as files, and files as documents: text, Markdown, HTML, and what pandoc knows."""

from __future__ import annotations

import codecs
import io
from functools import partial

import msgspec

from collab import Format, Imported, Plugin, hookimpl
from collab.ot import content_like
from collab.plugins.document import Document
from collab.protocol.contents import LARGE, encoded_delta, is_large, stored_content
from collab.rooms.turns import aside

from .pandoc import KINDS, Kind, Pandoc, find
from .workshop import Workshop

LARGEST = 8 * 1024 * 1024
"""Bytes of a file, or characters of a text, that are converted; text stays as it is at any size."""


class Formats(Plugin):
    """Import and export plain text, Markdown, HTML, and with pandoc Word and others."""

    def __init__(self) -> None:
        self.workshop = Workshop()
        program = find()
        self.pandoc = Pandoc(program) if program is not None else None

    @hookimpl
    async def server_stopping(self) -> None:
        await self.workshop.close()

    # Out.

    @hookimpl
    def exporters(self) -> list[Format]:
        own = [
            Format("text", "Plain text", "txt", "text/plain", self.to_text),
            Format("markdown", "Markdown", "md", "text/markdown", self.to_markdown),
            Format("html", "HTML", "html", "text/html", self.to_html),
        ]
        return own + [
            Format(kind.name, kind.title, kind.extension, kind.media_type,
                   partial(self.to_other, kind))
            for kind in (KINDS if self.pandoc is not None else ())
        ]

    async def to_text(self, document: Document) -> bytes:
        """The text as it is; of rich text, its text."""
        return await _encoded(document)

    async def to_markdown(self, document: Document) -> str | bytes:
        """A text as it is: it may be Markdown already; rich text written as Markdown."""
        if document.like == "text":
            return await _encoded(document)
        answer: str = await self.workshop.do("rich_markdown", await _ops_of(document))
        return answer

    async def to_html(self, document: Document) -> str:
        """A page without scripts. A text is taken as Markdown."""
        _check_length(document)
        answer: str
        if document.like == "text":
            text = await _text_of(document)
            answer = await self.workshop.do("markdown_page", document.title, text)
        else:
            answer = await self.workshop.do("rich_page", document.title, await _ops_of(document))
        return answer

    async def to_other(self, kind: Kind, document: Document) -> bytes:
        """By pandoc, from the page that `to_html` makes."""
        assert self.pandoc is not None
        return await self.pandoc.write(kind, await self.to_html(document))

    # In.

    @hookimpl
    def importers(self) -> list[Format]:
        own = [
            Format("text", "Plain text", "txt", "text/plain", self.from_text),
            Format("markdown", "Markdown", "md", "text/markdown", self.from_markdown),
            Format("markdown-rich", "Markdown, as rich text", "md", "text/markdown",
                   self.from_markdown_rich),
            Format("html", "HTML, as Markdown", "html", "text/html", self.from_html),
            Format("html-rich", "HTML, as rich text", "html", "text/html", self.from_html_rich),
        ]
        return own + [
            Format(kind.name, f"{kind.title}, as Markdown", kind.extension, kind.media_type,
                   partial(self.from_other, kind))
            for kind in (KINDS if self.pandoc is not None else ())
        ]

    async def from_text(self, data: bytes, filename: str) -> Imported:
        """A text stays as it is, but for the ends of its lines."""
        return Imported(delta=await _decoded(data))

    async def from_markdown(self, data: bytes, filename: str) -> Imported:
        """Markdown stays as it is, like any text."""
        return _in_markdown(await _decoded(data))

    async def from_markdown_rich(self, data: bytes, filename: str) -> Imported:
        """Markdown as rich text."""
        ops = await self.workshop.raw("read_markdown", _small(await _decoded(data)))
        return Imported(type="richtext", delta=await aside(lambda: stored_content(ops)))

    async def from_html(self, data: bytes, filename: str) -> Imported:
        """HTML as Markdown, which today's editor shows."""
        return _in_markdown(
            await self.workshop.do("read_html_as_markdown", _small(await _decoded(data)))
        )

    async def from_html_rich(self, data: bytes, filename: str) -> Imported:
        """HTML as rich text."""
        ops = await self.workshop.raw("read_html", _small(await _decoded(data)))
        return Imported(type="richtext", delta=await aside(lambda: stored_content(ops)))

    async def from_other(self, kind: Kind, data: bytes, filename: str) -> Imported:
        """By pandoc as HTML, which is then read like any other."""
        assert self.pandoc is not None
        if len(data) > LARGEST:
            raise ValueError(_TOO_LARGE)
        html = await self.pandoc.read(kind, data)
        return _in_markdown(await self.workshop.do("read_html_as_markdown", _small(html)))


_TOO_LARGE = f"Files up to {LARGEST // 1024 // 1024} MiB can be converted."


def decoded(data: bytes) -> str:
    """A file's text, its lines ended by a newline. Raises ValueError when it is none."""
    encoding = "utf-8-sig"
    if data.startswith((codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)):
        encoding = "utf-16"
    decoder = codecs.getincrementaldecoder(encoding)()
    newlines = io.IncrementalNewlineDecoder(decoder, translate=True)
    pieces = []
    try:
        # In pieces: one long call would keep everybody waiting, in whichever thread.
        for start in range(0, len(data), LARGE):
            pieces.append(newlines.decode(data[start : start + LARGE]))
        pieces.append(newlines.decode(b"", final=True))
    except UnicodeDecodeError:
        raise ValueError("The file is no text in UTF-8 or UTF-16.") from None
    if any("\0" in piece for piece in pieces):
        raise ValueError("The file is no text: it has a NUL in it.")
    return "".join(pieces)


def _in_markdown(text: str) -> Imported:
    """Of the type for Markdown, where there is one; else a text like any other."""
    there = content_like("markdown") == "text"
    return Imported(type="markdown" if there else "text", delta=text)


def _small(text: str) -> str:
    if len(text) > LARGEST:
        raise ValueError(_TOO_LARGE)
    return text


def _check_length(document: Document) -> None:
    if document.length > LARGEST:
        raise ValueError(f"Documents up to {LARGEST} characters can be converted.")


async def _text_of(document: Document) -> str:
    """A document's plain text; of a long one, read out of the event loop's way."""
    if document.length <= LARGE:
        return document.text
    return await aside(lambda: document.text)


async def _encoded(document: Document) -> bytes:
    """A document's plain text in UTF-8."""

    def encode() -> bytes:
        return b"".join([piece.encode() for piece in document.pieces()])

    return await aside(encode) if document.length > LARGE else encode()


async def _ops_of(document: Document) -> msgspec.Raw:
    """A document of rich text, as the JSON of its delta."""
    _check_length(document)
    return msgspec.Raw(await aside(lambda: encoded_delta(document.delta)))


async def _decoded(data: bytes) -> str:
    """`decoded`, out of the event loop's way where that takes long."""
    return await aside(lambda: decoded(data)) if is_large(data) else decoded(data)
