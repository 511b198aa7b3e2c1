"""history in a real browser: the slider, comparing, naming and restoring, also by the keyboard."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from collab.testing import ServerProcess, Wire
from tests.browser.conftest import browser, chromium
from tests.browser.people import House

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.browser

ATTACK = """<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"""


@asynccontextmanager
async def house_with(browser: Browser, folder: Path, plugin: str) -> AsyncIterator[House]:
    """A server with one plugin alone; at the end no page may have complained."""
    async with (
        ServerProcess(folder / "data", "--plugins-on", plugin) as server,
        Wire("127.0.0.1", server.port) as wire,
        aiohttp.ClientSession() as http,
    ):
        house = House(browser, server, wire, http)
        yield house
        faults = [fault for person in house.people for fault in person.faults]
        for context in browser.contexts:
            await context.close()
    assert not faults


@pytest_asyncio.fixture
async def house(browser: Browser, tmp_path: Path) -> AsyncIterator[House]:
    async with house_with(browser, tmp_path, "history") as house:
        yield house


async def test_every_revision_is_reached_by_the_keyboard(house: House) -> None:
    document = await house.document("Hello")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await ada.open(document)
    await bob.open(document)
    await ada.put_caret(5)
    await ada.page.keyboard.insert_text(f" {ATTACK}")
    await bob.sees(f"Hello {ATTACK}")
    await bob.put_caret(0)
    await bob.page.keyboard.insert_text("Oh! ")
    await bob.saved()
    page = ada.page
    await page.get_by_role("button", name="History").click()
    entries = page.locator("#panels .history-entry")
    await expect(entries).to_have_count(2)
    await expect(entries.first).to_contain_text("Bob")
    await expect(entries.first).to_contain_text("+4")
    await page.get_by_role("button", name="Look through all revisions").click()
    text = page.locator(".history-text")
    await expect(text).to_have_text(f"Oh! Hello {ATTACK}")
    await expect(page.locator(".history-legend li")).to_have_count(3)
    slider = page.get_by_role("slider", name="Revision")
    await expect(slider).to_be_focused()
    await page.keyboard.press("ArrowLeft")
    await expect(text).to_have_text(f"Hello {ATTACK}")
    await expect(page.locator(".history-about")).to_contain_text("Revision 1 of 2, by Ada")
    await page.keyboard.press("Home")
    await expect(text).to_have_text("Hello")
    await page.keyboard.press("End")
    await page.get_by_label("Show what is different from revision").check()
    await expect(text.locator("ins")).to_have_text(["Oh! ", f" {ATTACK}"])
    await expect(text.locator("img, script")).to_have_count(0)
    await page.keyboard.press("Escape")
    await expect(page.locator(".history-overlay")).to_be_hidden()
    assert await page.title() != "owned"


async def test_an_entry_shows_what_it_changed(house: House) -> None:
    document = await house.document("one two three")
    ada = await house.person(name="Ada")
    await ada.open(document)
    await ada.page.get_by_role("button", name="History").click()
    nothing = ada.page.get_by_text("Nothing has been changed yet.")
    await expect(nothing).to_be_visible()
    await ada.put_caret(4, 7)
    await ada.page.keyboard.insert_text("2")
    await ada.saved()
    await expect(nothing).to_be_hidden()
    await ada.page.locator("#panels .history-entry").first.click()
    text = ada.page.locator(".history-text")
    await expect(text.locator("ins")).to_have_text("2")
    await expect(text.locator("del")).to_have_text("two")
    await expect(ada.page.locator(".history-legend li")).to_have_text("Ada guest")


async def test_restoring_and_taking_it_back(house: House) -> None:
    document = await house.document("The text.")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await ada.open(document)
    await bob.open(document)
    await ada.put_caret(0, 9)
    await ada.page.keyboard.insert_text("Nothing.")
    await bob.sees("Nothing.")
    page = ada.page
    await page.get_by_role("button", name="History").click()
    await page.get_by_role("button", name="Look through all revisions").click()
    await expect(page.get_by_role("slider")).to_be_focused()
    await page.keyboard.press("Home")
    await page.get_by_role("button", name="Restore this revision").click()
    await bob.sees("The text.")
    await expect(page.locator(".history-overlay")).to_be_hidden()
    await bob.put_caret(9)
    await bob.type(" More.")
    await ada.sees("The text. More.")
    await page.get_by_role("button", name="Take the restoring back").click()
    await bob.sees("Nothing. More.")
    await expect(page.get_by_role("button", name="Take the restoring back")).to_be_hidden()
    await expect(page.get_by_role("button", name="Look through all revisions")).to_be_focused()
    await expect(page.locator(".notice")).to_contain_text("The restoring was taken back.")


async def test_a_named_version_is_seen_by_everybody(house: House) -> None:
    document = await house.document("draft")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    for person in (ada, bob):
        await person.open(document)
        await person.page.get_by_role("button", name="History").click()
    await ada.page.get_by_role("button", name="Look through all revisions").click()
    await ada.page.get_by_label("Name of this version").fill(f"First {ATTACK}"[:60])
    await ada.page.get_by_role("button", name="Name it").click()
    await expect(ada.page.locator(".history-about")).to_contain_text("First <img")
    versions = bob.page.get_by_role("list", name="Named versions")
    await expect(versions).to_contain_text("First <img")
    await versions.get_by_role("button").click()
    await expect(bob.page.locator(".history-text")).to_have_text("draft")
    await expect(bob.page.locator(".history-about")).to_contain_text("First <img")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_fits_on_a_phone(house: House, scheme: str) -> None:
    document = await house.document("word " * 200)
    ada = await house.person(name="Ada")
    await ada.page.set_viewport_size({"width": 360, "height": 640})
    await ada.page.emulate_media(color_scheme="dark" if scheme == "dark" else "light")
    await ada.open(document)
    await ada.page.get_by_role("button", name="History").click()
    await ada.page.get_by_role("button", name="Look through all revisions").click()
    await expect(ada.page.locator(".history-text")).to_contain_text("word word")
    wide = await ada.page.evaluate(
        "() => document.querySelector('.history-overlay').scrollWidth > innerWidth"
    )
    assert not wide
    await ada.screenshot(f"history-{scheme}")


@pytest.mark.bundled("authorship", "formats", "markdown")
async def test_everything_goes_when_the_plugins_are_switched_off(
    browser: Browser, tmp_path: Path
) -> None:
    async with house_with(browser, tmp_path, "history,authorship,markdown,formats") as house:
        document = await house.document("Hello")
        ada = await house.person(name="Ada")
        await ada.open(document)
        await ada.put_caret(0)
        await ada.type("Oh ")
        page = ada.page
        await page.get_by_role("button", name="Author colours").click()
        await expect(page.locator(".authorship-run")).to_have_text("Oh ")
        await page.get_by_role("button", name="Preview").click()
        await expect(page.locator(".markdown-preview p")).to_have_text("Oh Hello")
        await page.get_by_role("button", name="History").click()
        await page.get_by_role("button", name="Look through all revisions").click()
        await expect(page.locator(".history-text")).to_have_text("Oh Hello")
        for plugin in ("history", "authorship", "markdown", "formats"):
            url = f"{house.server.url}/api/plugins/{plugin}"
            async with house.http.post(
                url, json={"state": "off"}, headers=house.server.operator
            ) as response:
                assert response.status == 200, await response.text()
        left = "[class^=history-], [class^=authorship-], [class^=markdown-], [class^=formats-]"
        await expect(page.locator(left)).to_have_count(0)
        for name in ("History", "Author colours", "Authors", "Preview", "Files"):
            await expect(page.get_by_role("button", name=name, exact=True)).to_have_count(0)
        await ada.put_caret(0)
        await ada.type("still here: ")
        await ada.sees("still here: Oh Hello")
        await ada.saved()
