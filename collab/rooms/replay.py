"""The content of any revision: a snapshot, and what follows it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collab.ot import Content, Delta, DocumentType, document_type
from collab.protocol import errors
from collab.protocol.contents import BATCH, LARGE, stored_content
from collab.protocol.errors import CollabError
from collab.storage.port import DocumentRecord, Loaded, StoredOperation


def first_content(loaded: Loaded) -> Content:
    """The snapshot's content. Raises `CollabError` NO_TYPE when its type is not known here."""
    return known_type(loaded.document).content(stored_content(loaded.snapshot.content))


def is_large_to_replay(loaded: Loaded) -> bool:
    """Whether it takes more than a moment (see `collab.rooms.turns.aside`)."""
    return len(loaded.snapshot.content) > LARGE or len(loaded.operations) > BATCH


def known_type(document: DocumentRecord) -> DocumentType:
    """A document's type. Raises `CollabError` NO_TYPE: its plugin is switched off, or gone."""
    try:
        return document_type(document.type)
    except LookupError as error:
        raise CollabError(
            errors.NO_TYPE,
            f"This document is of the type {document.type}, which no plugin that is switched on"
            " brings: it can be opened again when its plugin is back. Nothing of it is lost.",
        ) from error


def deltas(loaded: Loaded) -> Iterator[tuple[StoredOperation, Delta]]:
    """The operations that follow the snapshot."""
    for operation in loaded.operations:
        yield operation, Delta(msgspec.json.decode(operation.delta))


def replayed(loaded: Loaded) -> Content:
    """The content after all of them. Raises `CollabError` NO_TYPE as `first_content`."""
    content = first_content(loaded)
    for _, delta in deltas(loaded):
        content.apply(delta)
    return content
