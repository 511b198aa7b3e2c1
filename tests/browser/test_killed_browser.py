"""A browser that is killed right after the page said that unsaved words are kept in it."""

from __future__ import annotations

import asyncio
import os
import re
import signal
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from playwright.async_api import Page, async_playwright

from collab.testing.browser import TIMEOUT
from tests.browser.people import House

pytestmark = pytest.mark.browser

ROUNDS = 5
"""How often a browser is killed; each time the words have to be there again."""

SAYS_SO = '#status[title*="kept in this browser"]'


class Killable:
    """Chromium with a profile of its own, which can be killed with everything it has started."""

    def __init__(self, process: asyncio.subprocess.Process, page: Page) -> None:
        self.page = page
        self._process = process

    async def kill(self) -> None:
        os.killpg(self._process.pid, signal.SIGKILL)
        await self._process.wait()


@asynccontextmanager
async def killable(chromium: str, profile: Path) -> AsyncIterator[Killable]:
    process = await asyncio.create_subprocess_exec(
        chromium, f"--user-data-dir={profile}", "--remote-debugging-port=0", "--headless=new",
        "--no-sandbox", "--disable-gpu", "--no-first-run", "about:blank",
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.PIPE, start_new_session=True,
    )  # fmt: skip
    assert process.stderr is not None
    try:
        async with async_playwright() as playwright:
            found = None
            async with asyncio.timeout(60):
                while found is None:
                    line = await process.stderr.readline()
                    assert line, "Chromium did not start"
                    found = re.search(rb"DevTools listening on (\S+)", line)
            browser = await playwright.chromium.connect_over_cdp(found[1].decode())
            context = browser.contexts[0]
            context.set_default_timeout(TIMEOUT)
            yield Killable(process, context.pages[0])
    finally:
        if process.returncode is None:
            os.killpg(process.pid, signal.SIGKILL)
            await process.wait()


async def test_what_the_page_says_is_kept_survives_sigkill(
    house: House, chromium: str, tmp_path: Path
) -> None:
    """5 of 5; the negative control is `localStorage`, which was written at the same moment."""
    document = await house.document("Words:")
    profile = tmp_path / "profile"
    forgotten = 0
    for number in range(ROUNDS):
        word = f" word{number}"
        async with killable(chromium, profile) as browser:
            page = browser.page
            await page.goto(f"{house.url}/d/{document}")
            await page.wait_for_selector('#status[data-state="saved"]')
            # What was typed before the last kill has come through this very page.
            assert await house.text(document) == "Words:" + _words(number)
            if number:
                forgotten += await page.evaluate("localStorage.getItem('control') === null")
            house.unplug()
            await page.wait_for_selector('#status[data-state="offline"]')
            await page.click(".cm-content")
            await page.keyboard.press("Control+End")
            await page.keyboard.type(word)
            await page.evaluate("localStorage.setItem('control', 'written as well')")
            await page.wait_for_selector(SAYS_SO)
            await browser.kill()
        house.plug_in()
        async with killable(chromium, profile) as browser:
            await browser.page.goto(f"{house.url}/d/{document}")
            await browser.page.wait_for_selector('#status[data-state="saved"]')
            await browser.page.wait_for_function(
                "(word) => document.querySelector('.cm-content').textContent.endsWith(word)",
                arg=word,
            )
    assert await house.text(document) == "Words:" + _words(ROUNDS)
    assert forgotten, "the control did not show that such a kill loses anything"


def _words(count: int) -> str:
    return "".join(f" word{number}" for number in range(count))
