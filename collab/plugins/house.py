"""Documents as plugins have them: those that are open, those that are not, and new ones."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Any

from collab.ot import Delta
from collab.plugins.archive import Archive, Contents
from collab.plugins.document import Document, NotOpen, OpenRoom
from collab.plugins.exchange import Exchange
from collab.plugins.frozen import FrozenRoom
from collab.plugins.gate import Gate
from collab.plugins.ordered import OrderedRoom
from collab.plugins.positions import Track
from collab.plugins.raised import text_of
from collab.plugins.state import kept
from collab.plugins.wiring import Wiring
from collab.protocol import errors
from collab.protocol.contents import Bounds, is_large
from collab.protocol.errors import CollabError
from collab.rooms.new import Names, new_document
from collab.rooms.turns import aside
from collab.storage.port import DocumentRecord, Kept, Store, StoredOperation


class House:
    """What stands behind a `Server`, as far as documents go."""

    def __init__(
        self, archive: Archive, wiring: Wiring, gate: Gate, exchange: Exchange, bounds: Bounds
    ) -> None:
        """``bounds`` are those of a new document."""
        self._archive = archive
        self._wiring = wiring
        self._gate = gate
        self._exchange = exchange
        self._bounds = bounds
        self._documents: dict[str, Document] = {}
        """Those that are open, by id."""
        self._tracks: dict[str, Track] = {}

    def document_of(self, room: OpenRoom) -> Document:
        """The one `Document` of an open room."""
        document = self._documents.get(room.document.id)
        if document is None or not document.is_of(room):
            document = Document(room.document, room, self._archive)
            self._documents[document.id] = document
        return document

    def ordered(self, room: OpenRoom) -> tuple[Document, OrderedRoom]:
        """An open document as of its newest ordered revision, and what ends that."""
        ordered = OrderedRoom(room, self.document_of(room))
        return Document(room.document, ordered, self._archive), ordered

    def document(self, record: DocumentRecord) -> Document:
        """A document as plugins see it, open or not."""
        return self._documents.get(record.id) or Document(record, None, self._archive)

    def open_documents(self) -> list[Document]:
        """The documents that are open now."""
        return list(self._documents.values())

    async def list_documents(
        self, search: str, limit: int, cursor: str | None
    ) -> tuple[list[Document], str | None]:
        """Some documents, and the cursor of the next ones."""
        page = await self._store().documents(search=search, limit=limit, cursor=cursor)
        return [self.document(record) for record in page.documents], page.next

    async def make_document(
        self,
        title: str,
        type: str,
        content: Any,
        *,
        names: Names | None = None,
        state: Sequence[Kept] = (),
    ) -> Document:
        """Make a document; without ``content`` (None), with what plugins have it begin with.

        ``state`` is what plugins keep for it from its beginning. Raises `CollabError` that says
        what is wrong with it, and `Conflict` if there is one of these ``names``.
        """
        bounds = self._bounds

        async def made(begins: Any, names: Names | None) -> tuple[DocumentRecord, bytes]:
            make = partial(new_document, title, type, begins, bounds, names=names)
            return await aside(make) if is_large(begins) else make()

        record, first = await made("" if content is None else content, names)

        async def check(answer: str | Delta) -> bytes:
            return (await made(answer, names))[1]

        if content is None:
            first = await self._gate.initial_content(self.document(record), check) or first
        await self._store().create(record, first, state)
        self._wiring.tell("document_created", self.document(record))
        return self.document(record)

    async def import_file(
        self,
        format: str,
        data: bytes,
        filename: str,
        title: str | None = None,
        *,
        names: Names | None = None,
    ) -> Document:
        """Make a document of a file in a format that a plugin reads.

        Raises `CollabError`, and `Conflict` as `make_document` does; there is no document then.
        """
        plugin, imported, own = await self._exchange.read(format, data, filename)
        try:
            state = kept(plugin, imported.state)
        except Exception as error:  # also what is nested too deep
            raise CollabError(
                errors.INTERNAL,
                f"The plugin {plugin} can't keep what it has read beside the text:"
                f" {text_of(error)}",
            ) from error
        return await self.make_document(
            title or own, imported.type, imported.delta, names=names, state=state
        )

    async def document_at(self, id: str, revision: int | None = None) -> Document:
        """A document as it was at a revision (default: as it is saved), for reading only.

        Raises `CollabError`: there is no such document or revision.
        """
        record, contents = await self._archive.load(id, revision)
        return self._frozen(record, contents)

    def _frozen(self, record: DocumentRecord, contents: Contents) -> Document:
        return Document(record, FrozenRoom(record, contents), self._archive)

    def _store(self) -> Store:
        if self._archive.store is None:
            raise LookupError("There is no store yet: it is there from server_started on.")
        return self._archive.store

    # What the rooms report.

    def committed(
        self, id: str, operations: Sequence[StoredOperation], deltas: Sequence[Delta]
    ) -> None:
        """Operations of a document are on disk: whoever follows positions in it has to know."""
        track = self._tracks.get(id)
        if track is not None:
            track.extend([one.client for one in operations], deltas)

    def closed(self, id: str) -> None:
        """A document left memory."""
        self._documents.pop(id, None)
        self._tracks.pop(id, None)

    def track(self, document: Document) -> Track:
        """What moves positions in an open document. Raises `NotOpen`."""
        if self._documents.get(document.id) is not document:
            raise NotOpen(document.id)
        track = self._tracks.get(document.id)
        if track is None:
            track = self._tracks[document.id] = Track(document.revision)
        return track
