"""`Idempotency-Key`: a request that makes a document, sent again, makes it once.

The key decides the id of the document that is made, by the server's secret, and with what is
sent it decides how the epoch begins. So nothing is kept beside the document, what was made before
a crash is found again after it, and a key never expires.
The header is that of the IETF draft "The Idempotency-Key HTTP Header Field".
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import Awaitable, Callable

from aiohttp import web

from collab.protocol import errors
from collab.protocol.contents import LARGE
from collab.protocol.errors import CollabError
from collab.rooms.new import REQUEST_LENGTH, Names, new_epoch
from collab.storage.port import Conflict, DocumentRecord
from collab.web.access import require
from collab.web.identity import identify, is_new
from collab.web.keys import STORE
from collab.web.secret import sign

HEADER = "Idempotency-Key"

_KEY = re.compile(r"[\x21-\x7e]{1,255}")

_ANYBODY = ""
"""Who sends a request that brings no identity: a script is another guest each time."""


class Idempotency:
    """Names documents after the keys of the requests that make them."""

    def __init__(self, secret: bytes) -> None:
        self._secret = secret

    async def names(self, request: web.Request, sent: Callable[[], bytes]) -> Names | None:
        """What the document that a request makes is to be known by; None when it has no key.

        ``sent`` gives what the document is made of. The epoch begins with it: so a key that
        comes again with something else is told apart from a request that comes again.

        Keys of different people and of different routes have nothing to do with each other.
        Raises `CollabError` BAD_REQUEST for what is no key.
        """
        key = request.headers.get(HEADER)
        if key is None:
            return None
        if not _KEY.fullmatch(key):
            raise CollabError(
                errors.BAD_REQUEST,
                f"{HEADER} has to be 1 to 255 visible ASCII characters, such as a UUID.",
            )
        user = await identify(request)
        who = _ANYBODY if is_new(request) else user.id
        meant = "\0".join((who, request.method, request.path, key))
        scope = meant.encode("utf-8", "surrogatepass")
        id = sign(self._secret, b"idempotency id", scope)
        digest = hashlib.sha256(request.query_string.encode() + b"\0")
        body = sent()
        if len(body) > LARGE:
            await asyncio.to_thread(digest.update, body)
        else:
            digest.update(body)
        sent_before = sign(self._secret, b"idempotency epoch", digest.digest() + scope)
        # An id does not begin with a hyphen, which a command takes for an option. The epoch is a
        # new one each time: a document that was deleted and is made again is not the same.
        return Names("k" + id[:21], sent_before[:REQUEST_LENGTH] + new_epoch())


IDEMPOTENCY = web.AppKey("idempotency", Idempotency)


async def make_once(
    request: web.Request,
    sent: Callable[[], bytes],
    make: Callable[[Names | None], Awaitable[DocumentRecord]],
) -> DocumentRecord:
    """The document that ``make`` makes of what was ``sent``, or made when the request came before.

    ``make`` is handed the names that it shall have, and raises `Conflict` when they are taken.
    Raises `CollabError`: FORBIDDEN when whoever asks may not read what was made any more,
    KEY_REUSED when the key came with something else before.
    """
    names = await request.app[IDEMPOTENCY].names(request, sent)
    if names is None:
        return await make(None)
    try:
        return await _made_before(request, names) or await make(names)
    except Conflict:
        record = await _made_before(request, names)
        if record is None:
            raise
        return record


async def _made_before(request: web.Request, names: Names) -> DocumentRecord | None:
    record = await request.app[STORE].document(names.id)
    if record is not None:
        await require(request, "read", record)
        if not names.made_by_same_request(record.epoch):
            raise CollabError(errors.KEY_REUSED)
    return record
