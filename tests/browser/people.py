"""People at their browsers: what the tests of the pages are written in."""

from __future__ import annotations

import asyncio
import io
import json
import re
from pathlib import Path
from typing import Any, Literal

import aiohttp
from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request

from collab.testing import ServerProcess, Wire

SCREENSHOTS = Path(__file__).parent / "screenshots"

Scheme = Literal["light", "dark"]

_FIND_EDITOR = """
globalThis.editorView = () => null;
addEventListener("load", async () => {
  const editor = document.querySelector("#editor");
  if (!editor) return;
  globalThis.EditorView = (await import("@codemirror/view")).EditorView;
  globalThis.editorView = () => EditorView.findFromDOM(editor);
});
"""
"""Gives every page ``editorView()``, which is null until there is an editor.

What `wait_for_function` is given must not be an async function: the promise itself would count
as true.
"""

_NETWORK = re.compile(
    r"WebSocket connection|ERR_(CONNECTION|EMPTY_RESPONSE|NETWORK|SOCKET)|Failed to load resource"
)
"""What a browser says by itself when the network is down."""


class Person:
    """One browser profile with one page, watched for errors and strange requests."""

    def __init__(self, context: BrowserContext, page: Page, home: str) -> None:
        self.context = context
        self.page = page
        self.home = home
        self.faults: list[str] = []
        self.network_faults_expected = False
        self.plugin_faults_expected = False
        self.watch(page)

    def watch(self, page: Page) -> None:
        page.on("console", self._console)
        page.on("pageerror", lambda error: self.faults.append(f"uncaught: {error}"))
        page.on("request", self._request)

    def _console(self, message: ConsoleMessage) -> None:
        if message.type == "warning" and message.text.startswith("The plugin "):
            if not self.plugin_faults_expected:
                self.faults.append(f"console: {message.text}")
            return
        if message.type != "error":
            return
        if self.network_faults_expected and _NETWORK.search(message.text):
            return
        self.faults.append(f"console: {message.text}")

    def _request(self, request: Request) -> None:
        if not request.url.startswith((self.home, "data:", "blob:")):
            self.faults.append(f"request to another place: {request.url}")

    # The editor.

    async def open(self, document: str) -> None:
        await self.page.goto(f"{self.home}/d/{document}")
        await self.page.wait_for_function("() => editorView() !== null")
        await self.page.wait_for_selector("#editor:not([aria-busy])")
        await self.saved()

    async def editor(self, code: str, argument: Any = None) -> Any:
        """The value of ``code``, which may use CodeMirror's ``view`` and ``argument``."""
        code = f"async (argument) => {{ const view = editorView(); {code} }}"
        return await self.page.evaluate(code, argument)

    async def text(self) -> str:
        return str(await self.editor("return view.state.doc.toString();"))

    async def put_caret(self, anchor: int, head: int | None = None) -> None:
        """Focus the text with the caret there."""
        await self.editor(
            "view.dispatch({ selection: argument }); view.focus();",
            {"anchor": anchor, "head": anchor if head is None else head},
        )

    async def caret(self) -> int:
        return int(await self.editor("return view.state.selection.main.head;"))

    async def type(self, text: str, delay: float = 0) -> None:
        """Press one key after the other, ``delay`` milliseconds apart."""
        await self.page.keyboard.type(text, delay=delay)

    async def sees_text(self, condition: str, argument: Any = None) -> None:
        """Wait until ``condition`` holds, which may use ``text`` and ``argument``."""
        await self.page.wait_for_function(
            f"""(argument) => {{
              const text = editorView()?.state.doc.toString();
              return text !== undefined && {condition};
            }}""",
            arg=argument,
        )

    async def sees(self, text: str) -> None:
        await self.sees_text("text === argument", text)

    async def status(self, state: str) -> str:
        """Wait for that state of the status line; returns what it says."""
        await self.page.wait_for_selector(f'#status[data-state="{state}"]')
        return await self.page.inner_text("#status .status-text")

    async def saved(self) -> None:
        """Wait until the server has everything."""
        await self.page.wait_for_selector('#status[data-state="saved"][data-unsaved="0"]')

    async def screenshot(self, name: str) -> None:
        SCREENSHOTS.mkdir(exist_ok=True)
        await self.page.screenshot(path=SCREENSHOTS / f"{name}.png")


class House:
    """A server in its own process behind a wire that can be cut, and the people who visit it."""

    def __init__(
        self, browser: Browser, server: ServerProcess, wire: Wire, http: aiohttp.ClientSession
    ) -> None:
        self.browser = browser
        self.server = server
        self.wire = wire
        self.http = http
        self.people: list[Person] = []

    @property
    def url(self) -> str:
        """The address by way of the wire."""
        return self.wire.through(self.server.url)

    async def document(self, content: str = "", title: str = "Notes") -> str:
        body = json.dumps({"title": title, "type": "text", "content": content})
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
        context = await self.browser.new_context(
            color_scheme=scheme,
            viewport={"width": size[0], "height": size[1]},
            has_touch=touch,
            permissions=["clipboard-read", "clipboard-write"],
            locale="en-GB",
        )
        context.set_default_timeout(20_000)
        await context.add_init_script(_FIND_EDITOR)
        person = Person(context, await context.new_page(), self.url)
        self.people.append(person)
        if name is not None:
            await person.page.goto(f"{self.url}/")
            await person.page.evaluate(
                """async (body) => {
                  const { request } = await import("./static/http.js");
                  await request("./api/me", { method: "PUT", body });
                }""",
                {"name": name, "color": color or "#1d4ed8"},
            )
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
