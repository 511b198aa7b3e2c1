"""Routes that plugins answer. The web floor mounts them; this floor knows no web library."""

from __future__ import annotations

import asyncio
import inspect
import re
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import Any, Protocol, TypeVar

from collab.plugins.guard import Guard
from collab.protocol import errors
from collab.protocol.errors import CollabError

Handler = Callable[[Any], Awaitable[Any]]


class RouteDefinition(Protocol):
    """The form of ``aiohttp.web.RouteDef``."""

    @property
    def method(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def handler(self) -> Any: ...


RouteLike = tuple[str, str, Handler] | RouteDefinition

H = TypeVar("H", bound=Callable[..., Awaitable[Any]])

_METHOD = re.compile(r"[A-Z]+|\*")


@dataclass(frozen=True, slots=True)
class Route:
    """A route to mount at ``path``, from the application's root."""

    plugin: str
    method: str
    path: str
    handler: Handler
    own_tokens: bool = False
    """Whether its handler is marked with `own_tokens`."""


def own_tokens(handler: H) -> H:
    """Mark the handler of a route that takes bearer tokens of the plugin's own.

    Everywhere else a bearer token that the server does not know is refused before the handler is
    called. One that is marked has to refuse it itself, as ``self.allowed`` does.
    """
    vars(handler)["own_tokens"] = True
    return handler


def takes_own_tokens(handler: Callable[..., Any]) -> bool:
    """Whether a handler is marked with `own_tokens`."""
    return bool(getattr(handler, "own_tokens", False))


def read_routes(guard: Guard, given: Iterable[RouteLike]) -> list[Route]:
    """What a plugin's ``routes`` hook returned. Raises TypeError, ValueError."""
    routes = []
    for one in given:
        if isinstance(one, tuple):
            if len(one) != 3:
                raise TypeError(f"a route is (method, path, handler), not {one!r}")
            method, path, handler = one
        else:
            try:
                method, path, handler = one.method, one.path, one.handler
            except AttributeError:
                raise TypeError(f"a route is (method, path, handler), not {one!r}") from None
        if not isinstance(method, str) or not _METHOD.fullmatch(method):
            raise ValueError(f"{method!r} is no HTTP method, such as GET")
        if not isinstance(path, str) or (path and not path.startswith("/")):
            raise ValueError(f"the path {path!r} has to begin with /")
        if not inspect.iscoroutinefunction(handler):
            raise TypeError(f"the handler of {method} {path} has to be an async def")
        where = f"{method} {path or '/'}"
        routes.append(
            Route(
                guard.plugin,
                method,
                f"/plugins/{guard.plugin}/api{path}",
                _guarded(guard, where, handler),
                takes_own_tokens(handler),
            )
        )
    return routes


def _guarded(guard: Guard, where: str, handler: Handler) -> Handler:
    async def answer(request: Any) -> Any:
        if not guard.admits():
            raise CollabError(
                errors.NO_PLUGIN, f"The plugin {guard.plugin} is switched off for a while."
            )
        try:
            response = await handler(request)
        except CollabError:
            guard.finished(where, 0.0)
            raise
        except BaseException as error:
            if _cancelled(error):
                guard.breaker.interrupted()
                raise
            if isinstance(error, GeneratorExit):
                # It may be that this very request is closed, which has to be let.
                guard.failed(where, error)
                raise
            if isinstance(error, ConnectionError) and _gone(request):
                # Whoever reads a long answer may leave at any time.
                guard.finished(where, 0.0)
                raise
            if isinstance(error, Exception) and hasattr(type(error), "prepare"):
                # An HTTP exception is an answer. (Named by its form: no web library here.)
                guard.finished(where, 0.0)
                raise
            guard.provoked(where, error, 0.0)
            raise CollabError(errors.INTERNAL) from error
        # How long an answer takes depends on who reads it: it is not timed.
        guard.finished(where, 0.0)
        return response

    return answer


def _cancelled(error: BaseException) -> bool:
    """Whether it is the request that was cancelled, not something that the handler waited for."""
    task = asyncio.current_task()
    return isinstance(error, asyncio.CancelledError) and bool(task and task.cancelling())


def _gone(request: Any) -> bool:
    """Whether whoever sent a request has closed the connection."""
    transport = request.transport
    return transport is None or bool(transport.is_closing())
