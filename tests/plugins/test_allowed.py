"""A plugin's own routes ask who may do what."""

from __future__ import annotations

from pathlib import Path

from collab.protocol.settings import Settings
from collab.testing.server import serve
from tests.plugins.fake import write_plugin


async def test_a_route_asks_who_may_do_what(tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "plugins",
        "asking",
        """
        class Asking(Plugin):
            @hookimpl
            def routes(self):
                return [("GET", "/{action}/{id}", self.ask)]

            async def ask(self, request):
                from aiohttp import web

                id = request.match_info["id"]
                action = request.match_info["action"]
                user = await self.allowed(request, action, None if id == "none" else id)
                return web.json_response(user.id)

            @hookimpl
            def authorize(self, user, action, document):
                return None if action == "read" or document is None else False
        """,
    )
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", tokens={"me": "secret"}
    )
    async with serve(settings) as server:
        id = await server.create_document()
        own = {"Authorization": "Bearer secret"}
        expected = {
            f"read/{id}": (200, "token:me"), f"write/{id}": (403, "forbidden"),
            "read/nothing": (404, "no_document"), "administer/none": (200, "token:me"),
        }
        for path, (status, said) in expected.items():
            url = f"{server.url}/plugins/asking/api/{path}"
            async with server.http.get(url, headers=own) as response:
                answer = await response.json()
                assert response.status == status, answer
                assert said == (answer if status == 200 else answer["error"]["code"])
