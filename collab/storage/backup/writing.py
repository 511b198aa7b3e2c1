"""A document's file, written while its log is read page by page."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator

import msgspec
from msgspec import Raw

from collab.storage.backup.lines import (
    VERSION,
    AuthorLine,
    ClientLine,
    Described,
    EndLine,
    Header,
    OperationLine,
    RowLine,
    SnapshotLine,
    StateLine,
    TableLine,
    to_json,
)
from collab.storage.port import Belongings, StorageError, Store

PIECE = 64 * 1024
"""Bytes in a piece, or a little more."""

_LARGE = 1024 * 1024
"""Bytes whose checksum takes a while: it is then not computed in the event loop."""

_encode = msgspec.json.encode


async def written(store: Store, id: str) -> AsyncIterator[bytes] | None:
    """A document's file in pieces; None when there is no such document.

    It holds the document as it is now, and others may go on editing it meanwhile. Raises
    `StorageError`, also between two pieces: what was written then lacks its last line, and is
    refused when it is read.
    """
    belongings = await store.belongings(id)
    return None if belongings is None else _pieces(store, belongings)


async def _pieces(store: Store, belongings: Belongings) -> AsyncIterator[bytes]:
    digest = hashlib.sha256()
    waiting = bytearray()
    async for line in _lines(store, belongings):
        waiting += line
        waiting += b"\n"
        if len(waiting) < PIECE:
            continue
        piece, waiting = bytes(waiting), bytearray()
        if len(piece) > _LARGE:
            await asyncio.to_thread(digest.update, piece)
        else:
            digest.update(piece)
        # Where there is no log, and a fast reader, nothing else lets others have their turn.
        await asyncio.sleep(0)
        yield piece
    digest.update(waiting)
    end = EndLine(
        operations=belongings.document.revision - belongings.snapshot.revision,
        clients=len(belongings.clients),
        authors=len(belongings.authors),
        state=len(belongings.state),
        rows=sum(len(table.rows) for table in belongings.tables),
        sha256=digest.hexdigest(),
    )
    yield bytes(waiting) + _encode(end) + b"\n"


async def _lines(store: Store, belongings: Belongings) -> AsyncIterator[bytes]:
    document, snapshot = belongings.document, belongings.snapshot
    described = Described(**msgspec.structs.asdict(document))
    yield _encode(Header("backup", VERSION, described))
    yield _encode(SnapshotLine(snapshot.revision, Raw(snapshot.content), snapshot.hash.hex()))
    revision = snapshot.revision
    async for one in store.operations(document.id, snapshot.revision, document.revision):
        if one.revision != revision + 1:
            break
        revision = one.revision
        yield _encode(
            OperationLine(
                revision,
                one.client,
                one.sequence,
                one.author,
                one.time,
                Raw(one.delta),
                one.hash.hex(),
            )
        )
    now = await store.document(document.id)
    if revision != document.revision or now is None or now.epoch != document.epoch:
        raise StorageError(
            f"Document {document.id} was deleted, or its log shortened, while it was exported:"
            " what was written is not whole. Export it again."
        )
    for sent in belongings.clients:
        yield _encode(ClientLine(sent.client, sent.sequence, sent.revision))
    for author in belongings.authors:
        yield _encode(AuthorLine(author.id, author.name, author.color, author.since))
    for kept in belongings.state:
        yield _encode(StateLine(kept.plugin, kept.key, Raw(kept.value or b"null")))
    for table in belongings.tables:
        yield _encode(TableLine(table.plugin, table.table, list(table.columns)))
        for row in table.rows:
            yield _encode(RowLine([to_json(value) for value in row]))
