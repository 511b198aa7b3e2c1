"""What was: the operations and contents of earlier revisions, read from the store."""

from __future__ import annotations

from functools import partial

import msgspec

from collab.ot import Content, Delta
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.rooms.replay import is_large_to_replay, replayed
from collab.rooms.turns import aside
from collab.storage.port import Author, DocumentRecord, Store, StoredOperation

AUTHORS = 5000
"""Authors of one document that are named at once."""


class Operation:
    """A committed operation: what changed, who did it, when."""

    __slots__ = ("_delta", "_stored")

    def __init__(self, stored: StoredOperation, delta: Delta | None = None) -> None:
        """``delta`` is the stored one's, where it is at hand."""
        self._stored = stored
        self._delta = delta

    @property
    def revision(self) -> int:
        """The revision it made; its delta applies to the one before."""
        return self._stored.revision

    @property
    def client(self) -> str:
        """The id of the client that made it; a session's is ``session.client``."""
        return self._stored.client

    @property
    def sequence(self) -> int:
        """Its number among the client's own."""
        return self._stored.sequence

    @property
    def author(self) -> str:
        """The id of the user who made it, as the server knows them."""
        return self._stored.author

    @property
    def time(self) -> float:
        """Seconds since 1970 (UTC)."""
        return self._stored.time

    @property
    def delta(self) -> Delta:
        """A copy, yours to change."""
        return self._own().slice()

    def inserts(self, text: str) -> bool:
        """Whether it put in a text in which ``text`` stands; cheaper than to look into `delta`."""
        return self._own().inserts(text)

    def _own(self) -> Delta:
        if self._delta is None:
            self._delta = Delta(msgspec.json.decode(self._stored.delta))
        return self._delta

    def __repr__(self) -> str:
        return f"<Operation {self.revision} by {self.author}>"


class Contents:
    """What a document held at one revision. Lengths and positions are UTF-16 code units."""

    __slots__ = ("content", "revision")

    def __init__(self, revision: int, content: Content) -> None:
        self.revision = revision
        self.content = content
        """Do not change it; ``copy`` it to keep something else."""

    @property
    def text(self) -> str:
        """The plain text."""
        return self.content.text()

    @property
    def delta(self) -> Delta:
        """The content as the Delta that makes it."""
        return self.content.delta()

    @property
    def length(self) -> int:
        return self.content.length

    def __repr__(self) -> str:
        return f"<Contents of revision {self.revision}, {self.length} units>"


class Archive:
    """Reads what was. ``store`` may come later."""

    def __init__(self, store: Store | None = None) -> None:
        self.store = store

    async def history(self, id: str, since: int, until: int | None = None) -> list[Operation]:
        """The operations ``since + 1 …`` up to and with ``until`` (default: the newest)."""
        found = self._opened().operations(id, since, until)
        return [Operation(stored) async for stored in found]

    async def authors(self, id: str) -> list[Author]:
        """What those who wrote in a document are called."""
        return list(await self._opened().authors(id, AUTHORS))

    async def contents(self, id: str, revision: int | None = None) -> Contents:
        """What a document held at a revision. Raises `CollabError` when there is no such."""
        _, contents = await self.load(id, revision)
        return contents

    async def load(
        self, id: str, revision: int | None = None
    ) -> tuple[DocumentRecord, Contents]:
        """A document, and what it held at a revision (default: the newest).

        Raises `CollabError`: there is no such document or revision.
        """
        try:
            loaded = await self._opened().load(id, revision)
        except ValueError as error:
            raise CollabError(errors.BAD_REVISION, str(error)) from error
        if loaded is None:
            raise CollabError(errors.NO_DOCUMENT)
        replay = partial(replayed, loaded)
        content = await aside(replay) if is_large_to_replay(loaded) else replay()
        at = loaded.operations[-1].revision if loaded.operations else loaded.snapshot.revision
        return loaded.document, Contents(at, content)

    def _opened(self) -> Store:
        if self.store is None:
            raise LookupError("There is no store yet: it is there from server_started on.")
        return self.store
