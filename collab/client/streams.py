"""One reader of events, fed without waiting."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Generic, TypeVar

from collab.client.errors import FellBehind

T = TypeVar("T")

LONGEST = 100_000
"""Items that may wait for a reader before it is let go."""


class Stream(Generic[T]):
    """An asynchronous iterator over what happens from its creation on.

    Ends when the document is closed, raises what ended the document otherwise, and
    raises `FellBehind` when more than ``LONGEST`` items wait.
    """

    def __init__(self, forget: Callable[[Stream[T]], None]) -> None:
        self._items: deque[T] = deque()
        self._news = asyncio.Event()
        self._ended: BaseException | None = None
        self._forget = forget

    def put(self, item: T) -> None:
        if len(self._items) >= LONGEST:
            self._items.clear()
            self.end(FellBehind(LONGEST))
            self._forget(self)
            return
        self._items.append(item)
        self._news.set()

    def end(self, reason: BaseException | None = None) -> None:
        """Nothing more comes; what waits can still be read."""
        if self._ended is None:
            self._ended = reason or StopAsyncIteration()
        self._news.set()

    def close(self) -> None:
        """Stop listening."""
        self._forget(self)
        self.end()

    def __aiter__(self) -> Stream[T]:
        return self

    async def __anext__(self) -> T:
        while not self._items:
            if self._ended is not None:
                raise self._ended
            self._news.clear()
            await self._news.wait()
        return self._items.popleft()
