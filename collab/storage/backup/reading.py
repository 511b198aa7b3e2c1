"""What a backup holds: every line is checked, and that the lines fit together."""

from __future__ import annotations

import hashlib
import io
import sys
from collections.abc import Callable, Sequence
from typing import Any

import msgspec
from msgspec import Struct

from collab.protocol.messages import User
from collab.storage import chain
from collab.storage.backup.lines import (
    BEFORE_HASHES,
    FORMAT,
    VERSION,
    AuthorLine,
    ClientLine,
    EndLine,
    Header,
    Line,
    OperationLine,
    RowLine,
    SnapshotLine,
    StateLine,
    TableLine,
    from_json,
)
from collab.storage.earlier import authors_kept
from collab.storage.port import (
    Author,
    Belongings,
    DocumentRecord,
    Kept,
    Rows,
    Sent,
    Snapshot,
    StoredOperation,
    Value,
)

_LONG = 400
"""Characters of what is wrong with a line that are shown: it may quote what the line has."""


class BadBackup(ValueError):
    """A file that is no backup, or no whole one: a sentence that says where, and what to do."""

    def __init__(self, sentence: str, revision: int | None = None) -> None:
        self.revision = revision
        """The first that is not what was written, where that is known."""
        super().__init__(sentence)


class Backup(Struct, frozen=True):
    """What a file holds."""

    belongings: Belongings
    operations: Sequence[StoredOperation]


def line_of(backup: Backup, revision: int) -> int:
    """The number, from 1, of the line that made ``revision``: an operation's or the snapshot's."""
    return 2 + revision - backup.belongings.snapshot.revision


def bad_line(number: int, what: str, revision: int | None = None) -> BadBackup:
    """Says what is wrong with a line of a file whose checksum is right.

    ``revision``: the one that stands there.
    """
    if len(what) > _LONG:
        what = f"{what[:_LONG]} …"
    return BadBackup(
        f"Line {number}: {what}. Collab writes no such line: import a file as it was exported.",
        revision,
    )


def read(data: bytes) -> Backup:
    """What a file holds, but for what its deltas do to the content. Raises `BadBackup`."""
    header = _header(data)
    end, stop = _end(data)
    reader = _Reader(header)
    if hashlib.sha256(memoryview(data)[:stop]).hexdigest() != end.sha256:
        raise _changed(reader, data, stop)
    number = _take_lines(reader, data, stop)
    try:
        return reader.finish(end)
    except ValueError as error:
        raise bad_line(number + 1, str(error)) from error


def _take_lines(reader: _Reader, data: bytes, stop: int) -> int:
    """All lines but the first and the last, which begins at ``stop``; how many there are before
    that. Raises `BadBackup`."""
    decoder = msgspec.json.Decoder(Line)
    position = number = 0
    for text in io.BytesIO(data):
        if position == stop:
            break
        position += len(text)
        number += 1
        if number == 1:
            continue
        try:
            reader.take(decoder.decode(text))
        except (ValueError, RecursionError) as error:
            raise bad_line(number, f"{error}".rstrip("."), reader.expected) from error
    return number


def _changed(reader: _Reader, data: bytes, stop: int) -> BadBackup:
    """Says that a file is not as it was written, and from which revision on, as far as its
    lines tell."""
    first: int | None = None
    try:
        _take_lines(reader, data, stop)
    except BadBackup as bad:
        first = bad.revision
    where = "" if first is None else f" The first revision that differs is {first}."
    return BadBackup(
        "The file was changed or damaged since it was written: its checksum is another."
        f"{where} Copy it again without converting it, or export the document again.",
        first,
    )


def _header(data: bytes) -> Header:
    first = data[: data.find(b"\n") + 1 or len(data)]
    try:
        found = msgspec.json.decode(first)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict) or found.get("collab") != "backup":
        raise BadBackup(
            'This is no backup of a document: its first line would begin with {"collab":"backup".'
            f" Choose a file that was exported in the format {FORMAT}."
        )
    version = found.get("version")
    if type(version) is not int or not BEFORE_HASHES <= version <= VERSION:
        raise BadBackup(
            f"Line 1: this is version {version!r:.20} of the format, and this Collab reads versions"
            f" {BEFORE_HASHES} to {VERSION}. Import the file with the version of Collab that wrote"
            " it, or a later one."
        )
    try:
        return msgspec.json.decode(first, type=Header)
    except (ValueError, RecursionError) as error:
        raise bad_line(1, str(error)) from error


def _end(data: bytes) -> tuple[EndLine, int]:
    """The last line, and where it begins; the file is then whole."""
    stop = len(data)
    while stop and data[stop - 1] in b"\r\n":
        stop -= 1
    start = data.rfind(b"\n", 0, stop) + 1
    try:
        end: Any = msgspec.json.decode(memoryview(data)[start:], type=EndLine)
    except (ValueError, RecursionError):
        number = data.count(b"\n", 0, start) + 1
        raise BadBackup(
            f"The file was cut off: it ends in line {number}, and its last line is missing. Copy"
            " it again, or export the document again."
        ) from None
    return end, start


class _Reader:
    """Takes one line after the other; what does not fit those before is a ValueError."""

    def __init__(self, header: Header) -> None:
        self._document = DocumentRecord(**msgspec.structs.asdict(header.document))
        self._hashed = header.version > BEFORE_HASHES
        self._hash = b""
        """Of the revision that was read last."""
        self._snapshot: Snapshot | None = None
        self._operations: list[StoredOperation] = []
        self._last: dict[str, Sent] = {}
        """By client, its last operation in the log."""
        self._wrote: set[str] = set()
        """Ids of those who made operations: each is somebody's."""
        self._clients: dict[str, Sent] = {}
        self._authors: dict[str, Author] = {}
        self._state: dict[tuple[str, str], Kept] = {}
        self._tables: dict[str, Rows] = {}
        self._rows: list[list[Value]] = []
        """Of the table last named."""
        self._columns = 0
        self._written = 0
        self._part: type = Header
        self._takes: dict[type, Callable[[Any], None]] = {
            SnapshotLine: self._take_snapshot,
            OperationLine: self._take_operation,
            ClientLine: self._take_client,
            AuthorLine: self._take_author,
            StateLine: self._take_state,
            TableLine: self._take_table,
            RowLine: self._take_row,
        }

    @property
    def expected(self) -> int | None:
        """The revision of the next line, as long as there may be one."""
        if self._snapshot is None:
            return 0
        following = self._snapshot.revision + len(self._operations) + 1
        return following if following <= self._document.revision else None

    def take(self, line: Line) -> None:
        kind = type(line)
        if kind is not self._part and kind not in _FOLLOWS[self._part]:
            raise ValueError(
                f"{_kind(kind)} can't follow {_kind(self._part)}, which the line before is"
            )
        self._part = kind
        self._takes[kind](line)

    def _take_snapshot(self, line: SnapshotLine) -> None:
        if self._snapshot is not None:
            raise ValueError("there is a snapshot already")
        content = bytes(line.content)
        hash = chain.origin(self._document.type, line.revision, content)
        given = self._given(line.hash) or hash
        if line.revision == 0 and given != hash:
            raise ValueError("revision 0 is not what was written")
        self._snapshot = Snapshot(line.revision, content, given)
        self._hash = given

    def _take_operation(self, line: OperationLine) -> None:
        assert self._snapshot is not None
        following = self._snapshot.revision + len(self._operations) + 1
        if line.revision != following:
            raise ValueError(f"revision {following} comes next, not {line.revision}")
        last = self._last.get(line.client)
        if last is not None and line.sequence <= last.sequence:
            raise ValueError(
                f"client {line.client!r} has sent {last.sequence} before: {line.sequence} can't"
                " come after it"
            )
        self._last[line.client] = Sent(line.client, line.sequence, line.revision)
        if line.author not in self._wrote:
            User(line.author, "", "")
            self._wrote.add(line.author)
        # Few people write much: each name once is enough.
        client, author, delta = sys.intern(line.client), sys.intern(line.author), bytes(line.delta)
        hash = chain.follow(
            self._hash, following, client, line.sequence, author, line.time, delta
        )
        if (self._given(line.hash) or hash) != hash:
            raise ValueError(f"revision {following} is not what was written")
        self._hash = hash
        self._operations.append(
            StoredOperation(following, client, line.sequence, author, line.time, delta, hash)
        )

    def _given(self, hash: str | None) -> bytes | None:
        """The hash on a line; None where the version has none."""
        if (hash is not None) is not self._hashed:
            raise ValueError("there is no hash" if self._hashed else "there is a hash")
        return None if hash is None else bytes.fromhex(hash)

    def _take_client(self, line: ClientLine) -> None:
        assert self._snapshot is not None
        if line.client in self._clients:
            raise ValueError(f"client {line.client!r} was there before")
        sent = Sent(line.client, line.sequence, line.revision)
        last = self._last.get(line.client)
        if last is None and sent.revision > self._snapshot.revision:
            raise ValueError(f"operation {sent.revision} is not of client {sent.client!r}")
        if last is not None and sent != last:
            raise ValueError(
                f"client {last.client!r} has sent {last.sequence} last, as operation"
                f" {last.revision}; not {sent.sequence} as operation {sent.revision}"
            )
        self._clients[line.client] = sent

    def _take_author(self, line: AuthorLine) -> None:
        if line.id in self._authors:
            raise ValueError(f"author {line.id!r} was there before")
        user = User(line.id, line.name, line.color)
        self._authors[line.id] = Author(user.id, user.name, user.color, line.since)

    def _take_state(self, line: StateLine) -> None:
        if (line.plugin, line.key) in self._state:
            raise ValueError(f"plugin {line.plugin!r} has a value for {line.key!r} already")
        msgspec.json.decode(line.value)
        self._state[line.plugin, line.key] = Kept(line.plugin, line.key, bytes(line.value))

    def _take_table(self, line: TableLine) -> None:
        if line.table in self._tables:
            raise ValueError(f"table {line.table!r} was there before")
        if len({"document", *line.columns}) != 1 + len(line.columns):
            raise ValueError("the columns have to have different names, and none is document")
        self._rows = []
        self._columns = len(line.columns)
        self._tables[line.table] = Rows(line.plugin, line.table, line.columns, self._rows)

    def _take_row(self, line: RowLine) -> None:
        if len(line.values) != self._columns:
            raise ValueError(f"{self._columns} columns need as many values")
        self._rows.append([from_json(value) for value in line.values])
        self._written += 1

    def finish(self, end: EndLine) -> Backup:
        """All of it. Raises ValueError when it is not what the first and last lines say."""
        if self._snapshot is None:
            raise ValueError("there is no snapshot in line 2")
        for what, told, found in (
            ("operations", end.operations, len(self._operations)),
            ("clients", end.clients, len(self._clients)),
            ("authors", end.authors or 0, len(self._authors)),
            ("values of plugins", end.state, len(self._state)),
            ("rows", end.rows, self._written),
        ):
            if told != found:
                raise ValueError(f"there are {found} {what}, not {told}")
        missing = self._last.keys() - self._clients.keys()
        if missing:
            raise ValueError(f"client {min(missing)!r} has no line")
        head = self._snapshot.revision + len(self._operations)
        if self._document.revision != head:
            raise ValueError(
                f"the last revision is {head}, and line 1 says {self._document.revision}"
            )
        state = list(self._state.values())
        authors = list(self._authors.values())
        if end.authors is None:
            authors = authors_kept(state, self._operations, self._snapshot.revision + 1)
        belongings = Belongings(
            self._document,
            self._snapshot,
            list(self._clients.values()),
            authors,
            state,
            list(self._tables.values()),
        )
        return Backup(belongings, self._operations)


_FOLLOWS: dict[type, tuple[type, ...]] = {
    Header: (SnapshotLine,),
    SnapshotLine: (OperationLine, ClientLine, AuthorLine, StateLine, TableLine),
    OperationLine: (ClientLine, AuthorLine, StateLine, TableLine),
    ClientLine: (AuthorLine, StateLine, TableLine),
    AuthorLine: (StateLine, TableLine),
    StateLine: (TableLine,),
    TableLine: (RowLine,),
    RowLine: (TableLine,),
}
"""Which kinds of lines a line may be followed by, besides another of its own."""


def _kind(line: type) -> str:
    tag = line.__struct_config__.tag if issubclass(line, Struct) else None
    return "the first line" if tag is None else f"a line of the kind {tag}"
