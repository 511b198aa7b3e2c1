"""How a document begins, whoever makes it."""

from __future__ import annotations

import re
import secrets
import time
from typing import Any, NamedTuple

from collab.ot import Content, InvalidOperation, document_type
from collab.protocol import errors
from collab.protocol.contents import Bounds, content_of, encoded
from collab.protocol.errors import CollabError
from collab.protocol.labels import clean_label
from collab.storage.port import DocumentRecord

TITLE_LENGTH = 200
"""Characters a title may have."""

DOCUMENT_ID = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
"""What an id that comes from outside has to look like, whole."""


REQUEST_LENGTH = 12
"""Characters that the epoch of a document begins with when a request with a key made it: they tell
what that request had sent."""


class Names(NamedTuple):
    """What a document is known by."""

    id: str
    epoch: str

    def made_by_same_request(self, epoch: str) -> bool:
        """Whether the document of this id, which has another ``epoch`` now, was made by a request
        that had sent the same."""
        return epoch[:REQUEST_LENGTH] == self.epoch[:REQUEST_LENGTH]


def new_names(id: str | None = None) -> Names:
    """Names that nothing had before; a document that comes from elsewhere may have its ``id``."""
    return Names(id or new_id(), new_epoch())


def new_document(
    title: str, type: str, content: Any, bounds: Bounds, *, names: Names | None = None
) -> tuple[DocumentRecord, bytes]:
    """A document that is in no store yet, and its first content as the JSON of a delta.

    ``content`` is text or a delta of inserts; ``names`` are new ones by default. Takes long for
    a long content (see `collab.rooms.turns.aside`). Raises `CollabError` that says what is wrong.
    """
    title = clean_title(title)
    first = first_content(type, content, bounds)
    now = round(time.time(), 3)
    names = names or new_names()
    record = DocumentRecord(
        id=names.id,
        title=title,
        type=type,
        epoch=names.epoch,
        revision=0,
        created=now,
        updated=now,
    )
    return record, encoded(first)


def clean_title(title: str) -> str:
    """A title in one line, without characters that can't be seen or turn the text around (see
    `clean_label`). Raises `CollabError` when nothing is left of it or it is too long.
    """
    try:
        return clean_label(title, TITLE_LENGTH, "A title")
    except ValueError as error:
        raise CollabError(errors.BAD_REQUEST, str(error)) from None


def first_content(type: str, content: Any, bounds: Bounds) -> Content:
    """``content`` as a new document can begin with it. Raises `CollabError`."""
    try:
        kind = document_type(type)
        delta = content_of(content, bounds)
        kind.validate(delta)
        return kind.content(delta)
    except LookupError as error:
        raise CollabError(errors.BAD_REQUEST, str(error)) from error
    except InvalidOperation as error:
        raise CollabError(errors.BAD_OPERATION, f"The content is refused: {error}") from error


def new_id() -> str:
    """128 random bits; never with a hyphen in front, which a command takes for an option."""
    while (id := secrets.token_urlsafe(16)).startswith("-"):
        continue
    return id


def new_epoch() -> str:
    """What tells a document from an earlier one of the same id."""
    return secrets.token_urlsafe(9)
