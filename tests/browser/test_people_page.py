"""Who else is there: carets with names, pictures, and one's own name."""

from __future__ import annotations

import asyncio
import json
import re
from pathlib import Path

import pytest
from playwright.async_api import expect

import collab
from collab.web.names import PALETTE
from tests.browser.people import House, Person

pytestmark = pytest.mark.browser

TEXT = "The quick brown fox jumps over the lazy dog.\nA second line.\n"


async def sees_caret(person: Person, name: str, position: int) -> None:
    """Wait until the caret of ``name`` is drawn at that position."""
    await person.page.wait_for_function(
        """([name, position]) => {
          const place = editorView().coordsAtPos(position);
          return [...document.querySelectorAll(".cm-remoteCaret")].some((caret) => {
            const box = caret.getBoundingClientRect();
            return caret.textContent === name && Math.abs(box.left + 1 - place.left) < 2
              && Math.abs(box.top - place.top) < 2;
          });
        }""",
        arg=[f"{name} (guest)", position],
    )


@pytest.mark.bundled("cursors")
async def test_each_sees_the_others_caret(house: House) -> None:
    document = await house.document(TEXT)
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob", color="#2e7d32")
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(10)
    await bob.put_caret(20)
    await asyncio.gather(sees_caret(bob, "Ada", 10), sees_caret(ada, "Bob", 20))
    await ada.page.wait_for_selector(".cm-remoteCaret[data-shown]")

    # They move through the edits of everybody.
    await ada.type("xyz")
    await asyncio.gather(sees_caret(bob, "Ada", 13), sees_caret(ada, "Bob", 23))
    await bob.type("!")
    await asyncio.gather(sees_caret(bob, "Ada", 13), sees_caret(ada, "Bob", 24))
    await house.write(document, "0123456789" + await house.text(document))
    await asyncio.gather(sees_caret(bob, "Ada", 23), sees_caret(ada, "Bob", 34))

    # A selection is tinted.
    await bob.put_caret(0, 15)
    await ada.page.wait_for_selector(".cm-remoteSelection")
    await sees_caret(ada, "Bob", 15)

    # The name goes after a while, and comes back under the pointer.
    await ada.page.wait_for_selector(".cm-remoteCaret:not([data-shown])")
    box = await ada.page.locator(".cm-remoteCaret").bounding_box()
    assert box is not None
    await ada.page.mouse.move(box["x"] + 1, box["y"] + box["height"] / 2)
    await ada.page.wait_for_selector(".cm-remoteCaret[data-shown]")

    # And a caret is gone when its owner is.
    await bob.page.close()
    await ada.page.wait_for_selector(".cm-remoteCaret", state="detached")


@pytest.mark.bundled("cursors")
async def test_a_typists_caret_moves_along_before_it_is_told(house: House) -> None:
    document = await house.document("abc")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(0)
    await bob.put_caret(3)
    await sees_caret(ada, "Bob", 3)
    await bob.page.evaluate(
        """() => {
          const { send } = WebSocket.prototype;
          WebSocket.prototype.send = function (data) {
            if (!data.includes('"message"')) send.call(this, data);
          };
        }"""
    )
    await bob.type("def")
    await ada.sees("abcdef")
    await sees_caret(ada, "Bob", 6)


@pytest.mark.bundled("cursors", "presence")
async def test_people_are_shown_and_may_change_their_name(house: House) -> None:
    document = await house.document(TEXT)
    ada, bob = await house.person(name="Ada Lovelace"), await house.person(name="Bob")
    await asyncio.gather(ada.open(document), bob.open(document))
    await bob.page.locator("#header-slot").get_by_title("Ada Lovelace").wait_for()
    await ada.put_caret(5)
    await sees_caret(bob, "Ada Lovelace", 5)

    await ada.page.click("#me")
    await ada.page.get_by_label("Your name", exact=True).fill("Countess")
    await ada.page.locator(".swatch").nth(7).click()
    await ada.page.get_by_role("button", name="Save").click()
    await ada.page.wait_for_selector("#me-card", state="hidden")
    assert await ada.page.get_attribute("#me", "title") == "You are Countess"
    await bob.page.locator("#header-slot").get_by_title("Countess").wait_for()
    await ada.put_caret(8)
    await sees_caret(bob, "Countess", 8)
    await ada.page.reload()
    await ada.page.wait_for_selector('#me[title="You are Countess"]')


async def sees_at(person: Person, position: int) -> None:
    """Wait until that position of the text is on the screen."""
    await person.page.wait_for_function(
        """(position) => {
          const view = editorView();
          const place = view.coordsAtPos(position);
          const { top, bottom } = view.scrollDOM.getBoundingClientRect();
          return place !== null && place.top >= top && place.bottom <= bottom;
        }""",
        arg=position,
    )


@pytest.mark.bundled("cursors", "presence")
async def test_one_goes_where_somebody_writes_and_follows_them(house: House) -> None:
    lines = "".join(f"Line {number}\n" for number in range(600))
    document = await house.document(lines)
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob", color="#2e7d32")
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.put_caret(0)
    far = lines.index("Line 400")
    await bob.put_caret(2)
    await sees_caret(ada, "Bob", 2)
    await bob.put_caret(far)
    await ada.page.wait_for_selector(".cm-remoteCaret", state="detached")
    avatar = ada.page.get_by_role("button", name="Bob (guest): go to where they write")
    await avatar.click()
    await sees_at(ada, far)
    await sees_caret(ada, "Bob", far)
    await ada.page.wait_for_selector(".cm-remoteCaret[data-shown]")

    await ada.page.get_by_role("button", name="Follow", exact=True).click()
    await ada.page.wait_for_selector(".presence-person[data-following]")
    near = lines.index("Line 20\n")
    await bob.put_caret(near)
    await sees_at(ada, near)
    await bob.type("Far " * 3)
    await bob.put_caret(far)
    await sees_at(ada, far)
    await ada.screenshot("following")

    # It ends when one types, …
    await ada.put_caret(0)
    await ada.type("!")
    await ada.page.wait_for_selector(".cursors-pill", state="detached")
    # … scrolls, …
    await ada.page.keyboard.press("Control+Shift+P")
    await ada.page.keyboard.type("follow bob")
    await ada.page.keyboard.press("Enter")
    await ada.page.wait_for_selector(".cursors-pill[data-following]")
    await ada.page.mouse.move(600, 400)
    await ada.page.mouse.wheel(0, 200)
    await ada.page.wait_for_selector(".cursors-pill", state="detached")
    # … or says so; and the name in the text is a button, too.
    await avatar.click()
    await sees_at(ada, far)
    await ada.page.locator(".cm-remoteFlag[data-button]").click()
    await ada.page.get_by_role("button", name="Follow", exact=True).click()
    await ada.page.get_by_role("button", name="Bob (guest): stop following").click()
    await ada.page.wait_for_selector(".cursors-pill", state="detached")
    await bob.page.close()
    await avatar.wait_for(state="detached")


@pytest.mark.bundled("cursors", "presence")
async def test_names_at_one_place_stand_one_above_the_other(house: House) -> None:
    document = await house.document("\n\n\nHere we are.")
    ada, bob = await house.person(name="Ada"), await house.person(name="Bob")
    eve = await house.person(name="Eve")
    await asyncio.gather(ada.open(document), bob.open(document), eve.open(document))
    for person in (bob, eve):
        await person.put_caret(8)
        await sees_caret(ada, "Bob" if person is bob else "Eve", 8)
    boxes = """(all) => all.map((one) => {
      const { top, bottom } = one.getBoundingClientRect();
      return [top, bottom];
    })"""
    names = ada.page.locator(".cm-remoteFlag")
    await expect(names).to_have_count(2)
    lower, upper = sorted(await names.evaluate_all(boxes), reverse=True)
    assert upper[1] <= lower[0]
    # The pointer calls them back, and reaches the upper one over the lower one.
    await ada.page.wait_for_selector(".cm-remoteCaret[data-shown]", state="detached")
    caret = await ada.page.locator(".cm-remoteCaret").first.bounding_box()
    assert caret is not None
    left = caret["x"] + 6
    await ada.page.mouse.move(left, caret["y"] + 8)
    await expect(ada.page.locator(".cm-remoteCaret[data-shown]")).to_have_count(2)
    middle = (upper[0] + upper[1]) / 2
    await ada.page.mouse.move(left, middle, steps=10)
    await ada.page.mouse.click(left, middle)
    await expect(ada.page.locator(".cursors-pill")).to_be_visible()


async def test_a_name_that_is_refused_says_why(house: House) -> None:
    document = await house.document()
    ada = await house.person()
    await ada.open(document)
    await ada.page.click("#me")
    await ada.page.get_by_label("Your name", exact=True).fill("\u202e\u202e")
    ada.network_faults_expected = True  # a browser reports every answer 400 as failed
    await ada.page.get_by_role("button", name="Save").click()
    problem = ada.page.locator("#me-card .problem")
    await problem.wait_for()
    assert (await problem.inner_text()).endswith(".")


async def test_the_title_is_live(house: House) -> None:
    document = await house.document(title="Draft")
    ada, bob = await house.person(), await house.person()
    await asyncio.gather(ada.open(document), bob.open(document))
    await ada.page.fill("#title", "Letter to the landlord")
    await bob.page.wait_for_function("() => document.title === 'Letter to the landlord · Collab'")
    assert await bob.page.input_value("#title") == "Letter to the landlord"
    # An empty title is none: the old one comes back.
    await ada.page.fill("#title", "   ")
    await ada.page.keyboard.press("Enter")
    assert await ada.page.input_value("#title") == "Letter to the landlord"
    # Escape takes back what was not sent yet.
    await bob.page.focus("#title")
    await bob.page.keyboard.type("!")
    await bob.page.keyboard.press("Escape")
    assert await bob.page.input_value("#title") == "Letter to the landlord"


def test_the_colours_offered_are_the_servers() -> None:
    colors = Path(collab.__file__).parent / "static" / "ui" / "colors.js"
    source = colors.read_text(encoding="utf-8")
    offered = re.search(r"PALETTE = \[(.*?)\]", source, re.DOTALL)
    assert offered
    assert json.loads(f"[{offered[1].strip().rstrip(',')}]") == list(PALETTE)
