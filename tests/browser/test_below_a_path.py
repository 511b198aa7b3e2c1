"""Collab below a path of its site, as behind a reverse proxy: every address still leads there."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.people import House

pytestmark = pytest.mark.browser


@pytest.fixture
def server_arguments() -> list[str]:
    return ["--base-path", "/team/docs"]


async def test_everything_works_below_a_path(house: House) -> None:
    assert house.url.endswith("/team/docs")
    document = await house.document("Text: ", title="Below")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await ada.page.goto(f"{house.url}/")
    await ada.page.get_by_role("link", name="Below").click()
    await ada.saved()
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(6)
    if "cursors" in house.plugins:
        await bob.page.wait_for_selector(".cm-remoteCaret")
    await ada.type("typed")
    await ada.page.fill("#title", "Renamed")
    await expect(bob.page.locator("#title")).to_have_value("Renamed")
    assert await house.everybody_sees_the_same(document) == "Text: typed"
    await ada.page.click(".bar-home")
    await ada.page.get_by_role("link", name="Renamed").wait_for()
