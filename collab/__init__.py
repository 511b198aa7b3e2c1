"""Collab: edit documents together in the browser, and change anything about it with a plugin.

What a plugin needs is here; it is imported when it is asked for, so that
``import collab.ot`` needs nothing but Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collab.plugins.access import Request
    from collab.plugins.base import Plugin
    from collab.plugins.offers import Command, Contribution, Format, Imported, NewDocument
    from collab.plugins.specs import Veto, hookimpl
    from collab.protocol.messages import User

__version__ = "0.1.0"

__all__ = [
    "Command",
    "Contribution",
    "Format",
    "Imported",
    "NewDocument",
    "Plugin",
    "Request",
    "User",
    "Veto",
    "__version__",
    "hookimpl",
]

_HOMES = {
    "Command": "collab.plugins.offers",
    "Contribution": "collab.plugins.offers",
    "Format": "collab.plugins.offers",
    "Imported": "collab.plugins.offers",
    "NewDocument": "collab.plugins.offers",
    "Plugin": "collab.plugins.base",
    "Request": "collab.plugins.access",
    "User": "collab.protocol.messages",
    "Veto": "collab.plugins.specs",
    "hookimpl": "collab.plugins.specs",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'collab' has no attribute {name!r}")
    return getattr(import_module(home), name)
