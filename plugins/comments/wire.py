"""What a browser half may say, and what the server keeps and shows of a thread."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from collab.protocol.messages import USER_LENGTH, User

Key = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=20_000)]
"""Looked at no further when it is longer; the setting `longest` is less."""
Number = Annotated[int, Meta(ge=0, le=2**53)]


class _FromBrowser(Struct, tag_field="kind", forbid_unknown_fields=True):
    pass


class Open(_FromBrowser, tag="open"):
    """A new thread about the text from ``start`` up to ``end`` in ``revision``.

    ``key`` is made by the browser: sent again, it is the same comment.
    """

    key: Key
    text: Text
    revision: Number
    start: Number
    end: Number


class Reply(_FromBrowser, tag="reply"):
    """One more comment in a thread."""

    key: Key
    thread: Key
    text: Text


class Edit(_FromBrowser, tag="edit"):
    """Another text for one's own comment."""

    thread: Key
    comment: Number
    text: Text


class Delete(_FromBrowser, tag="delete"):
    """One's own comment is to go; or anybody's, for whoever manages the document."""

    thread: Key
    comment: Number


class Remove(_FromBrowser, tag="remove"):
    """A whole thread is to go; for whoever manages the document."""

    thread: Key


class RemoveAll(_FromBrowser, tag="remove_all"):
    """All that somebody wrote is to go; for whoever manages the document."""

    author: Annotated[str, Meta(min_length=1, max_length=USER_LENGTH)]
    """Their id."""


class Resolve(_FromBrowser, tag="resolve"):
    """A thread is settled, or (``resolved`` false) it is not."""

    thread: Key
    resolved: bool


FromBrowser = Open | Reply | Edit | Delete | Remove | RemoveAll | Resolve


class Comment(Struct, omit_defaults=True):
    """A comment, as it is stored and as it is sent."""

    id: int
    """1, 2, 3, … within its thread."""
    author: User
    """As they were called when they wrote it."""
    time: float
    """Seconds since 1970 (UTC), by the server's clock."""
    key: str
    text: str = ""
    edited: float | None = None
    """When its author changed it last."""
    deleted: bool = False
    """Its text is gone; it stays where others answer to it."""


class Resolution(Struct):
    """Who settled a thread, and when."""

    by: User
    time: float


class Thread(Struct, omit_defaults=True):
    """What is kept with a range: a conversation about it."""

    quote: str
    """The text it was about when it was begun, shortened."""
    revision: int
    """In which it was begun."""
    comments: list[Comment]
    resolved: Resolution | None = None


class Placed(Struct):
    """A thread as it is sent: where it is at the revision that is sent with it."""

    id: str
    start: int
    end: int
    """The same as ``start`` when its text was deleted."""
    thread: Thread
