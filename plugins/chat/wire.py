"""What a browser half may say, and what the server keeps and shows of a message."""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from collab.protocol.messages import USER_LENGTH, User

LONGEST = 5000
"""UTF-16 code units of one message at most, whatever the settings say."""

Key = Annotated[str, Meta(min_length=1, max_length=64)]
Text = Annotated[str, Meta(max_length=20_000)]
"""Looked at no further when it is longer; the setting `longest` is less."""
Id = Annotated[int, Meta(ge=1, le=2**53)]
Unit = Annotated[int, Meta(ge=0, le=2**53)]
Time = Annotated[float, Meta(ge=0, le=1e11)]
"""Seconds since 1970 (UTC): up to a year that dates are made for everywhere."""


class _FromBrowser(Struct, tag_field="kind", forbid_unknown_fields=True):
    pass


class Post(_FromBrowser, tag="post"):
    """A new message. ``key`` is made by the browser: sent again, it is the same message."""

    key: Key
    text: Text


class Edit(_FromBrowser, tag="edit"):
    """Another text for one's own message."""

    id: Id
    text: Text


class Delete(_FromBrowser, tag="delete"):
    """One's own message is to go; or anybody's, for whoever manages the document."""

    id: Id


class DeleteAll(_FromBrowser, tag="delete_all"):
    """All that somebody wrote is to go; for whoever manages the document."""

    author: Annotated[str, Meta(min_length=1, max_length=USER_LENGTH)]
    """Their id."""


class Older(_FromBrowser, tag="older"):
    """The messages before ``before`` are wanted."""

    before: Id


class WhoIsThere(_FromBrowser, tag="people"):
    """Whom one can mention is wanted."""


FromBrowser = Post | Edit | Delete | DeleteAll | Older | WhoIsThere


class Mention(Struct, array_like=True):
    """Somebody's name in a text, from ``start`` up to ``end`` (UTF-16 code units)."""

    start: Unit
    end: Unit
    user: str
    """Their id."""


class FromPlugin(Struct, forbid_unknown_fields=True):
    """What other plugins may say as ``chat.post``."""

    text: str
    name: str = ""
    """What the author is called; the plugin's own name without it."""


class Posted(Struct):
    """What other plugins are told as ``chat.posted``."""

    id: int
    author: User
    text: str
    mentions: list[Mention]
    time: float


class Entry(Struct, omit_defaults=True):
    """A message, as it is stored and as it is sent."""

    id: Id
    """1, 2, 3, … within a document."""
    author: User
    """As they were called when they wrote it."""
    time: Time
    """By the server's clock."""
    key: Key
    text: Annotated[str, Meta(max_length=LONGEST)] = ""
    mentions: list[Mention] = []
    edited: Time | None = None
    """When its author changed it last."""
    deleted: bool = False
    """Its text is gone; its number stays, so that the others keep theirs."""
