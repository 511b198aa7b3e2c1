"""How a snapshot is kept: compressed where that saves room, and sealed."""

from __future__ import annotations

import asyncio
import zlib
from collections.abc import Sequence
from typing import Any

from collab.storage import chain
from collab.storage.port import Damaged, Snapshot

_WORTH_TRYING = 512
"""Bytes; below that, compressing saves less than a page of any database."""

_TAKES_LONG = 64 * 1024
"""Bytes; above that, (un)packing takes a millisecond and is kept off the event loop."""

_MAY_BE_LARGE = 2 * 1024
"""Bytes of what is compressed; above that, it may become more than two megabytes (zlib makes up to
a thousand bytes out of one), and is unpacked off the event loop."""


async def pack(document: str, snapshot: Snapshot) -> dict[str, Any]:
    """The row of a document's snapshot."""
    if len(snapshot.content) > _TAKES_LONG:
        return await asyncio.to_thread(_pack, document, snapshot)
    return _pack(document, snapshot)


async def unpack(document: str, row: Sequence[Any]) -> Snapshot:
    """A document's snapshot, from the columns after the first of its row.

    Raises `Damaged` for a row that `pack` didn't make.
    """
    most = _MAY_BE_LARGE if row[1] == "zlib" else _TAKES_LONG
    if isinstance(row[2], bytes) and len(row[2]) > most:
        return await asyncio.to_thread(_unpack, document, row)
    return _unpack(document, row)


async def first_snapshot(document: str, type: str, content: bytes) -> dict[str, Any]:
    """The row of what a document begins with."""

    def made() -> dict[str, Any]:
        return _pack(document, Snapshot(0, content, chain.origin(type, 0, content)))

    return await asyncio.to_thread(made) if len(content) > _TAKES_LONG else made()


def sealed(
    document: str, revision: int, hash: bytes, encoding: str, kept: bytes
) -> dict[str, Any]:
    """The row of a snapshot that is packed already."""
    return {
        "document": document,
        "revision": revision,
        "encoding": encoding,
        "content": kept,
        "hash": hash,
        "seal": chain.seal(document, revision, hash, encoding, kept),
    }


def _pack(document: str, snapshot: Snapshot) -> dict[str, Any]:
    encoding, kept = "plain", snapshot.content
    if len(kept) >= _WORTH_TRYING:
        packed = zlib.compress(kept, level=1)
        if len(packed) < len(kept):
            encoding, kept = "zlib", packed
    return sealed(document, snapshot.revision, snapshot.hash, encoding, kept)


def _unpack(document: str, row: Sequence[Any]) -> Snapshot:
    revision, encoding, kept, hash, seal = row
    try:
        content = open_content(encoding, kept)
        if seal == chain.seal(document, revision, hash, encoding, kept):
            return Snapshot(revision, content, hash)
    except ValueError as error:
        raise Damaged(document, revision, f"it has {error}") from None
    except (AttributeError, TypeError):  # of another type, even
        pass
    raise Damaged(document, revision, "it has a snapshot that is not what was written")


def open_content(encoding: str, kept: bytes) -> bytes:
    """What was packed. Raises ValueError for what can't have been made of anything."""
    if encoding == "plain":
        return kept
    if encoding == "zlib":
        try:
            return zlib.decompress(kept)
        except zlib.error as error:
            raise ValueError(f"a damaged snapshot ({error})") from None
    raise ValueError(f"a snapshot in the unknown encoding {encoding!r}")
