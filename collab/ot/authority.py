"""The ordering authority: the one place where a document's operations get their numbers."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
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
    is two comparisons and an addition. Where it is not, `_rebase_step` takes one general step.
    """
    splice = as_splice(parts)
    if splice is None:
        return _rebase_parts(parts, client, entries)
    start, text, deleted = splice
    if not deleted:
        return _rebase_insert(start, text, client, entries)
    stop = start + deleted
    for index, (position, end, inserted, growth, author, _) in enumerate(entries):
        if position > start:
            if position >= stop:
                continue  # it is all behind us
            if inserted:  # it parts what we delete
                break
            stop = position if end >= stop else stop + growth
        elif position < start:
            if position < 0:
                break
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
                    break
                stop = start
            else:
                stop = max(stop + growth, start + inserted)
                start += inserted
        else:
            stop = max(stop + growth, start)
    else:
        return as_parts(start, text, stop - start)
    return _rebase_parts(as_parts(start, text, stop - start), client, entries[index:])


def _rebase_insert(
    start: int, text: str, client: str, entries: Sequence[Entry]
) -> list[Part]:
    """Transform an insert of plain text: `_rebase` with nothing to delete."""
    for index, (position, end, inserted, growth, author, _) in enumerate(entries):
        if position > start:
            continue
        if position < start:
            if position < 0:
                return _rebase_parts(as_parts(start, text, 0), client, entries[index:])
            start = start + growth if end <= start else position + inserted
        elif inserted and precedes(author, client):
            start += inserted
    return as_parts(start, text, 0)


def _rebase_parts(parts: list[Part], client: str, entries: Sequence[Entry]) -> list[Part]:
    """Transform parts of any shape; as soon as they are a splice again, the quick way."""
    for index, entry in enumerate(entries):
        parts = combine.transform(entry.delta.parts, parts, precedes(entry.client, client))
        if as_splice(parts) is not None:
            return _rebase(parts, client, entries[index + 1 :])
    return parts
