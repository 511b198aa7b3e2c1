"""The aiohttp application: pages, HTTP API, the WebSocket endpoint, assets, middlewares."""

from collab.web.app import create_app

__all__ = ["create_app"]
