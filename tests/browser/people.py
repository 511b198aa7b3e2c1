"""People at their browsers: what the tests of the pages are written in."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import Collection
from pathlib import Path

import aiohttp
from playwright.async_api import Browser

from collab.testing import ServerProcess, Wire
from collab.testing import browser as public
from collab.testing.browser import Scheme, visit

__all__ = ["House", "Person", "Scheme"]

SCREENSHOTS = Path(__file__).parent / "screenshots"


class Person(public.Person):
    """Somebody of whom there are pictures."""

    async def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


class House:
    """A server in its own process behind a wire that can be cut, and the people who visit it."""

    def __init__(
        self,
        browser: Browser,
        server: ServerProcess,
        wire: Wire,
        http: aiohttp.ClientSession,
        plugins: Collection[str] = (),
    ) -> None:
        self.browser = browser
        self.server = server
        self.wire = wire
        self.http = http
        self.plugins = plugins
        """The bundled plugins that are on, as far as a test may ask."""
        self.people: list[Person] = []

    @property
    def url(self) -> str:
        """The address by way of the wire."""
        return self.wire.through(self.server.url)

    async def document(
        self, content: str = "", title: str = "Notes", type: str = "text"
    ) -> str:
        body = json.dumps({"title": title, "type": type, "content": content})
        async with self.http.post(
            f"{self.server.url}/api/documents",
            data=io.BytesIO(body.encode()), headers={"Content-Type": "application/json"},
        ) as response:
            assert response.status == 201, await response.text()
            return str((await response.json())["id"])

    async def text(self, document: str) -> str:
        """What the server holds."""
        path = f"{self.server.url}/api/documents/{document}/content"
        async with self.http.get(path, headers={"Accept": "text/plain"}) as response:
            assert response.status == 200, await response.text()
            return (await response.read()).decode()

    async def write(self, document: str, text: str) -> None:
        """Let a script bring the document to ``text``, by the smallest edit."""
        path = f"{self.server.url}/api/documents/{document}/content"
        headers = {"Content-Type": "text/plain; charset=utf-8"}
        async with self.http.put(path, data=text.encode(), headers=headers) as response:
            assert response.status < 300, await response.text()

    async def person(
        self,
        *,
        name: str | None = None,
        color: str | None = None,
        scheme: Scheme = "light",
        size: tuple[int, int] = (1200, 800),
        touch: bool = False,
    ) -> Person:
        """Somebody with a browser of their own, who has been here before."""
        person = await visit(
            self.browser, self.url, kind=Person,
            name=name, color=color, scheme=scheme, size=size, touch=touch,
        )
        self.people.append(person)
        return person

    async def another_page(self, person: Person) -> Person:
        """A further tab of the same browser."""
        other = Person(person.context, await person.context.new_page(), self.url)
        self.people.append(other)
        return other

    def unplug(self) -> None:
        """Cut every connection and let none come through."""
        for person in self.people:
            person.network_faults_expected = True
        self.wire.refusing = True
        self.wire.cut()

    def plug_in(self) -> None:
        self.wire.refusing = False

    async def restart(self, *, kill: bool = False) -> None:
        for person in self.people:
            person.network_faults_expected = True
        await (self.server.kill() if kill else self.server.stop())
        await self.server.start()

    async def everybody_sees_the_same(self, document: str) -> str:
        """Wait until all is saved and all pages hold the server's text; returns it."""
        people = [person for person in self.people if not person.page.is_closed()]
        await asyncio.gather(*(person.saved() for person in people))
        text = await self.text(document)
        await asyncio.gather(*(person.sees(text) for person in people))
        return text
