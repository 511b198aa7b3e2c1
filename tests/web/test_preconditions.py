"""``If-Match`` while others write: of those who mean the same state, one gets what they want."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from tests.plugins.fake import write_plugin

PLAIN = {"Content-Type": "text/plain"}

ASKED = """
import asyncio

class Asked(Plugin):
    @hookimpl
    async def before_operation(self, document, delta):
        await asyncio.sleep(0)
"""
"""A plugin for which edits wait."""


async def tag(server: Server, path: str) -> str:
    async with server.http.get(server.url + path) as response:
        assert response.status == 200
        return response.headers["ETag"]


async def ask(server: Server, method: str, path: str, tag: str | None, **sent: Any) -> int:
    headers = sent.pop("headers", {}) | ({} if tag is None else {"If-Match": tag})
    async with server.http.request(
        method, server.url + path, headers=headers, **sent
    ) as response:
        await response.read()
        return response.status


def plugin(folder: Path, vetted: bool) -> Settings:
    if vetted:
        write_plugin(folder / "plugins", "asked", ASKED)
    return Settings(data_dir=folder, plugins_dir=folder / "plugins" if vetted else None)


@pytest.mark.parametrize("vetted", [False, True])
@pytest.mark.parametrize("length", [10, 300_000])
async def test_of_many_who_put_at_once_with_one_tag_one_succeeds(
    tmp_path: Path, vetted: bool, length: int
) -> None:
    # What is ordered and not saved yet is somebody's text, too; so is what a plugin is asked about.
    async with serve(plugin(tmp_path, vetted)) as server:
        document = await server.create_document(content="abc\n")
        path = f"/api/documents/{document}/content"
        seen = await tag(server, path)
        answers = await asyncio.gather(
            *(
                ask(server, "PUT", path, seen, data=f"{number}" * length + "\n", headers=PLAIN)
                for number in range(8)
            )
        )
        assert sorted(answers) == [200] + [412] * 7
        winner = answers.index(200)
        assert await server.text(document) == f"{winner}" * length + "\n"
        # Without the header all are taken, and nobody's text is lost in silence: it is in the log.
        free = await asyncio.gather(
            *(ask(server, "PUT", path, None, data=f"{n}\n", headers=PLAIN) for n in range(4))
        )
        assert free == [200] * 4


async def test_of_many_who_rename_at_once_with_one_tag_one_succeeds(tmp_path: Path) -> None:
    async with serve(Settings(data_dir=tmp_path)) as server:
        path = f"/api/documents/{await server.create_document()}"
        seen = await tag(server, path)
        answers = await asyncio.gather(
            *(ask(server, "PATCH", path, seen, json={"title": f"No. {n}"}) for n in range(8))
        )
        assert sorted(answers) == [200] + [412] * 7


async def test_nothing_that_was_acknowledged_is_deleted_with_an_older_tag(tmp_path: Path) -> None:
    async with serve(Settings(data_dir=tmp_path)) as server:
        for _ in range(10):
            path = f"/api/documents/{await server.create_document(content='abc')}"
            seen = await tag(server, path + "/content")

            async def write(number: int, path: str = path) -> int:
                return await ask(
                    server, "PUT", path + "/content", None, data=f"{number}", headers=PLAIN
                )

            first, second, deleted, *later = await asyncio.gather(
                write(1), write(2), ask(server, "DELETE", path, seen), *map(write, range(3, 7))
            )
            written = 200 in (first, second, *later)
            assert (deleted == 204) != written, (first, second, deleted, later)
            assert deleted in (204, 412)
