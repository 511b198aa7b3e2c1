"""Collab: edit documents together in the browser, and change anything about it with a plugin.

What a plugin needs is here; it is imported when it is asked for, so that
``import collab.ot`` needs nothing but Python.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collab.plugins.base import Plugin
    from collab.plugins.specs import Veto, hookimpl

__version__ = "0.1.0"

__all__ = ["Plugin", "Veto", "__version__", "hookimpl"]


def __getattr__(name: str) -> Any:
    if name == "Plugin":
        from collab.plugins.base import Plugin

        return Plugin
    if name in ("Veto", "hookimpl"):
        from collab.plugins import specs

        return getattr(specs, name)
    raise AttributeError(f"module 'collab' has no attribute {name!r}")
