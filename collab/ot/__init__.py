"""The algebra of editing: deltas, documents, the client's machine and the ordering authority.

Pure values and functions on the standard library: no clock, no network, no tasks. Lengths and
positions are UTF-16 code units everywhere.
"""

from collab.ot.authority import Authority
from collab.ot.client import Client, Pending, Received
from collab.ot.content import Content
from collab.ot.delta import Delta
from collab.ot.errors import ForgottenRevision, InvalidOperation, OutOfOrder, UnknownRevision
from collab.ot.order import precedes
from collab.ot.text_edit import text_edit
from collab.ot.types import (
    DocumentType,
    content_like,
    document_type,
    document_types,
    register,
)
from collab.ot.units import to_text, to_units

__all__ = [
    "Authority",
    "Client",
    "Content",
    "Delta",
    "DocumentType",
    "ForgottenRevision",
    "InvalidOperation",
    "OutOfOrder",
    "Pending",
    "Received",
    "UnknownRevision",
    "content_like",
    "document_type",
    "document_types",
    "precedes",
    "register",
    "text_edit",
    "to_text",
    "to_units",
]
