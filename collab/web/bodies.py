"""Request bodies, bounded in size and time, and answers in JSON."""

from __future__ import annotations

import asyncio
from typing import Any, TypeVar

import msgspec
from aiohttp import web

from collab.protocol import errors
from collab.protocol.bodies import check_type, parse_json
from collab.protocol.errors import CollabError
from collab.web.keys import SETTINGS

BODY_TIMEOUT = 60.0
"""Seconds a client may take to send a request's body."""

T = TypeVar("T")


async def read_body(request: web.Request) -> bytes:
    """The whole body. Raises `CollabError` when it is too large or comes too slowly."""
    limit = request.app[SETTINGS].limits.body_size
    try:
        async with asyncio.timeout(BODY_TIMEOUT):
            return await request.read()
    except TimeoutError:
        raise CollabError(errors.BAD_REQUEST, "The request's body did not come in time.") from None
    except web.HTTPRequestEntityTooLarge:
        raise CollabError(
            errors.MESSAGE_TOO_LARGE, f"A request may carry {limit} bytes."
        ) from None


async def read_json(request: web.Request, type: type[T]) -> T:
    """The body as a value of ``type``. Raises `CollabError` that says what is wrong with it."""
    check_type(request.content_type)
    return parse_json(await read_body(request), type)


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
        raise CollabError(errors.BAD_REQUEST, f"{name} has to be a whole number, not {text!r}.")
    return int(text)
