"""Plugins whose files come late, or never, because the network goes while a page loads."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import Route, expect

from tests.browser.people import House, Person

pytestmark = pytest.mark.browser

SERVER_HALF = """from collab import Plugin


class Guest(Plugin):
    pass
"""

BROWSER_HALF = """import { greeting } from "./inner.js";

globalThis.begun = (globalThis.begun ?? 0) + 1;

export default (collab) => void collab.ui.addStatus(greeting);
"""

FILES = "**/plugins/guest/**"


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    """The folder of a plugin's static files."""
    static = tmp_path / "plugins" / "guest" / "static"
    static.mkdir(parents=True)
    (static.parent / "__init__.py").write_text(SERVER_HALF)
    (static / "guest.js").write_text(BROWSER_HALF)
    (static / "inner.js").write_text("export const greeting = 'Good morning';\n")
    (static / "guest.css").write_text("#foot { color: rgb(1, 2, 3); }\n")
    return static


@pytest.fixture
def server_arguments(guest: Path) -> list[str]:
    return ["--plugins-dir", str(guest.parent.parent)]


async def greeted(person: Person) -> None:
    foot = person.page.locator("#foot")
    await expect(foot).to_have_text("Good morning")
    await expect(foot).to_have_css("color", "rgb(1, 2, 3)")
    assert await person.page.evaluate("begun") == 1
    assert await person.page.locator(".notice").count() == 0


@pytest.mark.parametrize("file", ["guest.js", "inner.js", "guest.css"])
async def test_the_network_goes_while_a_plugin_is_loaded(house: House, file: str) -> None:
    document = await house.document()
    ada = await house.person()
    asked, gone = asyncio.Event(), asyncio.Event()

    async def late(route: Route) -> None:
        asked.set()
        await gone.wait()
        await route.continue_()

    await ada.page.route(f"**/plugins/guest/static/{file}", late)
    opening = asyncio.create_task(ada.open(document))
    await asked.wait()
    house.unplug()
    async with ada.page.expect_event("requestfailed", lambda request: file in request.url):
        gone.set()
    await ada.page.unroute_all()
    house.plug_in()
    await opening
    await greeted(ada)


@pytest.mark.parametrize("status", [502, None], ids=["a proxy says 502", "no answer"])
async def test_the_files_can_not_be_reached_although_the_document_can(
    house: House, status: int | None
) -> None:
    document = await house.document()
    ada = await house.person()
    ada.network_faults_expected = True
    probed = asyncio.Event()

    async def away(route: Route) -> None:
        if route.request.method == "HEAD":
            probed.set()
        if status is None:
            await route.abort("connectionrefused")
        else:
            await route.fulfill(status=status)

    await ada.page.route(FILES, away)
    await ada.open(document)
    await probed.wait()
    await ada.page.unroute_all()
    await greeted(ada)


@pytest.mark.parametrize("file", ["inner.js", "guest.css"])
async def test_a_file_that_is_missing_is_said(house: House, file: str) -> None:
    document = await house.document()
    ada = await house.person()
    ada.plugin_faults_expected = ada.network_faults_expected = True
    await ada.page.route(f"{FILES}/{file}", lambda route: route.fulfill(status=404))
    await ada.open(document)
    await expect(ada.page.locator(".notice")).to_contain_text("The plugin “guest” has a problem")
    await ada.put_caret(0)
    await ada.type("all the same")
    assert await house.everybody_sees_the_same(document) == "all the same"
