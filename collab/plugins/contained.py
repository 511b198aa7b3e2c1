"""Walks over all plugins: what fails for one of them does not keep the others from their turn."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable
from typing import TypeVar

from collab.plugins.guard import HARMLESS, HARMLESS_AT_ONCE
from collab.plugins.loading import Loaded

T = TypeVar("T")


def for_each(plugins: Iterable[Loaded], where: str, work: Callable[[Loaded], T]) -> list[T]:
    """Do something for each plugin; returns what it gave for those that it did not fail for.

    ``where`` names it in the log. The failure counts as the plugin's, but its breaker stays: what
    the server does for a plugin is not the plugin's own work.
    """
    given = []
    for one in list(plugins):
        try:
            given.append(work(one))
        except HARMLESS_AT_ONCE as error:
            if isinstance(error, KeyboardInterrupt):
                raise
            one.services.guard.provoked(where, error, 0.0)
    return given


async def for_all(
    plugins: Iterable[Loaded], where: str, work: Callable[[Loaded], Awaitable[T]]
) -> list[T]:
    """The same for what has to be awaited, for all of them at once."""

    async def contained(one: Loaded) -> list[T]:
        try:
            return [await work(one)]
        except HARMLESS as error:
            one.services.guard.provoked(where, error, 0.0)
            return []

    given = await asyncio.gather(*(contained(one) for one in plugins))
    return [one for several in given for one in several]
