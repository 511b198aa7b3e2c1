"""Who listens to a document: streams of what happens, and conditions that are waited for."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Hashable
from typing import Any

from collab.client.errors import ClientError, Closed
from collab.client.streams import Stream


class Audience:
    """The listeners of one document, by what they listen to, until it ends."""

    def __init__(self) -> None:
        self.error: ClientError | None = None
        """What ended the document."""
        self._streams: dict[Hashable, list[Stream[Any]]] = {}
        self._conditions: list[tuple[Callable[[], object], asyncio.Future[None]]] = []

    def listen(self, topic: Hashable) -> Stream[Any]:
        """Everything that is told of ``topic`` from now on."""
        streams = self._streams.setdefault(topic, [])
        stream: Stream[Any] = Stream(lambda gone: streams.remove(gone) if gone in streams else None)
        if self.error is not None:
            stream.end(None if isinstance(self.error, Closed) else self.error)
        else:
            streams.append(stream)
        return stream

    def tell(self, topic: Hashable, item: Any) -> None:
        """Tell whoever listens to ``topic``."""
        for stream in list(self._streams.get(topic, ())):
            stream.put(item)

    async def wait_for(self, condition: Callable[[], object], timeout: float | None) -> None:
        """Return when ``condition()`` holds; it is asked now, and at each `check`.

        Raises TimeoutError after ``timeout`` seconds, and what ended the document.
        """
        if condition():
            return
        if self.error is not None:
            raise self.error
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (condition, future)
        self._conditions.append(entry)
        try:
            async with asyncio.timeout(timeout):
                await future
        finally:
            if entry in self._conditions:
                self._conditions.remove(entry)

    def check(self) -> None:
        """Something changed: ask whether what is waited for holds now."""
        for entry in list(self._conditions):
            condition, future = entry
            try:
                if future.done() or not condition():
                    continue
                future.set_result(None)
            except Exception as error:
                future.set_exception(error)
            self._conditions.remove(entry)

    def end(self, error: ClientError) -> None:
        """Nothing comes after this; everybody who waits is told."""
        self.error = error
        for _, future in self._conditions:
            if not future.done():
                future.set_exception(error)
        self._conditions.clear()
        reason = None if isinstance(error, Closed) else error
        for streams in self._streams.values():
            for stream in list(streams):
                stream.end(reason)
