"""Addresses that can't name anything here, refused before anybody looks for a file or a row.

A file system raises OSError for a name that is too long, and a database for half a character or a
NUL: without this check, each handler that passes a part of the path on would answer 500.
"""

from __future__ import annotations

import re
from typing import Final

from aiohttp import web
from aiohttp.typedefs import Handler

from collab.protocol import errors
from collab.protocol.errors import CollabError

LONGEST_SEGMENT: Final = 255
"""Bytes between two slashes of a path, as UTF-8: what file systems take as the name of a file."""

LONGEST_PATH: Final = 2048
"""Bytes of a path as UTF-8; with the folder in front of it, Linux takes 4096."""

_UNUSABLE: Final = re.compile("[\0-\x1f\x7f\ud800-\udfff]")
"""Control characters and half characters."""


def is_usable(path: str) -> bool:
    """Whether a decoded path can be the name of something."""
    if _UNUSABLE.search(path):
        return False
    encoded = path.encode()
    if len(encoded) > LONGEST_PATH:
        return False
    return all(len(segment) <= LONGEST_SEGMENT for segment in encoded.split(b"/"))


@web.middleware
async def check_path(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Answer 404 for a path that can't be the name of anything."""
    values = request.match_info.values()
    if not is_usable(request.path) or not all(map(is_usable, values)):
        raise CollabError(errors.NOT_FOUND)
    return await handler(request)
