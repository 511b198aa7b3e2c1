"""formats in a real browser: a document becomes a file, and a file a document."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser, expect

from tests.browser.conftest import browser, chromium
from tests.browser.people import House
from tests.plugins.test_history_page import house_with

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.browser


@pytest_asyncio.fixture
async def house(browser: Browser, tmp_path: Path) -> AsyncIterator[House]:
    async with house_with(browser, tmp_path, "formats") as house:
        yield house


async def test_a_document_is_downloaded(house: House) -> None:
    document = await house.document("# Hello\n")
    ada = await house.person()
    await ada.open(document)
    await ada.page.get_by_role("button", name="Files").click()
    async with ada.page.expect_download() as waiting:
        await ada.page.get_by_role("link", name="HTML").click()
    download = await waiting.value
    assert download.suggested_filename.endswith(".html")
    assert "<h1>Hello</h1>" in (await download.path()).read_text()


async def test_a_file_becomes_a_document(house: House) -> None:
    ada = await house.person()
    await ada.open(await house.document("old"))
    await ada.page.get_by_role("button", name="Files").click()
    chooser = ada.page.get_by_label("Or make a new document from a file")
    await chooser.set_input_files(
        {"name": "bad.html", "mimeType": "text/html", "buffer": b"\xff\xfe\xfd"}
    )
    ada.faults = [fault for fault in ada.faults if "422" not in fault]
    await expect(ada.page.get_by_role("alert").filter(has_text="no text")).to_be_visible()
    ada.faults = [fault for fault in ada.faults if "422" not in fault]
    await chooser.set_input_files(
        {"name": "Notes.html", "mimeType": "text/html", "buffer": b"<h1 onclick=x>New</h1>"}
    )
    await ada.page.wait_for_url(lambda url: not url.endswith("old") and "/d/" in url)
    await ada.page.wait_for_function("() => globalThis.editorView?.()?.state.doc.length > 3")
    await ada.sees("# New\n")
    assert await ada.page.locator("#title").input_value() == "Notes"
