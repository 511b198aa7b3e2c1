"""A real Chromium in front of a server, driven with Playwright: both have to be installed."""

from __future__ import annotations

import re
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.util import find_spec
from typing import TYPE_CHECKING, Any, Literal, TypeVar

if TYPE_CHECKING:
    from playwright.async_api import Browser, BrowserContext, ConsoleMessage, Page, Request

Scheme = Literal["light", "dark"]

TIMEOUT = 20_000
"""Milliseconds that a page may take to become what a test waits for, also with `expect`."""

_NAMES = ("chromium", "chromium-browser", "google-chrome")

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]

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
        """Go to a document's page, and wait until it is there and saved.

        Raises ValueError with what the server says when it has no such page, as for documents
        of the type ``richtext``.
        """
        answer = await self.page.goto(f"{self.home}/d/{document}")
        if answer is not None and not answer.ok:
            raise ValueError(f"The page of {document} can't be opened: {await answer.text()}")
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


P = TypeVar("P", bound=Person)


def chromium() -> str:
    """Where the system's Chromium is. Raises LookupError that says what has to be installed."""
    if find_spec("playwright") is None:
        raise LookupError("Playwright is not installed (pip install playwright).")
    for name in _NAMES:
        path = shutil.which(name)
        if path is not None:
            return path
    raise LookupError("Chromium is not installed (for Debian: apt install chromium).")


@asynccontextmanager
async def launched(path: str) -> AsyncIterator[Browser]:
    """The browser at ``path``, without a window, until the block ends."""
    from playwright.async_api import async_playwright, expect

    expect.set_options(timeout=TIMEOUT)
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=path, args=_ARGUMENTS)
        yield browser
        for context in browser.contexts:
            await context.close()
        await browser.close()


async def visit(
    browser: Browser,
    home: str,
    *,
    kind: type[P],
    name: str | None = None,
    color: str | None = None,
    scheme: Scheme = "light",
    size: tuple[int, int] = (1200, 800),
    touch: bool = False,
) -> P:
    """Somebody with a browser of their own; with a ``name``, they have been at ``home`` before."""
    context = await browser.new_context(
        color_scheme=scheme,
        viewport={"width": size[0], "height": size[1]},
        has_touch=touch,
        permissions=["clipboard-read", "clipboard-write"],
        locale="en-GB",
    )
    context.set_default_timeout(TIMEOUT)
    await context.add_init_script(_FIND_EDITOR)
    person = kind(context, await context.new_page(), home)
    if name is not None:
        await person.page.goto(f"{home}/")
        await person.page.evaluate(
            """async (body) => {
              const { request } = await import("./static/ui/http.js");
              await request("./api/me", { method: "PUT", body });
            }""",
            {"name": name, "color": color or "#1d4ed8"},
        )
    return person


class Pages:
    """Opens documents of one server, each for somebody with a browser of their own."""

    def __init__(self, browser: Browser, home: str) -> None:
        self.browser = browser
        self.home = home
        self.people: list[Person] = []

    async def __call__(self, document: str, **how: Any) -> Person:
        """Somebody who has a document open; ``how`` is for `visit`: ``name``, ``size``, …"""
        person = await visit(self.browser, self.home, kind=Person, **how)
        self.people.append(person)
        await person.open(document)
        return person

    @property
    def faults(self) -> list[str]:
        """What pages complained of, and what they asked of other places."""
        return [fault for person in self.people for fault in person.faults]
