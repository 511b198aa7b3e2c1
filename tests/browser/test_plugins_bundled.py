"""The bundled plugins, each as two people see it."""

from __future__ import annotations

import asyncio
import re

import pytest
from playwright.async_api import Locator, expect

from tests.browser.people import House, Person, Scheme
from tests.browser.test_look import CONTRAST, OVERFLOW

pytestmark = pytest.mark.browser

TEXT = """# Autumn planning

We meet on Thursday at ten in the small room.

- which of the three rooms we rent
- who keeps the accounts
"""


@pytest.fixture
def plugins_on() -> set[str]:
    return {
        "authorship", "chat", "comments", "cursors", "formats", "history", "markdown", "presence",
        "wordcount",
    }  # fmt: skip


async def two(house: House, text: str = TEXT) -> tuple[str, Person, Person]:
    """Ada and Bob in one document."""
    document = await house.document(text, title="Autumn planning")
    ada = await house.person(name="Ada Lovelace", color="#c2185b")
    bob = await house.person(name="Bob", color="#2e7d32")
    await asyncio.gather(ada.open(document), bob.open(document))
    return document, ada, bob


async def panel(person: Person, title: str) -> Locator:
    """Open a panel by its button, which is in the menu where the row has no room."""
    named = person.page.get_by_text(title, exact=True)
    button = person.page.locator("#toolbar button[aria-controls]").filter(has=named)
    if await button.evaluate("(button) => button.closest('#toolbar-menu') !== null"):
        await person.page.get_by_role("button", name="More tools").click()
    await button.click()
    opened = person.page.get_by_role("region", name=title, exact=True)
    await expect(opened).to_be_visible()
    return opened


def badge(person: Person, title: str) -> Locator:
    return person.page.locator(f'#toolbar button[title="{title}"] .badge')


@pytest.mark.bundled("wordcount")
async def test_words_are_counted(house: House) -> None:
    document, ada, bob = await two(house, "One two")
    foot = ada.page.locator("#foot")
    await expect(foot).to_contain_text("2 words, 7 characters")
    await bob.put_caret(7)
    await bob.type(" three 👨‍👩‍👧‍👦")
    await expect(foot).to_contain_text("3 words, 15 characters")
    await ada.put_caret(0, 7)
    await expect(foot).to_contain_text("2 of 3 words, 7 of 15 characters")
    await house.everybody_sees_the_same(document)


@pytest.mark.bundled("chat")
async def test_people_chat(house: House) -> None:
    document, ada, bob = await two(house)
    chat = await panel(ada, "Chat")
    await expect(chat.get_by_label("Write a message")).to_be_focused()
    await ada.type("Who brings the cake? https://example.org/cake?a=1&b=2 <b>")
    await ada.page.keyboard.press("Enter")
    await expect(badge(bob, "Chat")).to_have_text("1")
    bobs = await panel(bob, "Chat")
    message = bobs.locator(".chat-message")
    await expect(message).to_contain_text("Who brings the cake?")
    await expect(message).to_contain_text("<b>")
    await expect(message.get_by_role("link")).to_have_attribute(
        "href", "https://example.org/cake?a=1&b=2"
    )
    await expect(badge(bob, "Chat")).to_be_hidden()

    # A mention is completed, and told to whom it names even with the chat closed.
    await chat.get_by_role("button", name="Close Chat").click()
    await bob.type("I do, @ada")
    await expect(bobs.get_by_role("option", name="Ada Lovelace")).to_be_visible()
    await bob.page.keyboard.press("Enter")
    await bob.page.keyboard.press("Enter")
    await expect(ada.page.locator(".notice")).to_contain_text("Bob (guest) mentioned you")
    await expect(badge(ada, "Chat")).to_have_text("@1")

    # It is all there after a reload, and one's own may be changed and deleted.
    await bob.page.reload()
    bobs = await panel(bob, "Chat")
    mine = bobs.locator(".chat-message[data-mine]").last
    await expect(mine).to_contain_text("@Ada Lovelace")
    await mine.hover()
    await mine.get_by_role("button", name="Edit").click()
    await bob.page.keyboard.press("Control+a")
    await bob.type("Not me")
    await bob.page.keyboard.press("Enter")
    chat = await panel(ada, "Chat")
    await expect(ada.page.locator(".notice")).to_have_count(0)
    await expect(chat.locator(".chat-message").last).to_contain_text("Not me")
    mine = bobs.locator(".chat-message[data-mine]").last
    await mine.hover()
    await mine.get_by_role("button", name="Delete").click()
    await mine.get_by_role("button", name="Really delete").click()
    await expect(chat.locator(".chat-message").last).to_contain_text("was deleted")
    # The text was not touched by any of it.
    assert await house.everybody_sees_the_same(document) == TEXT


@pytest.mark.bundled("comments")
async def test_people_comment_on_the_text(house: House) -> None:
    document, ada, bob = await two(house)
    at = TEXT.index("Thursday")
    await ada.put_caret(at, at + len("Thursday"))
    await ada.page.get_by_role("button", name="Comment", exact=True).click()
    await ada.type("Not Friday?")
    await ada.page.keyboard.press("Control+Enter")
    mark = bob.page.locator(".comment-mark")
    await expect(mark).to_have_text("Thursday")
    await expect(badge(bob, "Comments")).to_have_text("1")

    # It moves with everybody's edits, and what is written at its edges stays out.
    await bob.put_caret(0)
    await bob.type("> ")
    await bob.put_caret(at + 2)
    await bob.type("next ")
    await expect(mark).to_have_text("Thursday")
    await expect(ada.page.locator(".comment-mark")).to_have_text("Thursday")

    # A click on it opens the thread; an answer is seen at once.
    await mark.click()
    comments = bob.page.get_by_role("region", name="Comments", exact=True)
    await expect(comments).to_contain_text("Not Friday?")
    await comments.get_by_role("textbox", name="Reply").fill("Friday is taken.")
    await bob.page.keyboard.press("Control+Enter")
    adas = ada.page.get_by_role("region", name="Comments", exact=True)
    await expect(adas).to_contain_text("Friday is taken.")
    await bob.screenshot("plugin-comments")

    # Its text is deleted: the thread stays, and finds it again when that is undone.
    text = await ada.text()
    start = text.index("Thursday")
    await ada.put_caret(start, start + 8)
    await ada.page.keyboard.press("Delete")
    await expect(mark).to_have_count(0)
    await expect(adas).to_contain_text("was deleted")
    await ada.page.keyboard.press("Control+z")
    await expect(mark).to_have_text("Thursday")

    # It is there after a reload, and gone once it is resolved.
    await bob.page.reload()
    await expect(mark).to_have_text("Thursday")
    await adas.get_by_role("button", name="Resolve").click()
    await expect(mark).to_have_count(0)
    await expect(badge(bob, "Comments")).to_be_hidden()
    await house.everybody_sees_the_same(document)


@pytest.mark.bundled("history")
async def test_the_history_shows_every_revision_and_restores(house: House) -> None:
    document, ada, bob = await two(house)
    await bob.put_caret(len(TEXT))
    await bob.type("Bob was here.")
    await bob.saved()
    await ada.put_caret(0)
    await ada.type("Draft! ")
    written = await house.everybody_sees_the_same(document)

    history = await panel(ada, "History")
    await expect(history.get_by_role("button", name=re.compile("^Bob"))).to_be_visible()
    await history.get_by_role("button", name="Look through all revisions").click()
    dialog = ada.page.get_by_role("dialog", name="History")
    shown = dialog.get_by_role("document")
    await expect(shown).to_have_text(written)
    await expect(dialog).to_contain_text("Bob")
    slider = dialog.get_by_role("slider", name="Revision")
    await slider.focus()
    await ada.page.keyboard.press("Home")
    await expect(shown).to_have_text(TEXT)
    await ada.screenshot("plugin-history")
    await dialog.get_by_role("button", name="Restore this revision").click()
    await bob.sees(TEXT)
    await expect(dialog).to_be_hidden()
    await history.get_by_role("button", name="Take the restoring back").click()
    await bob.sees(written)
    await house.everybody_sees_the_same(document)


@pytest.mark.bundled("authorship")
async def test_the_text_in_its_authors_colours(house: House) -> None:
    document, ada, bob = await two(house)
    await bob.put_caret(len(TEXT))
    await bob.type("Bob was here. ")
    await ada.sees(f"{TEXT}Bob was here. ")
    await panel(ada, "Authors")
    run = ada.page.locator(".authorship-run")
    await expect(run.filter(has_text="Bob was here.")).to_have_attribute("title", "Bob (guest)")
    await ada.put_caret(len(TEXT))
    await ada.type("So was I. ")
    adas = run.filter(has_text="So was I.")
    await expect(adas).to_have_attribute("title", "Ada Lovelace (guest)")
    await expect(ada.page.get_by_role("region", name="Authors", exact=True)).to_contain_text("Bob")
    await ada.screenshot("plugin-authorship")
    await ada.page.reload()
    await expect(run.filter(has_text="Bob was here.")).to_have_attribute("title", "Bob (guest)")
    await house.everybody_sees_the_same(document)


@pytest.mark.bundled("markdown")
async def test_markdown_is_rendered_beside_the_text(house: House) -> None:
    document, ada, bob = await two(house)
    preview = await panel(ada, "Preview")
    await expect(preview.get_by_role("heading", name="Autumn planning")).to_be_visible()
    await bob.put_caret(len(TEXT))
    await bob.type("- **bold** <script>alert(1)</script> [bad](javascript:alert(1)) ")
    await expect(preview.locator("strong")).to_have_text("bold")
    await expect(preview.locator("script")).to_have_count(0)
    assert await preview.locator("a[href^=javascript]").count() == 0
    await house.everybody_sees_the_same(document)


@pytest.mark.bundled("formats")
async def test_a_document_is_downloaded(house: House) -> None:
    _, ada, _ = await two(house)
    await ada.page.get_by_role("button", name="Files").click()
    dialog = ada.page.get_by_role("dialog")
    async with ada.page.expect_download() as download:
        await dialog.get_by_role("link", name="Markdown").or_(
            dialog.get_by_role("button", name="Markdown")
        ).first.click()
    path = await (await download.value).path()
    assert path.read_text(encoding="utf-8").startswith("# Autumn planning")


@pytest.mark.bundled("authorship", "chat", "comments", "history", "markdown")
@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1280, 800), (390, 780)], ids=["wide", "phone"])
async def test_how_it_looks(house: House, scheme: Scheme, size: tuple[int, int]) -> None:
    document = await house.document(TEXT, title="Autumn planning")
    ada = await house.person(
        name="Ada Lovelace", color="#c2185b", scheme=scheme, size=size, touch=size[0] < 500
    )
    bob = await house.person(name="Grace Hopper", color="#2e7d32")
    await asyncio.gather(ada.open(document), bob.open(document))
    await bob.put_caret(TEXT.index("small"))
    await bob.type("rather ")
    chat = await panel(bob, "Chat")
    await chat.get_by_label("Write a message").fill("@Ada Lovelace who brings the cake?")
    await bob.page.keyboard.press("Enter")
    await expect(badge(ada, "Chat")).to_have_text("@1")
    for title, shown in [
        ("Authors", "Grace Hopper"), ("Chat", "cake"), ("Comments", "Select"),
        ("History", "Grace Hopper"), ("Preview", "Autumn planning"),
    ]:  # fmt: skip
        opened = await panel(ada, title)
        await expect(opened).to_contain_text(shown)
        await expect(opened.get_by_text(shown).first).to_be_visible()
        await ada.page.evaluate(
            "Promise.all(document.getAnimations().map((animation) => animation.finished))"
        )
        await ada.screenshot(f"plugins-{title.lower()}-{scheme}-{size[0]}")
        assert await ada.page.evaluate(CONTRAST) == [], title
        assert not await ada.page.evaluate(OVERFLOW), title
        await opened.get_by_role("button", name=f"Close {title}").click()
