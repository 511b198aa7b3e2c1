"""The HTTP API of contents and operations: read any revision, put a new one, follow the log."""

from __future__ import annotations

import asyncio
import codecs
import re
from functools import partial

import msgspec
from aiohttp import web

from collab.ot import Content, Delta, DocumentType, InvalidOperation, text_edit
from collab.plugins.access import Action
from collab.protocol import errors
from collab.protocol.contents import (
    Bounds,
    TooLong,
    decoded,
    encoded_delta,
    is_large,
    read_content,
    read_text,
    texts,
    written,
)
from collab.protocol.errors import CollabError
from collab.rooms.replay import is_large_to_replay, replayed
from collab.rooms.telling import committed_message
from collab.rooms.turns import aside
from collab.storage.port import StoredOperation
from collab.web.bodies import json_response, read_body, whole_number
from collab.web.documents import find
from collab.web.identity import identify
from collab.web.keys import PLUGINS, ROOMS, SETTINGS, STORE
from collab.web.preconditions import Version, require_match

CHARSETS = ("utf-8", "us-ascii", "iso-8859-1", "utf-16")
for _charset in CHARSETS:
    codecs.lookup(_charset)  # Not when the first request comes: there may be no file left to open.

_STRING = re.compile(rb'[ \t\r\n]*+"')

LONGEST_LOG = 1000
"""Operations in one answer."""

LARGEST_LOG = 1024 * 1024
"""Bytes of deltas in one answer, after which no further operation is looked up."""

LOG_STEP = 32
"""Operations that are looked up at once."""


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
    pieces = texts(content) if media == "text/plain" else written(content)
    encode = partial(list[bytes], pieces)
    encoded = await aside(encode) if is_large(content) else encode()
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
    replay = partial(replayed, loaded)
    content = await aside(replay) if is_large_to_replay(loaded) else replay()
    return Version(loaded.hash, loaded.revision), content


def _change(kind: DocumentType, content: Content, wanted: str | Delta, bounds: Bounds) -> Delta:
    """The edit that makes ``content`` what somebody wants it to be. Raises `CollabError`.

    A text says nothing of formats and embeds, so it leaves those that there are.
    """
    before = content.delta()
    try:
        if isinstance(wanted, str):
            change = text_edit(before, wanted)
            kind.validate(change)
        else:
            kind.validate(wanted)
            kind.content(wanted)
            change = before.diff(wanted)
    except InvalidOperation as error:
        raise CollabError(errors.BAD_OPERATION, str(error)) from error
    if content.length + change.change_length() > bounds.units:
        raise TooLong(bounds.units)
    return change


def _read(body: bytes, charset: str | None, bounds: Bounds) -> str | Delta:
    """What the body of a request wants the content to be. Raises `CollabError`."""
    if charset is None:
        if _STRING.match(body):
            return read_text(body, bounds)
        return read_content(body, bounds)
    try:
        return decoded(body, charset, bounds)
    except UnicodeError as error:
        raise CollabError(errors.BAD_REQUEST, f"The text can't be read: {error}") from error


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
    charset = None
    if request.content_type == "text/plain":
        charset = (request.charset or "utf-8").lower()
        if charset not in CHARSETS:
            raise CollabError(
                errors.UNSUPPORTED_MEDIA_TYPE, f"Text is taken in {', '.join(CHARSETS)}."
            )
    elif request.content_type != "application/json":
        raise CollabError(
            errors.UNSUPPORTED_MEDIA_TYPE, "Contents are taken as application/json or text/plain."
        )
    body = await read_body(request)
    bounds = Bounds.of(request.app[SETTINGS].limits)
    async with request.app[ROOMS].use(request.match_info["id"]) as room:
        version, content = await _content(request, against)
        require_match(request, *version.tags())

        def compare() -> tuple[Delta, bytes]:
            change = _change(room.type, content, _read(body, charset, bounds), bounds)
            return change, encoded_delta(change)

        large = is_large(body) or is_large(content)
        change, told = await aside(compare) if large else compare()
        revision = version.revision
        if not change.empty:
            # Somebody may have written meanwhile, saved or not.
            unchanged = "If-Match" in request.headers
            revision = await room.edit(
                change, author=user, revision=revision, unchanged=unchanged
            )
    return json_response({"revision": revision, "delta": msgspec.Raw(told)})


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
    found: list[StoredOperation] = []
    size = 0
    for start in range(since, until, LOG_STEP):
        stop = min(start + LOG_STEP, until)
        async for one in store.operations(document.id, start, stop):
            found.append(one)
            size += len(one.delta)
        if size > LARGEST_LOG:
            until = stop
            break
    hash = found[-1].hash if found else await store.hash_at(document.id, since)
    return json_response(
        {
            "operations": [committed_message(one) for one in found],
            "hash": None if hash is None else hash.hex(),
            "revision": document.revision,
            "next": until if until < document.revision else None,
        }
    )
