"""Plugins say who it is and who may do what; one that fails lets nobody in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from collab.plugins.access import ACTIONS
from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.operator import OPERATOR
from tests.plugins.fake import write_plugin

LOGIN = """
from collab import User

class Login(Plugin):
    @hookimpl
    async def authenticate(self, request):
        assert request.path.startswith("/") and request.remote == "127.0.0.1"
        if "boom" in request.headers:
            raise RuntimeError("boom")
        name = request.headers.get("Remote-User")
        return User(f"proxy:{name}", name, "#512da8") if name else None
"""

RULES = """
class Rules(Plugin):
    @hookimpl
    def authorize(self, user, action, document):
        if user.name == "boom":
            raise RuntimeError("boom")
        if user.name == "root":
            return True
        if document is not None and document.title.startswith("Secret"):
            return False
        if user.name == "reader":
            return action == "read"
"""


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_plugin(tmp_path / "plugins", "login", LOGIN)
    write_plugin(tmp_path / "plugins", "rules", RULES)
    return Settings(
        data_dir=tmp_path / "data",
        plugins_dir=tmp_path / "plugins",
        plugins_on=("login", "rules"),
        tokens={"script": "0123456789abcdef"},
    )


def as_(name: str) -> dict[str, str]:
    return {"Remote-User": name}


async def ask(
    server: Server, method: str, path: str, headers: dict[str, str], **how: Any
) -> tuple[int, Any]:
    async with server.http.request(
        method, server.url + path, headers=headers, **how
    ) as response:
        text = await response.text()
        return response.status, await response.json() if text.startswith(("{", "[")) else text


async def test_a_plugin_says_who_it_is(settings: Settings) -> None:
    async with serve(settings) as server:
        assert await ask(server, "GET", "/api/me", as_("Ada")) == (
            200, {"id": "proxy:Ada", "name": "Ada", "color": "#512da8"},
        )  # fmt: skip
        status, answer = await ask(server, "PUT", "/api/me", as_("Ada"), json={"name": "Bob"})
        assert status == 403 and "logged in" in answer["error"]["message"]
        status, guest = await ask(server, "GET", "/api/me", {})
        assert status == 200 and guest["id"].startswith("guest:")
        token = {"Authorization": "Bearer 0123456789abcdef"}
        assert (await ask(server, "GET", "/api/me", token))[1]["id"] == "token:script"


async def test_a_login_that_fails_lets_nobody_in(
    settings: Settings, caplog: pytest.LogCaptureFixture
) -> None:
    async with serve(settings) as server:
        for _ in range(12):  # more often than opens the breaker
            status, answer = await ask(server, "GET", "/api/me", {"boom": "1"})
            assert (status, answer["error"]["code"]) == (403, "forbidden")
            assert "plugin login" in answer["error"]["message"]
        assert "plugin login failed in authenticate: RuntimeError: boom" in caplog.text
        assert "keeps failing" in caplog.text
        # Left alone, it is still asked: it works for everybody else.
        assert (await ask(server, "GET", "/api/me", as_("Ada")))[1]["id"] == "proxy:Ada"


async def test_a_plugin_says_who_may_do_what(settings: Settings) -> None:
    async with serve(settings) as server:
        status, plain = await ask(
            server, "POST", "/api/documents", as_("root"), json={"title": "Plain", "content": "x"}
        )
        assert status == 201
        _, secret = await ask(
            server, "POST", "/api/documents", as_("root"), json={"title": "Secret", "content": "x"}
        )
        documents = (plain["id"], secret["id"])

        async def may(name: str, id: str) -> list[str]:
            path = f"/api/documents/{id}"
            tried: dict[str, tuple[str, str, dict[str, Any]]] = {
                "read": ("GET", path, {}),
                "read content": ("GET", f"{path}/content", {}),
                "read log": ("GET", f"{path}/operations", {}),
                "read page": ("GET", f"/d/{id}", {}),
                "write": ("PUT", f"{path}/content", {"json": "y"}),
                "rename": ("PATCH", path, {"json": {"title": "Plain" if id == documents[0]
                                                             else "Secret"}}),
            }
            found = []
            for action, (method, where, how) in tried.items():
                status, _ = await ask(server, method, where, as_(name), **how)
                assert status in (200, 403), (action, status)
                if status == 200:
                    found.append(action)
            return found

        everything = ["read", "read content", "read log", "read page", "write", "rename"]
        assert await may("root", documents[1]) == everything
        assert await may("somebody", documents[0]) == everything
        assert await may("somebody", documents[1]) == []
        assert await may("reader", documents[0]) == everything[:4]
        assert await may("boom", documents[0]) == []
        for name, expected in (("root", 2), ("somebody", 1), ("reader", 1)):
            _, listed = await ask(server, "GET", "/api/documents", as_(name))
            assert len(listed["documents"]) == expected
        assert (await ask(server, "POST", "/api/documents", as_("reader"), json={}))[0] == 403
        assert (await ask(server, "DELETE", f"/api/documents/{documents[0]}", as_("reader")))[
            0
        ] == 403
        assert (await ask(server, "DELETE", f"/api/documents/{documents[0]}", as_("root")))[
            0
        ] == 204


async def test_the_permissions_of_a_session_are_what_was_said(settings: Settings) -> None:
    async with serve(settings) as server:
        plain = await server.create_document("Plain", "x")
        secret = (await ask(
            server, "POST", "/api/documents", as_("root"), json={"title": "Secret"}
        ))[1]["id"]  # fmt: skip
        for name, id, permissions in (
            ("root", secret, ["read", "write"]),
            ("somebody", plain, ["read", "write"]),
            ("reader", plain, ["read"]),
        ):
            socket = await server.http.ws_connect(server.socket(id), headers=as_(name))
            await socket.send_json([{"type": "hello", "protocol": 1}])
            (welcome,) = await socket.receive_json(timeout=20)
            assert welcome["permissions"] == permissions
            await socket.send_json(
                [{"type": "operation", "revision": 0, "sequence": 1, "delta": [{"insert": "y"}]}]
            )
            (answer,) = await socket.receive_json(timeout=20)
            refused = answer["type"] == "error" and answer["code"] == "read_only"
            assert refused == ("write" not in permissions)
            await socket.close()
        status, _ = await ask(
            server, "GET", f"/api/documents/{secret}/socket",
            {**as_("somebody"), "Upgrade": "websocket", "Connection": "Upgrade",
             "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ=="},
        )  # fmt: skip
        assert status == 403


async def test_a_route_of_a_plugin_asks_too(settings: Settings, tmp_path: Path) -> None:
    write_plugin(
        tmp_path / "plugins",
        "shows",
        """
        class Shows(Plugin):
            @hookimpl
            def routes(self):
                return [("GET", "/{id}", self.show)]

            async def show(self, request):
                from aiohttp import web

                user = await self.allowed(request, "write", request.match_info["id"])
                return web.Response(text=user.name)
        """,
    )
    async with serve(replace(settings, plugins_on=("login", "rules", "shows"))) as server:
        id = await server.create_document("Plain", "x")
        path = f"/plugins/shows/api/{id}"
        assert await ask(server, "GET", path, as_("somebody")) == (200, "somebody")
        for name, where, status in (
            ("reader", path, 403), ("boom", path, 403), ("root", path + "x", 404),
        ):  # fmt: skip
            assert (await ask(server, "GET", where, as_(name)))[0] == status


async def test_administering_is_for_the_operator(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, plugins_on=(), tokens={"script": "0123456789abcdef"})
    async with serve(settings) as server:
        assert (await ask(server, "GET", "/api/plugins", {}))[0] == 403, "loopback is no proof"
        for header in ("X-Forwarded-For", "Forwarded", "X-Real-IP", "Via"):
            assert (await ask(server, "GET", "/api/plugins", {header: "1.2.3.4"}))[0] == 403
        for host in ("docs.example", "localhost", "127.0.0.1"):
            assert (await ask(server, "GET", "/plugins", {"Host": host}))[0] == 403
        assert (await ask(server, "GET", "/api/plugins", server.operator))[0] == 200
        token = {"X-Forwarded-For": "1.2.3.4", "Authorization": "Bearer 0123456789abcdef"}
        assert (await ask(server, "GET", "/api/plugins", token))[0] == 200
        wrong = {"Authorization": "Bearer 0123456789abcdee"}
        assert (await ask(server, "GET", "/api/plugins", wrong))[0] == 401


async def test_a_plugin_may_let_somebody_administer_and_keep_others_from_it(
    settings: Settings,
) -> None:
    async with serve(settings) as server:
        assert (await ask(server, "GET", "/api/plugins", as_("root")))[0] == 200
        assert (await ask(server, "GET", "/api/plugins", as_("reader")))[0] == 403
        # With a token that nobody has looked at: whom a plugin knows is no operator.
        assert (await ask(server, "GET", "/api/plugins", as_("nobody")))[0] == 403
        forged = {**as_("nobody"), "Authorization": "Bearer anything"}
        assert (await ask(server, "GET", "/api/plugins", forged))[0] == 403
        assert (await ask(server, "GET", "/api/plugins", {}))[0] == 403
        # The operator's link is proof whoever a plugin says they are, unless it says no.
        operator = server.app[OPERATOR]
        signed_in = {"Cookie": f"{operator.cookie}={operator.session()}"}
        for name, status in (("nobody", 200), ("reader", 403)):
            answer = await ask(server, "GET", "/api/plugins", {**as_(name), **signed_in})
            assert answer[0] == status


def test_there_are_six_actions() -> None:
    assert ACTIONS == ("read", "write", "create", "rename", "delete", "administer")
