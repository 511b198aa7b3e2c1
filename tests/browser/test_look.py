"""Screenshots to look at, and what can be measured: nothing overflows, all can be read."""

from __future__ import annotations

import asyncio

import pytest
from playwright.async_api import expect

from tests.browser.people import House, Scheme

pytestmark = pytest.mark.browser

TEXT = """Autumn planning

We meet on Thursday at ten in the small room on the second floor. Whoever can't come writes a \
line below until Wednesday evening, so that nobody waits.

What we have to decide
- which of the three rooms we rent from October on
- who keeps the accounts while Judith is away
- whether the newsletter goes out every month, or only when there is something to say

The rooms
The one by the river is the brightest, and the cheapest to heat. The one behind the bakery has \
the large kitchen that we would need for the Friday dinners; it is free from the fifteenth. The \
third one is too small for more than twelve people, but the landlord would let us paint it.

Accounts
Judith has written down everything that is due before the end of the year. It is two evenings \
of work, not more.
"""

TITLES = [
    "Letter to the landlord", "Recipe for plum cake", "Résumé", "Songs for the summer party",
    "A title that is very long, so long that a list has to cut it off somewhere if it is not wide",
    "Autumn planning",
]  # fmt: skip

CONTRAST = """() => {
  // The contrast of each visible text with what lies behind it (WCAG 2), where both are opaque.
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgb = (color) => {
    canvas.clearRect(0, 0, 1, 1);
    canvas.fillStyle = color;
    canvas.fillRect(0, 0, 1, 1);
    return [...canvas.getImageData(0, 0, 1, 1).data];
  };
  const luminance = ([r, g, b]) => {
    const linear = (part) => (part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4);
    const [x, y, z] = [r, g, b].map((part) => linear(part / 255));
    return 0.2126 * x + 0.7152 * y + 0.0722 * z;
  };
  const behind = (element) => {
    for (let at = element; at; at = at.parentElement) {
      const color = rgb(getComputedStyle(at).backgroundColor);
      if (color[3] === 255) return color;
    }
    return rgb("white");
  };
  const faint = [];
  for (const element of document.querySelectorAll("body *")) {
    const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    if (!own || !element.checkVisibility({ opacityProperty: true })) continue;
    if (element.closest(".unseen, :disabled")) continue;
    const [a, b] = [luminance(rgb(getComputedStyle(element).color)), luminance(behind(element))];
    const contrast = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (contrast < 4.5) faint.push([element.className, element.textContent.trim(), contrast]);
  }
  return faint;
}"""

OVERFLOW = "document.documentElement.scrollWidth > document.documentElement.clientWidth"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize("size", [(1200, 800), (390, 780)], ids=["wide", "phone"])
async def test_the_pages(house: House, scheme: Scheme, size: tuple[int, int]) -> None:
    name = f"{scheme}-{size[0]}"
    for title in TITLES:
        document = await house.document(TEXT, title=title)
    ada = await house.person(
        name="Ada Lovelace", color="#c2185b", scheme=scheme, size=size, touch=size[0] < 500
    )
    grace = await house.person(name="Grace Hopper", color="#2e7d32")
    linus = await house.person(name="Linus", color="#1565c0")

    await ada.page.goto(f"{house.url}/")
    await expect(ada.page.locator(".row")).to_have_count(len(TITLES))
    assert await ada.page.evaluate(CONTRAST) == []
    assert not await ada.page.evaluate(OVERFLOW)
    await ada.screenshot(f"list-{name}")

    await asyncio.gather(ada.open(document), grace.open(document), linus.open(document))
    await ada.put_caret(len(TEXT))
    await grace.put_caret(TEXT.index("until"), TEXT.index("so that"))
    await linus.put_caret(TEXT.index("kitchen") + 7)
    carets = 2 if "cursors" in house.plugins else 0
    await expect(ada.page.locator(".cm-remoteCaret[data-shown]")).to_have_count(carets)
    await ada.page.evaluate(
        "Promise.all(document.getAnimations().map((animation) => animation.finished))"
    )
    assert await ada.page.evaluate(CONTRAST) == []
    assert not await ada.page.evaluate(OVERFLOW)
    await ada.screenshot(f"editor-{name}")
    await ada.page.click("#me")
    await ada.page.wait_for_selector("#me-card")
    await ada.screenshot(f"name-{name}")


async def test_the_keyboard_reaches_everything(house: House) -> None:
    document = await house.document("abc")
    ada = await house.person()
    await ada.open(document)
    reached = []
    await ada.page.evaluate("document.querySelector('.skip').focus()")
    while "cm-content" not in reached:
        name = "document.activeElement.id || document.activeElement.className.split(' ')[0]"
        reached.append(await ada.page.evaluate(name))
        assert len(reached) < 30, reached
        await ada.page.keyboard.press("Tab")
    # What plugins add to the header comes between.
    own = [name for name in reached if name in ("skip", "bar-home", "title", "me", "cm-content")]
    assert own == ["skip", "bar-home", "title", "me", "cm-content"]
    # Tab leaves the text again: nobody is caught in it.
    assert not await ada.page.evaluate("document.activeElement.matches('.cm-content')")
