"""The HTTP API of documents: make, list, look, rename, delete."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from functools import partial
from typing import Any

import msgspec
from aiohttp import web
from msgspec import UNSET, Struct, UnsetType

from collab.ot import DocumentType, document_types
from collab.plugins.access import Action
from collab.protocol import errors
from collab.protocol.bodies import Line, check_type, fitted, parse_json
from collab.protocol.contents import Bounds, is_large, read_with_content
from collab.protocol.errors import CollabError
from collab.rooms.new import Names, clean_title
from collab.rooms.turns import aside
from collab.storage.cursors import cursor_after
from collab.storage.port import DocumentRecord
from collab.web import security_log
from collab.web.access import readable, require
from collab.web.bodies import json_response, read_body, read_json, whole_number
from collab.web.idempotency import make_once
from collab.web.identity import identify, is_operator
from collab.web.keys import PLUGINS, ROOMS, SETTINGS, STORE
from collab.web.preconditions import TURNS, Version, require_match
from collab.web.proxies import base_path
from collab.web.security_log import Event, shown

UNTITLED = "Untitled"

PAGE = 50
LONGEST_PAGE = 200

LOOKED_AT = 1000
"""Documents that one request looks at, to find some that the visitor may read: with more that they
may not read in a row, the page ends there."""


class NewDocument(Struct, forbid_unknown_fields=True):
    """What ``POST /api/documents`` takes; ``content`` is text or a delta of inserts.

    Without it, plugins may say what the document begins with.
    """

    title: Line = UNTITLED
    type: Line = "text"
    content: Any = None


class Change(Struct, forbid_unknown_fields=True):
    """What ``PATCH /api/documents/{id}`` takes."""

    title: Line | UnsetType = UNSET


def named(document: DocumentRecord, type: DocumentType) -> dict[str, str]:
    """A document as pages and clients know it.

    ``like`` is there when its type is not built in: which built-in one to treat it as.
    """
    shown = {"id": document.id, "title": document.title, "type": document.type}
    return shown | ({"like": type.like} if type.like not in ("", type.name) else {})


def described(request: web.Request, document: DocumentRecord) -> dict[str, Any]:
    """A document as the API shows it, with its links."""
    base = base_path(request)
    api = f"{base}/api/documents/{document.id}"
    return {
        "id": document.id,
        "title": document.title,
        "type": document.type,
        "revision": document.revision,
        "created": document.created,
        "updated": document.updated,
        "links": {
            "page": f"{base}/d/{document.id}",
            "self": api,
            "content": f"{api}/content",
            "operations": f"{api}/operations",
            "export": f"{api}/export",
            "socket": f"{api}/socket",
        },
    }


async def find(request: web.Request, action: Action = "read") -> DocumentRecord:
    """The document a request is about, with which it is to do something.

    Raises `CollabError` NO_DOCUMENT, FORBIDDEN.
    """
    id = request.match_info["id"]
    room = request.app[ROOMS].find(id)
    document = await request.app[ROOMS].record(id, partial(require, request, action))
    if document is None:
        raise CollabError(errors.NO_DOCUMENT)
    if room is not None and room.revision > document.revision:
        return msgspec.structs.replace(document, revision=room.revision)
    return document


async def create(request: web.Request) -> web.Response:
    """``POST /api/documents`` → 201 with id and links."""
    check_type(request.content_type)
    await require(request, "create")
    body = await read_body(request)
    if is_large(body):
        bounds = Bounds.of(request.app[SETTINGS].limits)
        fields, content = await aside(lambda: read_with_content(body, bounds))
        new = fitted(fields | {"content": content}, NewDocument)
    else:
        new = parse_json(body, NewDocument)
    house = request.app[PLUGINS].house

    async def make(names: Names | None) -> DocumentRecord:
        made = await house.make_document(new.title, new.type, new.content, names=names)
        return made.record

    return answer(request, await make_once(request, lambda: body, make))


def answer(request: web.Request, record: DocumentRecord) -> web.Response:
    """Tells of a document that was made."""
    shown = described(request, record)
    return json_response(shown, status=201, Location=shown["links"]["self"])


async def page(request: web.Request) -> dict[str, Any]:
    """Some documents, as the query asks: search, limit, cursor."""
    limit = min(whole_number(request, "limit", PAGE) or PAGE, LONGEST_PAGE)
    found, following = await _readable(
        request, request.query.get("search", ""), limit, request.query.get("cursor")
    )
    return {
        "documents": [described(request, document) for document in found], "next": following
    }


async def _readable(
    request: web.Request, search: str, limit: int, cursor: str | None
) -> tuple[Sequence[DocumentRecord], str | None]:
    """At most ``limit`` documents that the visitor may read, and the cursor for the next ones.

    Those that they may not read are passed over as if they were not there. A page that is shorter
    for them, or a cursor because of them, would tell letter by letter what their titles are.
    """
    found: list[DocumentRecord] = []
    looked, wanted = 0, limit + 1  # One more tells whether there is a further page.
    while True:
        try:
            page = await request.app[STORE].documents(search=search, limit=wanted, cursor=cursor)
        except ValueError as error:
            raise CollabError(errors.BAD_REQUEST, str(error)) from error
        found += await readable(request, page.documents)
        looked += len(page.documents)
        cursor, wanted = page.next, LONGEST_PAGE
        if len(found) > limit:
            return found[:limit], cursor_after(found[limit - 1])
        if cursor is None or looked >= LOOKED_AT:
            return found, cursor


async def types(request: web.Request) -> web.Response:
    """``GET /api/types``: the types that documents can have."""
    return json_response(
        {
            "types": [
                {
                    "name": one.name,
                    "title": one.title or one.name,
                    "like": one.like,
                    "extension": one.extension,
                }
                for one in document_types()
            ]
        }
    )


async def listing(request: web.Request) -> web.Response:
    """``GET /api/documents?search=&limit=&cursor=``: last changed first."""
    return json_response(await page(request))


async def show(request: web.Request) -> web.Response:
    """``GET /api/documents/{id}``"""
    return _shown(request, await find(request))


def _shown(request: web.Request, document: DocumentRecord) -> web.Response:
    tag = _tag(document)
    return json_response(described(request, document), ETag=f'"{tag}"')


def _tag(document: DocumentRecord) -> str:
    """The ETag of a document as `described` tells of it, without its quotes."""
    told = f"{document.epoch}.{document.revision}.{document.title}"
    return hashlib.sha256(told.encode()).hexdigest()[:32]


async def _require_match(request: web.Request, document: DocumentRecord) -> None:
    """Obey ``If-Match``: with an ETag of the document, or of its content."""
    hash = await request.app[STORE].hash_at(document.id, document.revision)
    contents = [] if hash is None else Version(hash, document.revision).tags()
    require_match(request, _tag(document), *contents)


async def change(request: web.Request) -> web.Response:
    """``PATCH /api/documents/{id}``: another title, told to everybody who has it open."""
    wanted = await read_json(request, Change)
    async with request.app[TURNS].of(request.match_info["id"]):
        document = await find(request, "rename")
        await _require_match(request, document)
        if wanted.title is not UNSET:
            renamed = await request.app[ROOMS].rename(document.id, clean_title(wanted.title))
            if renamed is None:
                raise CollabError(errors.NO_DOCUMENT)
            document = renamed
            request.app[PLUGINS].observer.renamed(document)
    return _shown(request, document)


async def delete(request: web.Request) -> web.Response:
    """``DELETE /api/documents/{id}``: gone, with everything that belongs to it."""
    rooms = request.app[ROOMS]
    async with request.app[TURNS].of(request.match_info["id"]):
        document = await find(request, "delete")
        await _require_match(request, document)
        if "If-Match" in request.headers:
            deleted = await rooms.delete_at(document.id, document.revision)
        else:
            deleted = await rooms.delete(document.id)
    if not deleted:
        raise CollabError(errors.NO_DOCUMENT)
    request.app[PLUGINS].observer.deleted(document)
    user, about = await identify(request), f"{document.id} {shown(document.title)}"
    operator = is_operator(request)
    security_log.write(request, Event.DELETED, about, user=user, operator=operator)
    return web.Response(status=204)
