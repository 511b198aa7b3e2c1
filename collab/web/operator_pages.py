"""``/operator``: where the operator's link leads, and where its browser is signed out again."""

from __future__ import annotations

from aiohttp import web

from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.web.operator import LINK_LIFETIME, OPERATOR
from collab.web.pages import render
from collab.web.proxies import base_path

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
    form = await request.post()
    # Somebody may paste the whole link into the page.
    key = str(form.get("key", "")).strip().rpartition("#")[2]
    if request.app[OPERATOR].use_link(key) != "taken":
        raise CollabError(errors.FORBIDDEN, _REFUSED)
    response = _to(request, "/plugins")
    request.app[OPERATOR].sign_in(request, response)
    return response


async def sign_out(request: web.Request) -> web.Response:
    """``POST /operator/sign-out``: the browser is anybody's again."""
    response = _to(request, "/operator")
    request.app[OPERATOR].sign_out(request, response)
    return response


def _to(request: web.Request, path: str) -> web.Response:
    headers = {
        "Location": base_path(request) + path,
        "Cache-Control": "no-store",
        "Referrer-Policy": "no-referrer",
    }
    return web.Response(status=303, headers=headers)
