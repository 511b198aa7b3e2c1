"""The bodies of requests, read in one place within bounds; answers in JSON.

What is read counts against a budget that all requests share, and against the share of it that one
address may use, until the request is answered. Bodies are taken as they are on the wire: the
server does not inflate (`listening` switches it off in aiohttp), since a compressed body costs
whoever sends it next to nothing.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, Final, TypeVar
from urllib.parse import parse_qsl

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from collab.protocol import errors
from collab.protocol.bodies import check_type, parse_json
from collab.protocol.errors import CollabError
from collab.protocol.settings import Limits
from collab.rooms.turns import charged
from collab.web.budget import ByteBudget
from collab.web.keys import SETTINGS
from collab.web.proxies import peer

BODY_TIMEOUT: Final = 60.0
"""Seconds a client may take to send a request's body."""

SMALL_BODY: Final = 64 * 1024
"""Bytes of a body where a route does not say that it takes more."""

QUOTED: Final = 40
"""Characters of what somebody sent that an error's sentence repeats."""

NOBODY: Final = "nobody"
"""Who is charged with the work of a connection that was lost before it was asked."""

T = TypeVar("T")


BODIES = web.AppKey("bodies", ByteBudget)

_TAKEN = web.RequestKey("body_taken", int)
"""Bytes that a request has taken from the budget."""

_ALLOWED = web.RequestKey("allowed_before_body", list[Callable[[], Awaitable[object]]])
"""What was asked of a request that may have a body, to be asked once more."""


def ask_again(request: web.Request, check: Callable[[], Awaitable[object]]) -> None:
    """Call ``check``, which raises, again when the request's body was waited for.

    Whoever sends a body slowly would keep for a minute what is taken from them meanwhile.
    """
    request.setdefault(_ALLOWED, []).append(check)


def setup(app: web.Application, limits: Limits) -> None:
    """Give ``app`` its budget."""
    total = max(limits.bodies_size, limits.body_size)
    app[BODIES] = ByteBudget(
        total,
        max(total // 4, limits.body_size),
        "Too much is being sent from your address at once: wait for an answer first.",
    )


@web.middleware
async def account(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse compressed bodies, charge the sender with the work that their request makes, and
    free what its body took once it is answered."""
    charged.set(peer(request).address or NOBODY)
    encoding = request.headers.get("Content-Encoding", "identity").strip().lower()
    if encoding not in ("", "identity"):
        raise CollabError(
            errors.UNSUPPORTED_MEDIA_TYPE,
            "Send the body uncompressed: Content-Encoding is not understood here.",
        )
    try:
        return await handler(request)
    finally:
        taken = request.get(_TAKEN, 0)
        if taken:
            request.app[BODIES].give_back(peer(request).address, taken)


async def read_body(request: web.Request, limit: int | None = None) -> bytes:
    """The whole body, of at most ``limit`` bytes (default: the setting ``limits.body_size``).

    Raises `CollabError` when it is larger, comes too slowly, or finds no room in the budget, and
    when whoever sends it may not do any more what was asked before (see `ask_again`).
    """
    most = request.app[SETTINGS].limits.body_size
    most = most if limit is None else min(limit, most)
    if (request.content_length or 0) > most:
        raise _too_large(most)
    budget, address = request.app[BODIES], peer(request).address
    pieces: list[bytes] = []
    size = 0
    waits = not request.content.is_eof()
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            while piece := await request.content.readany():
                size += len(piece)
                if size > most:
                    raise _too_large(most)
                budget.take(address, len(piece))
                request[_TAKEN] = request.get(_TAKEN, 0) + len(piece)
                pieces.append(piece)
    except TimeoutError:
        raise CollabError(errors.BAD_REQUEST, "The request's body did not come in time.") from None
    # In a thread, joining many bytes does not keep the interpreter's lock.
    large = size > SMALL_BODY
    body = await asyncio.to_thread(b"".join, pieces) if large else b"".join(pieces)
    if waits or large:
        for check in request.get(_ALLOWED, ()):
            await check()
    return body


def _too_large(limit: int) -> CollabError:
    return CollabError(errors.MESSAGE_TOO_LARGE, f"This request may carry {limit} bytes.")


async def read_json(request: web.Request, type: type[T], limit: int | None = SMALL_BODY) -> T:
    """The body as a value of ``type``. Raises `CollabError` that says what is wrong with it."""
    check_type(request.content_type)
    return parse_json(await read_body(request, limit), type)


async def read_form(request: web.Request) -> dict[str, str]:
    """The fields of a page's form, of each name the last. Raises `CollabError`."""
    if request.content_type != "application/x-www-form-urlencoded":
        raise CollabError(errors.UNSUPPORTED_MEDIA_TYPE, "This is for the forms of our own pages.")
    body = await read_body(request, SMALL_BODY)
    try:
        return dict(parse_qsl(body.decode(), keep_blank_values=True, max_num_fields=100))
    except ValueError as error:
        raise CollabError(errors.BAD_REQUEST, "That form can't be read.") from error


def json_response(value: Any, status: int = 200, **headers: str) -> web.Response:
    return web.Response(
        body=msgspec.json.encode(value),
        status=status,
        content_type="application/json",
        headers=headers,
    )


def whole_number(request: web.Request, name: str, default: int | None) -> int | None:
    """A query parameter that counts something. Raises `CollabError` for anything else."""
    text = request.query.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise CollabError(
            errors.BAD_REQUEST, f"{name} has to be a whole number, not {text[:QUOTED]!r}."
        )
    return int(text)
