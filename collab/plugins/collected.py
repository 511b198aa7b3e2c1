"""What plugins offer, asked once when they are loaded: routes, formats, commands and the like."""

from __future__ import annotations

import inspect
import math
from collections.abc import Awaitable, Callable, Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

from collab.ot import DocumentType
from collab.ot.types import document_types, register, unregister
from collab.plugins.caller import Implementation
from collab.plugins.guard import HARMLESS_AT_ONCE, Guard
from collab.plugins.offers import Command, Format, check_text
from collab.plugins.routes import Route, read_routes

T = TypeVar("T")

Work = Callable[[], Awaitable[None]]


@dataclass(slots=True)
class Offered:
    """What one plugin offers."""

    guard: Guard
    routes: list[Route] = field(default_factory=list)
    schedules: list[tuple[float, Work]] = field(default_factory=list)
    commands: list[Command] = field(default_factory=list)
    document_types: list[DocumentType] = field(default_factory=list)
    importers: list[Format] = field(default_factory=list)
    exporters: list[Format] = field(default_factory=list)

    def announce(self) -> None:
        """Make known what is known beyond the plugin manager."""
        types, self.document_types = self.document_types, []
        try:
            for type in types:
                register(type)
                self.document_types.append(type)
        except ValueError as error:
            self.withdraw()
            self.guard.failed("document_types", error)

    def withdraw(self) -> None:
        """Take that back."""
        for type in self.document_types:
            unregister(type.name)
        self.document_types = []


def check_types(offered: Offered, before: Offered) -> None:
    """Raises ValueError when the types in ``offered`` can't come in the place of ``before``'s."""
    own = [one.name for one in before.document_types]
    for type in offered.document_types:
        others = [one for one in document_types() if one.name not in own and one != type]
        if type.name in (one.name for one in others):
            raise ValueError(f"there is a document type {type.name!r} already")


def collect(
    guard: Guard,
    implementations: Mapping[str, Implementation],
    failed: Callable[[str, BaseException], None],
) -> Offered:
    """Ask one plugin, which implements the hooks given by name. ``failed`` is told of each hook
    that fails, and what it raised; unless that raises, too, the others are asked.
    """
    offered = Offered(guard)
    for name, read in _READERS.items():
        implementation = implementations.get(name)
        if implementation is None or not guard.admits():
            continue
        try:
            setattr(offered, name, read(guard, implementation.begin(()) or ()))
        except HARMLESS_AT_ONCE as error:
            failed(name, error)
        else:
            guard.finished(name, 0.0)
    return offered


def _schedules(guard: Guard, given: Iterable[Any]) -> list[tuple[float, Work]]:
    schedules = []
    for one in given:
        seconds, work = one
        if not (isinstance(seconds, int | float) and 0 < seconds < math.inf):
            raise ValueError(f"{seconds!r} is no number of seconds")
        if not inspect.iscoroutinefunction(work):
            raise TypeError(f"{work!r} has to be an async def")
        schedules.append((float(seconds), work))
    return schedules


def _document_types(guard: Guard, given: Iterable[Any]) -> list[DocumentType]:
    types: list[DocumentType] = []
    for one in given:
        if not isinstance(one, DocumentType):
            raise TypeError(f"{one!r} is no DocumentType")
        for text in (one.name, one.like, one.title, one.extension):
            check_text(text, "what a document type is called")
        types.append(one)
    return types


def _all_of(kind: type[T]) -> Callable[[Guard, Iterable[Any]], list[T]]:
    def read(guard: Guard, given: Iterable[Any]) -> list[T]:
        found = list(given)
        for one in found:
            if not isinstance(one, kind):
                raise TypeError(f"{one!r} is no {kind.__name__}")
        return found

    return read


_READERS: dict[str, Callable[[Guard, Iterable[Any]], list[Any]]] = {
    "routes": read_routes,
    "schedules": _schedules,
    "commands": _all_of(Command),
    "document_types": _document_types,
    "importers": _all_of(Format),
    "exporters": _all_of(Format),
}
