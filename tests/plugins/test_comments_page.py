"""comments in a real browser: marks that move, threads that open, undo."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from collab.testing import ServerProcess, Wire
from tests.browser.conftest import browser, chromium
from tests.browser.people import House, Person

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.browser

TEXT = "The quick brown fox jumps over the lazy dog."
FOX = TEXT.index("fox")
ATTACK = """<img src=x onerror="document.title='owned'"><b>bold</b>"""


@pytest_asyncio.fixture
async def house(browser: Browser, tmp_path: Path) -> AsyncIterator[House]:
    """A server with this plugin alone; at the end no page may have complained."""
    async with (
        ServerProcess(tmp_path / "data", "--plugins-on", "comments") as server,
        Wire("127.0.0.1", server.port) as wire,
        aiohttp.ClientSession() as http,
    ):
        house = House(browser, server, wire, http)
        yield house
        faults = [fault for person in house.people for fault in person.faults]
        for context in browser.contexts:
            await context.close()
    assert not faults


def marks(person: Person) -> Locator:
    return person.page.locator("#editor .comment-mark")


def threads(person: Person) -> Locator:
    return person.page.locator(".comment-thread")


def panel_button(person: Person) -> Locator:
    return person.page.get_by_role("button", name=re.compile("^Comments"))


async def comment(person: Person, start: int, end: int, text: str) -> None:
    """Select, press the shortcut, write, send."""
    # The document can be there before the plugin, and with it the shortcut, is.
    tool = person.page.get_by_role("button", name="Comment", exact=True)
    await expect(tool).to_be_visible()
    await person.put_caret(start, end)
    await person.page.keyboard.press("Control+Alt+m")
    field = person.page.get_by_label("Your comment")
    await expect(field).to_be_focused()
    await field.fill(text)
    await field.press("Control+Enter")
    await expect(field).to_have_count(0)


async def test_a_thread_from_its_beginning_to_its_end(house: House) -> None:
    document = await house.document(TEXT)
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    for person in (ada, bob):
        await person.open(document)
    await comment(ada, FOX, FOX + 3, ATTACK)
    await expect(marks(bob)).to_have_text("fox")
    await expect(panel_button(bob)).to_contain_text("1")
    await marks(bob).click()
    await expect(threads(bob)).to_be_visible()
    assert await bob.editor("return view.hasFocus;"), "who clicks may want to write there"
    await bob.page.keyboard.press("Control+Alt+m")
    await expect(threads(bob)).to_be_focused()
    await expect(threads(bob).locator(".comment-text")).to_have_text(ATTACK)
    assert await bob.page.locator(".comments img, .comments b").count() == 0
    assert await bob.page.title() != "owned"
    reply = threads(bob).get_by_label("Reply")
    await reply.fill("Because.")
    await reply.press("Control+Enter")
    await expect(threads(ada).locator(".comment-text")).to_have_text([ATTACK, "Because."])
    await threads(ada).get_by_role("button", name="Resolve").click()
    await expect(marks(bob)).to_have_count(1)  # it is the one Bob looks at
    await expect(threads(bob)).to_contain_text("Resolved by Ada (guest).")
    await expect(marks(ada)).to_have_count(0)
    await ada.page.get_by_label("Show resolved").check()
    await threads(ada).get_by_role("button", name="Open again").click()
    await expect(marks(ada)).to_have_text("fox")
    await threads(bob).get_by_role("button", name="Delete").click()
    await threads(bob).get_by_role("button", name="Really delete").click()
    await expect(threads(ada)).to_contain_text("This comment was deleted.")


async def test_the_focus_stays_where_the_work_is(house: House) -> None:
    document = await house.document(TEXT)
    ada = await house.person(name="Ada")
    await ada.open(document)
    await comment(ada, FOX, FOX + 3, "Why?")
    await expect(ada.page.locator("#editor .cm-content")).to_be_focused()
    await ada.type("es")  # goes on behind it, and not in its place
    await ada.sees(TEXT.replace("fox", "foxes"))
    await expect(threads(ada)).to_have_count(1)
    await threads(ada).get_by_role("button", name="Edit").click()
    field = threads(ada).get_by_label("Your comment")
    await expect(field).to_be_focused()
    await expect(threads(ada).get_by_role("button", name="Delete")).to_be_hidden()
    await field.press("Escape")
    await expect(threads(ada).locator(".comment")).to_be_focused()
    await threads(ada).get_by_role("button", name="Edit").click()
    await field.fill("Why so quick?")
    await field.press("Control+Enter")
    await expect(threads(ada).locator(".comment-text")).to_have_text("Why so quick?")
    await expect(threads(ada)).to_contain_text("edited")
    await expect(threads(ada).locator(".comment")).to_be_focused()
    await threads(ada).get_by_role("button", name="Resolve").click()
    await expect(threads(ada)).to_have_count(0)
    await expect(ada.page.get_by_role("list", name="Threads")).to_be_focused()
    await expect(ada.page.locator(".comments")).to_contain_text("Everything is resolved.")


async def test_threads_are_listed_in_the_order_of_the_text(house: House) -> None:
    document = await house.document(TEXT)
    ada = await house.person(name="Ada")
    await ada.open(document)
    await comment(ada, FOX, FOX + 3, "second")
    await comment(ada, 4, 9, "first")
    await expect(threads(ada).locator(".comment-text")).to_have_text(["first", "second"])
    await threads(ada).last.locator(".comment-quote").click()
    selected = "const { from, to } = view.state.selection.main; return [from, to];"
    assert await ada.editor(selected) == [FOX, FOX + 3]


async def test_a_mark_comes_back_with_its_text_when_that_is_undone(house: House) -> None:
    document = await house.document(TEXT)
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    for person in (ada, bob):
        await person.open(document)
    await comment(ada, FOX, FOX + 3, "Why?")
    await expect(marks(bob)).to_have_text("fox")
    await ada.put_caret(FOX - 6, FOX + 9)
    await ada.page.keyboard.press("Delete")
    for person in (ada, bob):
        await person.sees(TEXT[: FOX - 6] + TEXT[FOX + 9 :])
        await expect(marks(person)).to_have_count(0)
    await panel_button(bob).click()
    lost = threads(bob).get_by_text("This text was deleted.")
    await expect(lost).to_be_visible()
    await bob.put_caret(0)
    await bob.type("So: ")
    await ada.sees("So: " + TEXT[: FOX - 6] + TEXT[FOX + 9 :])
    await ada.put_caret(0)
    await ada.page.keyboard.press("Control+z")
    for person in (ada, bob):
        await person.sees("So: " + TEXT)
        await expect(marks(person)).to_have_text("fox")
    await expect(lost).to_be_hidden()


async def test_a_mark_comes_back_however_it_is_undone(house: House) -> None:
    document = await house.document(TEXT)
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    for person in (ada, bob):
        await person.open(document)
    await comment(ada, FOX, FOX + 3, "Why?")
    await expect(marks(bob)).to_have_text("fox")
    # At once, before the deletion was sent.
    await ada.put_caret(FOX, FOX + 3)
    await ada.page.keyboard.press("Delete")
    await ada.page.keyboard.press("Control+z")
    for person in (ada, bob):
        await expect(marks(person)).to_have_text("fox")
    # Step by step.
    for left in ("fo", "f", ""):
        await ada.put_caret(FOX + len(left) + 1)
        await ada.page.keyboard.press("Backspace")
        await bob.sees(TEXT[:FOX] + left + TEXT[FOX + 3 :])
    await expect(marks(bob)).to_have_count(0)
    while await ada.text() != TEXT:
        await ada.page.keyboard.press("Control+z")
        await ada.saved()
    for person in (ada, bob):
        await expect(marks(person)).to_have_text("fox")


async def test_a_comment_on_what_is_not_saved_yet_waits_for_it(house: House) -> None:
    document = await house.document(TEXT)
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    for person in (ada, bob):
        await person.open(document)
    house.unplug()
    await ada.status("offline")
    await ada.put_caret(0)
    await ada.type("Look: ")
    await comment(ada, FOX + 6, FOX + 9, "Offline")
    await expect(ada.page.locator(".comment-waiting")).to_contain_text("Sending")
    await ada.put_caret(0)
    await ada.type("! ")
    house.plug_in()
    for person in (ada, bob):
        await person.sees("! Look: " + TEXT)
        await expect(marks(person)).to_have_text("fox")
    await expect(ada.page.locator(".comment-waiting")).to_be_hidden()


async def test_threads_are_there_after_the_server_was_killed(house: House) -> None:
    document = await house.document(TEXT)
    ada = await house.person(name="Ada")
    await ada.open(document)
    await comment(ada, FOX, FOX + 3, "Why?")
    await expect(marks(ada)).to_have_text("fox")
    await ada.put_caret(0)
    await ada.type("So: ")
    await ada.saved()
    await house.restart(kill=True)
    await ada.status("saved")
    await expect(marks(ada)).to_have_text("fox")
    bob = await house.person(name="Bob")
    await bob.open(document)
    await expect(marks(bob)).to_have_text("fox")


async def test_without_a_selection_it_says_what_to_do(house: House) -> None:
    document = await house.document(TEXT)
    ada = await house.person(name="Ada")
    await ada.open(document)
    await ada.put_caret(3)
    await ada.page.get_by_role("button", name="Comment", exact=True).click()
    await expect(ada.page.locator(".notice")).to_contain_text("Select the text")
    assert await threads(ada).count() == 0
