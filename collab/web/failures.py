"""Every error of the HTTP side leaves through here, in one shape or as a page."""

from __future__ import annotations

import logging
import math

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.storage.port import StorageError
from collab.web.pages import render

log = logging.getLogger(__name__)

_HTTP = {
    404: errors.NOT_FOUND,
    405: errors.METHOD_NOT_ALLOWED,
    413: errors.MESSAGE_TOO_LARGE,
    415: errors.UNSUPPORTED_MEDIA_TYPE,
}


@web.middleware
async def tell_failures(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Turn whatever a handler raises into the one error shape, or a page for a person."""
    try:
        return await handler(request)
    except CollabError as error:
        return _answer(request, error)
    except web.HTTPException as response:
        if response.status < 400:
            raise
        told = CollabError(_HTTP.get(response.status, errors.BAD_REQUEST), _sentence(response))
        answer = _answer(request, told, response.status)
        if "Allow" in response.headers:
            answer.headers["Allow"] = response.headers["Allow"]
        return answer
    except StorageError as error:
        log.error("%s %s: %s", request.method, request.path, error)
        return _answer(request, CollabError(errors.STORAGE_FAILED))
    except ConnectionError:
        raise
    except Exception:
        log.exception("%s %s failed", request.method, request.path)
        return _answer(request, CollabError(errors.INTERNAL))


def _sentence(response: web.HTTPException) -> str | None:
    """What a plugin's route says itself, by ``raise web.HTTPConflict(text="…")``."""
    said = response.text
    return None if said == f"{response.status}: {response.reason}" else said or None


def _answer(
    request: web.Request, error: CollabError, status: int | None = None
) -> web.StreamResponse:
    status = status or error.code.status
    accepts_page = "text/html" in request.headers.get("Accept", "")
    if accepts_page and "/api/" not in request.path:
        context = {"status": status, "title": error.code.sentence, "sentence": error.sentence}
        response = render(request, "error.html", context, status)
    else:
        response = web.Response(
            body=msgspec.json.encode(error.json()), status=status, content_type="application/json"
        )
    if response.status == 401:
        response.headers["WWW-Authenticate"] = "Bearer"  # RFC 9110 asks for one
    wait = error.details.get("retry_after")
    if wait is not None:
        response.headers["Retry-After"] = str(math.ceil(wait))
    return response
