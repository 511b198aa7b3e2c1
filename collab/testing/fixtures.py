"""Fixtures for pytest. In a ``conftest.py``:

    from collab.testing.fixtures import server, server_settings

    __all__ = ["server", "server_settings"]

and in a test:

    async def test_counts(server):
        document = await server.create_document("Notes", "one two")
        async with server.connect(document) as notes:
            await notes.insert(0, "zero ")
            assert notes.text == "zero one two"

Override ``server_settings`` to start the server in another way. ``open_page`` opens a document of
that server in Chromium, for tests of a browser half.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from collab.protocol.settings import Settings
from collab.testing.browser import Pages, chromium, launched
from collab.testing.server import Server, serve


@pytest.fixture
def server_settings(tmp_path: Path) -> Settings:
    """What `server` is started with: the defaults, and a data directory for this test alone."""
    return Settings(data_dir=tmp_path / "data")


@pytest_asyncio.fixture
async def server(server_settings: Settings) -> AsyncIterator[Server]:
    """A running server in the test's own event loop, stopped at the test's end."""
    async with serve(server_settings) as running:
        yield running


@pytest_asyncio.fixture
async def open_page(server: Server) -> AsyncIterator[Pages]:
    """Opens documents in Chromium: ``ada = await open_page(id, name="Ada")`` is a `Person`.

    Without Playwright or Chromium the test is skipped. At its end no page may have complained,
    or have asked anything of another place.
    """
    try:
        path = chromium()
    except LookupError as error:
        pytest.skip(str(error))
    async with launched(path) as browser:
        pages = Pages(browser, server.url)
        yield pages
    assert not pages.faults, "in the browser: " + "; ".join(pages.faults)
