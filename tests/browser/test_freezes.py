"""What one person writes does not freeze the pages of others."""

from __future__ import annotations

from collections.abc import Awaitable, Callable

import pytest
from playwright.async_api import expect

from collab.testing.raw import RawSession
from tests.browser.people import House, Person

pytestmark = pytest.mark.browser

LIMIT = 250.0
"""Milliseconds that one task of a page may take (generous: the machine may be busy)."""

WATCH = """
globalThis.longest = 0;
new PerformanceObserver((list) => {
  for (const { duration } of list.getEntries()) longest = Math.max(longest, duration);
}).observe({ type: "longtask" });
"""


@pytest.fixture
def plugins_on() -> set[str]:
    return {"chat", "comments", "cursors", "presence", "markdown", "formats", "wordcount"}


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server renders what it would give up: it is the page that is looked at."""
    monkeypatch.setenv("COLLAB_PLUGINS__MARKDOWN__SECONDS", "60")


async def watched(house: House, document: str) -> Person:
    """Somebody who has a document open, the length of whose tasks is measured."""
    person = await house.person()
    await person.context.add_init_script(WATCH)
    await person.open(document)
    return person


async def longest(person: Person) -> float:
    """Milliseconds of the longest task since it is watched, what has been begun included."""
    await person.page.evaluate(
        "() => new Promise((done) => requestAnimationFrame(() => setTimeout(done, 100)))"
    )
    return float(await person.page.evaluate("longest"))


async def best(look: Callable[[], Awaitable[float]]) -> float:
    """The best of some tries: what else the machine does makes tasks longer, nothing shorter."""
    found = await look()
    for _ in range(2):
        if found >= LIMIT:
            found = min(found, await look())
    return found


MESSAGES = {
    "brackets": "https://a" + ")" * 3900,
    "links": "https://a.b " * 330,
    "marks": "Z" + "\u0301" * 3900,
    "lines": "x\n" * 1990,
    "hidden": "a\u202e" * 1990,
}


@pytest.mark.parametrize("name", MESSAGES)
async def test_a_message_of_4_kb(house: House, name: str) -> None:
    document = await house.document("Text")
    socket = house.server.url.replace("http", "ws") + f"/api/documents/{document}/socket"
    session = await RawSession.open(house.http, socket)
    for number in range(9):
        data = {"kind": "post", "key": f"{number}", "text": MESSAGES[name]}
        await session.send({"type": "message", "plugin": "chat", "data": data})
        while True:
            told = await session.expect("message", plugin="chat")
            if told["data"]["kind"] == "posted":
                break

    async def look() -> float:
        ada = await watched(house, document)
        await ada.page.get_by_role("button", name="Chat").click()
        await expect(ada.page.locator(".chat-message")).to_have_count(9)
        return await longest(ada)

    assert await best(look) < LIMIT
    await session.close()


TABLE = "|" + "a|" * 60 + "\n|" + "-|" * 60 + "\n"
PREVIEWS = {
    "wide table": "|" + "a|" * 20_000 + "\n|" + "-|" * 20_000 + "\n" + "|b|\n" * 3,
    "long table": TABLE + ("|" + "b|" * 60 + "\n") * 800,
    "padded table": TABLE + "|b|\n" * 1200,
    "many blocks": "# a\n\nb\n\n" * 20_000,
    "links": "[a](https://b.c) " * 10_000,
    "emphasis": "*a **b** " * 20_000,
}


@pytest.mark.parametrize("name", PREVIEWS)
async def test_a_preview(house: House, name: str) -> None:
    async def look() -> float:
        document = await house.document("# One", type="markdown")
        ada = await watched(house, document)
        await expect(ada.page.locator(".markdown-preview h1")).to_have_text("One")
        await house.write(document, PREVIEWS[name])
        await ada.page.wait_for_function(
            """() => {
              const view = document.querySelector(".markdown-preview");
              const note = document.querySelector(".markdown-note");
              return view.textContent !== "One" || !note.hidden;
            }"""
        )
        return await longest(ada)

    assert await best(look) < LIMIT


@pytest.mark.parametrize("selecting", [False, True])
async def test_480_carets(house: House, selecting: bool) -> None:
    async def look() -> float:
        document = await house.document("The quick brown fox.\n" * 200)
        ada = await watched(house, document)
        await ada.page.evaluate(
            """async (argument) => {
              const { selecting } = argument;
              const { putCaret } = await import(argument.module);
              const view = editorView();
              const effects = Array.from({ length: 480 }, (_, n) => putCaret.of({
                key: `cursors/${n}`, name: `Guest ${n}`, color: "#1d4ed8",
                anchor: selecting ? 0 : n * 4, head: selecting ? view.state.doc.length : n * 4,
              }));
              view.dispatch({ effects });
              await new Promise((done) => requestAnimationFrame(() => setTimeout(done)));
            }""",
            {"selecting": selecting, "module": f"{house.url}/static/editor/carets.js"},
        )
        drawn = ".cm-remoteSelection" if selecting else ".cm-remoteCaret"
        assert await ada.page.locator(drawn).count() > 1
        return await longest(ada)

    assert await best(look) < LIMIT
