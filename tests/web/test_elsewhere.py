"""A document from elsewhere is stored for nobody who may not have it."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.keys import STORE
from tests.plugins.fake import write_plugin

ELSEWHERE = """
import asyncio
from collab import NewDocument

class Elsewhere(Plugin):
    def __init__(self):
        self.asked = 0

    @hookimpl
    async def find_document(self, id):
        self.asked += 1
        await asyncio.sleep(0)
        return NewDocument(title="Found", content="from elsewhere")
"""

PATHS = [
    "/d/{id}",
    "/api/documents/{id}",
    "/api/documents/{id}/content",
    "/api/documents/{id}/operations",
    "/api/documents/{id}/export/text",
    "/api/documents/{id}/socket",
    "/plugins/history/api/documents/{id}/revisions",
    "/plugins/markdown/api/documents/{id}/preview",
]


def settings(folder: Path, guests: str) -> Settings:
    write_plugin(folder / "plugins", "elsewhere", ELSEWHERE)
    return Settings(
        data_dir=folder, plugins_dir=folder / "plugins", plugins={"members": {"guests": guests}}
    )


async def ask(server: Server, path: str, headers: dict[str, str] | None = None) -> int:
    async with server.http.get(server.url + path, headers=headers) as response:
        await response.read()
        return response.status


@pytest.mark.parametrize("guests", ["nothing", "read"])
async def test_only_who_may_read_it_has_it_fetched(tmp_path: Path, guests: str) -> None:
    async with serve(settings(tmp_path, guests)) as server:
        for number, path in enumerate(PATHS):
            status = await ask(server, path.format(id=f"no-{number}"))
            stored = await server.app[STORE].document(f"no-{number}")
            if guests == "nothing":
                assert (status, stored) == (403, None), path
            else:
                assert status != 403 and stored is not None, path


async def test_who_is_refused_takes_nobody_else_along(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, "nothing")) as server:
        path = "/api/documents/once"
        guest = [ask(server, path) for _ in range(6)]
        answers = await asyncio.gather(
            *guest[:3], ask(server, path, server.operator), *guest[3:],
            ask(server, "/plugins/members" + path, server.operator),
        )
        assert answers == [403, 403, 403, 200, 403, 403, 403, 200]
        assert await server.app[STORE].document("once") is not None
