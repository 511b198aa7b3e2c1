"""Collab: edit documents together in the browser, and change anything about it with a plugin.

What a plugin needs is here; it is imported when it is asked for, so that
``import collab.ot`` needs nothing but Python.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collab.ot import Delta, DocumentType, document_type, to_text, to_units
    from collab.plugins.access import Action, Request
    from collab.plugins.archive import Operation
    from collab.plugins.base import Plugin
    from collab.plugins.document import Document
    from collab.plugins.offers import Command, Contribution, Format, Imported, NewDocument
    from collab.plugins.positions import OutOfReach
    from collab.plugins.routes import RouteLike, own_tokens
    from collab.plugins.server import Server
    from collab.plugins.specs import Veto, hookimpl
    from collab.plugins.visitor_buckets import VisitorBuckets
    from collab.protocol.errors import CollabError
    from collab.protocol.messages import User
    from collab.protocol.token_bucket import TokenBucket, TokenBuckets
    from collab.rooms.port import Session
    from collab.storage.port import StorageError, Violation

__version__ = "0.1.0"

__all__ = [
    "Action",
    "CollabError",
    "Command",
    "Contribution",
    "Delta",
    "Document",
    "DocumentType",
    "Format",
    "Imported",
    "NewDocument",
    "Operation",
    "OutOfReach",
    "Plugin",
    "Request",
    "RouteLike",
    "Server",
    "Session",
    "StorageError",
    "TokenBucket",
    "TokenBuckets",
    "User",
    "Veto",
    "Violation",
    "VisitorBuckets",
    "__version__",
    "document_type",
    "hookimpl",
    "own_tokens",
    "to_text",
    "to_units",
]

_HOMES = {
    "Action": "collab.plugins.access",
    "CollabError": "collab.protocol.errors",
    "Command": "collab.plugins.offers",
    "Contribution": "collab.plugins.offers",
    "Delta": "collab.ot",
    "Document": "collab.plugins.document",
    "DocumentType": "collab.ot",
    "Format": "collab.plugins.offers",
    "Imported": "collab.plugins.offers",
    "NewDocument": "collab.plugins.offers",
    "Operation": "collab.plugins.archive",
    "OutOfReach": "collab.plugins.positions",
    "Plugin": "collab.plugins.base",
    "Request": "collab.plugins.access",
    "RouteLike": "collab.plugins.routes",
    "own_tokens": "collab.plugins.routes",
    "Server": "collab.plugins.server",
    "Session": "collab.rooms.port",
    "StorageError": "collab.storage.port",
    "TokenBucket": "collab.protocol.token_bucket",
    "TokenBuckets": "collab.protocol.token_bucket",
    "User": "collab.protocol.messages",
    "Veto": "collab.plugins.specs",
    "Violation": "collab.storage.port",
    "VisitorBuckets": "collab.plugins.visitor_buckets",
    "document_type": "collab.ot",
    "hookimpl": "collab.plugins.specs",
    "to_text": "collab.ot",
    "to_units": "collab.ot",
}


def __getattr__(name: str) -> Any:
    home = _HOMES.get(name)
    if home is None:
        raise AttributeError(f"module 'collab' has no attribute {name!r}")
    return getattr(import_module(home), name)
