"""The row of tools fits on every screen: what has no room is in a menu, in everybody's reach."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import Locator, expect

from tests.browser.people import House, Person
from tests.browser.test_look import CONTRAST, OVERFLOW, Scheme

pytestmark = pytest.mark.browser

MANY = """export default function activate(collab) {
  globalThis.collab = collab;
  globalThis.done = [];
  globalThis.panels = {};
  for (const name of ["Bold", "Italic", "Table", "Picture", "Link"]) {
    collab.ui.addToolbarButton({ label: name, icon: "star", onClick: () => done.push(name) });
  }
  for (const name of ["Outline", "Sources", "Tasks", "Glossary"]) {
    panels[name] = collab.ui.addPanel({ title: name, icon: "list" });
  }
  const late = { label: "Late", icon: "plus", onClick() {} };
  globalThis.addLate = () => collab.ui.addToolbarButton(late);
}
"""

NAMES = [
    "Bold", "Italic", "Table", "Picture", "Link", "Outline", "Sources", "Tasks", "Glossary",
    "Commands",
]  # fmt: skip

PLACES = """() => [...document.querySelectorAll("#toolbar .tool:not([hidden])")].map((tool) => ({
  name: tool.querySelector(".tool-label").textContent,
  away: tool.closest("#toolbar-menu") !== null,
  left: tool.getBoundingClientRect().left,
  right: tool.getBoundingClientRect().right,
}))"""


@pytest.fixture
def server_arguments(tmp_path: Path) -> list[str]:
    folder = tmp_path / "plugins" / "many"
    (folder / "static").mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from collab import Plugin\n\n\nclass Many(Plugin):\n    pass\n"
    )
    (folder / "static" / "many.js").write_text(MANY)
    return ["--plugins-dir", str(tmp_path / "plugins")]


async def arrive(house: House, width: int = 360, scheme: Scheme = "light") -> Person:
    document = await house.document("The quick brown fox.\n")
    person = await house.person(name="Ada", size=(width, 740), scheme=scheme)
    await person.open(document)
    await person.page.wait_for_function("() => globalThis.panels?.Glossary !== undefined")
    return person


async def places(person: Person) -> tuple[list[str], list[str]]:
    """What is in the row, all of it in sight, and what is in the menu."""
    found: list[dict[str, Any]] = await person.page.evaluate(PLACES)
    size = person.page.viewport_size
    assert size is not None
    row = [one for one in found if not one["away"]]
    assert all(0 <= one["left"] < one["right"] <= size["width"] for one in row)
    return [one["name"] for one in row], [one["name"] for one in found if one["away"]]


def more(person: Person) -> Locator:
    return person.page.get_by_role("button", name="More tools")


def menu(person: Person) -> Locator:
    return person.page.get_by_role("group", name="More tools")


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_every_tool_is_in_the_row_or_in_the_menu(house: House, scheme: Scheme) -> None:
    ada = await arrive(house, 360, scheme)
    await expect(more(ada)).to_be_visible()
    row, away = await places(ada)
    assert row.pop() == "More tools"
    assert row + away == NAMES
    assert len(row) >= 6
    await more(ada).click()
    for name in away:
        await expect(menu(ada).get_by_text(name, exact=True)).to_be_in_viewport()
    assert not await ada.page.evaluate(OVERFLOW)
    assert await ada.page.evaluate(CONTRAST) == []
    await ada.screenshot(f"toolbar-menu-{scheme}")
    await menu(ada).get_by_role("button", name="Glossary").click()
    await expect(menu(ada)).to_be_hidden()
    await expect(ada.page.get_by_role("heading", name="Glossary")).to_be_visible()
    # The panel covers the text; when it goes, the keyboard is where it came from.
    await ada.page.keyboard.press("Escape")
    await expect(more(ada)).to_be_focused()


async def test_the_row_takes_back_what_it_has_room_for(house: House) -> None:
    ada = await arrive(house)
    row, away = await places(ada)
    assert len(away) > 1
    await ada.page.set_viewport_size({"width": 430, "height": 740})
    await ada.page.wait_for_function(
        "count => document.querySelector('#toolbar-menu').children.length < count", arg=len(away)
    )
    wider, fewer = await places(ada)
    assert wider[:-1] + fewer == row[:-1] + away == NAMES
    await ada.page.set_viewport_size({"width": 1280, "height": 740})
    await expect(more(ada)).to_be_hidden()
    assert await places(ada) == (NAMES, [])
    await ada.page.set_viewport_size({"width": 360, "height": 740})
    await expect(more(ada)).to_be_visible()
    assert await places(ada) == (row, away)
    # What comes later has its place among its own, whoever was in the menu.
    await ada.page.evaluate("void (globalThis.late = addLate())")
    changed, gone = await places(ada)
    assert changed[:-1] + gone == [*NAMES[:5], "Late", *NAMES[5:]]
    await ada.page.evaluate("late.remove()")
    assert await places(ada) == (row, away)


async def test_a_tool_with_choices(house: House) -> None:
    ada = await arrive(house, 1280)
    page = ada.page
    await page.evaluate(
        """() => {
          globalThis.level = "Text";
          const levels = ["Text", "Heading 1", "Heading 2"];
          globalThis.tool = collab.ui.addToolbarButton({
            label: "Style", title: "Style of the line",
            choices: () => levels.map((label) => ({
              label, active: label === level, run() { level = label; tool.setLabel(label); },
            })),
          });
        }"""
    )
    style = page.get_by_role("button", name="Style", exact=True)
    choices = page.get_by_role("menu", name="Style of the line")
    await style.click()
    await expect(choices.get_by_role("menuitemradio", name="Text")).to_be_focused()
    assert not await page.evaluate(OVERFLOW)
    assert await page.evaluate(CONTRAST) == []
    await ada.screenshot("toolbar-choices")
    await page.keyboard.press("ArrowDown")
    await page.keyboard.press("Enter")
    await expect(choices).to_have_count(0)
    assert await page.evaluate("level") == "Heading 1"
    style = page.get_by_role("button", name="Heading 1")
    await style.focus()
    await page.keyboard.press("Enter")
    ticked = choices.get_by_role("menuitemradio", checked=True)
    await expect(ticked).to_have_text("Heading 1")
    await page.keyboard.press("ArrowUp")
    await page.keyboard.press("ArrowUp")
    await expect(choices.get_by_role("menuitemradio").last).to_be_focused()
    await page.keyboard.press("Escape")
    await expect(choices).to_have_count(0)
    await expect(style).to_be_focused()
    assert await page.evaluate("level") == "Heading 1"
    # In the menu of what has no room, and taken away while it is open.
    await page.evaluate("tool.remove()")
    await page.set_viewport_size({"width": 240, "height": 740})
    await page.evaluate(
        """() => void (globalThis.last = collab.ui.addToolbarButton({
          label: "Zoom", choices: [{ label: "Large", run() { level = "Large"; } }],
        }))"""
    )
    await more(ada).click()
    await menu(ada).get_by_role("button", name="Zoom").click()
    large = page.get_by_role("menuitemradio", name="Large")
    await expect(large).to_be_in_viewport(ratio=1)
    await page.evaluate("last.remove()")
    await expect(large).to_have_count(0)


async def test_the_menu_by_keyboard(house: House) -> None:
    ada = await arrive(house)
    _, away = await places(ada)
    await more(ada).focus()
    await ada.page.keyboard.press("Enter")
    await expect(menu(ada)).to_be_visible()
    for name in away:
        await ada.page.keyboard.press("Tab")
        await expect(menu(ada).get_by_role("button", name=name)).to_be_focused()
    await ada.page.keyboard.press("Escape")
    await expect(menu(ada)).to_be_hidden()
    await expect(more(ada)).to_be_focused()
    # The last in it is the list of commands.
    await ada.page.keyboard.press("Enter")
    for _ in away:
        await ada.page.keyboard.press("Tab")
    await ada.page.keyboard.press("Enter")
    await expect(ada.page.get_by_role("dialog", name="Commands")).to_be_visible()
    await expect(menu(ada)).to_be_hidden()


async def test_news_of_what_is_in_the_menu_is_seen(house: House) -> None:
    ada = await arrive(house)
    page = ada.page
    dot = more(ada).locator(".badge")
    await expect(dot).to_be_hidden()
    await page.evaluate("panels.Glossary.setBadge(2)")
    await expect(dot).to_be_visible()
    await expect(page.get_by_role("button", name="More tools with news")).to_be_visible()
    await more(ada).click()
    await expect(menu(ada).get_by_role("button", name="Glossary 2")).to_be_visible()
    # An open menu stays as it is.
    await page.evaluate("panels.Glossary.setBadge(3)")
    await expect(menu(ada).get_by_role("button", name="Glossary 3")).to_be_visible()
    await page.evaluate("panels.Glossary.setBadge('')")
    await expect(dot).to_be_hidden()
    await expect(menu(ada)).to_be_visible()


async def test_pressing_more_leaves_the_text_its_selection(house: House) -> None:
    ada = await arrive(house, 240)
    await ada.put_caret(4, 9)
    await more(ada).click()
    await menu(ada).get_by_role("button", name="Link").click()
    assert await ada.page.evaluate("done") == ["Link"]
    await ada.type("slow")
    await ada.sees("The slow brown fox.\n")


ADD = """(how) => {
  for (let count = 0; count < how.at_most; count++) {
    try {
      const one = collab.ui.addToolbarButton({ label: `More ${count}`, onClick() {} });
      (globalThis.more ??= []).push(one);
    } catch (error) {
      return [count, String(error)];
    }
  }
}"""


async def test_a_plugin_that_adds_tools_without_end_is_told_so(house: House) -> None:
    person = await arrive(house)
    # It has five buttons and four panels already.
    told = [41, "RangeError: A plugin may have 50 tools at once."]
    assert await person.page.evaluate(ADD, {"at_most": 10_000}) == told
    # One that is removed, also twice, makes room for one.
    await person.page.evaluate("() => { more[0].remove(); more[0].remove(); }")
    assert await person.page.evaluate(ADD, {"at_most": 10_000}) == [1, told[1]]
    await person.type("still ")
    await person.saved()
