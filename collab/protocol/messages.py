"""The messages on the wire. ``docs/protocol.md`` describes them for strangers.

A text frame is a JSON array of messages; a message is an object whose ``type`` names it.
Lengths and positions are UTF-16 code units, times are seconds since 1970 (UTC).
"""

from __future__ import annotations

import re
from typing import Annotated, Any

import msgspec
from msgspec import UNSET, Meta, Raw, Struct, UnsetType
from msgspec.structs import force_setattr

from collab.protocol.labels import label_or

VERSION = 1
"""Of the protocol; ``hello`` names the one the client speaks."""

USER_LENGTH = 200
"""Characters of a user's id, and of a name, at most."""

TOKEN_LENGTH = 200
"""Characters of a client's id, of its secret, of an epoch and of a plugin's name, at most."""

FAULT_LENGTH = 20_000
"""Characters of what a page says of a plugin that failed there, at most."""

LARGEST = 2**53 - 1
"""The largest whole number that every browser can count to."""

Whole = Annotated[int, Meta(ge=-LARGEST, le=LARGEST)]
Token = Annotated[str, Meta(max_length=TOKEN_LENGTH)]

GUEST = "guest:"
"""What the ids of those begin with who have only a cookie; the server gives them."""

NAMELESS = "Somebody"
"""What those are called in whose names there is nothing to see."""

COLOR = re.compile("#[0-9a-f]{6}")

WRITTEN = re.compile("[^\0\ud800-\udfff]*")
"""Text that UTF-8 and every database can hold: no half characters, no NUL."""


class _Message(Struct, tag_field="type", omit_defaults=True):
    pass


# From the client.


class Hello(_Message, tag="hello"):
    """The first message of a connection.

    A client that comes back names itself (``client`` with the ``secret`` it was given) and
    the last ``revision`` it has seen of the ``epoch``, with its ``hash``; it is then told only
    what it missed.
    """

    protocol: Whole
    client: Token | None = None
    secret: Token | None = None
    revision: Whole | None = None
    epoch: Token | None = None
    hash: Token | None = None
    """What the server called that revision's history; None: a client that doesn't know hashes."""


class Operation(_Message, tag="operation"):
    """An edit: ``delta`` made on ``revision``, the client's ``sequence``-th (from 1)."""

    revision: Whole
    sequence: Whole
    delta: Any


class Message(_Message, tag="message"):
    """A plugin's own channel, both ways."""

    plugin: Token
    data: Any = None


class Mismatch(_Message, tag="mismatch"):
    """The client's content at ``revision`` has another checksum than the server announced."""

    revision: Whole
    checksum: Whole


class Fault(_Message, tag="fault"):
    """A plugin's browser half failed on this page: for the operator to know."""

    plugin: Token
    error: Annotated[str, Meta(max_length=FAULT_LENGTH)]


class Ping(_Message, tag="ping"):
    """Answered by ``pong``: browsers can't see WebSocket pings."""


ClientMessage = Hello | Operation | Message | Mismatch | Fault | Ping


# From the server.


class Committed(Struct, omit_defaults=True):
    """Operation number ``revision`` of a document, as it stands in the log."""

    revision: int
    client: str
    sequence: int
    author: str
    time: float
    delta: Raw
    """JSON of the delta, which applies to ``revision - 1``."""


class User(Struct, frozen=True):
    """Who somebody is, as far as others are told. Raises ValueError for what nobody can be."""

    id: str
    name: str
    """In one line, without what is not seen (see `collab.protocol.labels`). Empty for an author of
    whom no more than the id is known."""
    color: str
    """``#rrggbb``, in small letters; may be empty."""

    @property
    def guest(self) -> bool:
        """Whether nobody vouches for them: they have a cookie, and call themselves what they
        like."""
        return self.id.startswith(GUEST)

    @property
    def label(self) -> str:
        """The name for where there is only text; of a guest, with a note that says so."""
        return f"{self.name} (guest)" if self.guest else self.name

    def __post_init__(self) -> None:
        # They come from plugins too, and go into the log: a wrong one would fail there.
        for what, text in (("id", self.id), ("name", self.name)):
            if not isinstance(text, str) or len(text) > USER_LENGTH or not WRITTEN.fullmatch(text):
                raise ValueError(
                    f"A user's {what} is a text of at most {USER_LENGTH} characters, all of them"
                    f" whole and none of them NUL; not {text!r:.250}."
                )
        if not self.id:
            raise ValueError("A user has to have an id.")
        plain = self.name.isascii() and self.name.isprintable() and not self.name.isspace()
        if self.name and not plain:
            name = label_or(self.name, NAMELESS, USER_LENGTH)
            if name != self.name:
                force_setattr(self, "name", name)
        if self.color != "" and not (
            isinstance(self.color, str) and COLOR.fullmatch(self.color)
        ):
            raise ValueError(
                f"A user's colour is written like #0b6e4f, in small letters;"
                f" not {self.color!r:.50}."
            )


class Welcome(_Message, tag="welcome"):
    """Answers ``hello``. Carries either ``content`` or ``operations``, up to ``revision``."""

    protocol: int
    session: str
    client: str
    secret: str
    epoch: str
    document: dict[str, Any]
    """``id``, ``title``, ``type``; ``like``, the built-in type to treat it as, if it is another."""
    user: User
    permissions: list[str]
    """``read``, ``write``."""
    revision: int
    sequence: int
    """The last of this client's sequence numbers that is committed; 0 when none is."""
    limits: dict[str, int]
    content: Raw | UnsetType = UNSET
    operations: list[Committed] | UnsetType = UNSET
    hash: str | None = None
    """Of ``revision``, opaque: to be said in the next ``hello``. A server has one always, but
    for those of before there were any."""


class Operations(_Message, tag="operations"):
    """What was committed, in order. The author knows its own by (client, sequence)."""

    operations: list[Committed]
    hash: str | None = None
    """Of the last of them, as in `Welcome`."""


class Checksum(_Message, tag="checksum"):
    """The checksum of the content at ``revision``; a client that differs starts afresh."""

    revision: int
    value: int


class Document(_Message, tag="document"):
    """The document's own data changed (its title)."""

    title: str


class PluginHalf(Struct, omit_defaults=True):
    """The browser half of a plugin: addresses to load."""

    name: str
    script: str | None
    styles: list[str]
    previous: str | None = None
    """The script of the version before, for when this one can't be loaded."""


class Plugins(_Message, tag="plugins"):
    """Other plugins are switched on than before: these browser halves shall run, no others.

    One whose ``script`` has another address than before is to be loaded anew.
    """

    plugins: list[PluginHalf]


class Error(_Message, tag="error"):
    """Something was refused. ``sequence`` names the operation it was about."""

    code: str
    message: str
    retry: bool = False
    retry_after: float | None = None
    sequence: int | None = None


class Goodbye(_Message, tag="goodbye"):
    """The server ends the connection; come back after ``retry_after`` seconds, null: don't."""

    code: str
    message: str
    retry_after: float | None = None


class Pong(_Message, tag="pong"):
    """Answers ``ping``."""


ServerMessage = (
    Welcome | Operations | Checksum | Document | Message | Plugins | Error | Goodbye | Pong
)

encode = msgspec.json.Encoder().encode
"""One message as JSON bytes; a frame joins them in brackets."""

_decode_client = msgspec.json.Decoder(list[ClientMessage]).decode
_decode_server = msgspec.json.Decoder(list[ServerMessage]).decode


def decode_client(data: str | bytes) -> list[ClientMessage]:
    """What a client sent. Raises ``msgspec.DecodeError`` or its ``ValidationError``."""
    return _decode_client(data)


def decode_server(data: str | bytes) -> list[ServerMessage]:
    """What a server sent. Raises ``msgspec.DecodeError`` or its ``ValidationError``."""
    return _decode_server(data)
