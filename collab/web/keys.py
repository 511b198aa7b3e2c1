"""What the application carries for its handlers, typed."""

from __future__ import annotations

from aiohttp import web

from collab.plugins.manager import PluginManager
from collab.protocol.settings import Settings
from collab.rooms import Rooms
from collab.storage.port import Store
from collab.web.connection import Connection

SETTINGS = web.AppKey("settings", Settings)
STORE = web.AppKey("store", Store)
ROOMS = web.AppKey("rooms", Rooms)
PLUGINS = web.AppKey("plugins", PluginManager)

CONNECTIONS: web.AppKey[set[Connection]] = web.AppKey("connections", set)
