"""The list of documents."""

from __future__ import annotations

import pytest
from playwright.async_api import expect

from tests.browser.people import House

pytestmark = pytest.mark.browser


async def test_from_the_first_document_to_the_last(house: House) -> None:
    ada = await house.person()
    page = ada.page
    await page.goto(f"{house.url}/")
    await page.get_by_text("Nothing written yet").wait_for()
    await ada.screenshot("list-empty")

    # Make one.
    await page.click("#first")
    await page.keyboard.type("Shopping")
    await page.keyboard.press("Enter")
    await page.wait_for_url("**/d/*")
    await page.wait_for_selector('#status[data-state="saved"]')
    assert await page.input_value("#title") == "Shopping"
    await ada.type("milk")
    await ada.saved()

    # It is there, and was changed just now.
    await page.click(".bar-home")
    row = page.locator(".row")
    await expect(row).to_have_count(1)
    await expect(row.locator(".row-title")).to_have_text("Shopping")
    await expect(row.locator(".row-time")).to_have_text("just now")

    # Rename it.
    await row.hover()
    await row.get_by_role("button", name="Rename").click()
    await page.keyboard.type("Groceries")
    await page.keyboard.press("Enter")
    await expect(row.locator(".row-title")).to_have_text("Groceries")
    await page.reload()
    await expect(row.locator(".row-title")).to_have_text("Groceries")

    # Delete it, after a second thought.
    await row.hover()
    await row.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Keep it").click()
    await expect(row).to_have_count(1)
    await row.hover()
    await row.get_by_role("button", name="Delete").click()
    await page.get_by_role("button", name="Delete", exact=True).last.click()
    await expect(row).to_have_count(0)
    await page.get_by_text("Nothing written yet").wait_for()


async def test_searching_as_one_types(house: House) -> None:
    for title in ("Meeting in May", "Meeting in June", "Recipes: plum cake", "100% wool"):
        await house.document(title=title)
    ada = await house.person()
    await ada.page.goto(f"{house.url}/")
    titles = ada.page.locator(".row-title")
    await expect(titles).to_have_count(4)
    await ada.page.click("#search")
    await ada.type("meeting")
    await expect(titles).to_have_count(2)
    await expect(ada.page.locator("#result")).to_have_text("2 found")
    await ada.type(" in j")
    await expect(titles).to_have_text(["Meeting in June"])
    await ada.page.fill("#search", "100%")
    await expect(titles).to_have_text(["100% wool"])
    await ada.page.fill("#search", "nowhere")
    await ada.page.get_by_text("No title matches").wait_for()
    await ada.page.fill("#search", "")
    await expect(titles).to_have_count(4)


async def test_a_long_list_comes_in_pages(house: House) -> None:
    for number in range(120):
        await house.document(title=f"Number {number}")
    ada = await house.person()
    await ada.page.goto(f"{house.url}/")
    titles = ada.page.locator(".row-title")
    more = ada.page.get_by_role("button", name="Show more")
    await expect(titles).to_have_count(50)
    await more.click()
    await expect(titles).to_have_count(100)
    await more.click()
    await expect(titles).to_have_count(120)
    await expect(more).to_be_hidden()
    assert len(set(await titles.all_inner_texts())) == 120


async def test_a_failure_is_a_sentence(house: House) -> None:
    document = await house.document(title="Going")
    ada = await house.person()
    await ada.page.goto(f"{house.url}/")
    await ada.page.locator(".row").hover()
    await ada.page.get_by_role("button", name="Rename").click()
    async with house.http.delete(f"{house.server.url}/api/documents/{document}") as response:
        assert response.status < 300
    ada.network_faults_expected = True
    await ada.page.keyboard.type("Gone")
    await ada.page.keyboard.press("Enter")
    problem = ada.page.locator("#title-dialog .problem")
    await problem.wait_for()
    assert (await problem.inner_text()).endswith(".")
    house.unplug()
    await ada.page.keyboard.press("Enter")
    await expect(problem).to_contain_text("can’t be reached")


async def test_an_address_that_leads_nowhere(house: House) -> None:
    ada = await house.person()
    ada.network_faults_expected = True
    response = await ada.page.goto(f"{house.url}/d/nothing-here")
    assert response is not None and response.status == 404
    await ada.page.get_by_role("link", name="All documents", exact=True).click()
    await ada.page.get_by_text("Nothing written yet").wait_for()
