"""markdown in a real browser: the preview follows, and nothing in it runs."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import browser, chromium
from tests.browser.people import House
from tests.plugins.test_formats_markup import MARKDOWN
from tests.plugins.test_history_page import house_with

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture
async def house(browser: Browser, tmp_path: Path) -> AsyncIterator[House]:
    async with house_with(browser, tmp_path, "markdown") as house:
        yield house


async def test_the_preview_follows_what_everybody_types(house: House) -> None:
    document = await house.document("# One\n\ntwo\n")
    ada, bob = await house.person(), await house.person()
    await ada.open(document)
    await bob.open(document)
    await ada.page.get_by_role("button", name="Preview").click()
    view = ada.page.locator(".markdown-preview")
    await expect(view.locator("h1")).to_have_text("One")
    await bob.put_caret(7)
    await bob.type("**bold** ")
    await expect(view.locator("p strong")).to_have_text("bold")
    await ada.put_caret(0, 2)
    await ada.type("## ")
    await expect(view.locator("h2")).to_have_text("One")
    await ada.put_caret(0, 100 if len(await ada.text()) > 100 else len(await ada.text()))
    await ada.page.keyboard.press("Delete")
    await expect(ada.page.locator(".markdown-note")).to_have_text("Nothing to show yet.")


async def test_without_a_connection_it_says_what_it_waits_for(house: House) -> None:
    ada = await house.person()
    await ada.open(await house.document("# One"))
    house.unplug()
    await ada.status("offline")
    await ada.page.get_by_role("button", name="Preview").click()
    note = ada.page.locator(".markdown-note")
    await expect(note).to_have_text("It is shown when the connection is back.")
    house.plug_in()
    await expect(ada.page.locator(".markdown-preview h1")).to_have_text("One")
    await expect(note).to_be_hidden()


async def test_it_is_scrolled_to_where_one_writes_and_back(house: House) -> None:
    lines = "\n\n".join(f"paragraph {number}" for number in range(200))
    document = await house.document(lines)
    ada = await house.person()
    await ada.open(document)
    await ada.page.get_by_role("button", name="Preview").click()
    last = ada.page.locator(".markdown-preview p").last
    await expect(last).to_have_text("paragraph 199")
    await ada.put_caret(len(lines))
    await expect(last).to_be_in_viewport()
    first = ada.page.locator(".markdown-preview p").first
    await first.scroll_into_view_if_needed()
    await first.click()
    await ada.page.wait_for_function("() => editorView().scrollDOM.scrollTop < 50")


async def test_nothing_in_it_runs_or_is_loaded(house: House) -> None:
    """Any script that ran, and any request to another place, is a fault of the page."""
    ada = await house.person()
    for start in range(0, len(MARKDOWN), 60):
        part = MARKDOWN[start : start + 60]
        text = "\n\n".join(one.replace("alert(1)", "document.title='owned'") for one in part)
        await ada.open(await house.document(f"{text}\n\n# The end\n"))
        if not await ada.page.locator(".markdown-preview").is_visible():
            await ada.page.get_by_role("button", name="Preview").click()
        view = ada.page.locator(".markdown-preview")
        await expect(view.locator("> *")).not_to_have_count(0)
        found = await view.evaluate(
            """(view) => [...view.querySelectorAll("*")].flatMap((one) =>
                 [...one.attributes].map(({ name, value }) => [one.localName, name, value]))"""
        )
        # Each block has a direction of the page's own.
        names = {(tag, name) for tag, name, value in found if (name, value) != ("dir", "auto")}
        assert names <= {
            ("a", "href"), ("a", "title"), ("a", "rel"), ("a", "target"), ("abbr", "title"),
            ("ol", "start"), ("td", "class"), ("th", "class"),
        }
        for _, name, value in found:
            if name == "href":
                assert value.lower().startswith(("http://", "https://", "mailto:")), value
        bad = "script, img, svg, iframe, object, embed, form, input, style, link, video, audio"
        assert await view.locator(bad).count() == 0
        assert await ada.page.title() != "owned"


async def test_what_is_written_from_right_to_left_runs_so(house: House) -> None:
    document = await house.document("שלום.\n\n- אחת\n\nHello.\n\n    code\n")
    ada = await house.person()
    await ada.open(document)
    await ada.page.get_by_role("button", name="Preview").click()
    blocks = ada.page.locator(".markdown-preview > *")
    await expect(blocks).to_have_count(4)
    run = "(all) => all.map((one) => getComputedStyle(one).direction)"
    assert await blocks.evaluate_all(run) == ["rtl", "rtl", "ltr", "ltr"]


async def test_pictures_are_links(house: House) -> None:
    document = await house.document("![a cat](https://example.org/cat.png)\n")
    ada = await house.person()
    await ada.open(document)
    await ada.page.get_by_role("button", name="Preview").click()
    link = ada.page.locator(".markdown-preview a")
    await expect(link).to_have_text("a cat")
    await expect(link).to_have_attribute("href", "https://example.org/cat.png")
    await expect(link).to_have_attribute("target", "_blank")


async def test_a_document_of_its_type_is_made_and_opens_beside_its_preview(house: House) -> None:
    ada = await house.person()
    page = ada.page
    await page.goto(f"{house.url}/")
    await page.get_by_role("button", name="New document").first.click()
    await page.get_by_role("textbox", name="Title").fill("Notes")
    await page.get_by_label("Type").select_option("Markdown")
    assert await page.get_by_label("Type").locator("option").all_inner_texts() == [
        "Plain text", "Markdown",
    ]
    await page.get_by_role("button", name="Create").click()
    await page.wait_for_url("**/d/*")
    await ada.saved()
    await expect(page.get_by_role("region", name="Preview")).to_be_visible()
    view = page.locator(".markdown-preview")
    await ada.type("# One")
    await expect(view.locator("h1")).to_have_text("One")
    await ada.saved()
    await page.reload()
    await expect(view.locator("h1")).to_have_text("One")
    await page.goto(f"{house.url}/")
    await expect(page.locator(".row-type")).to_have_text("markdown")
    await page.get_by_role("button", name="Rename").click()
    await expect(page.get_by_role("textbox", name="Title")).to_be_visible()
    await expect(page.get_by_label("Type")).to_be_hidden()


async def test_on_a_phone_the_text_is_what_one_sees_first(house: House) -> None:
    ada = await house.person(size=(390, 800), touch=True)
    await ada.open(await house.document("# One", type="markdown"))
    await expect(ada.page.get_by_role("region", name="Preview")).to_be_hidden()


async def test_rich_text_has_no_page_yet(house: House) -> None:
    ada = await house.person()
    response = await ada.page.goto(f"{house.url}/d/{await house.document(type='richtext')}")
    assert response is not None and response.status == 406
    await expect(ada.page.locator("main")).to_contain_text("no page yet")
    ada.faults.clear()  # a browser says that a page was answered with an error
