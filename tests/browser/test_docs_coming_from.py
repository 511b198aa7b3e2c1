"""The plugin in docs/coming-from.md makes headings, as a reader would write it down."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from tests.browser.people import House, Person
from tests.plugins.test_docs_coming_from import BLOCK, PAGE

pytestmark = pytest.mark.browser


@pytest.fixture
def server_arguments(tmp_path: Path) -> list[str]:
    for path, text in BLOCK.findall(PAGE):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
    return ["--plugins-dir", str(tmp_path / "my-plugins")]


async def size(person: Person, line: int) -> float:
    """The height of a line's letters in pixels."""
    found = person.page.locator(".cm-line").nth(line)
    return float(await found.evaluate("(line) => parseFloat(getComputedStyle(line).fontSize)"))


async def test_a_line_that_begins_with_a_number_sign_looks_like_a_heading(house: House) -> None:
    document = await house.document("# Title\nwords\n#hashtag")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await ada.open(document)
    await bob.open(document)
    await expect(bob.page.locator(".headings-1")).to_have_text("# Title")
    assert await size(bob, 0) > await size(bob, 1) == await size(bob, 2)
    await ada.put_caret(len("# Title\n"))
    await ada.type("## ")
    await expect(bob.page.locator(".headings-2")).to_have_text("## words")
    assert await size(bob, 0) > await size(bob, 1) > await size(bob, 2)


async def test_a_command_makes_headings_of_all_chosen_lines(house: House) -> None:
    text = "Title\n### words\nmore 🎉"
    document = await house.document(text)
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await ada.open(document)
    await bob.open(document)
    await ada.put_caret(2, len(text) - 1)
    await ada.page.keyboard.press("Control+Alt+1")
    await bob.sees("# Title\n# words\n# more 🎉")
    await expect(bob.page.locator(".headings-1")).to_have_count(3)
    await ada.page.keyboard.press("Control+z")
    await bob.sees(text)
    await ada.put_caret(0)
    tool = ada.page.get_by_title("Heading", exact=True)
    await expect(tool).to_have_text("Text")
    await tool.click()
    await ada.page.get_by_role("menuitemradio", name="Heading 2").click()
    await bob.sees(f"## {text}")
    await expect(tool).to_have_text("Heading 2")
    await ada.page.keyboard.press("Control+Alt+0")
    await bob.sees(text)
