"""chat in a real browser: what people see, and that what they write stays text."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, Locator, expect

from collab.testing import ServerProcess, Wire
from tests.browser.conftest import browser, chromium
from tests.browser.people import House, Person

__all__ = ["browser", "chromium"]

pytestmark = pytest.mark.browser

ATTACK = """<img src=x onerror="document.title='owned'"><script>document.title='owned'</script>"""


@pytest_asyncio.fixture
async def house(browser: Browser, tmp_path: Path) -> AsyncIterator[House]:
    """A server with this plugin alone; at the end no page may have complained."""
    async with (
        ServerProcess(
            tmp_path / "data",
            "--plugins-on", "chat",
            environment={"COLLAB_PLUGINS__CHAT__BURST": "200"},
        ) as server,
        Wire("127.0.0.1", server.port) as wire,
        aiohttp.ClientSession() as http,
    ):
        house = House(browser, server, wire, http)
        yield house
        faults = [fault for person in house.people for fault in person.faults]
        for context in browser.contexts:
            await context.close()
    assert not faults


def button(person: Person) -> Locator:
    """What opens the panel, and shows the badge."""
    return person.page.get_by_role("button", name=re.compile("^Chat"))


def field(person: Person) -> Locator:
    return person.page.get_by_role("combobox", name="Write a message")


def messages(person: Person) -> Locator:
    return person.page.locator(".chat-message")


def texts(person: Person) -> Locator:
    return person.page.locator(".chat-text")


async def say(person: Person, text: str) -> None:
    await field(person).fill(text)
    await field(person).press("Enter")


async def test_people_talk_and_are_mentioned(house: House) -> None:
    document = await house.document("Text")
    ada, bob = await house.person(name="Ada Lovelace"), await house.person(name="Bob")
    for person in (ada, bob):
        await person.open(document)
    await button(ada).click()
    await expect(field(ada)).to_be_focused()
    await say(ada, f"{ATTACK} https://example.com/a?b=c.")
    await expect(texts(ada)).to_have_text(f"{ATTACK} https://example.com/a?b=c.")
    await expect(button(bob)).to_contain_text("1")
    await field(ada).press_sequentially("Hi @b")
    await expect(ada.page.get_by_role("option")).to_have_text("Bob guest")
    await field(ada).press("Enter")
    await expect(field(ada)).to_have_value("Hi @Bob ")
    await field(ada).press("Enter")
    await expect(texts(ada)).to_have_count(2)
    await expect(button(bob)).to_contain_text("@2")
    notice = bob.page.locator(".notice")
    await expect(notice).to_contain_text("Ada Lovelace (guest) mentioned you: Hi @Bob")
    await button(bob).click()
    await expect(texts(bob)).to_have_text([f"{ATTACK} https://example.com/a?b=c.", "Hi @Bob"])
    await expect(button(bob)).not_to_contain_text("2")
    await expect(bob.page.locator(".chat-mention[data-me]")).to_have_text("@Bob")
    link = bob.page.locator(".chat-text a")
    await expect(link).to_have_attribute("href", "https://example.com/a?b=c")
    assert "noopener" in str(await link.get_attribute("rel"))
    assert await bob.page.locator(".chat img, .chat script").count() == 0
    assert await bob.page.title() != "owned"
    await expect(ada.page.locator(".chat-author").first).to_have_text("Ada Lovelace guest")


async def test_what_was_read_stays_read(house: House) -> None:
    document = await house.document("Text")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    for person in (ada, bob):
        await person.open(document)
        await button(person).click()
    await say(ada, "one")
    await expect(texts(bob)).to_have_text(["one"])
    await bob.open(document)
    await expect(button(bob)).not_to_contain_text("1")
    await say(ada, "two")
    await expect(button(bob)).to_contain_text("1")


async def test_one_changes_and_deletes_what_one_wrote(house: House) -> None:
    document = await house.document("Text")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    for person in (ada, bob):
        await person.open(document)
        await button(person).click()
    await say(ada, "frist")
    await say(ada, "second")
    await expect(texts(bob)).to_have_count(2)
    assert await bob.page.locator(".chat-tools").count() == 0
    await messages(ada).first.hover()
    await messages(ada).first.get_by_role("button", name="Edit").click()
    edited = ada.page.get_by_label("Your message")
    await expect(edited).to_be_focused()
    await edited.fill("first")
    await expect(messages(ada).first.get_by_role("button", name="Delete")).to_be_hidden()
    await edited.press("Enter")
    await expect(field(ada)).to_be_focused()
    await expect(texts(bob).first).to_have_text("first edited")
    await expect(texts(ada).first).to_have_text("first edited")
    await field(ada).press("ArrowUp")
    await expect(ada.page.get_by_label("Your message")).to_have_value("second")
    await ada.page.keyboard.press("Escape")
    await expect(field(ada)).to_be_focused()
    await messages(ada).last.hover()
    await messages(ada).last.get_by_role("button", name="Delete").click()
    await messages(ada).last.get_by_role("button", name="Really delete").click()
    await expect(messages(bob).last).to_contain_text("This message was deleted.")
    await expect(field(ada)).to_be_focused()
    await expect(texts(bob)).to_have_count(1)


async def test_what_is_written_offline_arrives_once(house: House) -> None:
    document = await house.document("Text")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    for person in (ada, bob):
        await person.open(document)
        await button(person).click()
    await say(ada, "before")
    await expect(texts(bob)).to_have_text(["before"])
    house.unplug()
    await ada.status("offline")
    await say(ada, "meanwhile")
    await expect(messages(ada).last).to_contain_text("Sending as soon as the connection is back")
    house.plug_in()
    await expect(ada.page.locator("[data-waiting]")).to_have_count(0)
    for person in (ada, bob):
        await expect(texts(person)).to_have_text(["before", "meanwhile"])


async def test_earlier_messages_come_when_one_scrolls_up(house: House) -> None:
    document = await house.document("Text")
    async with aiohttp.ClientSession() as http:
        socket = f"{house.server.url}/api/documents/{document}/socket"
        async with http.ws_connect(socket, max_msg_size=0) as writer:
            await writer.send_json([{"type": "hello", "protocol": 1}])
            for number in range(1, 121):
                data = {"kind": "post", "key": str(number), "text": f"message {number}"}
                await writer.send_json([{"type": "message", "plugin": "chat", "data": data}])
            heard = ""
            while '"id":120,' not in heard:
                heard = (await writer.receive()).data
    ada = await house.person(name="Ada")
    await ada.open(document)
    await expect(button(ada)).to_contain_text("50+")
    await button(ada).click()
    await expect(texts(ada)).to_have_count(50)
    await expect(texts(ada).last).to_be_in_viewport()
    await expect(button(ada)).not_to_contain_text("50+")
    first = texts(ada).filter(has_text="message 71")
    await first.scroll_into_view_if_needed()
    await expect(texts(ada)).to_have_count(100)
    await expect(first).to_be_in_viewport()
    await ada.page.locator(".chat-log").press("Home")
    await expect(texts(ada)).to_have_count(120)
    assert await texts(ada).first.inner_text() == "message 1"
    await expect(ada.page.get_by_role("button", name="Earlier messages")).to_have_count(0)


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_it_is_readable_and_named(house: House, scheme: str) -> None:
    document = await house.document("Text")
    ada = await house.person(name="Ada", scheme="dark" if scheme == "dark" else "light")
    await ada.open(document)
    await button(ada).click()
    await say(ada, "Hello")
    await expect(ada.page.get_by_role("log", name="Messages")).to_contain_text("Hello")
    # Found and looked at in one turn: the entry is made anew when the server confirms it, and one
    # that has left the page has no colour.
    ink, paper = await ada.page.evaluate(
        "() => [document.querySelector('.chat-text'), document.body]"
        ".map((element) => getComputedStyle(element))"
        ".map((style, place) => (place ? style.backgroundColor : style.color))"
    )
    levels = [sum(map(int, re.findall(r"\d+", color)[:3])) for color in (ink, paper)]
    assert abs(levels[0] - levels[1]) > 300
