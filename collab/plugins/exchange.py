"""Documents into files and out of them, in the formats that plugins bring."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import partial
from pathlib import PurePath
from typing import Any, Literal

from collab.plugins.document import Document
from collab.plugins.guard import HARMLESS, HARMLESS_AT_ONCE, Guard
from collab.plugins.offers import Format, Imported
from collab.plugins.raised import harmless, text_of
from collab.protocol import errors
from collab.protocol.contents import encoded_text, is_large
from collab.protocol.errors import CollabError
from collab.rooms.turns import aside
from collab.storage.backup import FORMAT

BUDGET = 60.0
"""Seconds a conversion may take."""

Direction = Literal["import", "export"]


@dataclass(frozen=True, slots=True)
class Offer:
    """A format, and the plugin that brings it."""

    guard: Guard
    format: Format


class Exchange:
    """The formats of the plugins that are switched on."""

    def __init__(self) -> None:
        self.importers: dict[str, Offer] = {}
        self.exporters: dict[str, Offer] = {}

    def offer(
        self, importers: Iterable[Offer], exporters: Iterable[Offer], told: Callable[[str], None]
    ) -> None:
        """Take these formats, and no others; of two of a name the first. ``told`` of the other."""
        self.importers = _by_name(importers, "importer", told)
        self.exporters = _by_name(exporters, "exporter", told)

    async def export(self, name: str, document: Document) -> tuple[Format, bytes]:
        """A document in a format. Raises `CollabError`: there is no such, or it can't be done."""
        offer = _find(self.exporters, name, "exported as")
        answer = await _convert("export", offer, (document,), (str, bytes))
        return offer.format, answer

    async def read(self, name: str, data: bytes, filename: str) -> tuple[str, Imported, str]:
        """What a file holds: the plugin that read it, what it made of it, and a title.

        Raises `CollabError`: there is no such format, or the file can't be read as one.
        """
        offer = _find(self.importers, name, "imported from")
        imported = await _convert("import", offer, (data, filename), Imported)
        title = imported.title or PurePath(filename).stem or "Untitled"
        return offer.guard.plugin, imported, title


def _by_name(
    offers: Iterable[Offer], kind: str, told: Callable[[str], None]
) -> dict[str, Offer]:
    found: dict[str, Offer] = {}
    for offer in offers:
        name = offer.format.name
        if name == FORMAT:
            told(f"plugin {offer.guard.plugin}: the {kind} {name} is Collab's own")
        elif name in found:
            told(
                f"plugin {offer.guard.plugin}: the {kind} {name} is"
                f" plugin {found[name].guard.plugin}'s"
            )
        else:
            found[name] = offer
    return found


def _find(offers: dict[str, Offer], name: str, what: str) -> Offer:
    offer = offers.get(name)
    if offer is None:
        names = ", ".join(sorted(offers)) or "no format; a plugin brings them"
        raise CollabError(
            errors.NOT_FOUND, f"Nothing can be {what} {name!r:.40} here; there is: {names}."
        )
    return offer


async def _convert(
    direction: Direction,
    offer: Offer,
    arguments: tuple[Any, ...],
    expected: type | tuple[type, ...],
) -> Any:
    guard, name = offer.guard, offer.format.name
    where = f"{direction} {name}"
    if not guard.admits():
        raise CollabError(
            errors.NO_PLUGIN, f"The plugin {guard.plugin} is switched off for a while."
        )
    began = guard.clock()
    try:
        try:
            call = offer.format.convert(*arguments)
        except HARMLESS_AT_ONCE as error:
            raise harmless(where, error) from error.__cause__
        answer = await guard.within(where, BUDGET, call)
        if not isinstance(answer, expected):
            raise TypeError(f"{where} returned {type(answer).__name__}")
        if isinstance(answer, str):
            # Half a character is no text: another answer of the plugin's that can't be used.
            encode = partial(encoded_text, answer)
            answer = await aside(encode) if is_large(answer) else encode()
    except (CollabError, ValueError) as error:
        # An answer: this file, or this document, can't be converted.
        guard.finished(where, guard.clock() - began)
        if isinstance(error, CollabError):
            raise
        sentence = text_of(error) or "It can't be converted."
        raise CollabError(errors.UNCONVERTIBLE, sentence) from error
    except HARMLESS as error:
        guard.provoked(where, error, guard.clock() - began)
        raise CollabError(
            errors.INTERNAL, f"The plugin {guard.plugin} could not do that; it was logged."
        ) from error
    guard.finished(where, guard.clock() - began)
    return answer
