"""The cursor of a list of documents: where a page ended, in a form that fits in a URL."""

from __future__ import annotations

import base64
import binascii

import msgspec

from collab.storage.port import DocumentRecord


def cursor_after(document: DocumentRecord) -> str:
    """The cursor that asks for what follows ``document``."""
    place = msgspec.json.encode([document.updated, document.id])
    return base64.urlsafe_b64encode(place).decode().rstrip("=")


def read_cursor(cursor: str) -> tuple[float, str]:
    """The time and id of the document that a page ended with. Raises ValueError."""
    try:
        place = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
        return msgspec.json.decode(place, type=tuple[float, str])
    except (msgspec.MsgspecError, binascii.Error, ValueError):
        raise ValueError(f"{cursor[:40]!r} is not a cursor of this list") from None
