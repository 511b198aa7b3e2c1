"""wordcount in a real browser: the line at the foot follows what is typed and selected."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from collab.testing import ServerProcess, Wire
from tests.browser.conftest import browser, chromium
from tests.browser.people import House, Person
from tests.plugins.fake import make_manager

__all__ = ["browser", "chromium"]


@pytest_asyncio.fixture
async def house(browser: Browser, tmp_path: Path) -> AsyncIterator[House]:
    """A server with no other plugin."""
    async with (
        ServerProcess(tmp_path / "data", "--plugins-on=wordcount") as server,
        Wire("127.0.0.1", server.port) as wire,
        aiohttp.ClientSession() as http,
    ):
        house = House(browser, server, wire, http)
        yield house
        faults = [fault for person in house.people for fault in person.faults]
        for context in browser.contexts:
            await context.close()
    assert not faults


async def says(person: Person, text: str) -> None:
    """Wait until the foot of the page says it."""
    await expect(person.page.locator("#foot")).to_have_text(text)


@pytest.mark.browser
async def test_the_line_follows_typing_and_selecting(house: House) -> None:
    document = await house.document("one two 👨‍👩‍👧‍👦")
    ada = await house.person()
    await ada.open(document)
    await says(ada, "2 words, 9 characters")
    await ada.put_caret(0)
    await ada.type("zero ")
    await says(ada, "3 words, 14 characters")
    await ada.put_caret(8, 5)
    await says(ada, "1 of 3 words, 3 of 14 characters")
    await ada.put_caret(5)
    await says(ada, "3 words, 14 characters")


@pytest.mark.browser
async def test_what_others_type_is_counted(house: House) -> None:
    document = await house.document("")
    ada, bob = await house.person(), await house.person()
    await ada.open(document)
    await bob.open(document)
    await says(ada, "0 words, 0 characters")
    await bob.put_caret(0)
    await bob.type("hello")
    await says(ada, "1 word, 5 characters")


def test_the_server_has_nothing_to_do() -> None:
    manager = make_manager(None, plugins_on=("wordcount",))
    (listed,) = [one for one in manager.listing() if one.name == "wordcount"]
    assert (listed.state, listed.hooks) == ("on", ())
    (half,) = manager.browser_halves()
    assert (half.name, half.script) == ("wordcount", "/plugins/wordcount/static/wordcount.js")
