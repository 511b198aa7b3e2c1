"""The application: every resource is made here, in order, and let go in the reverse order."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator

import aiohttp
import aiohttp_jinja2
import jinja2
import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler, Middleware

import collab
from collab.plugins.manager import PluginManager
from collab.plugins.switchboard import Switchboard
from collab.protocol import errors
from collab.protocol.bodies import Line
from collab.protocol.settings import Settings
from collab.rooms import Rooms
from collab.storage import open_store
from collab.storage.port import Store
from collab.web import (
    administration,
    backup,
    bodies,
    content,
    documents,
    exchange,
    identity,
    operator_pages,
    origin,
    pages,
    paths,
    proxies,
    socket,
)
from collab.web.access import admit, may, operator_only, recognize
from collab.web.bodies import json_response, read_json
from collab.web.clients import CLIENTS, Clients
from collab.web.ended import Ended
from collab.web.failures import tell_failures
from collab.web.folders import template_folders
from collab.web.guard import GUARD, Guard
from collab.web.headers import add_headers
from collab.web.idempotency import IDEMPOTENCY, Idempotency
from collab.web.identity import Identities, identify
from collab.web.keys import CONNECTIONS, PLUGINS, ROOMS, SETTINGS, STORE
from collab.web.operator import OPERATOR, Operator
from collab.web.plugin_routes import PluginRoutes, check_routes
from collab.web.preconditions import TURNS, Turns
from collab.web.readiness import Readiness
from collab.web.secret import load_secret
from collab.web.sources import SOURCES, Sources

log = logging.getLogger(__name__)

READINESS = web.AppKey("readiness", Readiness)

COME_BACK = 1.0
"""Seconds after which clients are asked to come back when the server stops."""


def create_app(settings: Settings, store: Store | None = None) -> web.Application:
    """A Collab server as an aiohttp application. Production and tests both start here.

    ``store`` replaces the database that ``settings`` name; the caller closes it.
    Raises ValueError for settings that can't be understood.
    """
    base = proxies.clean_prefix(settings.base_path)
    guard = Guard()
    app = web.Application(
        middlewares=[
            guard.notice,
            proxies.middleware(settings),
            pages.secure_pages,
            tell_failures,
            paths.check_path,
            bodies.account,
            _check_origin(settings),
            identity.check_token,
            operator_only(base),
        ],
        # For handlers that read a body themselves; ours go through `bodies`.
        client_max_size=bodies.SMALL_BODY,
    )
    app[GUARD] = guard
    app[SETTINGS] = settings
    app[CONNECTIONS] = set()
    bodies.setup(app, settings.limits)
    secret = load_secret(settings.data_dir)
    app[CLIENTS] = Clients(secret)
    app[SOURCES] = Sources()
    app[IDEMPOTENCY] = Idempotency(secret)
    socket.setup(app, settings.limits)
    app[TURNS] = Turns()
    app[OPERATOR] = Operator(secret, ended=Ended(settings.data_dir))
    identity.setup(app, Identities(secret, settings.tokens))
    plugins = PluginManager(settings)
    app[PLUGINS] = plugins
    plugins.load()
    templates = jinja2.FileSystemLoader(template_folders(settings, plugins))
    aiohttp_jinja2.setup(app, loader=templates, autoescape=True)
    switchboard = Switchboard(plugins, lambda: app[STORE], check_routes)
    app[administration.SWITCHBOARD] = switchboard

    def plugins_changed() -> None:
        templates.searchpath[:] = map(str, template_folders(settings, plugins))
        administration.tell_browsers(app)

    switchboard.follow(plugins_changed)
    _add_routes(app, base)

    async def storage(app: web.Application) -> AsyncIterator[None]:
        app[STORE] = store or await open_store(settings)
        app[READINESS] = Readiness(app[STORE].prove)
        try:
            yield
        finally:
            await app[READINESS].close()
            if store is None:
                await app[STORE].close()

    async def open_rooms(app: web.Application) -> AsyncIterator[None]:
        app[ROOMS] = Rooms(app[STORE], settings, plugins.observer)
        async with aiohttp.ClientSession(
            timeout=aiohttp.ClientTimeout(total=60.0, sock_connect=10.0),
            cookie_jar=aiohttp.DummyCookieJar(),
            headers={"User-Agent": f"Collab/{collab.__version__}"},
        ) as http:
            await plugins.start(
                app[ROOMS], app[STORE], http, admit, recognize, bodies.read_body, may
            )
            yield
            # Sockets were told goodbye in on_shutdown; what is left are server-side edits.
            await app[ROOMS].stop(COME_BACK)
            await plugins.stop()

    app.cleanup_ctx.append(storage)
    app.cleanup_ctx.append(open_rooms)
    app.on_shutdown.append(_say_goodbye)
    app.on_response_prepare.append(add_headers)
    return app


async def _say_goodbye(app: web.Application) -> None:
    """Save everything, tell every client when to come back, and cut who does not listen."""
    connections = app[CONNECTIONS].copy()
    await app[ROOMS].stop(COME_BACK)
    for connection in connections:
        connection.end(errors.SHUTTING_DOWN, retry_after=COME_BACK)
    await asyncio.gather(*(connection.finished() for connection in connections))


def _check_origin(settings: Settings) -> Middleware:
    @web.middleware
    async def check(request: web.Request, handler: Handler) -> web.StreamResponse:
        origin.check_origin(request, settings)
        return await handler(request)

    return check


class Me(msgspec.Struct, forbid_unknown_fields=True):
    """What ``PUT /api/me`` takes."""

    name: Line | None = None
    color: Line | None = None


async def _show_me(request: web.Request) -> web.Response:
    """``GET /api/me``: who the server takes you for."""
    return json_response(await identify(request))


async def _change_me(request: web.Request) -> web.Response:
    """``PUT /api/me``: another name or colour, also where you are connected now."""
    wanted = await read_json(request, Me)
    user = await identity.change(request, wanted.name, wanted.color)
    request.app[ROOMS].user_changed(user)
    return json_response(user)


async def _alive(request: web.Request) -> web.Response:
    """``GET /livez``: the event loop answers."""
    return json_response({"status": "alive"})


async def _ready(request: web.Request) -> web.Response:
    """``GET /readyz``: an edit could be saved now."""
    await request.app[READINESS].require()
    return json_response({"status": "ready"})


def _add_routes(app: web.Application, base: str) -> None:
    add = app.router
    add.add_get(f"{base}/", pages.documents)
    if base:
        add.add_get(base, _to_slash)
    add.add_get(f"{base}/d/{{id}}", pages.editor)
    add.add_get(f"{base}/kept", pages.kept)
    add.add_get(f"{base}/livez", _alive)
    add.add_get(f"{base}/readyz", _ready)
    add.add_get(f"{base}/api/me", _show_me)
    add.add_put(f"{base}/api/me", _change_me)
    api = f"{base}/api/documents"
    add.add_get(api, documents.listing)
    add.add_post(api, documents.create)
    add.add_get(f"{api}/{{id}}", documents.show)
    add.add_patch(f"{api}/{{id}}", documents.change)
    add.add_delete(f"{api}/{{id}}", documents.delete)
    add.add_get(f"{api}/{{id}}/content", content.read)
    add.add_put(f"{api}/{{id}}/content", content.put)
    add.add_get(f"{api}/{{id}}/operations", content.log)
    add.add_get(f"{api}/{{id}}/export/backup", backup.export)
    add.add_get(f"{api}/{{id}}/export/{{format}}", exchange.export)
    add.add_get(f"{base}/api/types", documents.types)
    add.add_get(f"{base}/api/formats", exchange.formats)
    add.add_post(f"{base}/api/import/backup", backup.import_file)
    add.add_post(f"{base}/api/import/{{format}}", exchange.import_file)
    add.add_get(f"{api}/{{id}}/socket", socket.open_socket, allow_head=False)
    add.add_static(f"{base}/static", pages.STATIC)
    add.add_get(f"{base}/operator", operator_pages.show)
    add.add_post(f"{base}/operator", operator_pages.sign_in)
    add.add_post(f"{base}/operator/sign-out", operator_pages.sign_out)
    add.add_get(f"{base}/plugins", administration.page)
    add.add_post(f"{base}/plugins", administration.submit)
    add.add_get(f"{base}/api/plugins", administration.listing)
    add.add_post(f"{base}/api/plugins/{{name}}", administration.change)
    add.register_resource(PluginRoutes(app[PLUGINS], base))


async def _to_slash(request: web.Request) -> web.Response:
    raise web.HTTPFound(proxies.base_path(request) + "/")
