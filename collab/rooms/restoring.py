"""A document brought back from a backup: replayed first, then written whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Collection

import msgspec
from msgspec import Struct
from msgspec.structs import replace

from collab.ot import Content, Delta, DocumentType, InvalidOperation, document_type
from collab.protocol import errors
from collab.protocol.contents import Bounds, stored_content
from collab.protocol.errors import CollabError
from collab.rooms.new import DOCUMENT_ID, Names, clean_title, new_id, new_names
from collab.rooms.snapshots import EVERY, SHARE
from collab.rooms.turns import aside
from collab.storage import chain
from collab.storage.backup import Backup, BadBackup, bad_line, line_of
from collab.storage.backup import read as read_backup
from collab.storage.port import Conflict, DocumentRecord, Snapshot, Store, StoredOperation, Unfit


class Restored(Struct, frozen=True):
    """A document that was brought back."""

    record: DocumentRecord
    original: str
    """The id that the document had when it was exported."""


async def restore(
    store: Store,
    data: bytes,
    bounds: Bounds,
    *,
    title: str | None = None,
    without: Collection[str] = (),
    names: Names | None = None,
) -> Restored:
    """Make a document of a file that holds one whole (see `collab.storage.backup`).

    It keeps its id if no document has that now, and gets another epoch in any case. ``bounds``
    are those of each of its revisions; ``title`` replaces its own; what the
    plugins ``without`` have in tables of their own is left out. Of ``names`` it gets the epoch,
    and the id if its own is taken; a document that was restored with the same ones before is
    given back as it is. Raises `CollabError` that says what is wrong with the file; nothing is
    written then.
    """
    names = names or new_names()
    try:
        backup, snapshots = await aside(lambda: checked(data, bounds))
        found = backup.belongings.document
        record = replace(found, title=clean_title(title or found.title), epoch=names.epoch)
        tables = [one for one in backup.belongings.tables if one.plugin not in without]
        while True:
            there = await store.document(record.id)
            if there is not None and names.made_by_same_request(there.epoch):
                return Restored(there, found.id)
            if there is not None:
                record = replace(record, id=names.id if record.id == found.id else new_id())
                continue
            belongings = replace(backup.belongings, document=record, tables=tables)
            try:
                await store.restore(belongings, backup.operations, snapshots)
            except Conflict:
                # Somebody was faster, and may not be done yet: there is no such document then.
                if await store.document(record.id) is None:
                    record = replace(record, id=new_id())
            else:
                return Restored(record, found.id)
    except (BadBackup, Unfit) as error:
        raise CollabError(errors.UNCONVERTIBLE, str(error)) from error


def checked(data: bytes, bounds: Bounds) -> tuple[Backup, list[Snapshot]]:
    """What the file holds, its deltas in the form in which they are kept, and further snapshots.

    Raises `BadBackup`, and `CollabError` for a type that is not known here or too large a content.
    """
    backup = read_backup(data)
    document = backup.belongings.document
    if not DOCUMENT_ID.fullmatch(document.id):
        raise bad_line(1, "an id has 1 to 64 letters, digits, - and _, and does not begin with -")
    try:
        kind = document_type(document.type)
    except LookupError as error:
        raise CollabError(
            errors.NO_TYPE,
            f"The document is of the type {document.type:.80}, which no plugin that is switched on"
            " brings: switch on the one that does, and import the file again.",
        ) from error
    return _replayed(backup, kind, bounds)


def _replayed(backup: Backup, kind: DocumentType, bounds: Bounds) -> tuple[Backup, list[Snapshot]]:
    first = backup.belongings.snapshot
    line = line_of(backup, first.revision)
    delta = _delta(first.content, kind, line, stored_content)
    bounds.check(delta)
    try:
        content = kind.content(delta)
    except InvalidOperation as error:
        raise bad_line(line, _plain(error), first.revision) from error
    _check_size(content, bounds, line)
    tidy = _encoded(delta)
    begins = first
    if tidy != first.content:
        hash = chain.origin(kind.name, 0, tidy) if first.revision == 0 else first.hash
        begins = Snapshot(first.revision, tidy, hash)
    hash = begins.hash
    operations: list[StoredOperation] = []
    snapshots: list[Snapshot] = []
    kept = first.revision
    for number, stored in enumerate(backup.operations, line + 1):
        delta = _delta(stored.delta, kind, number)
        try:
            content.apply(delta)
        except InvalidOperation as error:
            raise bad_line(number, _plain(error), stored.revision) from error
        _check_size(content, bounds, number)
        tidy = _encoded(delta)
        if tidy != stored.delta:
            stored = replace(stored, delta=tidy)
        # Its own, unless it was another program that wrote the deltas in the file.
        hash = chain.followed(hash, stored)
        if stored.hash != hash:
            stored = replace(stored, hash=hash)
        operations.append(stored)
        if stored.revision - kept >= EVERY + content.length // SHARE:
            snapshots.append(Snapshot(stored.revision, _encoded(content.delta()), hash))
            kept = stored.revision
    belongings = replace(backup.belongings, snapshot=begins)
    return Backup(belongings, operations), snapshots


def _decoded(encoded: bytes) -> Delta:
    return Delta(msgspec.json.decode(encoded))


def _delta(
    encoded: bytes, kind: DocumentType, number: int, read: Callable[[bytes], Delta] = _decoded
) -> Delta:
    try:
        delta = read(encoded)
        kind.validate(delta)
    except (ValueError, RecursionError, InvalidOperation) as error:
        raise bad_line(number, _plain(error)) from error
    return delta


def _check_size(content: Content, bounds: Bounds, number: int) -> None:
    if content.length > bounds.units:
        raise CollabError(
            errors.DOCUMENT_TOO_LARGE,
            f"Line {number}: the document would have {content.length} characters, and may have"
            f" {bounds.units} here. Raise limits.document_size to import it.",
        )


def _encoded(delta: Delta) -> bytes:
    return msgspec.json.encode(delta.ops)


def _plain(error: Exception) -> str:
    return str(error).rstrip(".")
