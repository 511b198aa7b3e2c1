"""How the content of a snapshot is kept: compressed where that saves room."""

from __future__ import annotations

import asyncio
import zlib

_WORTH_TRYING = 512
"""Bytes; below that, compressing saves less than a page of any database."""

_TAKES_LONG = 64 * 1024
"""Bytes; above that, (un)packing takes a millisecond and is kept off the event loop."""


async def pack(content: bytes) -> tuple[str, bytes]:
    """The encoding chosen for ``content``, and the bytes to keep."""
    if len(content) > _TAKES_LONG:
        return await asyncio.to_thread(_pack, content)
    return _pack(content)


async def unpack(encoding: str, kept: bytes) -> bytes:
    """What `pack` was given. Raises ValueError for bytes that it can't have made."""
    if len(kept) > _TAKES_LONG:
        return await asyncio.to_thread(_unpack, encoding, kept)
    return _unpack(encoding, kept)


def _pack(content: bytes) -> tuple[str, bytes]:
    if len(content) >= _WORTH_TRYING:
        packed = zlib.compress(content, level=1)
        if len(packed) < len(content):
            return "zlib", packed
    return "plain", content


def _unpack(encoding: str, kept: bytes) -> bytes:
    if encoding == "plain":
        return kept
    if encoding == "zlib":
        try:
            return zlib.decompress(kept)
        except zlib.error as error:
            raise ValueError(f"a damaged snapshot ({error})") from None
    raise ValueError(f"a snapshot in the unknown encoding {encoding!r}")
