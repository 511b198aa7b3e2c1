"""What receivers are told."""

from __future__ import annotations

import secrets
from collections.abc import Collection
from typing import Any, Literal, get_args

from msgspec import Struct

from collab.plugins.document import Document
from collab.rooms.port import Session

Name = Literal[
    "document_created",
    "document_renamed",
    "document_deleted",
    "document_changed",
    "session_joined",
    "session_left",
]

NAMES: tuple[Name, ...] = get_args(Name)

LOST = "events_lost"
"""Stands in the place of events that could not be delivered: ``count`` says how many."""


class Event(Struct, frozen=True, omit_defaults=True):
    """One event; its JSON is the body of the request. What does not apply is left out."""

    id: str
    """The same at every attempt."""
    event: str
    time: float
    """When it happened; seconds since 1970 (UTC)."""
    document: dict[str, str] | None = None
    """``id``, ``title``, ``type``."""
    since: int | None = None
    """The revision before the first of the changes."""
    revision: int | None = None
    """The revision after the last of them."""
    authors: list[str] | None = None
    """Ids of the users who made them."""
    session: dict[str, Any] | None = None
    """``id``, ``user`` (``id`` and ``name``)."""
    count: int = 0


def about(name: Name, time: float, document: Document, session: Session | None = None) -> Event:
    """Something happened to a document, or to a session in it."""
    who = None
    if session is not None:
        who = {"id": session.id, "user": {"id": session.user.id, "name": session.user.name}}
    return Event(_id(), name, time, _described(document), session=who)


def changed(
    time: float, document: Document, since: int, revision: int, authors: Collection[str]
) -> Event:
    """The text of a document was edited."""
    return Event(
        _id(), "document_changed", time, _described(document), since, revision, sorted(authors)
    )


def lost(time: float, count: int) -> Event:
    """So many events will never be delivered."""
    return Event(_id(), LOST, time, count=count)


def _described(document: Document) -> dict[str, str]:
    return {"id": document.id, "title": document.title, "type": document.type}


def _id() -> str:
    return f"msg_{secrets.token_urlsafe(18)}"
