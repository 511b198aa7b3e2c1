"""The durable log in a database, in SQL that every database understands."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

from collab.storage import chain, statements
from collab.storage.chain import Chain
from collab.storage.cursors import cursor_after, read_cursor
from collab.storage.database import Database, Query, Step
from collab.storage.packing import first_snapshot, pack, unpack
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
    Snapshot,
    StoredOperation,
    Violation,
)
from collab.storage.tables import plugin_document_state, plugin_state, snapshots
from collab.storage.whole import read_belongings, remove_unfinished, write_whole

_PAGE = 256
"""Operations that are read at once while streaming a log."""

_NO_END = 2**62
"""A revision that no document reaches."""


class DatabaseStore:
    """A `collab.storage.port.Store` in a database that is migrated to this version."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.tables = PluginTables(database.runs)
        self._upsert_snapshot = database.upsert(snapshots)
        self._state = statements.StateStatements(database, plugin_state)
        self._document_state = statements.StateStatements(database, plugin_document_state)

    async def close(self) -> None:
        await self._database.close()

    async def prove(self) -> None:
        await self._database.prove()

    async def recover(self) -> None:
        """Remove what a server that ended left half done; for whoever opens the store."""
        await remove_unfinished(self._database)

    async def create(
        self, document: DocumentRecord, content: bytes, state: Sequence[Kept] = ()
    ) -> None:
        row = statements.new_row(document)
        first = await first_snapshot(document.id, document.type, content)
        steps = [Step(statements.CREATE, [row]), Step(self._upsert_snapshot, [first])]
        steps += self._database.state_steps(document.id, state)
        try:
            await self._database.commit(steps)
        except Violation:
            raise _taken(document.id) from None

    async def document(self, id: str) -> DocumentRecord | None:
        [found] = await self._database.read([Query(statements.ONE, {"document": id})])
        return DocumentRecord(*found[0]) if found else None

    async def documents(
        self, *, search: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        # One more than asked for tells whether there is a further page.
        parameters: dict[str, Any] = {"limit": limit + 1, "sought": _escape(search.casefold())}
        if cursor is not None:
            parameters["updated"], parameters["id"] = read_cursor(cursor)
        query = Query(statements.PAGES[bool(search), cursor is not None], parameters)
        [found] = await self._database.read([query])
        page = [DocumentRecord(*row) for row in found[:limit]]
        return Page(page, cursor_after(page[-1]) if len(found) > limit else None)

    async def rename(self, id: str, title: str) -> DocumentRecord | None:
        row = {"document": id, "new": title, "folded": title.casefold()}
        await self._database.commit([Step(statements.RENAME, [row])])
        return await self.document(id)

    async def delete(self, id: str) -> bool:
        [deleted] = await self._database.commit([Step(statements.DELETE, [{"document": id}])])
        return deleted > 0

    async def append(self, appends: Sequence[Append]) -> None:
        for append in appends:
            _check_order(append)
        if not appends:
            return
        try:
            await self._database.append(appends)
        except Violation as violation:
            raise await self._conflict(appends, violation) from None

    async def last_sequence(self, document: str, client: str) -> tuple[int, int]:
        parameters = {"document": document, "client": client}
        [found] = await self._database.read(
            [Query(statements.LAST_SEQUENCE, parameters)], settled=True
        )
        return (found[0][0], found[0][1]) if found else (0, 0)

    async def load(self, id: str, revision: int | None = None) -> Loaded | None:
        parameters = {"document": id, "until": _NO_END if revision is None else revision}
        record, snapshot, following, sent = await self._database.read(
            [
                Query(statements.ONE, {"document": id}),
                Query(statements.SNAPSHOT, parameters),
                Query(statements.SINCE_SNAPSHOT, parameters),
                Query(statements.LAST_SENT, {"document": id}),
            ],
            settled=True,
        )
        if not record:
            return None
        document = DocumentRecord(*record[0])
        wanted = document.revision if revision is None else revision
        if (sent[0][0] or 0) > document.revision:
            raise chain.missing(id, document.revision + 1)
        if not snapshot or wanted > document.revision:
            raise ValueError(
                f"Document {id} has no revision {wanted}: it is at {document.revision}."
            )
        start = await unpack(id, snapshot[0])
        found = _read(following)
        if found and found[0].revision == start.revision:
            if found[0].hash != start.hash:
                raise chain.changed(id, start.revision)
            del found[0]
        links = Chain(id, start.revision, start.hash)
        links.take_all(found)
        if links.revision != wanted:
            raise chain.missing(id, links.revision + 1)
        return Loaded(document, start, found)

    async def hash_at(self, id: str, revision: int) -> bytes | None:
        parameters = {"document": id, "revision": revision}
        [found] = await self._database.read([Query(statements.HASHES, parameters)])
        return found[0][0] if found else None

    async def authors(self, id: str, limit: int) -> Sequence[Author]:
        [found] = await self._database.read(
            [Query(statements.AUTHORS, {"document": id, "limit": limit})]
        )
        return [Author(*row) for row in found]

    async def operations(
        self, id: str, since: int, until: int | None = None
    ) -> AsyncIterator[StoredOperation]:
        parameters = {"document": id, "until": _NO_END if until is None else until, "limit": _PAGE}
        start = {"document": id, "revision": since}
        oldest, before = await self._database.read(
            [Query(statements.OLDEST, {"document": id}), Query(statements.HASHES, start)]
        )
        if oldest and oldest[0][0] > since:
            before = [oldest[0][1:]]
            since = oldest[0][0]
        links = Chain(id, since, before[0][0] if before else b"")
        while True:
            [page] = await self._database.read(
                [Query(statements.SINCE, parameters | {"since": links.revision})]
            )
            if page and not before:
                raise chain.missing(id, since)
            for operation in _read(page):
                links.take(operation)
                yield operation
            if len(page) < _PAGE:
                return

    async def snapshots(self, id: str) -> AsyncIterator[Snapshot]:
        since = -1
        while True:
            parameters = {"document": id, "since": since}
            [found] = await self._database.read([Query(statements.NEXT_SNAPSHOT, parameters)])
            if not found:
                return
            since = found[0][0]
            yield await unpack(id, found[0])

    async def belongings(self, id: str) -> Belongings | None:
        return await read_belongings(self._database, self.tables, id)

    async def restore(
        self,
        belongings: Belongings,
        operations: Sequence[StoredOperation],
        snapshots: Sequence[Snapshot],
    ) -> None:
        await write_whole(self._database, self.tables, belongings, operations, snapshots)

    async def save_snapshot(self, id: str, snapshot: Snapshot) -> None:
        row = await pack(id, snapshot)
        await self._commit_for(id, [Step(self._upsert_snapshot, [row])])

    async def touch(self, times: dict[str, float]) -> None:
        rows = [{"document": document, "time": time} for document, time in times.items()]
        if rows:
            await self._database.commit([Step(statements.TOUCH, rows)])

    async def get_state(self, plugin: str, document: str | None, key: str) -> bytes | None:
        parameters = {"owner": plugin, "of": document, "this": key}
        [found] = await self._database.read([Query(self._state_of(document).get, parameters)])
        return found[0][0] if found else None

    async def set_state(
        self, plugin: str, document: str | None, key: str, value: bytes | None
    ) -> None:
        state = self._state_of(document)
        if value is None:
            parameters = {"owner": plugin, "of": document, "this": key}
            await self._database.commit([Step(state.remove, [parameters])])
            return
        row: dict[str, Any] = {"plugin": plugin, "key": key, "value": value}
        if document is None:
            await self._database.commit([Step(state.set, [row])])
        else:
            await self._commit_for(document, [Step(state.set, [row | {"document": document}])])

    async def list_state(
        self, plugin: str, document: str | None, prefix: str = ""
    ) -> dict[str, bytes]:
        parameters = {"owner": plugin, "of": document, "prefix": prefix, "size": len(prefix)}
        [found] = await self._database.read([Query(self._state_of(document).list, parameters)])
        return {row[0]: row[1] for row in found}

    def _state_of(self, document: str | None) -> statements.StateStatements:
        return self._state if document is None else self._document_state

    async def _commit_for(self, id: str, steps: Sequence[Step]) -> None:
        """Commit what belongs to a document. Raises `Conflict` when it is gone."""
        try:
            await self._database.commit(steps)
        except Violation:
            raise _gone(id) from None

    async def _conflict(self, appends: Sequence[Append], violation: Violation) -> Conflict:
        """Which document an append failed for, and why."""
        for append in appends:
            document = await self.document(append.document)
            if document is None:
                return _gone(append.document)
            first = append.operations[0]
            if first.revision != document.revision + 1:
                return Conflict(
                    document.id,
                    f"Document {document.id} is at revision {document.revision}:"
                    f" {first.revision} can't follow.",
                )
            for operation in append.operations:
                sent, _ = await self.last_sequence(document.id, operation.client)
                if operation.sequence <= sent:
                    return _sent_before(document.id, operation)
        return Conflict(appends[0].document, f"The operations don't follow the log: {violation}.")


def _check_order(append: Append) -> None:
    """Raise `Conflict` for operations that could not follow whatever the log holds."""
    sequences: dict[str, int] = {}
    for revision, operation in enumerate(append.operations, append.operations[0].revision):
        if operation.revision != revision:
            message = f"Revision {operation.revision} can't follow {revision - 1}."
            raise Conflict(append.document, message)
        if operation.sequence <= sequences.get(operation.client, 0):
            raise _sent_before(append.document, operation)
        sequences[operation.client] = operation.sequence


def _sent_before(document: str, operation: StoredOperation) -> Conflict:
    return Conflict(document, f"Client {operation.client} has sent {operation.sequence} before.")


def _taken(document: str) -> Conflict:
    return Conflict(document, f"There is a document {document} already.")


def _gone(document: str) -> Conflict:
    return Conflict(document, f"There is no document {document} any more.")


def _read(rows: Sequence[Sequence[Any]]) -> list[StoredOperation]:
    """The operations in rows of the log, which are yet to be checked."""
    return [
        StoredOperation(
            revision,
            client,
            sequence,
            author,
            time,
            _encoded(delta),
            hash,
        )
        for revision, client, sequence, author, time, delta, hash in rows
    ]


def _encoded(delta: object) -> Any:
    """What is no text was not written by us: the chain says so."""
    return delta.encode() if isinstance(delta, str) else None


def _escape(text: str) -> str:
    """``text`` as the inside of a LIKE pattern, wildcards standing for themselves."""
    for special in "\\%_":
        text = text.replace(special, "\\" + special)
    return f"%{text}%"
