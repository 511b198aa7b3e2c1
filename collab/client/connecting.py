"""``connect``: from an address to an open document."""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import aiohttp

from collab.client.address import parse
from collab.client.backoff import Backoff
from collab.client.document import Document
from collab.client.errors import Rescue


class Connecting:
    """What `connect` returns: ``await`` it, or use it with ``async with``."""

    def __init__(self, make: Callable[[], Document], timeout: float) -> None:
        self._make = make
        self._timeout = timeout
        self._document: Document | None = None

    async def _open(self) -> Document:
        document = self._make()
        await document.open(self._timeout)
        return document

    def __await__(self) -> Generator[object, None, Document]:
        return self._open().__await__()

    async def __aenter__(self) -> Document:
        self._document = await self._open()
        return self._document

    async def __aexit__(self, type: object, error: object, traceback: object) -> None:
        if self._document is not None:
            await self._document.__aexit__(type, error, traceback)


def connect(
    url: str,
    *,
    token: str | None = None,
    timeout: float = 10.0,
    on_rescue: Callable[[Rescue], None] | None = None,
    backoff: Backoff | None = None,
    unix_socket: Path | str | None = None,
    http: aiohttp.ClientSession | None = None,
) -> Connecting:
    """Open a document by the address of its page, its API resource or its socket.

    ``token`` names a script to the server, which knows it from its settings; without one the
    client is anonymous. ``timeout`` is how many seconds the first connection may take; later
    ones come back by themselves, for ever. ``on_rescue`` is told what could not be saved.
    ``http`` is a session of the caller's (cookies, TLS, proxies) that is left open; one with
    Collab's cookie has to send the server's ``Origin``, too, or it is refused (403).

    Raises ValueError for something that is no document's address; awaiting the result
    raises `ConnectError` or `Gone`.
    """
    address = parse(url)

    def make() -> Document:
        session = http
        if session is None:
            connector = aiohttp.UnixConnector(str(unix_socket)) if unix_socket else None
            # An identity cookie counts for an address without a name as well.
            session = aiohttp.ClientSession(
                connector=connector, cookie_jar=aiohttp.CookieJar(unsafe=True)
            )
        return Document(
            address,
            session,
            token=token,
            backoff=backoff or Backoff(),
            on_rescue=on_rescue,
            owns_session=http is None,
        )

    return Connecting(make, timeout)
