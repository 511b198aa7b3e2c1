"""Somebody may do less, and then more, than when they opened the page."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.people import House

pytestmark = [pytest.mark.browser, pytest.mark.bundled("members")]


@pytest.fixture
def plugins_on() -> set[str]:
    return {"cursors", "presence", "members"}


@pytest.fixture
def server_arguments() -> list[str]:
    return ["--set", "plugins.members.header=Remote-User"]


async def let_guests(house: House, document: str, may: str) -> None:
    """As an operator does."""
    url = f"{house.server.url}/plugins/members/api/documents/{document}"
    async with house.http.put(
        url, json={"guests": may}, headers=house.server.operator
    ) as response:
        assert response.status == 200, await response.text()


def stall(house: House) -> None:
    """Hold back what browsers send."""
    for strand in house.wire.strands:
        strand.stall("up")


def resume(house: House) -> None:
    for strand in house.wire.strands:
        strand.resume()


async def test_a_writer_becomes_a_reader_and_a_writer_again(house: House) -> None:
    document = await house.document("The text. ")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(10)
    await ada.type("Saved. ")
    await ada.saved()
    notices = ada.page.locator("#notices")
    rescue = ada.page.locator("[data-rescue]")

    # What is typed now is on its way when the document is closed to guests.
    stall(house)
    await ada.type("Unsaved.")
    await let_guests(house, document, "read")
    resume(house)
    await expect(notices).to_contain_text("not change it any more")
    await expect(rescue).to_contain_text("Some of your writing could not be saved.")
    await expect(rescue.locator("pre")).to_have_text("Unsaved.")
    await expect(ada.page.locator("#status .status-text")).to_have_text("Read only")
    await ada.sees("The text. Saved. ")
    editing = ada.page.locator(".cm-content")
    await expect(editing).to_have_attribute("contenteditable", "false")
    await ada.put_caret(0)
    await ada.type("nothing of this")
    assert await ada.text() == "The text. Saved. "
    await expect(bob.page.locator("#notices")).to_contain_text("not change it any more")
    await expect(bob.page.locator("[data-rescue]")).to_have_count(0)

    await let_guests(house, document, "write")
    await expect(notices).to_contain_text("You may write in this document now.")
    await expect(editing).to_have_attribute("contenteditable", "true")
    await ada.put_caret(0)
    await ada.type("Again. ")
    assert await house.everybody_sees_the_same(document) == "Again. The text. Saved. "
    await expect(rescue).to_have_count(1)


async def test_who_may_not_even_read_keeps_what_was_typed(house: House) -> None:
    document = await house.document("The text. ")
    ada = await house.person()
    await ada.open(document)
    ada.network_faults_expected = True
    await ada.put_caret(10)
    stall(house)
    await ada.type("Unsaved.")
    await let_guests(house, document, "nothing")
    resume(house)
    await expect(ada.page.locator("[data-refused]")).to_contain_text("You may not do that.")
    # All of it: the document is closed to her, and this page has it still.
    await expect(ada.page.locator("[data-rescue] pre")).to_have_text("The text. Unsaved.")
    await expect(ada.page.locator(".cm-content")).to_have_attribute("contenteditable", "false")
