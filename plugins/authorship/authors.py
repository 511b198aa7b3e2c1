"""How authors are shown: by a name, and in a colour that no other author of the document has."""

from __future__ import annotations

import colorsys
import zlib
from collections.abc import Container, Iterable
from typing import NamedTuple

from collab.plugins.document import Document
from collab.protocol.messages import COLOR

from .attribution import BEGINNING

GOLDEN = 0.381966
"""Of the colour circle: turning by it, one does not soon come near a colour one has met."""

TRIES = 50


class Shown(NamedTuple):
    """Somebody who wrote, with a colour that no other author of the document has."""

    id: str
    name: str
    color: str


async def shown(document: Document, ids: Iterable[str]) -> list[Shown]:
    """How the authors of these ids are shown, in their order.

    By what they are called now, if they are here, or were when they last wrote.
    """
    known = {one.id: (one.name, one.color) for one in await document.authors()}
    here = {
        session.user.id: (session.user.name, session.user.color)
        for session in document.sessions.values()
    }
    # Those who wrote first keep their colour; the order is the same for everybody.
    ids = list(ids)
    found: dict[str, Shown] = {}
    taken: set[str] = set()
    for id in dict.fromkeys([*known, *ids]):
        one = _shown(id, here.get(id) or known.get(id))
        found[id] = one._replace(color=_distinct(one.color, taken))
        taken.add(found[id].color)
    return [found[id] for id in ids]


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


def _shown(id: str, called: tuple[str, str] | None) -> Shown:
    name, color = called if called is not None else (_name(id), "")
    return Shown(id, name, color if COLOR.fullmatch(color) else _color(id))


def _name(id: str) -> str:
    """For somebody of whom no name was ever told."""
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
