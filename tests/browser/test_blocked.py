"""WebSockets that don't get through: the text can be read, and the page says what is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from collab.testing.browser import visit
from tests.browser.people import House, Person
from tests.web.nginx import run_bare_nginx

pytestmark = pytest.mark.browser


async def test_a_proxy_that_passes_no_upgrade_on(house: House, tmp_path: Path) -> None:
    """nginx with nothing but ``proxy_pass``: what a new operator has first."""
    document = await house.document("Text for those who can only read.")
    async with run_bare_nginx(tmp_path, house.server.url) as address:
        ada = await visit(house.browser, address, kind=Person)
        ada.network_faults_expected = True
        house.people.append(ada)
        await ada.page.goto(f"{address}/d/{document}")
        banner = ada.page.locator(".banner[data-blocked]")
        await banner.wait_for()
        assert "blocks WebSockets" in await banner.inner_text()
        await ada.page.wait_for_selector("#editor:not([aria-busy])")
        await ada.sees("Text for those who can only read.")
        assert await ada.editor("return view.contentDOM.isContentEditable;") is False
        assert await ada.status("offline") == "Read only"
        line = ada.page.locator("#status")
        assert "Everything is saved" not in (await line.get_attribute("title") or "")
        await expect(ada.page.get_by_role("button", name="Try now")).to_be_visible()
        await ada.screenshot("blocked")
        await banner.locator("summary").click()
        await expect(banner.locator("details p")).to_contain_text("Upgrade")
        await ada.screenshot("blocked-operator")


async def test_sockets_that_are_refused_while_one_writes(house: House) -> None:
    """Another network on the way: what is typed is kept, and sent when it gets through."""
    document = await house.document("Text")
    ada = await house.person()
    ada.network_faults_expected = True
    await ada.context.add_init_script(
        """globalThis.WebSocket = class extends WebSocket {
          constructor(url) { super(globalThis.blocked ? url.replace(/socket$/, "nothing") : url); }
        };"""
    )
    await ada.open(document)
    await ada.page.evaluate("globalThis.blocked = true")
    house.wire.cut()
    banner = ada.page.locator(".banner[data-blocked]")
    await banner.wait_for()
    assert "can’t be sent" in await banner.inner_text()
    await ada.put_caret(4)
    await ada.type(", typed")
    await ada.page.wait_for_selector('#status[title*="kept in this browser"]')
    assert await ada.status("offline") == "Can’t send · unsaved changes kept"
    await ada.screenshot("blocked-writing")
    await ada.page.evaluate("globalThis.blocked = false")
    await ada.saved()
    await expect(banner).to_have_count(0)
    assert await house.text(document) == "Text, typed"
