"""What a person looks at: the list of documents and the editor."""

from __future__ import annotations

import base64
import hashlib
import json
import secrets
from functools import cache
from pathlib import Path
from typing import Any

import aiohttp_jinja2
from aiohttp import web
from aiohttp.typedefs import Handler

import collab
from collab.ot import document_types
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.rooms.replay import known_type
from collab.storage.port import DocumentRecord
from collab.web.documents import described, find, named, page
from collab.web.identity import identify
from collab.web.keys import PLUGINS
from collab.web.proxies import base_path, peer

STATIC = Path(collab.__file__).parent / "static"

EDITORS = frozenset({"text"})
"""The built-in types that the editor's page shows, and with them all types that are like them."""


@cache
def _vendored() -> dict[str, str]:
    """Bare module names and their files below ``static/``, from the vendor manifest."""
    manifest = json.loads((STATIC / "vendor" / "manifest.json").read_text(encoding="utf-8"))
    imports: dict[str, str] = manifest["imports"]
    return imports


@cache
def import_map(base: str) -> str:
    """The import map of every page below ``base``: one instance of each vendored module."""
    imports = {name: f"{base}/static/vendor/{file}" for name, file in _vendored().items()}
    return json.dumps({"imports": imports}, sort_keys=True)


def security_headers(request: web.Request, nonce: str) -> dict[str, str]:
    """Headers of every page: nothing runs, and nothing is sent, that is not ours."""
    digest = hashlib.sha256(import_map(base_path(request)).encode()).digest()
    map_hash = base64.b64encode(digest).decode()
    host = peer(request).host
    sockets = f" ws://{host} wss://{host}" if host else ""
    policy = (
        "default-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'none';"
        f" script-src 'self' 'sha256-{map_hash}'; style-src 'self' 'nonce-{nonce}';"
        f" img-src 'self' data:; font-src 'self'; connect-src 'self'{sockets}"
    )
    return {
        "Content-Security-Policy": policy,
        "Cross-Origin-Opener-Policy": "same-origin",
        # Not "no-referrer": with that, a form says that it comes from nowhere, and is refused.
        "Referrer-Policy": "same-origin",
        "X-Content-Type-Options": "nosniff",
        "X-Robots-Tag": "noindex",
        "Cache-Control": "no-store",
    }


def render(
    request: web.Request, template: str, context: dict[str, Any], status: int = 200
) -> web.Response:
    """A page. Beside ``context``, templates know the base path, import map, nonce and version."""
    base = base_path(request)
    around = {
        "base_path": base,
        "import_map": import_map(base),
        "csp_nonce": request[NONCE],
        "version": collab.__version__,
    }
    response = aiohttp_jinja2.render_template(template, request, around | context, status=status)
    assert isinstance(response, web.Response)
    return response


NONCE = web.RequestKey("nonce", str)


@web.middleware
async def secure_pages(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Give each request a nonce and each page its security headers."""
    request[NONCE] = secrets.token_urlsafe(12)
    response = await handler(request)
    if isinstance(response, web.FileResponse):
        # Asked for again at every visit (and answered with 304): after an upgrade, a page must
        # not meet the modules of the version before.
        response.headers["Cache-Control"] = "no-cache"
        response.headers["X-Content-Type-Options"] = "nosniff"
    elif response.content_type == "text/html":
        for name, value in security_headers(request, request[NONCE]).items():
            # An exported file has a stricter policy of its own.
            response.headers.setdefault(name, value)
    return response


async def _config(request: web.Request) -> dict[str, Any]:
    base = base_path(request)
    user = await identify(request)
    return {
        "basePath": base,
        "api": f"{base}/api",
        "user": {"id": user.id, "name": user.name, "color": user.color},
        "version": collab.__version__,
    }


async def documents(request: web.Request) -> web.Response:
    """``GET /``: the documents, and a way to make one."""
    context = {
        "config": await _config(request),
        "page": await page(request),
        "types": [one for one in document_types() if one.like in EDITORS],
        **await _contributed(request, "documents", None),
    }
    return render(request, "documents.html", context)


async def kept(request: web.Request) -> web.Response:
    """``GET /kept``: what the visitor's browser keeps; the server knows nothing of it."""
    return render(request, "kept.html", {})


async def _contributed(
    request: web.Request, name: str, record: DocumentRecord | None
) -> dict[str, Any]:
    """What plugins add to a page: HTML of its head, and links."""
    plugins = request.app[PLUGINS]
    document = None if record is None else plugins.house.document(record)
    found = await plugins.gate.contributions(name, document)
    base = base_path(request)
    return {
        "plugins_head": "\n".join(one.head for one in found if one.head),
        "plugins_links": [
            (base + href if href.startswith("/") else href, label)
            for one in found
            for href, label in one.links
        ],
    }


async def editor(request: web.Request) -> web.Response:
    """``GET /d/{id}``: the document in its editor."""
    record = await find(request)
    type = known_type(record)
    if type.like not in EDITORS:
        raise CollabError(
            errors.NOT_ACCEPTABLE,
            f"There is no page yet for documents of the type {record.type}:"
            " scripts and programs can read and change this one.",
        )
    document = described(request, record)
    base = base_path(request)
    halves = [
        {
            "name": half.name,
            "script": base + half.script if half.script else None,
            "styles": [base + style for style in half.styles],
            "previous": base + half.previous if half.previous else None,
        }
        for half in request.app[PLUGINS].browser_halves()
    ]
    config = await _config(request) | {
        "document": named(record, type),
        "socket": document["links"]["socket"],
        "plugins": halves,
    }
    context = {
        "config": config,
        "document": document,
        **await _contributed(request, "editor", record),
    }
    return render(request, "editor.html", context)
