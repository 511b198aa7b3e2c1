"""What this browser keeps: the page of it, and closed tabs' words sent from any page."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.people import House, Person

pytestmark = pytest.mark.browser


async def typed_offline(house: House, document: str, text: str) -> Person:
    """Somebody who typed at the end of the document while the server was away."""
    ada = await house.person(name="Ada")
    await ada.open(document)
    await ada.put_caret(len(await ada.text()))
    house.unplug()
    await ada.status("offline")
    await ada.type(text)
    await ada.page.wait_for_selector('#status[title*="kept in this browser"]')
    return ada


async def delete(house: House, document: str) -> None:
    async with house.http.delete(f"{house.server.url}/api/documents/{document}") as response:
        assert response.status < 300


async def test_the_rescue_copy_of_a_deleted_document(house: House, tmp_path: Path) -> None:
    document = await house.document("Text: ", title="Short-lived: a/b")
    ada = await typed_offline(house, document, "precious words")
    await delete(house, document)
    house.plug_in()
    page = ada.page
    refused = page.locator(".banner[data-refused]")
    await refused.wait_for()
    await expect(refused.get_by_role("link", name="All documents")).to_be_visible()

    # The document's address leads to a page of the server's, and that on to what is kept.
    await page.reload()
    await page.locator("[data-kept-link] a").wait_for()
    await ada.screenshot("kept-404")
    await page.locator("[data-kept-link] a").click()
    kept = page.locator("[data-kept]")
    await expect(kept).to_have_count(1)
    await expect(kept).to_contain_text("Short-lived: a/b")
    await expect(kept).to_contain_text("deleted")
    await kept.get_by_role("button", name="Show it").click()
    assert await kept.locator("pre").inner_text() == "Text: precious words"
    await ada.screenshot("kept-page")
    await kept.get_by_role("button", name="Copy").click()
    await kept.get_by_role("button", name="Copied").wait_for()
    assert await page.evaluate("navigator.clipboard.readText()") == "Text: precious words"
    async with page.expect_download() as downloading:
        await kept.get_by_role("button", name="Download").click()
    download = await downloading.value
    assert download.suggested_filename == "Short-lived a b.txt"
    await download.save_as(tmp_path / "kept.txt")
    assert (tmp_path / "kept.txt").read_text("utf-8") == "Text: precious words"

    # From the documents, too, as long as there is something.
    await page.goto(f"{house.url}/")
    await page.locator("[data-kept-link] a").click()
    await kept.get_by_role("button", name="Delete").click()
    dialog = page.get_by_role("dialog")
    await ada.screenshot("kept-delete")
    await dialog.get_by_role("button", name="Keep it").click()
    await expect(kept).to_have_count(1)
    await kept.get_by_role("button", name="Delete").click()
    await dialog.get_by_role("button", name="Delete").click()
    await expect(kept).to_have_count(0)
    await page.get_by_text("Nothing is kept here").wait_for()
    await page.goto(f"{house.url}/")
    await page.wait_for_load_state("networkidle")
    await expect(page.locator("[data-kept-link]")).to_be_hidden()
    ada.faults[:] = [fault for fault in ada.faults if "404" not in fault and "410" not in fault]


@pytest.mark.parametrize("path", ["/", "/kept", "/d/other"])
async def test_words_of_a_closed_tab_arrive_from_any_page(house: House, path: str) -> None:
    document = await house.document("Kept: ")
    other = await house.document("Another")
    ada = await typed_offline(house, document, "typed before closing")
    await ada.page.close()
    house.plug_in()
    later = await house.another_page(ada)
    later.network_faults_expected = True
    bob = await house.person()
    await bob.open(document)
    await later.page.goto(f"{house.url}{path.replace('other', other)}")
    await bob.sees("Kept: typed before closing")
    assert await house.text(document) == "Kept: typed before closing"


async def test_what_waits_is_shown_while_the_server_is_away(house: House) -> None:
    document = await house.document("Kept: ", title="Waiting")
    ada = await house.person(name="Ada")
    await ada.open(document)
    later = await house.another_page(ada)
    await later.page.goto(f"{house.url}/kept")
    await later.page.get_by_text("Nothing is kept here").wait_for()
    await ada.put_caret(6)
    house.unplug()
    await ada.status("offline")
    await ada.type("not sent")
    await ada.page.wait_for_selector('#status[title*="kept in this browser"]')
    await later.page.bring_to_front()
    await later.page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    kept = later.page.locator("[data-kept]")
    await expect(kept).to_contain_text("Not sent yet")
    # Its tab lives: what it is about to send can't be taken from it.
    await kept.get_by_role("button", name="Delete").click()
    await later.page.get_by_role("dialog").get_by_role("button", name="Delete").click()
    await expect(later.page.locator(".notice")).to_contain_text("about to send it")
    await expect(kept).to_have_count(1)
    house.plug_in()
    await ada.saved()
    assert await house.text(document) == "Kept: not sent"
