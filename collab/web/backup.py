"""The HTTP API of backups: a document whole, as a file, out and in. For the operator only."""

from __future__ import annotations

import asyncio
import logging

from aiohttp import web

from collab.protocol import errors
from collab.protocol.contents import Bounds
from collab.protocol.errors import CollabError
from collab.rooms.restoring import restore
from collab.storage.backup import EXTENSION, MEDIA_TYPE, written
from collab.storage.port import StorageError
from collab.web.access import require
from collab.web.bodies import json_response, read_body
from collab.web.documents import described
from collab.web.exchange import attachment
from collab.web.idempotency import IDEMPOTENCY
from collab.web.keys import PLUGINS, SETTINGS, STORE

log = logging.getLogger(__name__)


async def export(request: web.Request) -> web.StreamResponse:
    """``GET /api/documents/{id}/export/backup``: the document with all that is kept of it."""
    # First: whoever may not does not learn which documents there are.
    await require(request, "administer")
    if "revision" in request.query:
        raise CollabError(errors.BAD_REQUEST, "A backup holds every revision: leave revision out.")
    store = request.app[STORE]
    record = await store.document(request.match_info["id"])
    pieces = None if record is None else await written(store, record.id)
    if record is None or pieces is None:
        raise CollabError(errors.NO_DOCUMENT)
    response = web.StreamResponse(
        headers={
            "Content-Type": MEDIA_TYPE,
            "Content-Disposition": attachment(record.title, EXTENSION),
            "X-Content-Type-Options": "nosniff",
            "Cache-Control": "no-store",
        }
    )
    await response.prepare(request)
    if request.method == "HEAD":
        return response
    patience = request.app[SETTINGS].limits.write_timeout
    try:
        async for piece in pieces:
            async with asyncio.timeout(patience):
                await response.write(piece)
    except ConnectionError:
        raise
    except Exception as error:
        known = isinstance(error, (TimeoutError, StorageError))
        log.error(
            "the backup of document %s broke off: %s",
            record.id, str(error) or "its reader is too slow", exc_info=not known,
        )
        # An answer that has begun can't become an error: what was sent lacks its last line.
        if request.transport is not None:
            request.transport.abort()
        return response
    await response.write_eof()
    return response


async def import_file(request: web.Request) -> web.Response:
    """``POST /api/import/backup?title=&without=``: the document of a backup, the body → 201.

    ``original`` in the answer is the id that it had; ``id`` is another when that is taken.
    """
    await require(request, "administer")
    data = await read_body(request)
    restored = await restore(
        request.app[STORE],
        data,
        Bounds.of(request.app[SETTINGS].limits),
        title=request.query.get("title"),
        without=request.query.getall("without", []),
        names=await request.app[IDEMPOTENCY].names(request, lambda: data),
    )
    request.app[PLUGINS].observer.created(restored.record)
    shown = described(request, restored.record) | {"original": restored.original}
    return json_response(shown, status=201, Location=shown["links"]["self"])
