"""What plugins offer the server: formats, commands, things on pages, documents from elsewhere."""

from __future__ import annotations

import re
from argparse import ArgumentParser, Namespace
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collab.ot import Delta
    from collab.plugins.document import Document
    from collab.plugins.server import Server

_NAME = re.compile(r"[a-z][a-z0-9_-]{0,31}")


@dataclass(frozen=True, slots=True)
class Imported:
    """What an importer makes of a file."""

    title: str | None = None
    """None: the file's name without its ending."""
    type: str = "text"
    delta: Delta | str = ""
    """The content: text, or a delta of inserts."""
    state: Mapping[str, Any] = field(default_factory=dict)
    """JSON values by key that the importing plugin keeps for the new document."""

    def __post_init__(self) -> None:
        # Here, where it is the plugin's failure: where the document is made it is the server's.
        if self.title is not None:
            check_text(self.title, "a document's title")
        check_text(self.type, "a document's type")
        if not isinstance(self.state, Mapping):
            raise TypeError(f"what is kept is a mapping, not {type(self.state).__name__}")


@dataclass(frozen=True, slots=True)
class Format:
    """A file format that documents are exported to, or imported from.

    An exporter's ``convert`` is an ``async def convert(document) -> bytes | str``, an
    importer's an ``async def convert(data: bytes, filename: str) -> Imported``. What they
    raise as ``ValueError(sentence)`` is told to whoever asked.
    """

    name: str
    """Small letters, digits, ``-`` and ``_``; as in ``collab export --format NAME``."""
    title: str
    """What a person chooses in a menu."""
    extension: str
    """Of files, without the dot."""
    media_type: str
    convert: Callable[..., Awaitable[Any]]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} can't be a format's name")
        if not re.fullmatch(r"[A-Za-z0-9.]{1,16}", self.extension):
            raise ValueError(f"{self.extension!r} can't be a format's extension")
        if not re.fullmatch(r"[\w.+-]+/[\w.+-]+", self.media_type):
            raise ValueError(f"{self.media_type!r} is no media type")
        check_text(self.title, "a format's title")


@dataclass(frozen=True, slots=True)
class NewDocument:
    """A document that comes from somewhere else, to be stored under the id it was asked for."""

    title: str
    type: str = "text"
    content: Delta | str = ""
    """Text, or a delta of inserts."""

    def __post_init__(self) -> None:
        check_text(self.title, "a document's title")
        check_text(self.type, "a document's type")


@dataclass(frozen=True, slots=True)
class Contribution:
    """What a plugin adds to a page that the server renders."""

    head: str = ""
    """HTML for the page's ``<head>``, as it is. The page's policy runs no inline scripts."""
    links: Sequence[tuple[str, str]] = ()
    """Addresses and labels, shown in the page's bar; one that begins with ``/`` is counted
    from the application's root."""

    def __post_init__(self) -> None:
        # Here, where it is the plugin's failure: where the page is rendered it is the page's.
        check_text(self.head, "what goes into a page's head")
        links = tuple((address, label) for address, label in self.links)
        for text in (text for link in links for text in link):
            check_text(text, "a link's address or label")
        object.__setattr__(self, "links", links)


@dataclass(frozen=True, slots=True)
class Command:
    """``collab NAME …`` on the command line, run while no server has the database.

    ``function`` is an ``async def function(server, arguments)``: the documents of the data
    directory through `Server`, and what ``arguments`` (which is handed an
    ``argparse.ArgumentParser``) has declared. It returns an exit code, or None for 0.
    """

    name: str
    help: str
    function: Callable[[Server, Namespace], Awaitable[int | None]]
    arguments: Callable[[ArgumentParser], None] | None = None

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"{self.name!r} can't be a command's name")


def check_text(value: object, what: str) -> None:
    """Raises TypeError, ValueError when that is no text that can be sent to a browser."""
    if not isinstance(value, str):
        raise TypeError(f"{what} has to be a str, not {type(value).__name__}")
    value.encode()


Exporter = Callable[["Document"], Awaitable[bytes | str]]
Importer = Callable[[bytes, str], Awaitable[Imported]]
