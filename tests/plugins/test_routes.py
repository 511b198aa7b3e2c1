"""Routes: read once, mounted by the web floor, guarded like hooks."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from aiohttp import web

from collab.plugins.loading import Bounds
from collab.protocol.errors import CollabError
from tests.plugins.fake import make_manager, write_plugin

SOURCE = """
from aiohttp import web

class Routed(Plugin):
    @hookimpl
    def routes(self):
        return [("GET", "", self.hello), web.post("/items/{{id}}", self.make), {more}]

    async def hello(self, request):
        if request == "fail":
            raise RuntimeError("no")
        if request == "missing":
            raise web.HTTPNotFound
        return "hello " + request

    async def make(self, request):
        return "made"
"""


async def test_triples_and_route_definitions_are_taken(tmp_path: Path) -> None:
    write_plugin(tmp_path, "routed", SOURCE.format(more=""))
    routes = make_manager(tmp_path).routes()
    assert [(one.plugin, one.method, one.path) for one in routes] == [
        ("routed", "GET", "/plugins/routed/api"),
        ("routed", "POST", "/plugins/routed/api/items/{id}"),
    ]
    assert await routes[0].handler("you") == "hello you"


@pytest.mark.parametrize(
    ("more", "sentence"),
    [
        ("('GET', '/x')", "a route is (method, path, handler)"),
        ("'GET /x'", "a route is (method, path, handler)"),
        ("('get', '/x', self.hello)", "'get' is no HTTP method"),
        ("('GET', 'x', self.hello)", "the path 'x' has to begin with /"),
        ("('GET', '/x', print)", "the handler of GET /x has to be an async def"),
        ("1 / 0", "division by zero"),
    ],
)
def test_wrong_routes_leave_the_plugin_without_any(
    tmp_path: Path, more: str, sentence: str, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "routed", SOURCE.format(more=more))
    manager = make_manager(tmp_path)
    assert manager.routes() == []
    assert sentence in str(manager.health()["routed"].last_error)
    assert "plugin routed failed in routes" in caplog.text


async def test_a_handler_that_fails_is_counted_and_answered(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    write_plugin(tmp_path, "routed", SOURCE.format(more=""))
    manager = make_manager(tmp_path, bounds=Bounds(failures=1))
    handler: Any = manager.routes()[0].handler
    with pytest.raises(web.HTTPNotFound):
        await handler("missing")
    assert manager.health()["routed"].failures == 0
    for _ in range(3):
        with pytest.raises(CollabError, match="internal"):
            await handler("fail")
    health = manager.health()["routed"]
    assert health.failures == 3 and "GET /: RuntimeError: no" in str(health.last_error)
    assert "plugin routed failed in GET /: RuntimeError: no" in caplog.text
    assert health.state == "closed", "visitors can't switch a plugin off"
    assert await handler("you") == "hello you"
    manager.loaded["routed"].services.guard.breaker.open()
    with pytest.raises(CollabError, match="switched off for a while"):
        await handler("you")


@pytest.mark.parametrize("gone", [True, False])
async def test_a_visitor_who_leaves_is_no_failure_of_the_plugin(tmp_path: Path, gone: bool) -> None:
    source = """
        class Streams(Plugin):
            @hookimpl
            def routes(self):
                return [("GET", "/all", self.all)]

            async def all(self, request):
                raise ConnectionResetError("Cannot write to closing transport")
    """
    write_plugin(tmp_path, "streams", source)
    manager = make_manager(tmp_path)
    handler: Any = manager.routes()[0].handler
    transport = SimpleNamespace(is_closing=lambda: gone)
    # Without a connection, or with one that is closing, the visitor's; else another one failed.
    for request in [SimpleNamespace(transport=transport)] * 3 + [SimpleNamespace(transport=None)]:
        with pytest.raises((ConnectionResetError, CollabError)):
            await handler(request)
    assert manager.health()["streams"].failures == (0 if gone else 3)


def test_the_form_of_a_route_definition_is_what_counts() -> None:
    from collab.plugins.breaker import Breaker
    from collab.plugins.guard import Guard
    from collab.plugins.loading import log
    from collab.plugins.routes import read_routes

    async def handler(request: Any) -> None: ...

    def clock() -> float:
        return 0.0

    guard = Guard("it", log, clock, Breaker(clock))
    given: Any = SimpleNamespace(method="*", path="/x", handler=handler)
    assert [one.path for one in read_routes(guard, [given])] == ["/plugins/it/api/x"]
