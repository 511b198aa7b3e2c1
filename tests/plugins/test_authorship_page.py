"""authorship in a real browser: colours that follow what everybody types."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import browser, chromium
from tests.browser.people import House, Person
from tests.plugins.test_history_page import house_with

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture
async def house(browser: Browser, tmp_path: Path) -> AsyncIterator[House]:
    async with house_with(browser, tmp_path, "authorship") as house:
        yield house


async def shows(person: Person, *runs: tuple[str, str]) -> None:
    """Wait until these are the authors and their pieces of text, in order."""
    await person.page.wait_for_function(
        """(wanted) => {
          const found = [];
          for (const run of document.querySelectorAll(".authorship-run")) {
            const last = found.at(-1);
            if (last && last[0] === run.title) last[1] += run.textContent;
            else found.push([run.title, run.textContent]);
          }
          return JSON.stringify(found) === JSON.stringify(wanted);
        }""",
        arg=[[f"{name} (guest)", text] for name, text in runs],
    )



async def test_colours_follow_what_everybody_types(house: House) -> None:
    document = await house.document("Hello")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await ada.open(document)
    await bob.open(document)
    await bob.put_caret(5)
    await bob.type(" Bob")
    await ada.sees("Hello Bob")
    toggle = ada.page.get_by_role("button", name="Author colours")
    await toggle.click()
    await expect(toggle).to_have_attribute("aria-pressed", "true")
    await shows(ada, ("Bob", " Bob"))
    await ada.put_caret(2)
    await ada.type("ada")
    await bob.type("!")
    await shows(ada, ("Ada", "ada"), ("Bob", " Bob!"))
    legend = ada.page.locator(".authorship-legend li")
    await expect(legend).to_have_count(3)
    await expect(legend.filter(has_text="Ada")).to_contain_text("23 %")
    await toggle.click()
    await expect(ada.page.locator(".authorship-run")).to_have_count(0)
    await toggle.click()
    await shows(ada, ("Ada", "ada"), ("Bob", " Bob!"))


async def test_on_a_phone_the_colours_are_what_one_sees(house: House) -> None:
    ada = await house.person(name="Ada", size=(390, 780), touch=True)
    await ada.open(await house.document(""))
    await ada.page.get_by_role("button", name="Authors").click()
    await expect(ada.page.get_by_text("Nothing is written yet.")).to_be_visible()
    await ada.page.get_by_role("button", name="Close Authors").click()
    await ada.put_caret(0)
    await ada.type("Hello")
    await shows(ada, ("Ada", "Hello"))
    toggle = ada.page.get_by_role("button", name="Author colours")
    await toggle.click()
    await expect(ada.page.locator(".authorship-run")).to_have_count(0)
    await toggle.click()
    await shows(ada, ("Ada", "Hello"))
    await expect(ada.page.get_by_role("region", name="Authors")).to_be_hidden()


async def test_the_choice_is_remembered(house: House) -> None:
    document = await house.document("")
    ada = await house.person(name="Ada")
    await ada.open(document)
    await ada.page.get_by_role("button", name="Author colours").click()
    await ada.put_caret(0)
    await ada.type("Hello")
    await shows(ada, ("Ada", "Hello"))
    await ada.open(document)
    await shows(ada, ("Ada", "Hello"))


async def test_what_was_typed_while_the_server_was_away_is_ones_own(house: House) -> None:
    document = await house.document("Hello")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await ada.open(document)
    await bob.open(document)
    await ada.page.get_by_role("button", name="Author colours").click()
    await expect(ada.page.locator(".authorship-legend li")).to_have_count(1)
    ada.network_faults_expected = bob.network_faults_expected = True
    house.wire.refusing = True
    house.wire.cut()
    await ada.status("offline")
    await ada.put_caret(0)
    await ada.type("Oh ")
    await shows(ada, ("Ada", "Oh "))
    house.wire.refusing = False
    await ada.page.get_by_role("button", name="Try now").click()
    await ada.saved()
    await bob.sees("Oh Hello")
    await bob.put_caret(8)
    await bob.type(" B")
    await shows(ada, ("Ada", "Oh "), ("Bob", " B"))


async def test_pages_and_server_agree_after_people_typed_at_once(house: House) -> None:
    document = await house.document("x" * 40)
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    for person in (ada, bob):
        await person.open(document)
        await person.page.get_by_role("button", name="Author colours").click()

    async def write(person: Person, places: list[int]) -> None:
        for place in places:
            await person.put_caret(min(place, len(await person.text())))
            await person.type("wörds!", delay=3)
            await person.page.keyboard.press("Backspace")

    await asyncio.gather(write(ada, [5, 30, 0, 50, 12, 70]), write(bob, [10, 3, 25, 61, 12, 40]))
    await ada.saved()
    await bob.saved()
    await bob.sees(await ada.text())
    url = f"{house.url}/plugins/authorship/api/documents/{document}/runs"
    async with house.http.get(url) as response:
        told = await response.json()
    text, at, runs = await ada.text(), 0, []
    for number, length in zip(told["runs"][::2], told["runs"][1::2], strict=True):
        author = told["authors"][number]
        if author["id"]:
            runs.append((author["name"], text[at : at + length]))
        at += length
    assert at == len(text) and len(runs) > 4
    joined: list[tuple[str, str]] = []
    for name, piece in runs:
        if joined and joined[-1][0] == name:
            joined[-1] = (name, joined[-1][1] + piece)
        else:
            joined.append((name, piece))
    await shows(ada, *joined)
    await shows(bob, *joined)
