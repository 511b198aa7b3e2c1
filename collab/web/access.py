"""Who may do what: plugins decide, and here is what holds when none of them says anything."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

from collab.plugins.access import Action
from collab.plugins.document import Document
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.rooms.port import Session
from collab.storage.port import DocumentRecord
from collab.web import security_log
from collab.web.bodies import ask_again
from collab.web.connection import Connection
from collab.web.identity import identify, is_operator, is_recognized
from collab.web.keys import PLUGINS, ROOMS
from collab.web.origin import SAFE_METHODS
from collab.web.security_log import Event, shown

_FOR_THE_OPERATOR = (
    "That is for the operator of this server: `collab open` on its machine prints a link that"
    " signs a browser in, and a script sends one of the server's tokens."
)


async def require(
    request: web.Request, action: Action, document: DocumentRecord | None = None
) -> User:
    """Who sends the request, if they may do that; asked again when its body is waited for.

    Raises `CollabError` FORBIDDEN, and OPERATOR_ONLY while a plugin that decides does not run.
    """
    user = await identify(request)
    await _check(request, user, action, document)
    if request.method not in SAFE_METHODS:
        ask_again(request, partial(_check, request, user, action, document))
    return user


async def _check(
    request: web.Request, user: User, action: Action, document: DocumentRecord | None
) -> None:
    about = None if document is None else request.app[PLUGINS].house.document(document)
    if not await _allows(request, user, action, about):
        unproven = action == "administer" and not is_operator(request)
        raise CollabError(errors.FORBIDDEN, _FOR_THE_OPERATOR if unproven else None)


def operator_only(base: str) -> Middleware:
    """While a plugin that decides does not run, only the operator gets in, whatever they want.

    ``base`` is the application's path. Static files, the probes and the page where the operator
    signs in are for everybody.
    """
    for_everybody = tuple(
        base + path for path in ("/livez", "/readyz", "/operator", "/operator/sign-out")
    )

    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.app[PLUGINS].gate.missing:
            static = isinstance(request.match_info.route.resource, web.StaticResource)
            if not static and request.path not in for_everybody:
                await require(request, "administer")
        return await handler(request)

    return check


async def admit(request: web.Request, action: Action, id: str | None) -> User:
    """Who sends a request to a plugin's route, if they may do that to the document ``id``.

    Raises `CollabError`: FORBIDDEN, NO_DOCUMENT.
    """
    if id is None:
        user = await require(request, action)
    else:
        record = await request.app[ROOMS].record(id, partial(require, request, action))
        if record is None:
            raise CollabError(errors.NO_DOCUMENT)
        user = await identify(request)
    if action == "administer" and request.method not in SAFE_METHODS:
        about = f"{request.method} {shown(request.path)}"
        security_log.write(request, Event.ADMINISTERED, about, user=user, operator=True)
    return user


async def permissions(request: web.Request, document: DocumentRecord) -> frozenset[str]:
    """What a session may do: ``read`` and perhaps ``write``.

    Raises `CollabError` FORBIDDEN when it may not even read, OPERATOR_ONLY as `require` does.
    """
    user = await identify(request)
    plugins = request.app[PLUGINS]
    if plugins.gate.missing:
        await require(request, "administer")
        return frozenset({"read", "write"})
    allowed = await plugins.gate.permissions(user, plugins.house.document(document))
    if "read" not in allowed:
        raise CollabError(errors.FORBIDDEN)
    return allowed


async def recognize(session: Session) -> bool:
    """Whether plugins still say the same of who a session is as when it came.

    Raises `CollabError` FORBIDDEN when a plugin that authenticates does not work.
    """
    request = session.request if isinstance(session, Connection) else None
    return request is None or await is_recognized(request)


async def may(session: Session, action: Action, document: Document | None) -> bool:
    """Whether a session's person may do something; False also while that can't be asked."""
    request = session.request if isinstance(session, Connection) else None
    try:
        return request is not None and await _allows(request, session.user, action, document)
    except CollabError:
        return False


async def readable(
    request: web.Request, documents: Sequence[DocumentRecord]
) -> Sequence[DocumentRecord]:
    """Those of some documents that the visitor may read."""
    if not request.app[PLUGINS].gate.guards:
        return documents
    user = await identify(request)
    about = request.app[PLUGINS].house.document
    return [one for one in documents if await _allows(request, user, "read", about(one))]


async def _allows(
    request: web.Request, user: User, action: Action, document: Document | None
) -> bool:
    plugins = request.app[PLUGINS]
    if plugins.gate.missing:
        if not is_operator(request):
            plugins.gate.check_complete()
        return True
    otherwise = action != "administer" or is_operator(request)
    if not plugins.gate.guards:
        return otherwise
    try:
        return await plugins.gate.allows(user, action, document, otherwise=otherwise)
    except CollabError:
        # The operator can switch off the plugin that does not answer.
        if action == "administer" and is_operator(request):
            return True
        raise
