"""The operator's view of the plugins: a page and an API to look, switch and load anew."""

from __future__ import annotations

from typing import Any, Literal

from aiohttp import web
from msgspec import Struct, to_builtins

from collab.plugins.discovery import Unusable
from collab.plugins.manager import PluginManager
from collab.plugins.switchboard import Switchboard
from collab.protocol import errors, messages
from collab.protocol.errors import CollabError
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.web import security_log
from collab.web.access import require
from collab.web.bodies import json_response, read_form, read_json
from collab.web.keys import CONNECTIONS, PLUGINS
from collab.web.operator import OPERATOR
from collab.web.pages import render
from collab.web.proxies import base_path
from collab.web.security_log import Event, shown

SWITCHBOARD = web.AppKey("switchboard", Switchboard)

Wanted = Literal["on", "off", "reload", "close breaker"]


class Change(Struct, forbid_unknown_fields=True):
    """What ``POST /api/plugins/{name}`` takes."""

    state: Wanted


def described(plugins: PluginManager) -> list[dict[str, Any]]:
    """Every plugin that was found, and how it is doing."""
    health = plugins.health()
    return [
        {
            **to_builtins(one),
            "health": to_builtins(health[one.name]) if one.name in health else None,
            "api": type(plugins.plugins[one.name]).api if one.name in plugins.plugins else None,
            "routes": sum(route.plugin == one.name for route in plugins.routes()),
        }
        for one in plugins.listing()
    ]


async def listing(request: web.Request) -> web.Response:
    """``GET /api/plugins``: every plugin and how it is doing."""
    await require(request, "administer")
    return json_response({"plugins": described(request.app[PLUGINS])})


async def change(request: web.Request) -> web.Response:
    """``POST /api/plugins/{name}``: switch it, load it anew, or close its circuit breaker."""
    user = await require(request, "administer")
    wanted = await read_json(request, Change)
    name = request.match_info["name"]
    await _change(request, user, name, wanted.state)
    (shown,) = [one for one in described(request.app[PLUGINS]) if one["name"] == name][:1]
    return json_response(shown)


async def page(request: web.Request) -> web.Response:
    """``GET /plugins``: the same for a person to read."""
    await require(request, "administer")
    context = {
        "plugins": described(request.app[PLUGINS]),
        "signed_in": request.app[OPERATOR].is_signed_in(request),
    }
    return render(request, "plugins.html", context)


async def submit(request: web.Request) -> web.Response:
    """``POST /plugins``: a button of the page was pressed."""
    user = await require(request, "administer")
    form = await read_form(request)
    state = form.get("state")
    if state not in ("on", "off", "reload", "close breaker"):
        raise CollabError(errors.BAD_REQUEST)
    await _change(request, user, form.get("name", ""), state)
    raise web.HTTPSeeOther(base_path(request) + "/plugins")


async def _change(request: web.Request, user: User, name: str, state: Any) -> None:
    switchboard = request.app[SWITCHBOARD]
    try:
        match state:
            case "on":
                await switchboard.on(name)
            case "off":
                await switchboard.off(name)
            case "reload":
                await switchboard.reload(name)
            case _:
                if not request.app[PLUGINS].close_breaker(name):
                    raise LookupError(f"No plugin {name!r:.40} is switched on.")
    except LookupError as error:
        raise CollabError(errors.NO_PLUGIN, str(error)) from error
    except Unusable as error:
        raise CollabError(
            errors.PLUGIN_UNUSABLE, f"The plugin {name} can't be used: {error}."
        ) from error
    about = f"{shown(name)} {state}"
    security_log.write(request, Event.SWITCHED, about, user=user, operator=True)


def tell_browsers(app: web.Application) -> None:
    """Tell every connection which browser halves shall run."""
    frames: dict[str, Frame] = {}
    for connection in app[CONNECTIONS]:
        base = connection.base_path
        if base not in frames:
            frames[base] = browser_halves(app, base)
        connection.send(frames[base])


def browser_halves(app: web.Application, base: str) -> Frame:
    """Which browser halves shall run, for a page below ``base``."""
    message = messages.Plugins(
        [
            messages.PluginHalf(
                half.name,
                base + half.script if half.script else None,
                [base + style for style in half.styles],
                base + half.previous if half.previous else None,
            )
            for half in app[PLUGINS].browser_halves()
        ]
    )
    return Frame(messages.encode(message))
