"""Fixtures for pytest. In a ``conftest.py``:

    from collab.testing.fixtures import server, server_settings

    __all__ = ["server", "server_settings"]

and in a test:

    async def test_counts(server):
        document = await server.create_document("Notes", "one two")
        async with server.connect(document) as notes:
            await notes.insert(0, "zero ")
            assert notes.text == "zero one two"

Override ``server_settings`` to start the server in another way.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from collab.protocol.settings import Settings
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
