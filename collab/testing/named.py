"""A client that goes by a name of its own: a person without the browser."""

from __future__ import annotations

from collections.abc import Generator
from types import TracebackType

import aiohttp

from collab.client import Connecting, Document

COLOR = "#1d4ed8"


def visitor(url: str) -> aiohttp.ClientSession:
    """A client session that the server at ``url`` remembers by a cookie, as it does browsers."""
    origin = "/".join(url.split("/")[:3])
    return aiohttp.ClientSession(
        cookie_jar=aiohttp.CookieJar(unsafe=True),
        headers={"Origin": origin},  # whoever has a cookie has to say where they come from
    )


class Named:
    """What connects once the person has a name: ``await`` it, or use it with ``async with``.

    ``http`` is a `visitor` of the server at ``home``, the caller's to close.
    """

    def __init__(self, home: str, name: str, http: aiohttp.ClientSession, connecting: Connecting):
        self._home, self._name, self._http = home, name, http
        self._connecting = connecting

    async def _introduce(self) -> None:
        body = {"name": self._name, "color": COLOR}
        async with self._http.put(f"{self._home}/api/me", json=body) as response:
            assert response.status == 200, await response.text()

    async def _open(self) -> Document:
        await self._introduce()
        return await self._connecting

    def __await__(self) -> Generator[object, None, Document]:
        return self._open().__await__()

    async def __aenter__(self) -> Document:
        await self._introduce()
        return await self._connecting.__aenter__()

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self._connecting.__aexit__(kind, error, trace)
