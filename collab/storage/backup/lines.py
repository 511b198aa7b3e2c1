"""What stands on a line of a backup. Unknown members are refused: they come with a new version."""

from __future__ import annotations

import base64
import binascii
import math
from typing import Annotated, Any, Literal

from msgspec import Meta, Raw, Struct

from collab.storage.port import Value

FORMAT = "backup"
"""As in ``collab export --format``."""

EXTENSION = "collab"
"""Of files, without the dot."""

MEDIA_TYPE = "application/x-ndjson"

VERSION = 2
"""Of the files that are written."""

BEFORE_HASHES = 1
"""The version of files that have no hashes: theirs are computed when they are read."""

Name = Annotated[str, Meta(min_length=1, max_length=1000)]
Text = Annotated[str, Meta(max_length=10_000)]
Revision = Annotated[int, Meta(ge=0, le=2**52)]
Number = Annotated[int, Meta(ge=1, le=2**52)]
"""Every browser can count on from here for as many again (up to 2**53)."""
Seconds = Annotated[float, Meta(ge=0, le=1e11)]
Hash = Annotated[str, Meta(pattern="^[0-9a-f]{32}$")]
"""Of a revision (`collab.storage.chain`)."""


class Described(Struct, forbid_unknown_fields=True):
    """A `collab.storage.port.DocumentRecord`, its values bounded."""

    id: Name
    title: Text
    type: Name
    epoch: Text
    revision: Revision
    created: Seconds
    updated: Seconds


class Header(Struct, forbid_unknown_fields=True):
    """The first line."""

    collab: Literal["backup"]
    version: int
    document: Described


class _Line(Struct, tag_field="kind", forbid_unknown_fields=True):
    pass


class SnapshotLine(_Line, tag="snapshot"):
    """What the log begins with: the content at ``revision``, as a delta of inserts."""

    revision: Revision
    content: Raw
    hash: Hash | None = None


class OperationLine(_Line, tag="operation"):
    """A `collab.storage.port.StoredOperation`."""

    revision: Number
    client: Name
    sequence: Number
    author: Text
    time: Seconds
    delta: Raw
    hash: Hash | None = None


class ClientLine(_Line, tag="client"):
    """What deduplicates: a client's last sequence number and its revision."""

    client: Name
    sequence: Number
    revision: Number


class AuthorLine(_Line, tag="author"):
    """A `collab.storage.port.Author`: what somebody who wrote is called."""

    id: Text
    name: Text
    color: Text
    since: Number


class StateLine(_Line, tag="state"):
    """A JSON value that a plugin keeps for the document under a key."""

    plugin: Name
    key: Name
    value: Raw


class TableLine(_Line, tag="table"):
    """A table of a plugin's own; the rows that follow are the document's in it.

    ``columns`` are without the one that names the document.
    """

    plugin: Name
    table: Name
    columns: list[Name]


class RowLine(_Line, tag="row"):
    """A row of the table last named: a value for each of its columns."""

    values: list[Any]


class EndLine(_Line, tag="end", kw_only=True):
    """The last line: how many lines of each kind there are, and the SHA-256 of all bytes
    before this line, in hexadecimal digits."""

    operations: int
    clients: int
    authors: int | None = None
    """None: the file is of a version that left it to plugins (`collab.storage.earlier`)."""
    state: int
    rows: int
    sha256: str


Line = (
    SnapshotLine
    | OperationLine
    | ClientLine
    | AuthorLine
    | StateLine
    | TableLine
    | RowLine
    | EndLine
)


def to_json(value: Value) -> Any:
    """A column's value; an object with one key where JSON has no such value."""
    if isinstance(value, bytes):
        return {"bytes": base64.b64encode(value).decode()}
    if isinstance(value, float) and not math.isfinite(value):
        return {"float": str(value)}
    return value


def from_json(value: Any) -> Value:
    """What `to_json` was given. Raises ValueError for what it can't have made."""
    match value:
        case {"bytes": str(text), **others} if not others:
            try:
                return base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                raise ValueError("bytes have to be in Base64") from None
        case {"float": "inf" | "-inf" | "nan" as text, **others} if not others:
            return float(text)
        case dict() | list():
            raise ValueError("a value is null, a number, a text or an object with bytes")
        case int() if not -(2**63) <= value < 2**63:
            raise ValueError("a whole number has 64 bits at most")
        case None | int() | float() | str():
            return value
    raise ValueError("no such value is kept in a column")
