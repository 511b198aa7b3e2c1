"""The twin of the durable log that keeps everything in dictionaries, for tests and trials."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from msgspec import Struct
from msgspec.structs import replace

from collab.storage import chain, rows
from collab.storage.chain import Chain
from collab.storage.cursors import cursor_after, read_cursor
from collab.storage.memory_tables import MemoryRuns
from collab.storage.plugin_tables import PluginTables
from collab.storage.port import (
    Append,
    Author,
    Belongings,
    Conflict,
    DocumentRecord,
    Kept,
    Loaded,
    Page,
    Sent,
    Snapshot,
    StoredOperation,
    TableStep,
    Violation,
)


class _Kept(Struct):
    """A document and everything that goes when it goes."""

    record: DocumentRecord
    snapshots: dict[int, Snapshot]
    operations: list[StoredOperation]
    clients: dict[str, tuple[int, int]]
    authors: dict[str, Author]
    state: dict[tuple[str, str], bytes]
    begins: int = 0
    """The revision that the first operation follows."""

    def log(self, since: int, until: int | None) -> list[StoredOperation]:
        """The operations after ``since`` up to and with ``until`` (None: all of them)."""
        stop = None if until is None else max(until - self.begins, 0)
        return self.operations[max(since - self.begins, 0) : stop]

    def hash_at(self, revision: int) -> bytes | None:
        """The hash of a revision; None when the log does not have it."""
        if revision == self.begins:
            return self.snapshots[revision].hash
        made = self.log(revision - 1, revision) if revision > self.begins else []
        return made[0].hash if made else None


class MemoryStore:
    """A `Store` whose disk is a dictionary. It keeps every operation that it was given."""

    def __init__(self) -> None:
        self._documents: dict[str, _Kept] = {}
        self._state: dict[tuple[str, str], bytes] = {}
        self._runs = MemoryRuns(lambda: [kept.record for kept in self._documents.values()])
        self.tables = PluginTables(self._runs)

    async def close(self) -> None:
        """Nothing is held but memory; what was stored stays readable."""

    async def prove(self) -> None:
        """Memory always takes it."""

    async def create(
        self, document: DocumentRecord, content: bytes, state: Sequence[Kept] = ()
    ) -> None:
        if document.id in self._documents:
            raise Conflict(document.id, f"There is a document {document.id} already.")
        record = replace(document, revision=0)
        values = {(one.plugin, one.key): one.value for one in state if one.value is not None}
        first = Snapshot(0, content, chain.origin(document.type, 0, content))
        self._documents[document.id] = _Kept(record, {0: first}, [], {}, {}, values)
        await self._runs.created(record)

    async def document(self, id: str) -> DocumentRecord | None:
        kept = self._documents.get(id)
        return kept.record if kept else None

    async def documents(
        self, *, search: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        after = None
        if cursor is not None:
            updated, last = read_cursor(cursor)
            after = (-updated, last)
        sought = search.casefold()
        places = sorted(
            (-kept.record.updated, kept.record.id)
            for kept in self._documents.values()
            if sought in kept.record.title.casefold()
        )
        ids = [place[1] for place in places if after is None or place > after]
        page = [self._documents[found].record for found in ids[:limit]]
        return Page(page, cursor_after(page[-1]) if len(ids) > limit else None)

    async def rename(self, id: str, title: str) -> DocumentRecord | None:
        kept = self._documents.get(id)
        if kept is None:
            return None
        kept.record = replace(kept.record, title=title)
        return kept.record

    async def delete(self, id: str) -> bool:
        there = self._documents.pop(id, None) is not None
        await self._runs.deleted(id)
        return there

    async def append(self, appends: Sequence[Append]) -> None:
        heads: dict[str, int] = {}
        sequences: dict[tuple[str, str], int] = {}
        for append in appends:
            document = append.document
            kept = self._kept(document)
            head = heads.get(document, kept.record.revision)
            for operation in append.operations:
                if operation.revision != head + 1:
                    raise Conflict(
                        document,
                        f"Document {document} is at revision {head}:"
                        f" {operation.revision} can't follow.",
                    )
                head += 1
                sender = (document, operation.client)
                last = sequences.get(sender, kept.clients.get(operation.client, (0, 0))[0])
                if operation.sequence <= last:
                    raise Conflict(
                        document,
                        f"Client {operation.client} has sent {operation.sequence} before.",
                    )
                sequences[sender] = operation.sequence
            heads[document] = head
        for append in appends:
            kept = self._documents[append.document]
            kept.operations.extend(append.operations)
            for operation in append.operations:
                kept.clients[operation.client] = (operation.sequence, operation.revision)
            kept.record = replace(kept.record, revision=heads[append.document])
            for author in append.authors:
                known = kept.authors.get(author.id, author)
                kept.authors[author.id] = replace(author, since=known.since)
            for one in append.state:
                await self.set_state(one.plugin, append.document, one.key, one.value)

    async def last_sequence(self, document: str, client: str) -> tuple[int, int]:
        kept = self._documents.get(document)
        return kept.clients.get(client, (0, 0)) if kept else (0, 0)

    async def load(self, id: str, revision: int | None = None) -> Loaded | None:
        kept = self._documents.get(id)
        if kept is None:
            return None
        head = kept.record.revision
        wanted = head if revision is None else revision
        if not kept.begins <= wanted <= head:
            raise ValueError(f"Document {id} has no revision {wanted}: it is at {head}.")
        start = max(known for known in kept.snapshots if known <= wanted)
        loaded = Loaded(kept.record, kept.snapshots[start], kept.log(start, wanted))
        Chain(id, start, loaded.snapshot.hash).take_all(loaded.operations)
        return loaded

    async def hash_at(self, id: str, revision: int) -> bytes | None:
        kept = self._documents.get(id)
        return kept.hash_at(revision) if kept else None

    async def authors(self, id: str, limit: int) -> Sequence[Author]:
        kept = self._documents.get(id)
        return _in_order(kept)[:limit] if kept else []

    async def operations(
        self, id: str, since: int, until: int | None = None
    ) -> AsyncIterator[StoredOperation]:
        kept = self._documents.get(id)
        if kept is None:
            return
        since = max(since, kept.begins)
        links = Chain(id, since, kept.hash_at(since) or b"")
        for operation in kept.log(since, until):
            links.take(operation)
            yield operation

    async def snapshots(self, id: str) -> AsyncIterator[Snapshot]:
        kept = self._documents.get(id)
        for _, snapshot in sorted(kept.snapshots.items()) if kept else ():
            yield snapshot

    async def belongings(self, id: str) -> Belongings | None:
        of = {"document": id}
        found = [
            rows.read(plugin, one, await self.tables.read(plugin, rows.query(one), of))
            for plugin, some in (await self.tables.of_documents()).items()
            for one in some
        ]
        kept = self._documents.get(id)
        if kept is None:
            return None
        return Belongings(
            kept.record,
            kept.snapshots[kept.begins],
            [Sent(client, *last) for client, last in sorted(kept.clients.items())],
            _in_order(kept),
            [Kept(*key, value) for key, value in sorted(kept.state.items())],
            [one for one in found if one.rows],
        )

    async def restore(
        self,
        belongings: Belongings,
        operations: Sequence[StoredOperation],
        snapshots: Sequence[Snapshot],
    ) -> None:
        document, first = belongings.document, belongings.snapshot
        fit = rows.fitting(belongings.tables, await self.tables.of_documents())
        if document.id in self._documents:
            raise Conflict(document.id, f"There is a document {document.id} already.")
        try:
            await self._runs.created(document)
        except Violation:  # somebody else restores it
            raise Conflict(document.id, f"There is a document {document.id} already.") from None
        try:
            for one in fit:
                step = TableStep(rows.statement(one), list(rows.parameters(one, document.id)))
                await self.tables.write(one.plugin, [step])
        except BaseException as error:
            await self._runs.deleted(document.id)
            if isinstance(error, Violation):
                raise rows.not_beside(error) from None
            raise
        self._documents[document.id] = _Kept(
            replace(document, revision=first.revision + len(operations)),
            {one.revision: one for one in (*snapshots, first)},
            list(operations),
            {one.client: (one.sequence, one.revision) for one in belongings.clients},
            {one.id: one for one in belongings.authors},
            {(one.plugin, one.key): one.value for one in belongings.state if one.value is not None},
            first.revision,
        )

    async def save_snapshot(self, id: str, snapshot: Snapshot) -> None:
        self._kept(id).snapshots[snapshot.revision] = snapshot

    async def touch(self, times: dict[str, float]) -> None:
        for document, time in times.items():
            kept = self._documents.get(document)
            if kept is not None and kept.record.updated < time:
                kept.record = replace(kept.record, updated=time)

    async def get_state(self, plugin: str, document: str | None, key: str) -> bytes | None:
        return (await self.list_state(plugin, document)).get(key)

    async def set_state(
        self, plugin: str, document: str | None, key: str, value: bytes | None
    ) -> None:
        if value is None and document is not None and document not in self._documents:
            return
        state = self._state if document is None else self._kept(document).state
        if value is None:
            state.pop((plugin, key), None)
        else:
            state[plugin, key] = value

    async def list_state(
        self, plugin: str, document: str | None, prefix: str = ""
    ) -> dict[str, bytes]:
        if document is None:
            state = self._state
        elif document in self._documents:
            state = self._documents[document].state
        else:
            return {}
        return {
            key: state[owner, key]
            for owner, key in sorted(state)
            if owner == plugin and key.startswith(prefix)
        }

    def _kept(self, id: str) -> _Kept:
        if id not in self._documents:
            raise Conflict(id, f"There is no document {id} any more.")
        return self._documents[id]


def _in_order(kept: _Kept) -> list[Author]:
    """The authors, those who wrote first before the others."""
    return sorted(kept.authors.values(), key=lambda one: (one.since, one.id))
