"""A real Chromium in front of a real server.

Without Chromium these tests are skipped; in CI they fail.
"""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest
import pytest_asyncio
from playwright.async_api import Browser

from collab.plugins import BUNDLED
from collab.testing import ServerProcess, Wire
from collab.testing.browser import chromium as find_chromium
from collab.testing.browser import launched
from tests.browser.people import House


def _off(wanted: set[str]) -> list[str]:
    names = sorted(file.parent.name for file in BUNDLED.glob("*/__init__.py"))
    return [f"--plugins-off={name}" for name in names if name not in wanted]


@pytest.fixture(scope="session")
def chromium() -> str:
    """Where Debian's Chromium is."""
    try:
        return find_chromium()
    except LookupError as error:
        if os.environ.get("CI"):
            pytest.fail(str(error))
        pytest.skip(str(error))


@pytest_asyncio.fixture
async def browser(chromium: str) -> AsyncIterator[Browser]:
    async with launched(chromium) as browser:
        yield browser


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
    browser: Browser,
    tmp_path: Path,
    server_arguments: list[str],
    plugins_on: set[str],
    pytestconfig: pytest.Config,
) -> AsyncIterator[House]:
    """A server and a wire; at the end no page may have complained or asked another host."""
    on = plugins_on - {pytestconfig.getoption("--without")}
    async with (
        ServerProcess(tmp_path / "data", *_off(on), *server_arguments) as server,
        Wire("127.0.0.1", server.port) as wire,
        aiohttp.ClientSession() as http,
    ):
        house = House(browser, server, wire, http, on)
        yield house
        faults = [fault for person in house.people for fault in person.faults]
        for context in browser.contexts:
            await context.close()
    assert not faults
