"""The HTTP API of contents and operations: read any revision, put a new one, follow the log."""

from __future__ import annotations

import asyncio
import codecs
from collections.abc import Iterator

import msgspec
from aiohttp import web

from collab.ot import Content, Delta, InvalidOperation, text_edit
from collab.plugins.access import Action
from collab.protocol import errors
from collab.protocol.bodies import parse_json
from collab.protocol.errors import CollabError
from collab.rooms import Room
from collab.rooms.replay import replayed
from collab.rooms.telling import committed_message
from collab.rooms.upkeep import LARGE
from collab.web.bodies import json_response, read_body, whole_number
from collab.web.documents import find
from collab.web.identity import identify
from collab.web.keys import PLUGINS, ROOMS, SETTINGS, STORE
from collab.web.preconditions import Version, require_match

PIECE = 64 * 1024
"""Characters in one piece of a streamed answer."""

CHARSETS = ("utf-8", "us-ascii", "iso-8859-1", "utf-16")
for _charset in CHARSETS:
    codecs.lookup(_charset)  # Not when the first request comes: there may be no file left to open.

LONGEST_LOG = 1000
"""Operations in one answer."""


async def read(request: web.Request) -> web.StreamResponse:
    """``GET /api/documents/{id}/content?revision=``: text/plain or JSON, as Accept says."""
    wanted = whole_number(request, "revision", None)
    media = _preferred(request)
    await _check(request, "read")
    version, content = await _content(request, wanted)
    tag = version.tag(media)
    headers = {
        "ETag": f'"{tag}"',
        "X-Collab-Revision": str(version.revision),
        "Vary": "Accept",
        "Cache-Control": "private, no-cache",
        "X-Content-Type-Options": "nosniff",
        "Content-Disposition": "inline",
    }
    if any(known.value in (tag, "*") for known in request.if_none_match or ()):
        return web.Response(status=304, headers=headers)
    pieces = _text(content) if media == "text/plain" else _json(content)
    # Encoding a large content takes a while: not in the event loop.
    encoded = await asyncio.to_thread(list, pieces) if content.length > LARGE else list(pieces)
    response = web.StreamResponse(headers=headers)
    response.content_type = media
    response.charset = "utf-8"
    response.content_length = sum(map(len, encoded))
    await response.prepare(request)
    if request.method != "HEAD":
        patience = request.app[SETTINGS].limits.write_timeout
        try:
            for piece in encoded:
                async with asyncio.timeout(patience):
                    await response.write(piece)
        except TimeoutError:
            if request.transport is not None:
                request.transport.abort()
            return response
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


async def _check(request: web.Request, action: Action) -> None:
    """Whether a plugin has something against it; without one this costs nothing."""
    if request.app[PLUGINS].gate.guards:
        await find(request, action)


async def _content(request: web.Request, wanted: int | None) -> tuple[Version, Content]:
    id = request.match_info["id"]
    room = request.app[ROOMS].find(id)
    if room is not None and wanted in (None, room.revision):
        return Version(room.hash, room.revision), room.content.copy()
    if room is None and await request.app[ROOMS].record(id) is None:
        raise CollabError(errors.NO_DOCUMENT)
    try:
        loaded = await request.app[STORE].load(id, wanted)
    except ValueError as error:
        raise CollabError(errors.BAD_REVISION, str(error)) from error
    if loaded is None:
        raise CollabError(errors.NO_DOCUMENT)
    content = await asyncio.to_thread(replayed, loaded)
    return Version(loaded.hash, loaded.revision), content


def _text(content: Content) -> Iterator[bytes]:
    """The text in pieces of some `PIECE` characters."""
    waiting: list[str] = []
    size = 0
    for piece in content.pieces():
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield "".join(waiting).encode()
            waiting, size = [], 0
    yield "".join(waiting).encode()


def _json(content: Content) -> Iterator[bytes]:
    """The delta in pieces of some `PIECE` bytes."""
    waiting = [b"["]
    size = 0
    for number, op in enumerate(content.delta().ops):
        part = msgspec.json.encode(op)
        waiting.append(b"," + part if number else part)
        size += len(part)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    waiting.append(b"]")
    yield b"".join(waiting)


def _change(room: Room, content: Content, wanted: object, limit: int) -> Delta:
    """The edit that makes ``content`` what somebody wants it to be. Raises `CollabError`.

    A text says nothing of formats and embeds, so it leaves those that there are.
    """
    before = content.delta()
    try:
        if isinstance(wanted, str):
            change = text_edit(before, wanted)
            room.type.validate(change)
        else:
            target = Delta(wanted)
            room.type.validate(target)
            room.type.content(target)
            change = before.diff(target)
    except InvalidOperation as error:
        raise CollabError(errors.BAD_OPERATION, str(error)) from error
    if content.length + change.change_length() > limit:
        raise CollabError(errors.DOCUMENT_TOO_LARGE, f"A document may have {limit} characters.")
    return change


async def put(request: web.Request) -> web.Response:
    """``PUT /api/documents/{id}/content?revision=``: new content, as the smallest edit, live.

    The body is text/plain, or JSON: a delta of inserts or a string. A text leaves formats and
    embeds where they are. With ``revision`` the edit is what changed against that revision, so
    that what others typed since stays; without, it is against the newest. With ``If-Match`` it
    is refused when the content is no more what `read` gave under that ETag.
    """
    user = await identify(request)
    await _check(request, "write")
    against = whole_number(request, "revision", None)
    new: object
    if request.content_type == "text/plain":
        charset = (request.charset or "utf-8").lower()
        if charset not in CHARSETS:
            raise CollabError(
                errors.UNSUPPORTED_MEDIA_TYPE, f"Text is taken in {', '.join(CHARSETS)}."
            )
        try:
            new = (await read_body(request)).decode(charset)
        except UnicodeError as error:
            raise CollabError(errors.BAD_REQUEST, f"The text can't be read: {error}") from error
    elif request.content_type == "application/json":
        body = await read_body(request)
        new = await asyncio.to_thread(parse_json, body, object)
    else:
        raise CollabError(
            errors.UNSUPPORTED_MEDIA_TYPE, "Contents are taken as application/json or text/plain."
        )
    limit = request.app[SETTINGS].limits.document_size
    async with request.app[ROOMS].use(request.match_info["id"]) as room:
        version, content = await _content(request, against)
        require_match(request, *version.tags())
        change = await asyncio.to_thread(_change, room, content, new, limit)
        if "If-Match" in request.headers and room.revision != version.revision:
            raise CollabError(errors.PRECONDITION_FAILED)  # Somebody wrote meanwhile.
        revision = version.revision
        if change.ops:
            revision = await room.edit(change, author=user, revision=revision)
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
    store = request.app[STORE]
    found = [one async for one in store.operations(document.id, since, until)]
    hash = found[-1].hash if found else await store.hash_at(document.id, since)
    return json_response(
        {
            "operations": [committed_message(one) for one in found],
            "hash": None if hash is None else hash.hex(),
            "revision": document.revision,
            "next": until if until < document.revision else None,
        }
    )
