"""The base class of every plugin."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Coroutine, Hashable
from typing import TYPE_CHECKING, Any, ParamSpec

import msgspec
from msgspec import Struct

from collab.plugins.document import Document
from collab.plugins.settings import NoSettings
from collab.protocol import messages
from collab.protocol.frames import Frame
from collab.rooms.port import Session

if TYPE_CHECKING:
    from collab.plugins.positions import Positions
    from collab.plugins.services import Services
    from collab.plugins.state import State

_P = ParamSpec("_P")

MESSAGE_SIZE = 256 * 1024
"""Bytes of JSON in a plugin's message at most."""


class Plugin:
    """A plugin: one subclass of this in a folder's ``__init__.py``, its hooks marked
    ``@hookimpl``.

    It is made once, without arguments, before the server starts; ``name``, ``settings``,
    ``log`` and ``state`` are set right after. The docstring's first line says what it is for.
    """

    class Settings(NoSettings, frozen=True):
        """What an operator can decide; replace it by a `msgspec.Struct` of your own."""

    name: str
    """The folder's name; of its message channel, settings, log and state."""

    settings: Any
    """What the operator decided, as an instance of the plugin's ``Settings``."""

    log: logging.Logger
    """``collab.plugins.NAME``."""

    state: State
    """What the plugin keeps in the store."""

    _services: Services

    async def broadcast(
        self, document: Document, data: Any, *, except_: Session | None = None
    ) -> None:
        """Send a JSON value to the browser halves of everybody in a document, save one.

        Waits when the plugin has sent more than is good for its readers. Does nothing when
        nobody has the document open. Raises ValueError (too large), TypeError (no JSON).
        """
        frame = self._frame(data)
        if document.sessions:
            await self._services.flow.admit(document.id, None, len(frame.messages))
            document.broadcast(frame, except_)

    async def send(self, document: Document, session: Session, data: Any) -> None:
        """Send a JSON value to the browser half of one session; see `broadcast`."""
        frame = self._frame(data)
        if session.id in document.sessions:
            await self._services.flow.admit(document.id, session.id, len(frame.messages))
            session.send(frame)

    def positions(self, document: Document) -> Positions:
        """The plugin's positions in an open document, which move with its text.

        They live until ``document_closed``. Raises `NotOpen`.
        """
        return self._services.positions(document)

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
        asked for until then with the same ``key``. The first call's arguments are used.
        """
        name = getattr(work, "__name__", "task")
        self._services.tasks.soon(name, key, seconds, lambda: work(*arguments, **keywords))

    def _frame(self, data: Any) -> Frame:
        encoded = messages.encode(messages.Message(self.name, msgspec.Raw(_encode(data))))
        if len(encoded) > MESSAGE_SIZE:
            raise ValueError(
                f"A message has at most {MESSAGE_SIZE} bytes of JSON, this one {len(encoded)}."
            )
        return Frame(encoded)


_encode = msgspec.json.Encoder().encode


def settings_type(plugin: type[Plugin]) -> type[Struct]:
    """The plugin's ``Settings``. Raises TypeError when they are not a `msgspec.Struct`."""
    declared = plugin.Settings
    if not (isinstance(declared, type) and issubclass(declared, Struct)):
        raise TypeError(f"{plugin.__name__}.Settings has to be a msgspec.Struct")
    return declared
