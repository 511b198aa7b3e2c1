"""members: names from a login in front of the server, and what guests may do."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collab.protocol.settings import Settings
from collab.testing.server import Server, serve

ADA = {"X-Remote-User": "Ada"}


def settings(folder: Path, **members: Any) -> Settings:
    return Settings(
        data_dir=folder,
        plugins_on=("members",),
        plugins={"members": members},
        trusted_proxies=("127.0.0.1/32",),
    )


async def status(server: Server, method: str, path: str, **how: Any) -> int:
    async with server.http.request(method, server.url + path, **how) as response:
        return response.status


async def name(server: Server, **headers: str) -> str:
    async with server.http.get(f"{server.url}/api/me", headers=headers) as response:
        return str((await response.json())["id"])


async def test_the_name_in_the_header_is_believed_from_the_proxy_only(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, header="X-Remote-User")) as server:
        assert await name(server, **ADA) == "member:Ada"
        assert await name(server, **ADA, **{"X-Forwarded-For": "192.0.2.1"}) == "member:Ada"
        assert (await name(server)).startswith("guest:")
    elsewhere = settings(tmp_path, header="X-Remote-User", proxies=["10.0.0.1"])
    async with serve(elsewhere) as server:
        assert (await name(server, **ADA)).startswith("guest:")


@pytest.mark.parametrize(
    ("guests", "reads", "writes"), [("write", 200, 201), ("read", 200, 403), ("nothing", 403, 403)]
)
async def test_what_guests_may_do(
    tmp_path: Path, guests: str, reads: int, writes: int
) -> None:
    async with serve(settings(tmp_path, header="X-Remote-User", guests=guests)) as server:
        async with server.http.post(
            f"{server.url}/api/documents", json={}, headers=ADA
        ) as response:
            id = (await response.json())["id"]
        assert await status(server, "GET", f"/d/{id}") == reads
        assert await status(server, "POST", "/api/documents", json={}) == writes
        assert await status(server, "GET", f"/d/{id}", headers=ADA) == 200


async def test_operators_may_switch_plugins(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, header="X-Remote-User", operators=["Ada"])) as server:
        away = {"Via": "a proxy"}
        assert await status(server, "GET", "/api/plugins", headers={**ADA, **away}) == 200
        bob = {"X-Remote-User": "Bob"}
        assert await status(server, "GET", "/api/plugins", headers={**bob, **away}) == 403


async def test_a_link_logs_out(tmp_path: Path) -> None:
    async with serve(settings(tmp_path, logout="https://login.example/out")) as server:
        id = await server.create_document()
        for path in ("/", f"/d/{id}"):
            async with server.http.get(server.url + path) as page:
                link = '<a class="bar-link" href="https://login.example/out">Log out</a>'
                assert link in await page.text()
