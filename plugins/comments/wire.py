"""What a browser half may say, and what the server keeps and shows of a thread."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from collab.protocol.messages import USER_LENGTH, User

Key = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=20_000)]
"""Looked at no further when it is longer; the setting `longest` is less."""
Number = Annotated[int, Meta(ge=0, le=2**53)]
Time = Annotated[float, Meta(ge=0, le=1e11)]
"""Seconds since 1970 (UTC): up to a year that dates are made for everywhere."""

LONGEST = 5000
"""UTF-16 code units of one comment at most, whatever the settings say."""

QUOTE = 200
"""UTF-16 code units of a quotation at most."""


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

    id: Annotated[int, Meta(ge=1, le=2**53)]
    """1, 2, 3, … within its thread."""
    author: User
    """As they were called when they wrote it."""
    time: Time
    """By the server's clock."""
    key: Key
    text: Annotated[str, Meta(max_length=LONGEST)] = ""
    edited: Time | None = None
    """When its author changed it last."""
    deleted: bool = False
    """Its text is gone; it stays where others answer to it."""


class Resolution(Struct):
    """Who settled a thread, and when."""

    by: User
    time: Time


class Thread(Struct, omit_defaults=True):
    """What is kept with a range: a conversation about it."""

    quote: Annotated[str, Meta(max_length=QUOTE + 1)]
    """The text it was about when it was begun, shortened."""
    revision: Number
    """In which it was begun."""
    comments: Annotated[list[Comment], Meta(min_length=1)]
    resolved: Resolution | None = None


class Placed(Struct):
    """A thread as it is sent: where it is at the revision that is sent with it."""

    id: Key
    start: Number
    end: Number
    """The same as ``start`` when its text was deleted."""
    thread: Thread
