"""A running server in the test's own event loop."""

from __future__ import annotations

import io
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import aiohttp
from aiohttp import web
from msgspec.structs import replace

from collab.client import Connecting, connect
from collab.protocol.settings import Settings
from collab.rooms import Rooms
from collab.storage.port import Store
from collab.testing.named import Named, visitor
from collab.testing.raw import RawSession
from collab.web import create_app
from collab.web.keys import CONNECTIONS, ROOMS, SETTINGS
from collab.web.listening import listen
from collab.web.operator import command_key
from collab.web.secret import read_secret


class Server:
    """A server on a port of its own, and what a test needs to talk to it."""

    def __init__(self, url: str, app: web.Application, http: aiohttp.ClientSession) -> None:
        self.url = url
        """Scheme, host, port and base path, without a slash at the end."""
        self.app = app
        self.http = http
        """A client session for requests of the test's own; its cookies last as long as it."""
        self.visitors: list[aiohttp.ClientSession] = []
        """The client sessions of those who connected under a name, closed with the server."""

    async def create_document(
        self, title: str = "Untitled", content: Any = "", type: str = "text"
    ) -> str:
        """Make a document; returns its id. ``content`` is text or a list of delta ops."""
        body = json.dumps({"title": title, "type": type, "content": content}).encode()
        async with self.http.post(
            f"{self.url}/api/documents",
            data=io.BytesIO(body),  # as a stream: aiohttp warns of large bodies at once
            headers={"Content-Type": "application/json"},
        ) as response:
            assert response.status == 201, await response.text()
            return str((await response.json())["id"])

    async def text(self, document: str, revision: int | None = None) -> str:
        """What the server holds, as plain text."""
        query = {} if revision is None else {"revision": str(revision)}
        async with self.http.get(
            f"{self.url}/api/documents/{document}/content",
            params=query, headers={"Accept": "text/plain"},
        ) as response:
            assert response.status == 200, await response.text()
            return await response.text()

    async def operations(self, document: str, since: int = 0) -> list[dict[str, Any]]:
        """The log after revision ``since``, all of it."""
        found: list[dict[str, Any]] = []
        while True:
            async with self.http.get(
                f"{self.url}/api/documents/{document}/operations", params={"since": str(since)}
            ) as response:
                assert response.status == 200, await response.text()
                part = (await response.json())["operations"]
            if not part:
                return found
            found += part
            since = part[-1]["revision"]

    def page(self, document: str) -> str:
        """The address of a document's page, which `collab.client.connect` understands too."""
        return f"{self.url}/d/{document}"

    def socket(self, document: str) -> str:
        """The address of a document's WebSocket."""
        return f"{self.url}/api/documents/{document}/socket"

    def connect(
        self, document: str, *, name: str | None = None, **how: Any
    ) -> Connecting | Named:
        """A client on a document; see `collab.client.connect`. With a ``name``, it is somebody
        of that name; without one a guest."""
        if name is None:
            return connect(self.page(document), **how)
        http = visitor(self.url)
        self.visitors.append(http)
        return Named(self.url, name, http, connect(self.page(document), http=http, **how))

    async def raw(self, document: str, **how: Any) -> RawSession:
        """A connection that the test speaks itself; see `RawSession.open`."""
        return await RawSession.open(self.http, self.socket(document), **how)

    @property
    def operator(self) -> dict[str, str]:
        """Headers that make a request the operator's. They are good for one request: ask again
        for the next one.
        """
        return {"Authorization": f"Bearer {command_key(read_secret(self.app[SETTINGS].data_dir))}"}

    @property
    def port(self) -> int:
        return int(self.url.split("/")[2].rpartition(":")[2])

    @property
    def rooms(self) -> Rooms:
        """The documents that are open."""
        return self.app[ROOMS]

    @property
    def connections(self) -> int:
        """How many WebSockets are open."""
        return len(self.app[CONNECTIONS])


@asynccontextmanager
async def serve(settings: Settings, store: Store | None = None) -> AsyncIterator[Server]:
    """Run a server with these settings (its port is a free one), stop it at the end.

    ``store`` replaces the database; the caller closes it.
    """
    settings = replace(settings, host="127.0.0.1", port=0, unix_socket=None)
    app = create_app(settings, store)
    async with (
        listen(app, settings) as address,
        aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http,
    ):
        server = Server(address.rstrip("/"), app, http)
        try:
            yield server
        finally:
            for one in server.visitors:
                await one.close()
