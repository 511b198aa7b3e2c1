"""A plugin's own routes ask who may do what."""

from __future__ import annotations

from pathlib import Path

from collab.protocol.settings import Settings
from collab.testing.server import serve
from collab.web.keys import PLUGINS
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


async def test_a_route_says_what_is_wrong_with_a_body(tmp_path: Path) -> None:
    """What anybody can send is answered, and is no failure of the plugin's."""
    write_plugin(
        tmp_path / "plugins",
        "taking",
        """
        from msgspec import Struct

        class Item(Struct):
            title: str

        class Taking(Plugin):
            @hookimpl
            def routes(self):
                return [("POST", "/items", self.take)]

            async def take(self, request):
                from aiohttp import web

                (item,) = await self.body(request, list[Item])
                if not item.title:
                    raise web.HTTPConflict(text="An item has a title.")
                return web.json_response(item.title)
        """,
    )
    settings = Settings(data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins")
    async with serve(settings) as server:
        url = f"{server.url}/plugins/taking/api/items"
        for body, status, said in (
            (b'[{"title": "\xc3\xa9"}]', 200, "é"),
            (b'[{"title": 1}]', 400, "bad_request"),
            (b"[{", 400, "bad_json"),
            (b'[{"title": "\xff"}]', 400, "bad_json"),
            (b"", 400, "bad_json"),
        ):
            json = {"Content-Type": "application/json"}
            async with server.http.post(url, data=body, headers=json) as response:
                answer = await response.json()
                assert response.status == status, answer
                assert said == (answer if status == 200 else answer["error"]["code"])
        async with server.http.post(url, data="[]") as response:
            assert response.status == 415
        async with server.http.post(url, json=[{"title": ""}]) as response:
            assert response.status == 409
            assert (await response.json())["error"]["message"] == "An item has a title."
        assert server.app[PLUGINS].health()["taking"].failures == 0
