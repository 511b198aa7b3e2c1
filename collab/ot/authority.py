"""The ordering authority: the one place where a document's operations get their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import NamedTuple

from collab.ot import combine
from collab.ot.content import Content
from collab.ot.delta import Delta
from collab.ot.errors import ForgottenRevision, UnknownRevision
from collab.ot.order import precedes
from collab.ot.parts import Part
from collab.ot.splice import as_parts, as_splice


class Entry(NamedTuple):
    """An operation of the history, with what the walk of `transform` needs at hand."""

    position: int
    """Where it splices, or -1 when it is more than a splice of plain text."""
    end: int
    """Where its deletion ends."""
    inserted: int
    """How many units it inserts."""
    growth: int
    """By how much what stands behind it moves."""
    client: str
    delta: Delta


class Authority:
    """A document's content and its latest operations. Revision n is operation n on revision n-1.

    Two steps, so that a plugin can look at the operation in between: `transform` an operation that
    a client made at an older revision, then `apply` it.
    """

    def __init__(
        self,
        content: Content,
        revision: int,
        history: Iterable[tuple[str, Delta]] = (),
    ) -> None:
        """Begin with `content` at `revision`, and the operations that led there, latest last."""
        self.content = content
        self.revision = revision
        self._entries = [_entry(client, delta) for client, delta in history]

    @property
    def oldest(self) -> int:
        """The oldest revision on which an operation may be based."""
        return self.revision - len(self._entries)

    def transform(self, base: int, client: str, delta: Delta) -> Delta:
        """Return `delta`, which `client` made at revision `base`, as it applies to the content.

        Raises UnknownRevision when `base` has not happened yet, ForgottenRevision when it is older
        than the history.
        """
        behind = self.revision - base
        if behind == 0:
            return delta
        return Delta.of_parts(_rebase(delta.parts, client, self._since(base)))

    def apply(self, client: str, delta: Delta) -> int:
        """Apply an operation to the content and return its revision.

        Raises InvalidOperation, and changes nothing, when it does not fit the content.
        """
        self.content.apply(delta)
        self._entries.append(_entry(client, delta))
        self.revision += 1
        return self.revision

    def history(self, since: int, until: int | None = None) -> list[tuple[str, Delta]]:
        """Return (client, operation) of the revisions after `since`, up to `until`.

        Raises UnknownRevision or ForgottenRevision when they are not all here.
        """
        entries = self._since(since)
        if until is not None:
            if until > self.revision:
                raise UnknownRevision(f"Revision {until} is ahead of {self.revision}.")
            entries = entries[: max(until - since, 0)]
        return [(entry.client, entry.delta) for entry in entries]

    def forget(self, keep: int) -> None:
        """Keep only the last `keep` operations of the history."""
        surplus = len(self._entries) - keep
        if surplus > 0:
            del self._entries[:surplus]

    def _since(self, base: int) -> Sequence[Entry]:
        start = base - self.oldest
        if base > self.revision:
            raise UnknownRevision(f"Revision {base} is ahead of {self.revision}.")
        if start < 0:
            raise ForgottenRevision(
                f"Revision {base} is older than the history, which begins at {self.oldest}."
            )
        return self._entries[start:]


def _entry(client: str, delta: Delta) -> Entry:
    splice = as_splice(delta.parts)
    if splice is None:
        return Entry(-1, -1, 0, 0, client, delta)
    position, text, deleted = splice
    return Entry(position, position + deleted, len(text), len(text) - deleted, client, delta)


def _rebase(parts: list[Part], client: str, entries: Sequence[Entry]) -> list[Part]:
    """Transform parts over operations of the history, one after another.

    The hottest loop of the server. Nearly every operation is a splice, and stays one: then a step
    is two comparisons and an addition. Where it is not, one general step is taken.
    """
    steps = iter(entries)
    while parts:
        splice = as_splice(parts)
        entry: Entry | None
        if splice is None:
            entry = next(steps, None)
        else:
            start, text, deleted = splice
            if deleted:
                parts, entry = _walk_splice(start, text, start + deleted, client, steps)
            else:
                parts, entry = _walk_insert(start, text, client, steps)
        if entry is None:
            break
        first = precedes(entry.client, client)
        parts = combine.transform(entry.delta.parts, parts, first)
    return parts


def _walk_insert(
    start: int, text: str, client: str, steps: Iterator[Entry]
) -> tuple[list[Part], Entry | None]:
    """Transform an insert of plain text as far as arithmetic goes.

    Returns it, and the entry that needs the general way or None at the end.
    """
    for entry in steps:
        position, end, inserted, growth, author, _ = entry
        if position > start:
            continue
        if position < start:
            if position < 0:
                return as_parts(start, text, 0), entry
            start = start + growth if end <= start else position + inserted
        elif inserted and precedes(author, client):
            start += inserted
    return as_parts(start, text, 0), None


def _walk_splice(
    start: int, text: str, stop: int, client: str, steps: Iterator[Entry]
) -> tuple[list[Part], Entry | None]:
    """Transform "insert `text` at `start`, delete up to `stop`"; as `_walk_insert`."""
    for entry in steps:
        position, end, inserted, growth, author, _ = entry
        if position > start:
            if position >= stop:
                continue  # it is all behind us
            if inserted:  # it parts what we delete
                return as_parts(start, text, stop - start), entry
            stop = position if end >= stop else stop + growth
        elif position < start:
            if position < 0:
                return as_parts(start, text, stop - start), entry
            if end <= start:
                start += growth
                stop += growth
            else:  # it deletes the place we are at, perhaps some of what we delete
                stop = max(stop + growth, position + inserted)
                start = position + inserted
        elif inserted:
            if text and not precedes(author, client):
                # Our text stays left of theirs, and theirs is not to be deleted.
                if end < stop:
                    return as_parts(start, text, stop - start), entry
                stop = start
            else:
                stop = max(stop + growth, start + inserted)
                start += inserted
        else:
            stop = max(stop + growth, start)
    return as_parts(start, text, stop - start), None
