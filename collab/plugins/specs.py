"""Every hook there is. The docstrings are the reference; ``docs/hooks.md`` is printed from here.

A hook's name is its tense: one that begins with ``before_`` is asked before something
happens and may change or refuse it; one in the past tense is told a fact, after it. An
implementation is a method of a `Plugin` with the mark ``@hookimpl``, ``def`` or
``async def``; it names those of the hook's arguments that it wants.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar

import pluggy

if TYPE_CHECKING:
    from collab.ot import Delta
    from collab.plugins.document import Document, Operation
    from collab.plugins.routes import RouteLike
    from collab.plugins.server import Server
    from collab.rooms.port import Session

_Function = TypeVar("_Function", bound=Callable[..., Any])

PROJECT = "collab"

hookimpl = pluggy.HookimplMarker(PROJECT)
"""Marks a method of a plugin as the implementation of the hook of that name."""

_hookspec = pluggy.HookspecMarker(PROJECT)

Kind = Literal["told", "asked", "awaited", "collected"]
"""``told``: queued, nobody waits. ``asked``: a writer waits. ``awaited``: start or stop waits.
``collected``: called once while plugins are loaded, a plain ``def``."""

SOFT = 0.25
"""Seconds after which a call is logged as slow."""

HARD = 2.0
"""Seconds after which a call is cut off, where the hook does not say otherwise."""


class Veto(Exception):
    """Raised in ``before_operation`` to refuse an edit; its author reads ``sentence``."""

    def __init__(self, sentence: str) -> None:
        self.sentence = sentence
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Hook:
    """What the framework knows of one hook."""

    name: str
    kind: Kind
    budget: float
    """Seconds a call may take before it is cut off."""
    arguments: tuple[str, ...]
    signature: str
    documentation: str


def _hook(kind: Kind, budget: float = HARD) -> Callable[[_Function], _Function]:
    def mark(function: _Function) -> _Function:
        function.__dict__["collab_hook"] = (kind, budget)
        return _hookspec(function)

    return mark


class Hooks:
    """The hook specifications."""

    @_hook("awaited", budget=10.0)
    def server_started(self, server: Server) -> None:
        """Set up what the plugin needs: load its state, spawn its background tasks.

        - When: once, after all plugins are loaded and before the first document is opened.
        - Returns: nothing.
        - Failure: logged and counted; the server starts all the same.
        """

    @_hook("awaited", budget=1.0)
    def server_stopping(self, server: Server) -> None:
        """Put away what must not be lost.

        - When: once, after the last document was closed and the plugin was told everything;
          its background tasks still run, and are cancelled afterwards. Also when the plugin
          is switched off for a while.
        - Returns: nothing.
        - Failure: logged and counted; the server stops all the same.
        """

    @_hook("collected")
    def routes(self) -> Iterable[RouteLike]:
        """Answer HTTP requests below ``/plugins/NAME/api``.

        - When: once, right after the plugin was loaded, before ``server_started``. A plain
          ``def``.
        - Returns: triples ``(method, path, handler)``, or what ``aiohttp.web.get`` and its
          sisters make. A path begins with ``/`` or is empty; a handler is an
          ``async def handler(request)``, which may take as long as it likes.
        - Failure: logged and counted; the plugin then has no routes. A handler that raises
          anything but an HTTP exception is answered with the error ``internal`` and counted.
        """
        return ()

    @_hook("told")
    def document_created(self, document: Document) -> None:
        """A document was made.

        - When: after it is on disk. It may not be open: then it has a title but no text.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("told")
    def document_opened(self, document: Document) -> None:
        """A document was loaded into memory, because somebody wants to read or edit it.

        - When: before its first session joins. Follows ``document_closed`` when it had been
          open before.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("told")
    def document_renamed(self, document: Document) -> None:
        """A document has another title.

        - When: after that is on disk, whether the document is open or not.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("told")
    def document_closed(self, document: Document) -> None:
        """A document left memory: nobody had it open for a while, or the server stops.

        - When: after its last session left. What it held can still be read from ``document``.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("told")
    def document_deleted(self, document: Document) -> None:
        """A document was deleted, with everything plugins had kept for it.

        - When: after that is on disk and the document was closed.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("told")
    def session_joined(self, document: Document, session: Session) -> None:
        """Somebody opened a document; a browser tab that reconnects joins anew.

        - When: the session has its welcome and gets messages from now on.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("told")
    def session_changed(self, document: Document, session: Session) -> None:
        """The user of a session took another name or colour.

        - When: ``session.user`` is the new one already.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("told")
    def session_left(self, document: Document, session: Session) -> None:
        """A session is gone: closed by its owner, lost, or let go by the server.

        - When: it is no longer in ``document.sessions``, and gets no more messages.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("asked", budget=1.0)
    def before_operation(
        self, document: Document, session: Session | None, delta: Delta
    ) -> Delta | None:
        """An edit is about to be taken. Implement it only if you must: its author waits.

        - When: before the edit has its place. ``delta`` is written for the newest revision,
          which may be ahead of the committed ``document.text`` by what is still being saved.
          ``session`` is None for edits made on the server (HTTP, plugins). Do not wait for
          an edit of the same document in here: it would wait for you.
        - Returns: None to let the edit pass, or the Delta to take in its place; the next
          plugin is asked about that one. Raises ``Veto(sentence)`` to refuse it.
        - Failure: logged and counted, and the edit passes as if the plugin had not been
          there: documents stay editable. A call that had to be cut off opens the plugin's
          circuit breaker at once.
        """

    @_hook("told")
    def operation_committed(self, document: Document, operation: Operation) -> None:
        """An edit is on disk and was sent to everybody.

        - When: once for each operation, in order of its revision. ``document`` may be
          further than ``operation.revision`` already.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("told")
    def message_received(self, document: Document, session: Session, data: Any) -> None:
        """The plugin's browser half sent a message; other plugins' are not seen.

        - When: in the order they were sent. ``data`` is any JSON value, made by whoever
          holds the other end: trust ``session.user``, check everything else.
        - Returns: nothing.
        - Failure: logged and counted.
        """


def _read(function: Callable[..., Any]) -> Hook:
    kind, budget = function.__dict__["collab_hook"]
    signature = inspect.signature(function)
    parameters = list(signature.parameters.values())[1:]
    shown = ", ".join(f"{parameter.name}: {parameter.annotation}" for parameter in parameters)
    return Hook(
        name=function.__name__,
        kind=kind,
        budget=budget,
        arguments=tuple(parameter.name for parameter in parameters),
        signature=f"{function.__name__}({shown}) -> {signature.return_annotation}",
        documentation=inspect.getdoc(function) or "",
    )


HOOKS: dict[str, Hook] = {
    name: _read(function)
    for name, function in vars(Hooks).items()
    if hasattr(function, "collab_hook")
}
"""All hooks by name, in the order of the reference."""
