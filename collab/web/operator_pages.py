"""``/operator``: where the operator's link leads, and where its browser is signed out again."""

from __future__ import annotations

import logging

from aiohttp import web

from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.web import security_log
from collab.web.bodies import read_form
from collab.web.identity import identify
from collab.web.operator import LINK_LIFETIME, OPERATOR
from collab.web.pages import render
from collab.web.proxies import base_path
from collab.web.security_log import Event

log = logging.getLogger(__name__)

_REFUSED = (
    "This link does not sign anybody in any more: each works once, and for"
    f" {LINK_LIFETIME // 60} minutes. `collab open` on the server's machine prints a new one."
)


async def show(request: web.Request) -> web.Response:
    """``GET /operator``: a button that uses the link, or one that signs out. Changes nothing."""
    signed_in = request.app[OPERATOR].is_signed_in(request)
    return render(request, "operator.html", {"signed_in": signed_in})


async def sign_in(request: web.Request) -> web.Response:
    """``POST /operator``: the key of a link is used, and the browser becomes the operator's."""
    form = await read_form(request)
    # Somebody may paste the whole link into the page.
    key = form.get("key", "").strip().rpartition("#")[2]
    used = request.app[OPERATOR].use_link(key)
    if used != "taken":
        security_log.write(request, Event.WRONG_LINK, f"({used})", user=await _visitor(request))
        raise CollabError(errors.FORBIDDEN, _REFUSED)
    response = _to(request, "/plugins")
    request.app[OPERATOR].sign_in(request, response)
    security_log.write(request, Event.SIGNED_IN, user=await _visitor(request), operator=True)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """``POST /operator/sign-out``: the browser is anybody's again."""
    response = _to(request, "/operator")
    operator = request.app[OPERATOR]
    if operator.is_signed_in(request):
        security_log.write(request, Event.SIGNED_OUT, user=await _visitor(request), operator=True)
    try:
        operator.sign_out(request, response)
    except OSError as error:
        log.error("signing out can't be kept: %s", error)
        raise CollabError(
            errors.STORAGE_FAILED,
            "You are signed out until the server is started again: that could not be saved. The"
            " server's log says why.",
        ) from None
    return response


async def _visitor(request: web.Request) -> User | None:
    """Who it is, for the log; None while a plugin that authenticates does not work."""
    try:
        return await identify(request)
    except CollabError:
        return None


def _to(request: web.Request, path: str) -> web.Response:
    headers = {
        "Location": base_path(request) + path,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(status=303, headers=headers)
