"""The fixture for pages: what it sees, and what it says where there is no browser."""

from __future__ import annotations

import pytest

from collab.testing import browser
from collab.testing.browser import Pages
from collab.testing.fixtures import open_page
from collab.testing.server import Server

__all__ = ["open_page"]


@pytest.mark.browser
async def test_two_people_write_in_one_document(server: Server, open_page: Pages) -> None:
    id = await server.create_document("Notes", "one")
    ada, bob = await open_page(id, name="Ada"), await open_page(id, scheme="dark")
    await ada.put_caret(3)
    await ada.type(" two")
    await bob.sees("one two")
    await ada.saved()
    assert await server.text(id) == "one two"
    await bob.page.evaluate("console.error('something is wrong')")
    assert open_page.faults == ["console: something is wrong"]
    bob.faults.clear()


@pytest.mark.browser
async def test_a_document_without_a_page_is_said_at_once(
    server: Server, open_page: Pages
) -> None:
    id = await server.create_document("Notes", type="richtext")
    with pytest.raises(ValueError, match="There is no page yet for documents of the type richtext"):
        await open_page(id)
    (fault,) = open_page.faults
    assert "406" in fault
    open_page.people[0].faults.clear()


def test_what_is_missing_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    with pytest.raises(LookupError, match="Chromium is not installed"):
        browser.chromium()
    monkeypatch.setattr(browser, "find_spec", lambda name: None)
    with pytest.raises(LookupError, match="Playwright is not installed"):
        browser.chromium()
