"""The content of any revision: a snapshot, and what follows it."""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from collab.ot import Content, Delta, document_type
from collab.storage.port import Loaded, StoredOperation


def first_content(loaded: Loaded) -> Content:
    """The snapshot's content. Raises LookupError when the document's type is not known here."""
    snapshot = Delta(msgspec.json.decode(loaded.snapshot.content))
    return document_type(loaded.document.type).content(snapshot)


def deltas(loaded: Loaded) -> Iterator[tuple[StoredOperation, Delta]]:
    """The operations that follow the snapshot."""
    for operation in loaded.operations:
        yield operation, Delta(msgspec.json.decode(operation.delta))


def replayed(loaded: Loaded) -> Content:
    """The content after all of them. Raises LookupError as `first_content`."""
    content = first_content(loaded)
    for _, delta in deltas(loaded):
        content.apply(delta)
    return content
