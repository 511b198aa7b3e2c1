"""What one person's name and words can do to others' eyes."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from collab.testing import ServerProcess, Wire
from tests.browser.people import House, Person

pytestmark = pytest.mark.browser

ZALGO = "Z" + "\u0301" * 62
HOSTILE = f"{ZALGO} a\u202eevil\u202c https://good.example⁄x.evil.example end"


@pytest_asyncio.fixture
async def house(browser: Browser, tmp_path: Path) -> AsyncIterator[House]:
    """A server where a header says who has logged in."""
    plugins = ("members", "chat", "comments", "presence", "cursors", "history", "authorship")
    async with (
        ServerProcess(
            tmp_path / "data",
            *(f"--plugins-on={name}" for name in (*plugins, "markdown", "formats")),
            environment={
                "COLLAB_PLUGINS__MEMBERS__HEADER": "Remote-User",
                "COLLAB_PLUGINS__MEMBERS__PROXIES": '["127.0.0.1"]',
                "COLLAB_PLUGINS__MEMBERS__OPERATORS": '["Ada"]',
            },
        ) as server,
        Wire("127.0.0.1", server.port) as wire,
        aiohttp.ClientSession() as http,
    ):
        house = House(browser, server, wire, http)
        yield house
        faults = [fault for person in house.people for fault in person.faults]
        for context in browser.contexts:
            await context.close()
    assert not faults


async def member(house: House, name: str) -> Person:
    person = await house.person()
    await person.context.set_extra_http_headers({"Remote-User": name})
    return person


async def panel(person: Person, name: str) -> None:
    await person.page.get_by_role("button", name=name).first.click()


async def test_a_guest_who_calls_themselves_as_a_member_is_told_apart(house: House) -> None:
    document = await house.document("Text of Ada")
    ada, guest = await member(house, "Ada"), await house.person(name="Ada")
    for person in (ada, guest):
        await person.open(document)
    page = ada.page
    await guest.put_caret(4)
    await guest.type("x")
    await expect(page.locator(".cm-remoteFlag")).to_have_text("Ada (guest)")
    for person, name in ((guest, "Ada"), (ada, "Ada (guest)")):
        title = f"{name}\nGo to where they write"
        await expect(person.page.locator(".presence-person")).to_have_attribute("title", title)
    await panel(guest, "Chat")
    field = guest.page.get_by_role("combobox", name="Write a message")
    await field.fill(HOSTILE)
    await field.press("Enter")
    await panel(ada, "Chat")
    author = page.locator(".chat-author")
    await expect(author).to_have_text("Ada guest")
    text = page.locator(".chat-text")
    await expect(text.locator(".special-character").first).to_have_attribute(
        "title", "right-to-left override"
    )
    await expect(text.locator(".link-host")).to_have_text("(good.xn--examplex-k03d.evil.example)")
    link = text.locator("a")
    await expect(link).to_have_attribute("rel", "noopener noreferrer nofollow ugc")
    await expect(link).to_have_attribute("title", "https://good.xn--examplex-k03d.evil.example/")
    assert await text.evaluate("(element) => getComputedStyle(element).overflowY") == "clip"
    await ada.screenshot("deception-chat")
    # Only whoever manages the document can delete what others wrote.
    await text.hover()
    await expect(page.get_by_role("button", name="Delete all of theirs")).to_be_visible()
    await expect(guest.page.get_by_role("button", name="Delete all of theirs")).to_have_count(0)
    await page.get_by_role("button", name="Delete", exact=True).click()
    await page.get_by_role("button", name="Really delete").click()
    await expect(guest.page.get_by_text("This message was deleted.")).to_be_visible()
    # Comments, history, authors.
    await guest.put_caret(0, 4)
    await panel(guest, "Comment")
    writing = guest.page.get_by_role("textbox", name="Your comment")
    await writing.fill(HOSTILE)
    await writing.press("Control+Enter")
    await panel(ada, "Comments")
    await expect(page.locator(".comment-author")).to_have_text("Ada guest")
    await expect(page.locator(".comment-text .link-host")).to_have_count(1)
    assert await page.locator(".comment-text").evaluate(
        "(element) => getComputedStyle(element).overflowY"
    ) == "clip"
    await ada.screenshot("deception-comments")
    await page.get_by_role("button", name="Delete thread").click()
    await page.get_by_role("button", name="Really delete the whole thread").click()
    await expect(guest.page.locator(".comment-thread")).to_have_count(0)
    await panel(ada, "History")
    await expect(page.locator(".history-entry strong").first).to_have_text("Ada guest")
    await ada.screenshot("deception-history")


async def test_a_preview_says_where_links_go(house: House) -> None:
    text = "[https://good.example](https://evil.example/x) [words](https://good.example)\n"
    document = await house.document(text, type="markdown")
    ada = await house.person()
    await ada.open(document)
    links = ada.page.locator(".markdown-preview a")
    await expect(links).to_have_count(2)
    await expect(links.nth(0)).to_have_text("https://good.example (evil.example)")
    await expect(links.nth(0)).to_have_attribute("title", "https://evil.example/x")
    await expect(links.nth(1)).to_have_text("words")
    await ada.screenshot("deception-preview")
