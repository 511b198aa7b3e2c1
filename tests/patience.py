"""How long a test waits for what has to happen: long enough for a busy machine."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TypeVar

T = TypeVar("T")


async def patient(awaitable: Awaitable[T], seconds: float = 20.0) -> T:
    """Wait for an event, and fail rather than hang when it never comes."""
    return await asyncio.wait_for(awaitable, seconds)
