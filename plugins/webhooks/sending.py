"""One attempt to deliver one event."""

from __future__ import annotations

import asyncio
from typing import Any

import aiohttp
import msgspec

from collab import __version__

from . import signing
from .events import Event
from .line import NotTaken


async def attempt(
    http: aiohttp.ClientSession, url: str, key: bytes, event: Event, now: float, timeout: float
) -> None:
    """Send an event. Only a status from 200 to 299 within ``timeout`` seconds means that it has
    arrived; raises `NotTaken` otherwise.
    """
    body = msgspec.json.encode(event)
    headers = {
        "Content-Type": "application/json",
        "User-Agent": f"Collab/{__version__}",
        **signing.headers(key, event.id, now, body),
    }
    try:
        async with (
            asyncio.timeout(timeout),
            # What is signed for one place is not taken to another.
            http.post(url, data=body, headers=headers, allow_redirects=False) as response,
        ):
            status, wait = response.status, _wish(response.headers.get("Retry-After"))
    except TimeoutError:
        raise NotTaken(f"no answer within {timeout:g} s") from None
    except (aiohttp.ClientError, OSError) as error:
        raise NotTaken(str(error) or type(error).__name__) from error
    if not 200 <= status < 300:
        raise NotTaken(f"status {status}", wait)


def _wish(header: Any) -> float:
    """Seconds of a ``Retry-After``; dates are not asked for by anybody we know."""
    return float(header) if header and header.isascii() and header.isdigit() else 0.0
