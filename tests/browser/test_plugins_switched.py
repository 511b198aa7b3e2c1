"""Plugins that are switched on, off and loaded anew while people write."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.people import House

pytestmark = pytest.mark.browser

SERVER_HALF = """from collab import Plugin, hookimpl


class Guest(Plugin):
    @hookimpl
    async def session_joined(self, document, session):
        await self.send(document, session, "greeting")
"""

BROWSER_HALF = """export default function activate(collab) {
  const status = collab.ui.addStatus("VERSION");
  collab.onMessage((data) => status.setText(`VERSION ${data}`));
  collab.ui.addPanel({ title: "Guest" });
  collab.ui.addCommand({ name: "wave", title: "Wave", run() {} });
  collab.editor.decorate([{ from: 0, to: 3, class: "guest-mark" }]);
}
"""


@pytest.fixture
def guest(tmp_path: Path) -> Path:
    folder = tmp_path / "plugins" / "guest"
    (folder / "static").mkdir(parents=True)
    (folder / "__init__.py").write_text(SERVER_HALF)
    (folder / "static" / "guest.js").write_text(BROWSER_HALF.replace("VERSION", "first"))
    return folder


@pytest.fixture
def server_arguments(guest: Path) -> list[str]:
    return ["--plugins-dir", str(guest.parent)]


async def switch(house: House, name: str, state: str) -> None:
    """As an operator does at the server's own machine."""
    url = f"{house.server.url}/api/plugins/{name}"
    async with house.http.post(
        url, json={"state": state}, headers=house.server.operator
    ) as response:
        assert response.status == 200, await response.text()


async def test_nobody_is_disconnected_when_a_plugin_comes_and_goes(
    house: House, guest: Path
) -> None:
    document = await house.document("The text. ")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    connections: list[str] = []
    for person in (ada, bob):
        person.page.on("websocket", lambda socket: connections.append(socket.url))
    foot = ada.page.locator("#foot")
    mark = ada.page.locator(".guest-mark")
    await expect(foot).to_contain_text("first greeting")
    await expect(mark).to_have_text("The")
    await ada.page.get_by_role("button", name="Guest", exact=True).click()
    await ada.page.get_by_role("button", name="Close Guest").focus()
    await switch(house, "guest", "off")
    await expect(ada.page.locator("#editor")).to_be_focused()  # and not nowhere
    await switch(house, "guest", "on")
    await expect(foot).to_contain_text("first greeting")
    await ada.put_caret(10)

    async def typing(text: str) -> None:
        await ada.type(text, delay=20)

    async with asyncio.TaskGroup() as group:
        group.create_task(typing("typed while it goes, "))
        group.create_task(switch(house, "guest", "off"))
    await expect(foot).to_be_hidden()
    await expect(mark).to_have_count(0)
    await expect(ada.page.get_by_role("button", name="Guest", exact=True)).to_have_count(0)
    await expect(ada.page.locator("#toolbar")).to_be_hidden()

    await switch(house, "guest", "on")
    await expect(foot).to_contain_text("first greeting")
    await expect(mark).to_have_count(1)

    (guest / "static" / "guest.js").write_text(BROWSER_HALF.replace("VERSION", "second"))
    async with asyncio.TaskGroup() as group:
        group.create_task(typing("and while it changes."))
        group.create_task(switch(house, "guest", "reload"))
    await expect(foot).to_contain_text("second greeting")
    await expect(foot).not_to_contain_text("first")
    await expect(mark).to_have_count(1)

    written = "The text. typed while it goes, and while it changes."
    assert await house.everybody_sees_the_same(document) == written
    assert connections == []


OUTER = """import { greeting } from "./parts/inner.js";

export default function activate(collab) {
  collab.ui.addStatus(greeting);
  globalThis.picture = collab.url("static/picture.svg");
}
"""


async def test_a_plugin_of_several_files_is_loaded_anew_to_the_innermost(
    house: House, guest: Path
) -> None:
    static = guest / "static"
    (static / "parts").mkdir()
    (static / "parts" / "colors.css").write_text("#foot { color: rgb(1, 2, 3); }")
    (static / "guest.css").write_text('@import "./parts/colors.css";')
    (static / "guest.js").write_text(OUTER)

    def say(greeting: str) -> None:
        (static / "parts" / "inner.js").write_text(f"export const greeting = '{greeting}';\n")

    say("first")
    await switch(house, "guest", "reload")  # as an operator who has just written it
    document = await house.document("The text. ")
    ada = await house.person()
    await ada.open(document)
    connections: list[str] = []
    ada.page.on("websocket", lambda socket: connections.append(socket.url))
    foot = ada.page.locator("#foot")
    await expect(foot).to_have_text("first")
    await expect(foot).to_have_css("color", "rgb(1, 2, 3)")
    await ada.put_caret(10)

    say("second")
    (static / "parts" / "colors.css").write_text("#foot { color: rgb(4, 5, 6); }")
    async with asyncio.TaskGroup() as group:
        group.create_task(ada.type("typed while it changes.", delay=20))
        group.create_task(switch(house, "guest", "reload"))
    await expect(foot).to_have_text("second")
    await expect(foot).to_have_css("color", "rgb(4, 5, 6)")
    assert await ada.page.evaluate("picture") == "/plugins/guest/static.2/picture.svg"

    # What is switched off and on has an address that this page, too, may have run before.
    for greeting in ("third", "fourth"):
        await switch(house, "guest", "off")
        await expect(foot).to_be_hidden()
        say(greeting)
        await switch(house, "guest", "on")
        await expect(foot).to_have_text(greeting)

    assert await house.everybody_sees_the_same(document) == "The text. typed while it changes."
    assert connections == []


async def test_a_plugin_of_several_files_after_the_server_began_to_count_anew(
    house: House, guest: Path
) -> None:
    (guest / "static" / "guest.js").write_text(OUTER)
    (guest / "static" / "parts").mkdir()
    inner = guest / "static" / "parts" / "inner.js"
    inner.write_text("export const greeting = 'first';\n")
    document = await house.document()
    ada = await house.person()
    await ada.open(document)
    foot = ada.page.locator("#foot")
    await expect(foot).to_have_text("first")
    for greeting in ("second", "third"):
        inner.write_text(f"export const greeting = '{greeting}';\n")
        await switch(house, "guest", "reload")
        await expect(foot).to_have_text(greeting)
        # Its files are at their first address again, where this page has run another version.
        await house.restart()
        again = "() => picture.startsWith('/plugins/guest/static.0.')"
        await ada.page.wait_for_function(again)
        await expect(foot).to_have_text(greeting)
        await ada.page.evaluate("picture = ''")


@pytest.mark.bundled("cursors", "presence")
async def test_a_bundled_plugin_goes_with_all_it_shows(house: House) -> None:
    document = await house.document("The text. ")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await asyncio.gather(ada.open(document), bob.open(document))
    await bob.put_caret(4)
    people = ada.page.locator("#header-slot .presence-person")
    caret = ada.page.locator(".cm-remoteCaret")
    await expect(people).to_have_count(1)
    await expect(caret).to_have_count(1)
    await switch(house, "presence", "off")
    await expect(people).to_have_count(0)
    await expect(caret).to_have_count(1)
    await switch(house, "cursors", "off")
    await expect(caret).to_have_count(0)
    await switch(house, "presence", "on")
    await expect(people).to_have_count(1)
    await switch(house, "cursors", "on")
    await bob.put_caret(6)
    await expect(caret).to_have_count(1)


async def test_a_browser_half_that_can_t_be_loaded_leaves_the_old_one_to_everybody(
    house: House, guest: Path
) -> None:
    file = guest / "static" / "guest.js"
    document = await house.document("The text. ")
    ada = await house.person()
    ada.plugin_faults_expected = True
    await ada.open(document)
    foot = ada.page.locator("#foot")
    await expect(foot).to_contain_text("first greeting")
    file.write_text(BROWSER_HALF.replace("VERSION", "second") + "function broken( {\n")
    await switch(house, "guest", "reload")
    await expect(foot).to_contain_text("first greeting")  # told anew, as if it came now
    bob = await house.person()  # whoever opens the page now
    bob.plugin_faults_expected = True
    await bob.open(document)
    await expect(bob.page.locator("#foot")).to_contain_text("first greeting")

    async def told() -> str:
        url = f"{house.server.url}/api/plugins"
        async with house.http.get(url, headers=house.server.operator) as response:
            plugins = (await response.json())["plugins"]
        (health,) = [one["health"] for one in plugins if one["name"] == "guest"]
        return str(health["last_browser_error"])

    async with asyncio.timeout(20):
        while "the previous one runs" not in await told():
            await asyncio.sleep(0.05)
    error = await told()
    line = file.read_text().count("\n") + 1
    assert error.startswith("the new version can't be loaded, and the previous one runs: ")
    assert "SyntaxError" in error and f"guest.js:{line}" in error
    # Broken once more: what ran before the first attempt still does.
    file.write_text(BROWSER_HALF.replace("VERSION", "third") + "function broken( {\n")
    await switch(house, "guest", "reload")
    await bob.page.reload()
    await expect(bob.page.locator("#foot")).to_contain_text("first greeting")
    # One that can be loaded comes in its place.
    file.write_text(BROWSER_HALF.replace("VERSION", "fourth"))
    await switch(house, "guest", "reload")
    await expect(bob.page.locator("#foot")).to_contain_text("fourth greeting")
    await expect(foot).to_contain_text("fourth greeting")

