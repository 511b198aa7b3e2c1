"""Plugins that misbehave on a running server: what the writers, the log and the operator see."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import collab.web.app
from collab.plugins.loading import Bounds
from collab.plugins.manager import PluginManager
from collab.plugins.specs import HOOKS
from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import write_plugin

BOUNDS = Bounds(
    hard=0.05, failures=3, window=60.0, pause=0.2, burst=2000, rate=2000, late=0.08, blocked=0.2
)
"""So that what takes a minute takes a moment."""

GOOD = """
class Good(Plugin):
    seen = 0

    @hookimpl
    async def operation_committed(self):
        self.seen += 1
"""

TELLS = [name for name, hook in HOOKS.items() if hook.kind != "collected" and not hook.closed]

BEHAVIOUR = {
    "raises": "raise RuntimeError('no')",
    "never returns": "await asyncio.Event().wait()",
    "blocks the loop": "time.sleep(0.4)  # as a library does that waits for an answer",
    "floods": "while True: await self.broadcast(self.document, 'x' * 1000)",
    "leaks tasks": "while True: self.spawn(asyncio.Event().wait())",
}

SEEN = {
    "raises": "failed in {hook}: RuntimeError: no",
    "never returns": "failed in {hook}: took more than 0.05 s",
    "blocks the loop": "blocked the event loop for 0.",
    "floods": "failed in {hook}: took more than 0.05 s",
    "leaks tasks": "failed in {hook}: RuntimeError: Plugin bad has 1000 background tasks already",
}
"""What the log says after ``plugin bad``."""


def source(what: str, hooks: list[str]) -> str:
    """A plugin that does it in these hooks, as long as it is told to."""
    lines = ["import asyncio", "import time", "", "class Bad(Plugin):", "    bad = True", ""]
    for name in hooks:
        document = "document" in HOOKS[name].arguments
        lines += [
            "    @hookimpl",
            f"    async def {name}(self{', document' if document else ''}):",
            *(["        self.document = document"] if document else []),
            "        if self.bad:",
            f"            {BEHAVIOUR[what]}",
            "",
        ]
    return "\n".join(lines)


@pytest.fixture(params=BEHAVIOUR)
def what(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest_asyncio.fixture
async def server(
    what: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Server]:
    hooks = TELLS if what in ("raises", "never returns") else ["operation_committed"]
    write_plugin(tmp_path / "plugins", "bad", source(what, hooks))
    write_plugin(tmp_path / "plugins", "good", GOOD)
    monkeypatch.setattr(collab.web.app, "PluginManager", partial(PluginManager, bounds=BOUNDS))
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("bad", "good")
    )
    async with serve(settings) as running:
        yield running


async def shown(server: Server) -> dict[str, Any]:
    """The plugin as the operator sees it."""
    async with server.http.get(
        f"{server.url}/api/plugins", headers=server.operator
    ) as response:
        plugins = (await response.json())["plugins"]
    (bad,) = [one for one in plugins if one["name"] == "bad"]
    return dict(bad["health"])


async def becomes(server: Server, state: str) -> None:
    async with asyncio.timeout(20):
        while (await shown(server))["state"] != state:
            # Each look is a request, and each edit a call of the plugin's hook.
            await write_together(server, 1)


async def write_together(server: Server, edits: int) -> None:
    """Two people write in a new document, and both see everything."""
    id = await server.create_document("Together", "")
    async with server.connect(id) as one, server.connect(id) as two:
        for _ in range(edits):
            await asyncio.gather(one.insert(0, "a"), two.insert(0, "b"))
        await asyncio.gather(one.saved(), two.saved())
        expected = 2 * edits
        await asyncio.gather(
            *(each.wait_for(lambda it: len(it.text) == expected, timeout=20)
              for each in (one, two))
        )
        assert one.text == two.text


async def test_documents_stay_editable_and_it_is_left_alone_until_it_behaves(
    server: Server, what: str, caplog: pytest.LogCaptureFixture
) -> None:
    await write_together(server, 5)
    await becomes(server, "open")
    await write_together(server, 5)
    health = await shown(server)
    assert health["failures"] >= 1 and health["last_error"]
    hook = "operation_committed" if what not in ("raises", "never returns") else "document_created"
    assert f"plugin bad {SEEN[what].format(hook=hook)}" in caplog.text
    assert f"in {hook}" in caplog.text
    assert "switched off for a while" in caplog.text
    # It behaves, and after a while its breaker closes by itself.
    plugin: Any = server.app[PLUGINS].plugins["bad"]
    plugin.bad = False
    await becomes(server, "closed")
    assert "plugin bad works again: switched on" in caplog.text
    # By hand it is closed at once.
    server.app[PLUGINS].loaded["bad"].services.guard.breaker.open()
    async with server.http.post(
        f"{server.url}/api/plugins/bad", json={"state": "close breaker"},
        headers=server.operator,
    ) as response:
        assert (await response.json())["health"]["state"] == "closed"
    good: Any = server.app[PLUGINS].plugins["good"]
    assert good.seen and server.app[PLUGINS].health()["good"].failures == 0
