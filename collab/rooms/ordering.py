"""The order: each operation of a document gets its revision here, or the reason why not."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec

from collab.ot import (
    Authority,
    Content,
    Delta,
    DocumentType,
    ForgottenRevision,
    InvalidOperation,
    UnknownRevision,
)
from collab.ot.parts import is_insert, size
from collab.ot.text import TextContent
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.settings import Limits
from collab.rooms.journal import Ordered
from collab.rooms.pieces import is_too_large
from collab.storage.chain import follow
from collab.storage.port import StoredOperation

STEPS = 50_000
"""Parts of an operation times operations it is transformed over: some 40 ms."""

PARTED = 4
"""How many times the parts that an edit may have it is taken with, after others' edits have parted
it or a plugin has rewritten it."""

TRANSACTION = 1024 * 1024
"""Bytes of one edit's deltas that are saved in one transaction. A longer transaction would keep
other documents' edits waiting, so that of a larger edit a part is saved if the disk fails, or the
process is killed, at that very moment."""

FORMATTED = 4
"""How many times the parts that an edit may have it may give attributes to."""

_encode = msgspec.json.encode


class Ordering:
    """What was ordered in one document: applied to the live content, perhaps not yet saved.

    It also knows which operation each client sent last, so that what comes twice is seen.
    """

    def __init__(
        self,
        kind: DocumentType,
        content: Content,
        revision: int,
        hash: bytes,
        recent: Sequence[Ordered],
        limits: Limits,
    ) -> None:
        """``content``, which is changed from now on, is that of ``revision``, which the last of
        the ``recent`` operations made, and whose ``hash`` that is."""
        self._kind = kind
        self._limits = limits
        self._authority = Authority(
            content,
            revision,
            history=[(operation.client, delta) for operation, delta in recent],
        )
        self._hash = hash
        self._parts = limits.document_parts
        """The parts of a rich content, or more: counted when it may be too many."""
        self._ordered: list[Ordered] = []
        self._together: list[Ordered] = []
        """The pieces of a large edit, as long as they are not all here."""
        self._very_large = False
        """Whether more than a `TRANSACTION` of one edit may be in `_ordered`."""
        self._sequences: dict[str, tuple[int, int]] = {}

    @property
    def revision(self) -> int:
        """The last revision that was given."""
        return self._authority.revision

    def check_newest(self, revision: int | None) -> None:
        """Raises `CollabError` PRECONDITION_FAILED when somebody has written after ``revision``."""
        if revision != self.revision:
            raise CollabError(errors.PRECONDITION_FAILED)

    @property
    def content(self) -> Content:
        """The live content, at `revision`: read it only, and before the next edit is ordered."""
        return self._authority.content

    @property
    def length(self) -> int:
        """Of the live content, in UTF-16 code units."""
        return self._authority.content.length

    def since(self, revision: int) -> list[tuple[str, Delta]]:
        """The operations after ``revision`` with their clients' ids.

        All that are not committed are here. Raises ForgottenRevision for what is further back.
        """
        return self._authority.history(revision)

    # Who has sent what.

    def knows(self, client: str) -> bool:
        """Whether it is known here what a client has sent last."""
        return client in self._sequences

    def remember(self, client: str, sequence: int, revision: int) -> None:
        """What the log says of a client; what is known here already is newer."""
        self._sequences.setdefault(client, (sequence, revision))

    def last(self, client: str) -> tuple[int, int]:
        """The sequence number of a client's last operation, and its revision; (0, 0) for none."""
        return self._sequences.get(client, (0, 0))

    def is_new(self, client: str, sequence: int, committed: int) -> bool:
        """Whether an operation is a client's next one; False: it is its last one, come again.

        Its turn is when everything before is on disk, which reaches up to revision
        ``committed``. Raises `CollabError` BAD_SEQUENCE for any other number.
        """
        last, revision = self.last(client)
        if sequence == last + 1 and revision <= committed:
            return True
        if 0 < sequence < last:
            raise CollabError(
                errors.BAD_SEQUENCE, f"Operation {sequence} is saved, {last + 1} comes next."
            )
        if sequence != last or last == 0:
            raise CollabError(
                errors.BAD_SEQUENCE,
                f"Operation {last + 1} comes next, when {last} is acknowledged; not {sequence}.",
            )
        return False

    # The way of an operation.

    def admit(self, value: Any) -> Delta:
        """Everything that can be said of an operation before its place is known.

        Raises `CollabError`.
        """
        try:
            delta = Delta(value)
            self._kind.validate(delta)
        except InvalidOperation as error:
            raise CollabError(errors.BAD_OPERATION, str(error)) from error
        most = self._limits.operation_parts
        if len(delta.parts) > most:
            raise CollabError(
                errors.OPERATION_TOO_LARGE,
                f"An edit may have {most} parts, not {len(delta.parts)}: make it in smaller parts.",
            )
        inserted = delta.insert_length()
        limit = self._limits.operation_size
        if inserted > limit:
            raise CollabError(
                errors.OPERATION_TOO_LARGE,
                f"An edit may insert {limit} characters, not {inserted}: make it in smaller parts.",
            )
        return delta

    def transform(self, base: int, client: str, delta: Delta) -> Delta:
        """Move an operation made on revision ``base`` to the newest. Raises `CollabError`."""
        if len(delta.parts) * (self._authority.revision - base) > STEPS:
            # Somebody else's keystrokes would wait for it. The client is let go, transforms
            # it itself when it resumes, and sends it on the newest revision.
            raise CollabError(errors.TOO_SLOW, "Too much was changed meanwhile: come again.")
        with _known(base):
            return self._authority.transform(base, client, delta)

    def history(self, since: int) -> list[tuple[str, Delta]]:
        """The operations after a revision, and the client of each. Raises `CollabError`."""
        with _known(since):
            return self._authority.history(since)

    def check(self, delta: Delta, instead_of: Delta | None = None) -> None:
        """Raise `CollabError` if the newest content can't take ``delta``; change nothing.

        ``instead_of``: what it was made of. Of what is larger than an operation may be (see
        `order_piece`) something as large may be made, which is checked as a whole then.
        """
        if instead_of is not None and is_too_large(instead_of, self._limits):
            self.check_large(delta, self._authority.content.copy())
            return
        self._check_bounds(delta)
        try:
            self._kind.validate(delta)
            self._authority.content.check(delta)
        except InvalidOperation as error:
            raise CollabError(errors.BAD_OPERATION, str(error)) from error

    def check_large(self, delta: Delta, content: Content) -> None:
        """`check` for an edit that is to be ordered in pieces; ``content``, which is changed, is a
        copy of the newest. For a thread: it takes a while. Raises `CollabError`."""
        before = content.length, content.part_count()
        try:
            self._kind.validate(delta)
            content.apply(delta)
        except InvalidOperation as error:
            raise CollabError(errors.BAD_OPERATION, str(error)) from error
        if content.length > max(self._limits.document_size, before[0]):
            raise _too_long(self._limits.document_size)
        most = self._limits.document_parts
        if type(content) is not TextContent and content.part_count() > max(most, before[1]):
            raise _too_many_parts(most)

    def order_piece(self, client: str, sequence: int, author: str, delta: Delta) -> int:
        """Order a piece of an edit that `check_large` has passed, on the newest revision.

        It is not handed over before `release` says that it was the last one. Nothing else may be
        ordered in between. Raises InvalidOperation: it was none of that edit.
        """
        return self._place(client, sequence, author, delta, self._together)

    def release(self) -> None:
        """Hand over the pieces of an edit, which are all here, with what is taken next."""
        size = sum(len(operation.delta) for operation, _ in self._together)
        self._very_large = self._very_large or size > TRANSACTION
        self._ordered += self._together
        self._together = []

    def order(self, base: int, client: str, sequence: int, author: str, delta: Delta) -> int:
        """Give an operation its revision: after this it is ordered, not yet saved.

        Raises `CollabError`; nothing has changed then.
        """
        authority = self._authority
        if base != authority.revision:
            delta = self.transform(base, client, delta)
        # Not before the transform: what two people delete is deleted once.
        self._check_bounds(delta)
        try:
            return self._place(client, sequence, author, delta, self._ordered)
        except InvalidOperation as error:
            raise CollabError(errors.BAD_OPERATION, str(error)) from error

    def _place(
        self, client: str, sequence: int, author: str, delta: Delta, to: list[Ordered]
    ) -> int:
        revision = self._authority.apply(client, delta)
        now, encoded = round(time.time(), 3), _encode(delta.ops)
        self._hash = follow(self._hash, revision, client, sequence, author, now, encoded)
        operation = StoredOperation(
            revision, client, sequence, author, now, encoded, self._hash
        )
        self._sequences[client] = (sequence, revision)
        to.append((operation, delta))
        return revision

    def take(self) -> list[Ordered]:
        """Hand over what was ordered since the last call: all, or as much as fits into a
        transaction where a very large edit is among it."""
        taken, self._ordered = self._ordered, []
        if self._very_large:
            size = 0
            for number, (operation, _) in enumerate(taken):
                size += len(operation.delta)
                if size > TRANSACTION and number:
                    self._ordered = taken[number:]
                    return taken[:number]
            self._very_large = False
        return taken

    @property
    def waiting(self) -> bool:
        """Whether `take` has left something."""
        return bool(self._ordered)

    def drop(self) -> None:
        """Hand over nothing of what was ordered."""
        self._ordered = []
        self._together = []

    def forget(self, keep: int) -> None:
        """Keep only the last ``keep`` operations to transform over."""
        self._authority.forget(keep)

    def _check_bounds(self, delta: Delta) -> None:
        if len(delta.parts) > PARTED * self._limits.operation_parts:
            raise CollabError(errors.OPERATION_TOO_LARGE)
        self._check_size(delta)
        self._check_parts(delta)

    def _check_size(self, delta: Delta) -> None:
        limit = self._limits.document_size
        length = self._authority.content.length
        # Counting what is deleted as well costs more, and is seldom needed.
        if length + delta.insert_length() > limit and delta.change_length() > max(
            limit - length, 0
        ):
            raise _too_long(limit)

    def _check_parts(self, delta: Delta) -> None:
        """Raise `CollabError` when the content would be made of too many parts.

        They are counted when there may be too many: an edit adds its own, and parts two runs.
        """
        content = self._authority.content
        if type(content) is TextContent:
            return
        self._check_formatted(delta)
        self._parts += len(delta.parts) + 2
        limit = self._limits.document_parts
        if self._parts <= limit:
            return
        self._parts = content.part_count() + len(delta.parts) + 2
        if self._parts > limit and delta.insert_length():
            raise _too_many_parts(limit)

    def _check_formatted(self, delta: Delta) -> None:
        """Raise `CollabError` when an edit gives attributes to too many parts at once."""
        ranges: list[tuple[int, int]] = []
        position = units = 0
        for part in delta.parts:
            if is_insert(part):
                continue
            end = position + size(part)
            if type(part) is tuple:
                ranges.append((position, end))
                units += end - position
            position = end
        most = FORMATTED * self._limits.operation_parts
        if units > most and self._authority.content.part_count(ranges) > most:
            raise CollabError(
                errors.OPERATION_TOO_LARGE,
                f"An edit may format {most} stretches of text at once: format less of it.",
            )


def _too_long(limit: int) -> CollabError:
    return CollabError(errors.DOCUMENT_TOO_LARGE, f"A document may have {limit} characters.")


def _too_many_parts(limit: int) -> CollabError:
    return CollabError(
        errors.DOCUMENT_TOO_LARGE, f"A document may have {limit} parts: remove some."
    )


@contextmanager
def _known(base: int) -> Iterator[None]:
    """Say what is wrong with an operation that was made on revision ``base``."""
    try:
        yield
    except UnknownRevision as error:
        raise CollabError(errors.BAD_REVISION, str(error)) from error
    except ForgottenRevision as error:
        if base < 0:
            raise CollabError(errors.BAD_REVISION) from error
        raise CollabError(
            errors.TOO_SLOW, "That edit was made on a revision too far back: come again."
        ) from error
    except InvalidOperation as error:
        raise CollabError(errors.BAD_OPERATION, str(error)) from error
