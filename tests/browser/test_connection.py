"""What happens to what one types when the connection, the server or the tab goes away."""

from __future__ import annotations

import asyncio
import shutil

import pytest
from playwright.async_api import Error

from collab.storage.place import DATABASE_FILE
from tests.browser.people import House

pytestmark = pytest.mark.browser


async def test_waiting_for_what_never_comes_fails(house: House) -> None:
    """The negative control of every other test here."""
    document = await house.document("this")
    ada = await house.person()
    await ada.open(document)
    ada.context.set_default_timeout(300)
    with pytest.raises(Error, match="Timeout"):
        await ada.sees("that")


async def test_offline_and_back(house: House) -> None:
    document = await house.document("Text: ")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(6)
    await ada.type("before ")
    await bob.sees("Text: before ")
    await ada.saved()

    house.unplug()
    assert await ada.status("offline") == "Offline"
    await ada.type("meanwhile")
    await bob.put_caret(0)
    await bob.type("Bob's ")
    await ada.page.wait_for_selector('#status[title*="kept in this browser"]')
    assert await ada.status("offline") == "Offline · unsaved changes kept"
    assert await ada.text() == "Text: before meanwhile", "it stays readable"
    await ada.screenshot("offline")

    house.plug_in()
    assert await house.everybody_sees_the_same(document) == "Bob's Text: before meanwhile"


async def test_a_notice_can_be_closed_offline_as_well(house: House) -> None:
    document = await house.document()
    ada = await house.person()
    async with ada.page.expect_response("**/icons.svg", timeout=10_000):
        await ada.open(document)
    house.unplug()
    await ada.status("offline")
    await ada.page.evaluate(
        "import('/static/ui/notices.js').then(({ notify }) => void notify('No connection.'))"
    )
    close = ada.page.locator(".notice").get_by_role("button", name="Close")
    drawn = "(button) => button.querySelector('.icon').getBBox().width"
    assert await close.evaluate(drawn) > 5, "its cross is drawn, without asking the server for it"
    await close.click()
    await ada.page.wait_for_selector(".notice", state="detached")
    house.plug_in()


async def test_the_browser_says_that_it_is_offline(house: House) -> None:
    document = await house.document()
    ada = await house.person()
    await ada.open(document)
    ada.network_faults_expected = True
    await ada.context.set_offline(True)
    await ada.put_caret(0)
    await ada.type("on the train")
    house.wire.cut()
    await ada.status("offline")
    await ada.context.set_offline(False)
    assert await house.everybody_sees_the_same(document) == "on the train"


@pytest.mark.parametrize("kill", [False, True], ids=["stopped", "killed"])
async def test_the_server_starts_again(house: House, kill: bool) -> None:
    document = await house.document("Log:\n")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(5)
    await bob.put_caret(0)
    mine, theirs = "typed all the while the server was away", "all of it "
    typing = asyncio.gather(ada.type(mine, delay=40), bob.type(theirs, delay=60))
    await house.restart(kill=kill)
    await typing
    assert await house.everybody_sees_the_same(document) == f"{theirs}Log:\n{mine}"


async def test_a_reload_with_unsent_edits(house: House) -> None:
    document = await house.document("Kept: ")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(6)
    house.unplug()
    await ada.status("offline")
    await ada.type("typed before the reload")
    house.plug_in()
    await ada.page.reload()
    await bob.sees("Kept: typed before the reload")
    assert await house.everybody_sees_the_same(document) == "Kept: typed before the reload"


async def test_a_closed_tab_with_unsent_edits(house: House) -> None:
    document = await house.document("Kept: ")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(6)
    house.unplug()
    await ada.status("offline")
    await ada.type("typed before closing")
    await ada.page.close()
    house.plug_in()
    later = await house.another_page(ada)
    await later.open(document)
    await bob.sees("Kept: typed before closing")
    assert await house.everybody_sees_the_same(document) == "Kept: typed before closing"


async def test_an_acknowledgement_lost_on_its_way(house: House) -> None:
    """The server has the edit, the browser does not know it: it is sent again, and applied once."""
    document = await house.document()
    ada = await house.person()
    await ada.open(document)
    await ada.put_caret(0)
    for strand in house.wire.strands:
        strand.stall("down")
    await ada.type("once")
    async with asyncio.timeout(20):
        while not await house.text(document):
            pass  # nothing tells us: what would is what is held back
    assert await ada.status("late") == "Not saved yet"
    ada.network_faults_expected = True
    house.wire.cut()
    assert await house.everybody_sees_the_same(document) == "once"


async def test_who_does_not_want_to_wait(house: House) -> None:
    document = await house.document()
    ada = await house.person()
    await ada.context.add_init_script(
        """globalThis.sockets = 0;
        globalThis.WebSocket = class extends WebSocket {
          constructor(...given) {
            super(...given);
            sockets += 1;
          }
        };"""
    )
    await ada.open(document)
    house.unplug()
    assert await ada.status("offline") == "Offline"
    retry = ada.page.get_by_role("button", name="Try now")
    await retry.wait_for()
    await ada.page.wait_for_function(
        """() => {
          const before = sockets;
          document.querySelector(".status-retry").click();
          return sockets > before;
        }"""
    )
    house.plug_in()
    await ada.saved()
    await retry.wait_for(state="hidden")


async def test_a_document_that_is_deleted_under_ones_hands(house: House) -> None:
    document = await house.document("Text")
    ada = await house.person()
    await ada.open(document)
    async with house.http.delete(f"{house.server.url}/api/documents/{document}") as response:
        assert response.status < 300
    banner = ada.page.locator(".banner[data-refused]")
    await banner.wait_for()
    assert "deleted" in await banner.inner_text()
    await ada.page.click(".cm-content")
    await ada.type("no more")
    assert await ada.text() == "Text"


async def test_a_deleted_document_leaves_a_rescue_copy(house: House) -> None:
    document = await house.document("Text: ", title="Short-lived")
    ada = await house.person()
    await ada.open(document)
    await ada.put_caret(6)
    house.unplug()
    await ada.status("offline")
    await ada.type("precious words")
    async with house.http.delete(f"{house.server.url}/api/documents/{document}") as response:
        assert response.status < 300
    house.plug_in()
    banner = ada.page.locator(".banner[data-rescue]")
    await banner.wait_for()
    await banner.get_by_role("button", name="Show it").click()
    assert "precious words" in await banner.locator("pre").inner_text()
    await banner.get_by_role("button", name="Copy").click()
    await banner.get_by_role("button", name="Copied").wait_for()
    assert "precious words" in await ada.page.evaluate("navigator.clipboard.readText()")
    assert await ada.page.get_attribute("#status", "data-state") == "stopped"
    await ada.screenshot("rescue")
    await banner.get_by_role("button", name="Discard").click()
    await banner.get_by_role("button", name="Discard for good").click()
    await banner.wait_for(state="detached")


async def test_an_older_copy_of_the_database_is_put_back(house: House) -> None:
    """What the person had is kept as they had it, and they can write on."""
    document = await house.document("Text: ")
    ada = await house.person()
    await ada.open(document)
    for person in house.people:
        person.network_faults_expected = True
    await house.server.stop()
    await ada.status("offline")
    folder = house.server.data_dir
    shutil.copy(folder / DATABASE_FILE, folder / "older")
    await house.server.start()
    await ada.saved()
    await ada.put_caret(6)
    await ada.type("saved")
    await ada.saved()
    house.unplug()
    await ada.status("offline")
    await ada.type(", unsent")
    await house.server.stop()
    for file in folder.glob(f"{DATABASE_FILE}*"):
        file.unlink()
    shutil.copy(folder / "older", folder / DATABASE_FILE)
    await house.server.start()
    house.plug_in()
    banner = ada.page.locator(".banner[data-rescue]")
    await banner.wait_for()
    assert "another copy of this document" in await banner.inner_text()
    assert await banner.locator("pre").text_content() == "Text: saved, unsent"
    await ada.screenshot("older")
    await ada.sees("Text: ")
    await ada.put_caret(6)
    await ada.type("written again")
    assert await house.everybody_sees_the_same(document) == "Text: written again"
