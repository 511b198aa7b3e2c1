"""docs/coming-from.md names what there is, and counts its own plugin right."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collab import Document, Plugin, Server, Session
from collab.plugins import BUNDLED
from collab.plugins.specs import HOOKS
from collab.protocol.settings import Settings
from collab.testing.server import serve
from tests.plugins.fake import make_manager

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs/coming-from.md").read_text(encoding="utf-8")
TABLES = PAGE.split("## How long it becomes")[0]
ROWS = re.findall(r"^\| (`.+?) \| (.+) \|$", TABLES, re.MULTILINE)
BLOCK = re.compile(r"```(?:python|js|css)\n(?:#|//|/\*) (\S+)[^\n]*\n(.*?)```", re.DOTALL)

OWNERS = {"self": Plugin, "document": Document, "session": Session, "server": Server}
WORDS = {"chat.posted", "error.html", "migrations/", "static/NAME.css", "static/NAME.js", "write"}
"""Names of ours in the tables that are neither hooks nor members of anything."""


def known(name: str) -> bool:
    owner, _, member = name.partition(".")
    if owner in OWNERS:
        kind = OWNERS[owner]
        return hasattr(kind, member) or member in kind.__annotations__
    if owner == "collab":
        page = (ROOT / "docs/plugins-browser.md").read_text(encoding="utf-8")
        return re.search(rf"`{re.escape(name)}\b", page) is not None
    settings = (ROOT / "docs/settings.md").read_text(encoding="utf-8")
    return (
        name in HOOKS
        or name in WORDS
        or (BUNDLED / name).is_dir()
        or f"| `{name}` |" in settings
        or name == "Settings"
    )


@pytest.mark.parametrize(("theirs", "ours"), ROWS, ids=lambda cell: cell[:30])
def test_what_stands_beside_a_hook_of_theirs_exists(theirs: str, ours: str) -> None:
    names = re.findall(r"`([^`]+)`", ours)
    assert names or "missing" in ours or "not needed" in ours
    assert [name for name in names if not known(name)] == []


SOCKET = """
from aiohttp import web
from collab import Plugin, hookimpl

class Parrot(Plugin):
    @hookimpl
    def routes(self):
        return [("GET", "/socket", self.repeat)]

    async def repeat(self, request):
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await socket.send_str(await socket.receive_str())
        return socket
"""


async def test_a_handler_may_answer_with_a_websocket(tmp_path: Path) -> None:
    folder = tmp_path / "plugins" / "parrot"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(SOCKET, encoding="utf-8")
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=folder.parent, plugins_on=("parrot",)
    )
    async with (
        serve(settings) as server,
        server.http.ws_connect(f"{server.url}/plugins/parrot/api/socket") as socket,
    ):
        await socket.send_str("hello")
        assert await socket.receive_str() == "hello"


def test_hooks_that_have_no_counterpart_there_are_few() -> None:
    """A new hook of ours that theirs correspond to is not forgotten here."""
    told = {name for _, ours in ROWS for name in re.findall(r"`(\w+)`", ours)}
    new_here = {"commands", "document_renamed", "document_types", "schedules"}
    assert HOOKS.keys() - told == new_here


def test_the_headings_are_as_long_as_the_page_says(tmp_path: Path) -> None:
    counts = []
    for path, text in BLOCK.findall(PAGE):
        file = tmp_path / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text, encoding="utf-8")
        lines = [line.strip() for line in text.splitlines()]
        counts.append(sum(1 for line in lines if line and not line.startswith(("#", "//"))))
    (said,) = re.findall(r"^\| ep_headings2 [^|]*\|[^|]*\| ([^|]*) \|", PAGE, re.MULTILINE)
    assert said == " + ".join(map(str, counts))
    manager = make_manager(tmp_path / "my-plugins", plugins_on=("headings",))
    assert manager.problems == []
    assert [half.name for half in manager.browser_halves()] == ["headings"]
