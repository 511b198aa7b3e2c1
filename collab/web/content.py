"""The HTTP API of contents and operations: read any revision, put a new one, follow the log."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator

import msgspec
from aiohttp import web

from collab.ot import Content, Delta, InvalidOperation
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.rooms.replay import replayed
from collab.rooms.telling import committed_message
from collab.web.bodies import json_response, parse_json, read_body, whole_number
from collab.web.documents import find
from collab.web.identity import identify
from collab.web.keys import ROOMS, SETTINGS, STORE

PIECE = 64 * 1024
"""Characters in one piece of a streamed answer."""

LONGEST_LOG = 1000
"""Operations in one answer."""


async def read(request: web.Request) -> web.StreamResponse:
    """``GET /api/documents/{id}/content?revision=``: text/plain or JSON, as Accept says."""
    wanted = whole_number(request, "revision", None)
    media = _preferred(request)
    revision, content = await _content(request, wanted)
    tag = f'"{revision}.{media}"'
    headers = {
        "ETag": tag,
        "X-Collab-Revision": str(revision),
        "Vary": "Accept",
        "Cache-Control": "no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": "inline",
    }
    if request.headers.get("If-None-Match") == tag:
        return web.Response(status=304, headers=headers)
    response = web.StreamResponse(headers=headers)
    response.content_type = media
    response.charset = "utf-8"
    await response.prepare(request)
    pieces = _text(content) if media == "text/plain" else _json(content)
    if request.method != "HEAD":
        for piece in pieces:
            await response.write(piece)
    await response.write_eof()
    return response


def _preferred(request: web.Request) -> str:
    accept = request.headers.get("Accept", "*/*").lower()
    ranked: list[tuple[float, str]] = []
    for item in accept.split(","):
        media, _, parameters = item.partition(";")
        quality = 1.0
        for parameter in parameters.split(";"):
            name, _, value = parameter.strip().partition("=")
            if name == "q":
                try:
                    quality = float(value)
                except ValueError:
                    quality = 0.0
        media = media.strip()
        if media in ("text/plain", "text/*"):
            ranked.append((quality, "text/plain"))
        elif media in ("application/json", "application/*", "*/*"):
            ranked.append((quality, "application/json"))
    ranked = [entry for entry in ranked if entry[0] > 0]
    if not ranked:
        raise CollabError(
            errors.NOT_ACCEPTABLE, "Contents come as application/json or text/plain."
        )
    return max(ranked, key=lambda entry: entry[0])[1]


async def _content(request: web.Request, wanted: int | None) -> tuple[int, Content]:
    id = request.match_info["id"]
    room = request.app[ROOMS].find(id)
    if room is not None and wanted in (None, room.revision):
        return room.revision, room.content.copy()
    try:
        loaded = await request.app[STORE].load(id, wanted)
    except ValueError as error:
        raise CollabError(errors.BAD_REVISION, str(error)) from error
    if loaded is None:
        raise CollabError(errors.NO_DOCUMENT)

    content = await asyncio.to_thread(replayed, loaded)
    revision = loaded.operations[-1].revision if loaded.operations else loaded.snapshot.revision
    return revision, content


def _text(content: Content) -> Iterator[bytes]:
    for piece in content.pieces():
        yield piece.encode()


def _json(content: Content) -> Iterator[bytes]:
    yield b"["
    for number, op in enumerate(content.delta().ops):
        if number:
            yield b","
        insert = op["insert"]
        if isinstance(insert, str) and len(insert) > PIECE:
            yield b'{"insert":"'
            for start in range(0, len(insert), PIECE):
                yield msgspec.json.encode(insert[start : start + PIECE])[1:-1]
            yield b'"'
            if "attributes" in op:
                yield b',"attributes":' + msgspec.json.encode(op["attributes"])
            yield b"}"
        else:
            yield msgspec.json.encode(op)
    yield b"]"


async def put(request: web.Request) -> web.Response:
    """``PUT /api/documents/{id}/content?revision=``: new content, as the smallest edit, live.

    The body is text/plain, or JSON: a delta of inserts or a string. With ``revision`` the edit
    is what changed against that revision, so that what others typed since stays; without, it
    is against the newest.
    """
    user = await identify(request)
    against = whole_number(request, "revision", None)
    new: object
    if request.content_type == "text/plain":
        try:
            new = (await read_body(request)).decode(request.charset or "utf-8")
        except (UnicodeDecodeError, LookupError) as error:
            raise CollabError(errors.BAD_REQUEST, f"The text can't be read: {error}") from error
    elif request.content_type == "application/json":
        new = parse_json(await read_body(request), object)
    else:
        raise CollabError(
            errors.UNSUPPORTED_MEDIA_TYPE, "Contents are taken as application/json or text/plain."
        )
    limit = request.app[SETTINGS].limits.document_size
    async with request.app[ROOMS].use(request.match_info["id"]) as room:
        try:
            target = Delta().insert(new) if isinstance(new, str) else Delta(new)
            room.type.validate(target)
            room.type.content(target)
        except InvalidOperation as error:
            raise CollabError(errors.BAD_OPERATION, str(error)) from error
        if target.length() > limit:
            raise CollabError(
                errors.DOCUMENT_TOO_LARGE, f"A document may have {limit} characters."
            )
        base, content = await _content(request, against)
        change = await asyncio.to_thread(lambda: content.delta().diff(target))
        revision = base
        if change.ops:
            revision = await room.edit(change, author=user.id, revision=base)
    return json_response({"revision": revision, "delta": change.ops})


async def log(request: web.Request) -> web.Response:
    """``GET /api/documents/{id}/operations?since=&limit=``: committed operations in order."""
    document = await find(request)
    since = whole_number(request, "since", 0) or 0
    limit = min(whole_number(request, "limit", LONGEST_LOG) or LONGEST_LOG, LONGEST_LOG)
    if since > document.revision:
        raise CollabError(
            errors.BAD_REVISION, f"The document has {document.revision} revisions, not {since}."
        )
    until = min(document.revision, since + limit)
    operations = [
        committed_message(one)
        async for one in request.app[STORE].operations(document.id, since, until)
    ]
    return json_response(
        {
            "operations": operations,
            "revision": document.revision,
            "next": until if until < document.revision else None,
        }
    )
