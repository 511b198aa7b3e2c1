"""What is below ``/plugins/NAME/``: static files and routes of the plugins that are on now.

aiohttp's router is closed once the application runs, and plugins come and go later. So this is
one resource of it, which asks the router of the plugin that the address names.

Static files are at ``static/…`` and at ``static.GENERATION/…``. A browser takes every generation
for other files, so that a plugin that was loaded anew runs anew to its innermost module. To the
server they are all the same files, as they are now: a page that has not heard of the newest
generation yet (or that knows one from before the server started) gets what it asks for late,
such as a picture, and is told in the next moment to take everything from the new address.
Answering 404 would show it a broken plugin in between; the old files are no longer there.

Save for one copy of them: at ``static.pGENERATION/…`` are those of the version before, for pages on
which the new version can't be loaded.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterable, Iterator
from typing import Any, NoReturn
from weakref import WeakSet

from aiohttp import web
from aiohttp.abc import AbstractMatchInfo
from aiohttp.typedefs import Handler
from aiohttp.web_urldispatcher import PrefixResource, UrlMappingMatchInfo

from collab.plugins.loading import Loaded
from collab.plugins.manager import PluginManager
from collab.plugins.routes import Route, own_tokens
from collab.plugins.static_copy import StaticCopy
from collab.protocol import errors
from collab.protocol.errors import CollabError


class PluginRoutes(PrefixResource):
    """A resource of the application's router."""

    def __init__(self, plugins: PluginManager, base: str) -> None:
        super().__init__(f"{base}/plugins")
        self._plugins = plugins
        self._base = base
        self._routers: dict[str, tuple[Loaded, web.UrlDispatcher]] = {}
        self._generation = re.compile(
            rf"({re.escape(self._prefix)}/[a-z0-9_]+/static)(\.p[0-9]+)?(?:\.[0-9]+)*(?=/)"
        )

    async def resolve(
        self, request: web.Request
    ) -> tuple[UrlMappingMatchInfo | None, set[str]]:
        rest = request.rel_url.path_safe.removeprefix(self._prefix + "/")
        router = self._router(rest.partition("/")[0])
        if router is None:
            return None, set()
        match: AbstractMatchInfo = await router.resolve(self._of_any_generation(request))
        if isinstance(match, UrlMappingMatchInfo) and match.http_exception is None:
            return match, set()
        refused = match.http_exception
        methods = refused.allowed_methods if isinstance(refused, web.HTTPMethodNotAllowed) else ()
        return None, set(methods)

    def _of_any_generation(self, request: web.Request) -> web.Request:
        """The request as it is to be understood: without the generation in its address."""
        path = request.rel_url.raw_path
        found = self._generation.match(path)
        if found is None:
            return request
        plain = found[1] + (".previous" if found[2] else "") + path[found.end() :]
        return request.clone(rel_url=request.rel_url.with_path(plain, encoded=True))

    def _router(self, name: str) -> web.UrlDispatcher | None:
        loaded = self._plugins.loaded.get(name)
        if loaded is None:
            self._routers.pop(name, None)
            return None
        known = self._routers.get(name)
        if known is not None and known[0] is loaded:
            return known[1]
        router = web.UrlDispatcher()
        folder = self._plugins.static_folder(name)
        if folder is not None:
            router.add_static(f"{self._base}/plugins/{name}/static", folder)
        if loaded.previous is not None:
            path = f"{self._base}/plugins/{name}/static.previous/{{path:.+}}"
            router.add_get(path, _showing(loaded.previous))
        for route in loaded.offered.routes:
            try:
                router.add_route(route.method, self._base + route.path, _answering(loaded, route))
            except Exception as error:
                loaded.services.guard.failed(f"route {route.method} {route.path}", error)
        self._routers[name] = loaded, router
        return router

    def url_for(self, *args: str, **kwargs: str) -> NoReturn:
        raise RuntimeError("The addresses of plugins are not built by name.")

    def get_info(self) -> Any:
        return {"prefix": self._prefix}

    def __len__(self) -> int:
        return 0

    def __iter__(self) -> Iterator[Any]:
        return iter(())


def _showing(copy: StaticCopy) -> Handler:
    """Answers with the files of a version that was replaced."""

    async def show(request: web.Request) -> web.Response:
        body = copy.files.get(request.match_info["path"])
        if body is None:
            raise CollabError(errors.NOT_FOUND)
        kind, _ = mimetypes.guess_type(request.match_info["path"])
        return web.Response(
            body=body,
            content_type=kind or "application/octet-stream",
            headers={"Cache-Control": "no-cache"},
        )

    return show


def check_routes(routes: Iterable[Route]) -> None:
    """Raises for routes that no router takes: ``/{`` as a path."""
    router = web.UrlDispatcher()
    for route in routes:
        router.add_route(route.method, route.path, route.handler)


def _answering(loaded: Loaded, route: Route) -> Handler:
    """The route's handler; what is no response, or was one before, is a failure of the plugin's."""

    answered: WeakSet[web.StreamResponse] = WeakSet()

    def fresh(response: web.StreamResponse) -> web.StreamResponse:
        """Raises TypeError when that was an answer before: aiohttp would send nothing."""
        if response in answered:
            raise TypeError("a response is for one request; make another one for each")
        answered.add(response)
        return response

    async def answer(request: web.Request) -> web.StreamResponse:
        response: Any
        try:
            response = await route.handler(request)
        except web.HTTPException as raised:
            response = raised
        try:
            # By its type: a `__class__` of the plugin's own has no say.
            if not issubclass(type(response), web.StreamResponse):
                raise TypeError(f"returned {type(response).__name__}; a handler returns a response")
            checked = fresh(response)
        except TypeError as error:
            loaded.services.guard.failed(f"{route.method} {route.path}", error)
            raise CollabError(errors.INTERNAL) from error
        if isinstance(checked, web.HTTPException):
            raise checked
        return checked

    return own_tokens(answer) if route.own_tokens else answer
