"""The HTTP API of files: documents in the formats that plugins bring, out and in."""

from __future__ import annotations

import re
from typing import Any
from urllib.parse import quote

from aiohttp import web

from collab.plugins.exchange import Offer
from collab.plugins.offers import Format
from collab.rooms.new import Names
from collab.storage.port import DocumentRecord
from collab.web.access import require
from collab.web.bodies import json_response, read_body, whole_number
from collab.web.documents import answer, find
from collab.web.idempotency import make_once
from collab.web.keys import PLUGINS

_UNFIT = re.compile(r'[\x00-\x1f/\\:*?"<>|]+')

LONGEST_NAME = 255
"""Characters of a file's name that are looked at."""


async def formats(request: web.Request) -> web.Response:
    """``GET /api/formats``: what documents can be imported from and exported to."""
    exchange = request.app[PLUGINS].exchange
    return json_response(
        {
            "importers": _described(exchange.importers),
            "exporters": _described(exchange.exporters),
        }
    )


def _described(offers: dict[str, Offer]) -> list[dict[str, Any]]:
    return [
        {
            "name": offer.format.name,
            "title": offer.format.title,
            "extension": offer.format.extension,
            "media_type": offer.format.media_type,
            "plugin": offer.guard.plugin,
        }
        for offer in offers.values()
    ]


async def export(request: web.Request) -> web.Response:
    """``GET /api/documents/{id}/export/{format}?revision=``: the document as a file."""
    record = await find(request)
    plugins = request.app[PLUGINS]
    revision = whole_number(request, "revision", None)
    document = await plugins.house.document_at(record.id, revision)
    format, data = await plugins.exchange.export(request.match_info["format"], document)
    return web.Response(
        body=data,
        headers={
            "Content-Type": format.media_type + ("; charset=utf-8" if _is_text(format) else ""),
            "Content-Disposition": attachment(document.title, format.extension),
            "X-Collab-Revision": str(document.revision),
            "X-Content-Type-Options": "nosniff",
            # Whatever a plugin makes of what people wrote: it runs nothing, on our pages' behalf.
            "Content-Security-Policy": "sandbox; default-src 'none'",
            "Cache-Control": "private, no-cache",
        },
    )


def attachment(title: str, extension: str) -> str:
    """The header that has a browser save a document's file, called by its title."""
    name = f"{_UNFIT.sub(' ', title).strip(' .')[:100] or 'document'}.{extension}"
    plain = name.encode("ascii", "replace").decode().replace("?", "_")
    return f"attachment; filename=\"{plain}\"; filename*=UTF-8''{quote(name, safe='')}"


def _is_text(format: Format) -> bool:
    return format.media_type.startswith("text/")


async def import_file(request: web.Request) -> web.Response:
    """``POST /api/import/{format}?title=&filename=``: a document from a file, the body → 201."""
    await require(request, "create")
    plugins = request.app[PLUGINS]
    filename = request.query.get("filename", "")[:LONGEST_NAME]
    data = await read_body(request)

    async def make(names: Names | None) -> DocumentRecord:
        document = await plugins.house.import_file(
            request.match_info["format"], data, filename, request.query.get("title"), names=names
        )
        return document.record

    return answer(request, await make_once(request, lambda: data, make))
