"""What the authors in a document's log are called: the log has their ids only.

Names and colours are kept with the document as they were last seen, of those who wrote in it.
"""

from __future__ import annotations

import colorsys
import re
import zlib
from collections.abc import Container, Iterable
from typing import Any, NamedTuple

from collab.plugins.document import Document
from collab.plugins.state import State
from collab.protocol.messages import User
from collab.rooms.port import Session
from collab.storage.port import Conflict

from .attribution import BEGINNING

KEY = "authors"
"""Under which the state keeps them: `{id: [name, color]}`."""

MOST = 5000
"""Authors of one document whose names are kept; of more, the first ones."""


GOLDEN = 0.381966
"""Of the colour circle: turning by it, one does not soon come near a colour one has met."""

TRIES = 50

_COLOR = re.compile("#[0-9a-f]{6}")


class Author(NamedTuple):
    """Somebody who wrote, with a colour that no other author of the document has."""

    id: str
    name: str
    color: str


class Authors:
    """The authors of documents, for one plugin."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._known: dict[str, dict[str, tuple[str, str]]] = {}
        self._seen: dict[str, set[str]] = {}
        """By document id, the clients whose user was noted."""

    def unnoted(self, document: Document, client: str) -> User | None:
        """Whom to `note`, when a client has committed an edit; None nearly always."""
        seen = self._seen.get(document.id, ())
        if client in seen:
            return None
        session = document.session_of(client)
        if session is None:
            return None
        self._seen.setdefault(document.id, set()).add(client)
        return session.user

    async def changed(self, document: Document, session: Session) -> None:
        """A session's user has another name or colour."""
        if session.client in self._seen.get(document.id, ()):
            await self.note(document, session.user)

    async def named(self, document: Document, ids: Iterable[str]) -> list[Author]:
        """What the authors of these ids are called, in their order."""
        known = await self._of(document)
        here = {session.user.id: session.user for session in document.sessions.values()}
        # Those who wrote first keep their colour; the order is the same for everybody.
        ids = list(ids)
        found: dict[str, Author] = {}
        taken: set[str] = set()
        for id in dict.fromkeys([*known, *ids]):
            author = _author(id, here.get(id), known.get(id))
            found[id] = author._replace(color=_distinct(author.color, taken))
            taken.add(found[id].color)
        return [found[id] for id in ids]

    def forget(self, id: str) -> None:
        """A document was closed."""
        self._known.pop(id, None)
        self._seen.pop(id, None)

    async def note(self, document: Document, user: User) -> None:
        """Keep what an author is called."""
        known = await self._of(document)
        told = (user.name, user.color)
        if known.get(user.id) == told or (user.id not in known and len(known) >= MOST):
            return
        known[user.id] = told
        try:
            await self._state.set(KEY, known, document=document)
        except Conflict:
            self.forget(document.id)  # it was deleted meanwhile

    async def _of(self, document: Document) -> dict[str, tuple[str, str]]:
        known = self._known.get(document.id)
        if known is None:
            stored: dict[str, Any] = await self._state.get(KEY, {}, document=document)
            read = {id: (str(name), str(color)) for id, (name, color) in stored.items()}
            # Somebody else may have read it meanwhile, and noted more.
            known = self._known.setdefault(document.id, read)
        return known


def _distinct(color: str, taken: Container[str]) -> str:
    """A colour, or one far from it while it is taken: people may have chosen the same."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    hue, light, full = colorsys.rgb_to_hls(parts[0], parts[1], parts[2])
    for _ in range(TRIES):
        if color not in taken:
            break
        hue = (hue + GOLDEN) % 1
        color = _hex(hue, light, max(full, 0.4))
    return color


def _author(id: str, user: User | None, known: tuple[str, str] | None) -> Author:
    if user is not None:
        known = (user.name, user.color)
    name, color = known if known is not None else (_name(id), "")
    return Author(id, name, color if _COLOR.fullmatch(color) else _color(id))


def _name(id: str) -> str:
    """For somebody who was never here by name: a script, a plugin, or lost in a crash."""
    if id == BEGINNING:
        return "From the beginning"
    kind, _, name = id.partition(":")
    if kind == "guest":
        return "Somebody"
    return name or kind


def _color(id: str) -> str:
    if id == BEGINNING:
        return "#6b7280"
    return _hex(zlib.crc32(id.encode()) % 360 / 360, 0.38, 0.55)


def _hex(hue: float, light: float, full: float) -> str:
    red, green, blue = colorsys.hls_to_rgb(hue, light, full)
    return f"#{round(red * 255):02x}{round(green * 255):02x}{round(blue * 255):02x}"
