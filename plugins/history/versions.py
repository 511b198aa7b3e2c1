"""Revisions that somebody gave a name, kept with their document."""

from __future__ import annotations

import asyncio
import time
import unicodedata
from contextlib import suppress
from typing import Annotated, Any

from msgspec import Meta, Struct, ValidationError, convert, to_builtins

from collab.plugins.document import Document
from collab.plugins.state import State
from collab.protocol.labels import label_or
from collab.protocol.messages import USER_LENGTH, User

KEY = "versions"
"""Under which the state keeps them, all of a document in one value."""

MOST = 500
"""Named versions of one document."""

LENGTH = 100
"""Characters in a name."""


class Version(Struct):
    """A revision's name, and who gave it when."""

    revision: Annotated[int, Meta(ge=0, le=2**53)]
    name: Annotated[str, Meta(min_length=1, max_length=LENGTH)]
    author: Annotated[str, Meta(min_length=1, max_length=USER_LENGTH)]
    time: Annotated[float, Meta(ge=0, le=1e11)]
    """Seconds since 1970 (UTC)."""


class Versions:
    """The named versions of documents."""

    def __init__(self, state: State) -> None:
        self._state = state
        self._changing = asyncio.Lock()

    async def all(self, document: Document) -> list[Version]:
        """By revision."""
        stored: Any = await self._state.get(KEY, [], document=document)
        found: dict[int, Version] = {}
        # A backup may have put anything there: what is no version is left out, not the others.
        for one in stored if isinstance(stored, list) else []:
            with suppress(ValidationError):
                version = convert(one, Version)
                if version.revision <= document.revision and clean(version.name) == version.name:
                    found.setdefault(version.revision, version)
        return [found[revision] for revision in sorted(found)][:MOST]

    async def name(self, document: Document, revision: int, name: str, user: User) -> None:
        """Give a revision a name, in the place of the one it has.

        Raises ValueError, with a sentence.
        """
        cleaned = clean(name)
        if not cleaned:
            raise ValueError("A version needs a name.")
        if not 0 <= revision <= document.revision:
            raise ValueError(f"There is no revision {revision}.")
        async with self._changing:
            others = [one for one in await self.all(document) if one.revision != revision]
            if len(others) >= MOST:
                raise ValueError(f"A document can have {MOST} named versions.")
            named = Version(revision, cleaned, user.id, time.time())
            await self._keep(document, [*others, named])

    async def unname(self, document: Document, revision: int) -> bool:
        """Take a revision's name away; False when it has none."""
        async with self._changing:
            versions = await self.all(document)
            others = [one for one in versions if one.revision != revision]
            if len(others) == len(versions):
                return False
            await self._keep(document, others)
            return True

    async def _keep(self, document: Document, versions: list[Version]) -> None:
        versions.sort(key=lambda one: one.revision)
        await self._state.set(KEY, to_builtins(versions), document=document)


def clean(name: str) -> str:
    """A name on one line, without what can't be seen, and not too long; empty when nothing is
    left."""
    return label_or(unicodedata.normalize("NFC", name), "", LENGTH)
