"""What authors are called, as it was kept before there was a table of them.

Plugins kept it for each document then, in their state under the key `KEY`, as a JSON object of
ids with a name and a colour each. Databases (``migrations/versions/0002_authors.py``) and backups
(`collab.storage.backup.reading`) of that time have it there.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

import msgspec

from collab.protocol.messages import COLOR, User
from collab.storage.port import Author, Kept, StoredOperation

KEY = "authors"


def names_kept(value: bytes) -> list[User] | None:
    """Who is named in such a value, without those whom nobody can be; None: it is none."""
    try:
        kept = msgspec.json.decode(value, type=dict[str, Any])
    except (ValueError, RecursionError):
        return None
    found = []
    for id, called in kept.items():
        try:
            name, color = called
            user = User(id, name, color if COLOR.fullmatch(color) else "")
        except (TypeError, ValueError):
            continue
        if user.name:
            found.append(user)
    return found


def authors_kept(
    state: Iterable[Kept], operations: Iterable[StoredOperation], oldest: int
) -> list[Author]:
    """The authors of a backup of that time; ``oldest`` is the first revision of its log."""
    users = {
        user.id: user
        for kept in state
        if kept.key == KEY and kept.value is not None
        for user in names_kept(kept.value) or ()
    }
    since: dict[str, int] = {}
    if users:
        for operation in operations:
            since.setdefault(operation.author, operation.revision)
    return [Author(id, one.name, one.color, since.get(id, oldest)) for id, one in users.items()]
