"""The base class of every plugin."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable
from typing import TYPE_CHECKING, Any, ParamSpec, TypeVar

import msgspec
from msgspec import Struct

from collab.plugins.document import Document
from collab.plugins.publishing import NO_DOCUMENT, check_topic
from collab.plugins.settings import NoSettings
from collab.protocol import messages
from collab.protocol.bodies import check_type, parse_json
from collab.protocol.frames import Frame
from collab.rooms.port import Session

if TYPE_CHECKING:
    from collab.plugins.access import Action
    from collab.plugins.positions import Positions
    from collab.plugins.ranges import Ranges
    from collab.plugins.server import Server
    from collab.plugins.services import Services
    from collab.plugins.state import State
    from collab.plugins.tables import Tables
    from collab.protocol.messages import User

_P = ParamSpec("_P")
_T = TypeVar("_T")

API = 1
"""The version of the plugin interface. It changes when a plugin would have to."""

NOBODY = ""
"""Stands for the sessions that have left; no session has this id."""

MESSAGE_SIZE = 256 * 1024
"""Bytes of JSON in a plugin's message at most."""


class Plugin:
    """A plugin: one subclass of this in a folder's ``__init__.py``, its hooks marked
    ``@hookimpl``.

    It is made once, without arguments, before the server starts; ``name``, ``settings``,
    ``log``, ``state`` and ``tables`` are set right after. The docstring's first line says what it
    is for.
    """

    api: int = API
    """The version of the interface that the plugin is written for: set it to the number you
    wrote for, so that a server with another one says so at its start."""

    class Settings(NoSettings, frozen=True):
        """What an operator can decide; replace it by a `msgspec.Struct` of your own."""

    Message: Any = None
    """What the browser half sends: a `msgspec.Struct`, or a union of Structs with a tag each.
    Then ``message_received`` is handed one of these; None: any JSON value, as it came."""

    name: str
    """The folder's name; of its message channel, settings, log and state."""

    settings: Any
    """What the operator decided, as an instance of the plugin's ``Settings``."""

    log: logging.Logger
    """``collab.plugins.NAME``."""

    state: State
    """What the plugin keeps in the store, by key."""

    tables: Tables
    """What it keeps in tables of its own, which the migrations in its folder make."""

    _services: Services

    @property
    def server(self) -> Server:
        """The server, from ``server_started`` on. Raises LookupError before."""
        return self._services.started().server

    @property
    def http(self) -> Any:
        """The server's ``aiohttp.ClientSession``, from ``server_started`` on: do not close it.

        It has time-outs, follows no proxies' settings, and keeps no cookies. Raises LookupError
        before, and where there is no server.
        """
        http = self._services.started().http
        if http is None:
            raise LookupError("There is no HTTP client: no server runs here.")
        return http

    async def allowed(self, request: Any, action: Action, document: str | None = None) -> User:
        """Who sends a request to one of the plugin's routes, if they may do that.

        ``document`` is the id of the document it is about, None for ``create`` and
        ``administer``. Raises `CollabError`: they may not, or there is no such document. A route
        that shows or changes a document asks this first.
        """
        admit = self._services.started().admit
        if admit is None:
            raise LookupError("Nobody can be asked: no server runs here.")
        return await admit(request, action, document)

    async def body(self, request: Any, type: type[_T], *, limit: int = 64 * 1024) -> _T:
        """The JSON that a request to one of the plugin's routes brings, as a value of ``type``.

        ``type`` is a `msgspec.Struct`, or what else msgspec can check: ``list[str]``; ``limit``
        is how many bytes the body may have. Raises `CollabError`, which tells the sender what is
        wrong and is no failure of the plugin's.
        """
        read = self._services.started().read
        if read is None:
            raise LookupError("There are no requests to read: no server runs here.")
        check_type(request.content_type)
        return parse_json(await read(request, limit), type)

    async def broadcast(
        self, document: Document, data: Any, *, except_: Session | None = None
    ) -> None:
        """Send a JSON value to the browser halves of everybody in a document, save one.

        Waits when the plugin has sent more than is good for its readers. Does nothing when
        nobody has the document open. Raises ValueError (too large), TypeError (no JSON).
        """
        frame = self._frame(data)
        # What nobody hears counts too: who says it without end would spin, and a loop that
        # never rests keeps the thread that commits waiting for its turn.
        await self._services.flow.admit(document.id, None, len(frame.messages))
        document.broadcast(frame, except_)

    async def send(self, document: Document, session: Session, data: Any) -> None:
        """Send a JSON value to the browser half of one session; see `broadcast`."""
        frame = self._frame(data)
        there = session.id in document.sessions
        to = session.id if there else NOBODY
        await self._services.flow.admit(document.id, to, len(frame.messages))
        if there:
            session.send(frame)

    async def publish(self, topic: str, data: Any, document: Document | None = None) -> None:
        """Say a JSON value to all other plugins that implement ``published``.

        ``topic`` is ``NAME.word``, as the plugin NAME documents it; ``document`` is what it is
        about, if anything: what is said about one is heard in order with what happens to it.
        They are told that it comes from this plugin. Nobody is waited for, save when the plugin
        has said more than is good for its listeners. Raises ValueError (no topic, too large),
        TypeError (no JSON), LookupError before ``server_started``.
        """
        check_topic(topic)
        encoded = _encode(data)
        _check_size(encoded)
        services = self._services
        publishing = services.started().publishing
        lane = NO_DOCUMENT if document is None else document.id
        await services.flow.admit(lane, None, len(encoded))
        if publishing is not None:
            publishing.say(services.guard.plugin, topic, encoded, document)

    def wants(self, hook: str) -> bool:
        """Whether the plugin, with the settings it has, has to be called for a hook that it
        implements; asked when it is loaded. A hook that is not wanted costs nothing.
        """
        return True

    def positions(self, document: Document) -> Positions:
        """The plugin's positions in an open document, which move with its text.

        They live until ``document_closed``. Raises `NotOpen`.
        """
        return self._services.positions(document)

    def ranges(self, document: Document) -> Ranges:
        """The plugin's ranges in an open document, which move with its text and survive a
        restart.

        They go when the document is deleted. For the document that an exporter is handed they
        are as of its revision, for reading only; that needs no server. Raises `NotOpen`.
        """
        return self._services.ranges(document)

    def spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        """Run a coroutine in the background; it is cancelled when the plugin ends.

        What it raises is logged and counted as the plugin's failure. Raises RuntimeError when
        the plugin has too many of them.
        """
        return self._services.tasks.spawn(getattr(work, "__name__", "task"), work)

    def soon(
        self,
        key: Hashable,
        seconds: float,
        work: Callable[_P, Coroutine[Any, Any, None]],
        *arguments: _P.args,
        **keywords: _P.kwargs,
    ) -> None:
        """Run ``work(…)`` in the background, ``seconds`` from now and once, however often it is
        asked for until then with the same ``key``. The latest call's arguments are used.
        """
        name = getattr(work, "__name__", "task")
        self._services.tasks.soon(name, key, seconds, lambda: work(*arguments, **keywords))

    def _frame(self, data: Any) -> Frame:
        encoded = messages.encode(messages.Message(self.name, msgspec.Raw(_encode(data))))
        _check_size(encoded)
        return Frame(encoded)


_encode = msgspec.json.Encoder().encode


def _check_size(encoded: bytes) -> None:
    if len(encoded) > MESSAGE_SIZE:
        raise ValueError(
            f"A message has at most {MESSAGE_SIZE} bytes of JSON, this one {len(encoded)}."
        )


def settings_type(plugin: type[Plugin]) -> type[Struct]:
    """The plugin's ``Settings``. Raises TypeError when they are not a `msgspec.Struct`."""
    declared = plugin.Settings
    if not (isinstance(declared, type) and issubclass(declared, Struct)):
        raise TypeError(f"{plugin.__name__}.Settings has to be a msgspec.Struct")
    return declared
