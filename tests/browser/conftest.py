"""A real Chromium in front of a real server.

Without Chromium these tests are skipped; in CI they fail.
"""

from __future__ import annotations

import os
import shutil
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser, async_playwright

from collab.plugins import BUNDLED
from collab.testing import ServerProcess, Wire
from tests.browser.people import House

_ARGUMENTS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]


def _off(wanted: set[str]) -> list[str]:
    names = sorted(file.parent.name for file in BUNDLED.glob("*/__init__.py"))
    return [f"--plugins-off={name}" for name in names if name not in wanted]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Debian's Chromium is."""
    path = shutil.which("chromium")
    if path is None:
        reason = "Chromium is not installed (apt install chromium)."
        if os.environ.get("CI"):
            pytest.fail(reason)
        pytest.skip(reason)
    return path


@pytest_asyncio.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=chromium, args=_ARGUMENTS)
        yield browser
        await browser.close()


@pytest.fixture
def plugins_on() -> set[str]:
    """The bundled plugins that are on; override it."""
    return {"cursors", "presence"}


@pytest.fixture
def server_arguments() -> list[str]:
    """What `serve` is given besides port and data directory; override it."""
    return []


@pytest_asyncio.fixture
async def house(
    browser: Browser, tmp_path: Path, server_arguments: list[str], plugins_on: set[str]
) -> AsyncIterator[House]:
    """A server and a wire; at the end no page may have complained or asked another host."""
    async with (
        ServerProcess(tmp_path / "data", *_off(plugins_on), *server_arguments) as server,
        Wire("127.0.0.1", server.port) as wire,
        aiohttp.ClientSession() as http,
    ):
        house = House(browser, server, wire, http)
        yield house
        faults = [fault for person in house.people for fault in person.faults]
        for context in browser.contexts:
            await context.close()
    assert not faults
