"""Backups written by hand, for tests: whatever the lines say, the checksum is right."""

from __future__ import annotations

import hashlib
import json
from collections import Counter
from typing import Any

from collab.storage.backup import written
from collab.storage.port import Store

COUNTED = {
    "operation": "operations", "client": "clients", "author": "authors", "state": "state",
    "row": "rows",
}

DESCRIBED: dict[str, Any] = {
    "id": "notes", "title": "Notes", "type": "text", "epoch": "epoch-1", "revision": 2,
    "created": 1000.25, "updated": 1000.5,
}
HEADER = {"collab": "backup", "version": 1, "document": DESCRIBED}
SNAPSHOT = {"kind": "snapshot", "revision": 0, "content": [{"insert": "one"}]}
FIRST = {
    "kind": "operation", "revision": 1, "client": "ann", "sequence": 1, "author": "Ann",
    "time": 1700000001.5, "delta": [{"retain": 3}, {"insert": " two"}],
}
SECOND = {
    "kind": "operation", "revision": 2, "client": "bob", "sequence": 7, "author": "Bob",
    "time": 1700000002.5, "delta": [{"delete": 3}, {"insert": "😀"}],
}
ANN = {"kind": "client", "client": "ann", "sequence": 1, "revision": 1}
BOB = {"kind": "client", "client": "bob", "sequence": 7, "revision": 2}
AUTHOR = {"kind": "author", "id": "Ann", "name": "Ann É", "color": "#0b6e4f", "since": 1}
KEPT = {"kind": "state", "plugin": "tags", "key": "colour", "value": {"red": [1, None, "é"]}}

LINES: list[dict[str, Any]] = [HEADER, SNAPSHOT, FIRST, SECOND, ANN, BOB, AUTHOR, KEPT]
"""A small document, all of whose lines fit."""


def sealed(lines: list[dict[str, Any]], **told: Any) -> bytes:
    """The file of these lines; ``told`` replaces what the last one says."""
    body = "".join(json.dumps(line) + "\n" for line in lines).encode()
    counts = Counter(COUNTED.get(line.get("kind", ""), "") for line in lines)
    end = {
        "kind": "end",
        **{name: counts[name] for name in COUNTED.values()},
        "sha256": hashlib.sha256(body).hexdigest(),
        **told,
    }
    return body + json.dumps(end).encode() + b"\n"


async def exported(store: Store, id: str) -> bytes:
    """The file of a document that is there."""
    pieces = await written(store, id)
    assert pieces is not None
    return b"".join([piece async for piece in pieces])
