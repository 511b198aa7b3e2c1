"""Every hook there is. The docstrings are the reference; ``docs/hooks.md`` is printed from here.

A hook's name is its tense: one that begins with ``before_``, and one that is a command
(``authorize``, ``find_document``), is asked before something happens; one in the past tense
is told a fact, after it; a plural (``routes``) is collected once. An implementation is a
method of a `Plugin` with the mark ``@hookimpl``, ``def`` or ``async def``; it names those of
the hook's arguments that it wants.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, TypeVar, overload

import pluggy

if TYPE_CHECKING:
    from collab.ot import Delta, DocumentType
    from collab.plugins.access import Action, Request
    from collab.plugins.archive import Operation
    from collab.plugins.document import Document
    from collab.plugins.offers import Command, Contribution, Format, NewDocument
    from collab.plugins.routes import RouteLike
    from collab.plugins.server import Server
    from collab.protocol.messages import User
    from collab.rooms.port import Session

_Function = TypeVar("_Function", bound=Callable[..., Any])

PROJECT = "collab"

_mark_implementation = pluggy.HookimplMarker(PROJECT)
_hookspec = pluggy.HookspecMarker(PROJECT)

FAIL_CLOSED = PROJECT + "_fail_closed"
"""The attribute of an implementation that is marked ``@hookimpl(fail_closed=True)``."""


@overload
def hookimpl(function: _Function, /) -> _Function: ...
@overload
def hookimpl(
    function: None = None, /, *, fail_closed: bool = False, **options: Any
) -> Callable[[_Function], _Function]: ...
def hookimpl(
    function: _Function | None = None, /, *, fail_closed: bool = False, **options: Any
) -> _Function | Callable[[_Function], _Function]:
    """Mark a method of a plugin as the implementation of the hook of that name.

    With ``fail_closed`` an edit is refused when ``before_operation`` fails or can't be asked.
    ``options`` are pluggy's: ``tryfirst``, ``trylast``.
    """

    def mark(function: _Function) -> _Function:
        setattr(function, FAIL_CLOSED, fail_closed)
        marked: _Function = _mark_implementation(**options)(function)
        return marked

    return mark if function is None else mark(function)


Kind = Literal["told", "asked", "awaited", "collected"]
"""``told``: queued, nobody waits. ``asked``: somebody waits for the answer. ``awaited``: start or
stop waits. ``collected``: called once while plugins are loaded, a plain ``def``."""

SOFT = 0.25
"""Seconds after which a call is logged as slow."""

HARD = 2.0
"""Seconds after which a call is cut off, where the hook does not say otherwise."""


class Veto(Exception):
    """Raised in ``before_operation`` to refuse an edit; its author reads ``sentence``.

    With ``retry_after`` (seconds) it is only too early: the author's client sends it again then.
    """

    def __init__(self, sentence: str, retry_after: float | None = None) -> None:
        self.sentence = sentence
        self.retry_after = retry_after
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
    closed: bool = False
    """Whether what fails refuses: then a plugin that is left alone is asked all the same."""
    provoked: bool = False
    """Whether any visitor can make it raise: then that does not open the circuit breaker."""

    @property
    def vetoes(self) -> bool:
        """Whether an implementation may raise `Veto`, and may be marked ``fail_closed``."""
        return self.name.startswith("before_")


def _hook(
    kind: Kind, budget: float = HARD, *, closed: bool = False, provoked: bool = False
) -> Callable[[_Function], _Function]:
    def mark(function: _Function) -> _Function:
        function.__dict__["collab_hook"] = (kind, budget, closed, provoked)
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
          anything but an HTTP exception or a `CollabError` is answered with the error
          ``internal`` and counted. ``await self.body(request, Type)`` is the JSON that a request
          brings, checked; of 64 KiB, unless you say ``limit=``. Requests that are read in
          another way (``request.read()``) have 64 KiB as well.
        """
        return ()

    @_hook("collected")
    def schedules(self) -> Iterable[tuple[float, Callable[[], Awaitable[None]]]]:
        """Do something again and again while the server runs.

        - When: asked once, right after the plugin was loaded. A plain ``def``.
        - Returns: pairs ``(seconds, function)``; the ``async def function()`` is called first
          that long after ``server_started``, and again that long after it has ended.
        - Failure: logged and counted; the next turn comes all the same, unless the plugin is
          left alone. A turn is cut off after 60 s.
        """
        return ()

    @_hook("collected")
    def commands(self) -> Iterable[Command]:
        """Add commands to the command line: ``collab NAME …``.

        - When: asked once, right after the plugin was loaded, also by ``collab serve``. A plain
          ``def``. The commands themselves run without a server: ``server_started`` is not
          called, and no hook is told of what they do. While a server has the database they are
          refused.
        - Returns: ``Command(name, help, function, arguments)``. Of two of one name the first
          plugin's is taken; Collab's own names are not to be had.
        - Failure: logged and counted; the plugin then has no commands.
        """
        return ()

    @_hook("collected")
    def document_types(self) -> Iterable[DocumentType]:
        """Bring types of documents besides ``text`` and ``richtext``.

        - When: asked once, right after the plugin was loaded. A plain ``def``.
        - Returns: ``collab.ot.DocumentType`` values, such as
          ``document_type("text").variant("log", title="Log", extension="log")``. A variant of
          ``text`` has its editor; one with an algebra of its own has no page. A name that is
          taken is a failure. Documents of a type whose plugin is switched off can't be opened
          until it is back.
        - Failure: logged and counted; the plugin then has no types.
        """
        return ()

    @_hook("collected")
    def importers(self) -> Iterable[Format]:
        """Read documents from files of other formats.

        - When: asked once, right after the plugin was loaded. A plain ``def``. A format's
          ``convert(data, filename)`` is called for ``POST /api/import/NAME`` and
          ``collab import --format NAME``.
        - Returns: ``Format(name, title, extension, media_type, convert)`` whose ``convert``
          returns ``Imported(title, type, delta)``. Of two of one name the first plugin's is taken.
        - Failure: logged and counted. What ``convert`` raises as ``ValueError(sentence)`` is
          the file's fault, and told to whoever sent it; it is cut off after 60 s.
        """
        return ()

    @_hook("collected")
    def exporters(self) -> Iterable[Format]:
        """Write documents into files of other formats.

        - When: asked once, right after the plugin was loaded. A plain ``def``. A format's
          ``convert(document)`` is called for ``GET /api/documents/ID/export/NAME`` and
          ``collab export --format NAME``, with the document as of the revision asked for.
        - Returns: ``Format(name, title, extension, media_type, convert)`` whose ``convert``
          returns bytes or text. Of two of one name the first plugin's is taken.
        - Failure: logged and counted. What ``convert`` raises as ``ValueError(sentence)`` is
          the document's fault, and told to whoever asked; it is cut off after 60 s.
        """
        return ()

    @_hook("asked")
    def page_contributions(self, page: str, document: Document | None) -> Contribution | None:
        """Add something to a page while it is rendered.

        - When: each time somebody opens ``documents`` (the list; ``document`` is None) or
          ``editor`` (one document, which may not be open). The visitor waits.
        - Returns: None, or ``Contribution(head=…, links=[(address, label), …])``.
        - Failure: logged and counted; the page goes without it.
        """

    @_hook("asked", closed=True)
    def authenticate(self, request: Request) -> User | None:
        """Say who sends a request: a login of your own, a header of a proxy that you trust.

        - When: once for every request that has to do with a person, before anything else; the
          visitor waits. The first answer that is not None is taken. Again, with the request
          that began it, for a session that is reconsidered (see ``authorize``).
        - Returns: None when you don't know them, or a ``User(id, name, color)``. Without any
          answer they are who their cookie or token says, or a guest. To turn strangers away,
          implement ``authorize``. Raise a `CollabError` with ``FORBIDDEN`` or ``BAD_TOKEN`` to
          refuse a request with a sentence of your own: that is no failure. A header that is
          believed is read with ``request.header(name)``, which refuses one that came twice.
        - Failure: logged and counted, and the request is refused: a login that is broken lets
          nobody in but the operator (a token, or the operator's link), who can switch it off.
          Asked also while the plugin is left alone.
        """

    @_hook("asked", closed=True)
    def authorize(self, user: User, action: Action, document: Document | None) -> bool | None:
        """Say whether somebody may do something.

        - When: before a request does something, when a session begins, and for sessions that
          are open when a plugin calls ``server.reconsider()`` or one that answers here is
          switched on, off or loaded anew: ``session.permissions`` are what was said last.
          Who may do less or more than before is let go, and comes straight back. ``action`` is
          ``read``, ``write``, ``rename`` or ``delete`` (with the document, which may not be
          open, nor stored when it comes from elsewhere), ``create`` or ``administer``
          (``document`` is None). Somebody waits, for each document in a list.
        - Returns: False to refuse, True to allow, None to leave it to others. One False refuses.
          If nobody says anything, everything is allowed but ``administer``, which may be done
          with a token, unless a plugin says who that is, or after the operator's link was used.
        - Failure: logged and counted, and refused, save that these may then ``administer``: they
          can switch it off. Asked also while the plugin is left alone. When the plugin can't be
          loaded at the server's start, only the operator is served (plugins.md says when that is).
        """

    @_hook("asked")
    def find_document(self, id: str) -> NewDocument | None:
        """Bring a document from elsewhere that was asked for and is not in the database.

        - When: somebody opens an id that there is no document of. They wait, and so does
          whoever else asks for it. The first answer that is not None is taken.
        - Returns: None, or ``NewDocument(title, type, content)``, which is stored under this
          id from then on if whoever asks may have it (``authorize``). Ids have 1 to 64 letters,
          digits, ``-`` and ``_``.
        - Failure: logged and counted; there is then no such document.
        """

    @_hook("asked")
    def initial_content(self, document: Document) -> str | Delta | None:
        """Say what a new document begins with.

        - When: a document is made without content. ``document`` has its id, title and type,
          and is not stored yet; whoever makes it waits. The first answer that is not None is
          taken.
        - Returns: None, text, or a Delta of inserts. One that its type does not admit is a
          failure.
        - Failure: logged and counted; the document begins empty.
        """

    @_hook("told")
    def document_created(self, document: Document) -> None:
        """A document was made.

        - When: after it is on disk. It may not be open: then it has a title but no text. Also
          when one comes back from a backup, with its history and all that plugins kept for it.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("told")
    def document_opened(self, document: Document) -> None:
        """A document was loaded into memory, because somebody wants to read or edit it.

        - When: before its first session joins. Follows ``document_closed`` when it had been
          open before. Comes anew for what is open when the plugin was left alone for a while.
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

        - When: the session has its welcome and gets messages from now on. Comes anew for
          whoever is there when the plugin was left alone for a while, or is switched on late;
          so it may come twice for one session.
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
        self, document: Document, session: Session | None, author: str, delta: Delta
    ) -> Delta | None:
        """An edit is about to be taken. Implement it only if you must: its author waits.

        - When: before the edit has its place; for every edit of a document that exists,
          whether it comes from a session, over HTTP or from a plugin (a restored revision,
          too). Not for the content that a document is made with: created, imported, brought
          back from a backup, found elsewhere. What ``document`` shows (text, delta, length,
          ``revision``, and the plugin's positions and ranges in it, to read) is exactly what
          ``delta`` applies to. That may be ahead of what is committed by what is still being
          saved; nothing is ordered before you have answered. ``document`` shows it until then,
          and afterwards what is committed. ``author`` is the id of the user whose edit it will
          be, as the server vouches for it: ``token:NAME`` for a script, also over HTTP; for an
          edit that a plugin makes, whom that plugin names. ``session`` is None for edits made
          on the server (HTTP, plugins). Do not wait for an edit of the same document in here:
          it would wait for you.
        - Returns: None to let the edit pass, or the Delta to take in its place; the next
          plugin is asked about that one, on the same content. Raises ``Veto(sentence)`` to
          refuse it, or ``Veto(sentence, retry_after=seconds)`` to take it later.
        - Failure: logged and counted, and the edit passes as if the plugin had not been
          there: documents stay editable. So it is with a Delta that can't be applied. A call
          that had to be cut off opens the plugin's circuit breaker at once. With
          ``@hookimpl(fail_closed=True)`` no edit passes unseen: while the plugin fails, is
          left alone or is being loaded again, edits are refused with ``policy_unavailable``,
          their authors' clients keep them and send them again, and scripts get 503 with
          ``Retry-After``. It is asked also while the plugin is left alone, save after a call
          that had to be cut off; what it raises does not switch the plugin off, for anybody
          could provoke it; what other plugins made of the edit after its answer, it is asked
          about as well. Only switching it off lets edits pass without it.
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
    def snapshot_saved(self, document: Document, revision: int) -> None:
        """The content of a revision was written as a whole: a good moment to mirror it elsewhere.

        - When: after some hundred operations, and when a document that was edited for a while
          is closed. ``await document.content_at(revision)`` is that content.
        - Returns: nothing.
        - Failure: logged and counted.
        """

    @_hook("told", provoked=True)
    def message_received(self, document: Document, session: Session, data: Any) -> None:
        """The plugin's browser half sent a message; other plugins' are not seen.

        - When: in the order they were sent. ``data`` is an instance of the plugin's
          ``Message``; when it declares none, any JSON value. It is made by whoever holds the
          other end: trust ``session.user``, check everything else. What does not fit
          ``Message`` is answered with the error ``bad_message``, and the plugin is not told.
        - Returns: nothing.
        - Failure: logged, with the session's user, and counted. What it raises does not count
          towards switching the plugin off: any visitor can provoke that with junk. A call that
          is cut off at its budget does.
        """

    @_hook("told")
    def published(
        self, topic: str, sender: str, data: Any, document: Document | None
    ) -> None:
        """Another plugin said something, by ``await self.publish(topic, data, document)``.

        - When: after it was said, in the order in which it was, and together with what happens
          to the ``document`` (which may not be open; None when it is about none). ``topic`` is
          ``NAME.word``, described in the README of the plugin NAME, which says it or hears it.
          ``sender`` is the name of the plugin that said it, which the framework vouches for.
          ``data`` is a JSON value, a copy of one's own. A plugin does not hear itself. What is
          said in ``server_started`` is heard when all plugins have started; while the server
          stops nobody hears anything.
        - Returns: nothing.
        - Failure: logged and counted, as that of the plugin that hears it.
        """


def _read(function: Callable[..., Any]) -> Hook:
    kind, budget, closed, provoked = function.__dict__["collab_hook"]
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
        closed=closed,
        provoked=provoked,
    )


HOOKS: dict[str, Hook] = {
    name: _read(function)
    for name, function in vars(Hooks).items()
    if hasattr(function, "collab_hook")
}
"""All hooks by name, in the order of the reference."""
