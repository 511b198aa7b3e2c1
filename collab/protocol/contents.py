"""The content of a document as JSON, read and written a little at a time.

What is read may be text or a delta of inserts. The functions here take long for a long document,
but none of their steps does: run them aside (`collab.rooms.turns.aside`) where it matters.
"""

from __future__ import annotations

from codecs import getincrementaldecoder
from collections.abc import Iterable, Iterator
from typing import Any, Final, NamedTuple

import msgspec

from collab.ot import Content, Delta, InvalidOperation
from collab.ot.attributes import Attributes, same
from collab.ot.parts import Part, tidy
from collab.ot.units import cuts_pair, to_text
from collab.protocol import errors
from collab.protocol.bodies import problem
from collab.protocol.errors import CollabError
from collab.protocol.settings import Limits
from collab.protocol.slices import WINDOW, elements, finish, members, skip, space, text

PIECE: Final = 64 * 1024
"""Characters or bytes in one piece of what is written, roughly."""

LARGE: Final = 64 * 1024
"""UTF-16 code units of a text, or bytes of JSON, that are read or written in a moment."""

BATCH: Final = 500
"""Parts that are read or written in a moment."""

_encode = msgspec.json.encode


class Bounds(NamedTuple):
    """How much a document may hold."""

    units: int
    """UTF-16 code units."""
    parts: int
    """Stretches of text of one format, and embeds."""

    @classmethod
    def of(cls, limits: Limits) -> Bounds:
        """What the settings say."""
        return cls(limits.document_size, limits.document_parts)

    def check(self, delta: Delta) -> None:
        """Raise `CollabError` DOCUMENT_TOO_LARGE for a content that is more."""
        if len(delta.parts) > self.parts:
            raise TooManyParts(self.parts)
        if delta.length() > self.units:
            raise TooLong(self.units)


class TooLong(CollabError):
    """A content is longer than a document may be."""

    def __init__(self, most: int) -> None:
        super().__init__(
            errors.DOCUMENT_TOO_LARGE, f"A document may have {most} characters."
        )


class TooManyParts(CollabError):
    """A content has more parts than a document may have."""

    def __init__(self, most: int) -> None:
        super().__init__(
            errors.DOCUMENT_TOO_LARGE,
            f"A document may have {most} parts (stretches of text of one format, and embeds).",
        )


class ContentReader:
    """Collects the parts of a content. Raises `CollabError` as soon as it has too much of it."""

    def __init__(self, bounds: Bounds) -> None:
        self._bounds = bounds
        self._parts: list[Part] = []
        self._length = 0
        self._elements = 0
        self.given = False
        """Whether there was a content at all: null is none."""

    def read(self, data: bytes, at: int) -> int:
        """Read the content that begins at ``at`` in JSON; where it ends.

        Raises DecodeError, `CollabError`.
        """
        at = space(data, at)
        self.given = True
        if data.startswith(b'"', at):
            return text(data, at, self.add_text)
        if data.startswith(b"[", at):
            return elements(data, at, self.add)
        end = skip(data, at, WINDOW)
        value = msgspec.json.decode(data[at:end])
        if value is None:
            self.given = False
            return end
        self._take(Delta(value))  # raises
        return end

    def add_text(self, piece: str) -> None:
        """Some more text."""
        for start in range(0, len(piece), PIECE):
            self._take(Delta().insert(piece[start : start + PIECE]))

    def add(self, ops: list[Any]) -> None:
        """Some more elements of a delta."""
        self._elements += len(ops)
        # A long text comes in several elements, and one of our own stores may be in pieces.
        if self._elements > self._bounds.parts + self._bounds.units // PIECE:
            raise TooManyParts(self._bounds.parts)
        self._take(Delta(ops))

    def _take(self, delta: Delta) -> None:
        if not delta.is_document():
            raise InvalidOperation("A document is made of inserts only.")
        self._length += delta.length()
        if self._length > self._bounds.units:
            raise TooLong(self._bounds.units)
        self._parts += delta.parts

    def delta(self) -> Delta:
        """The content. Raises `CollabError`."""
        delta = Delta.of_parts(tidy(self._parts))
        self._parts = []
        self._bounds.check(delta)
        return delta


def content_of(given: Any, bounds: Bounds) -> Delta:
    """A text, a delta or its JSON form as the content of a document.

    Raises `CollabError` DOCUMENT_TOO_LARGE, InvalidOperation.
    """
    if isinstance(given, Delta):
        bounds.check(given)
        return given
    reader = ContentReader(bounds)
    if isinstance(given, str):
        if len(given) > bounds.units:
            raise TooLong(bounds.units)
        reader.add_text(given)
    elif isinstance(given, list | tuple):
        for start in range(0, len(given), BATCH):
            reader.add(list(given[start : start + BATCH]))
    else:
        Delta(given)  # raises
    return reader.delta()


def is_large(given: Any) -> bool:
    """Whether it takes more than a moment to read or write a content."""
    if isinstance(given, Content):
        return given.length > LARGE
    if isinstance(given, Delta):
        return len(given.parts) > BATCH or given.length() > LARGE
    if isinstance(given, list | tuple):
        return len(given) > BATCH or any(map(is_large, given))
    if isinstance(given, dict):
        return any(map(is_large, given.values()))
    return isinstance(given, str | bytes) and len(given) > LARGE


def read_content(data: bytes, bounds: Bounds) -> Delta:
    """A content in JSON. Raises `CollabError`."""
    reader = ContentReader(bounds)
    _reading(lambda: finish(data, reader.read(data, 0)))
    return reader.delta()


def read_text(data: bytes, bounds: Bounds) -> str:
    """A text in JSON. Raises `CollabError`."""
    pieces: list[str] = []
    room = bounds.units

    def add(piece: str) -> None:
        nonlocal room
        room -= len(piece)
        if room < 0:
            raise TooLong(bounds.units)
        pieces.append(piece)

    _reading(lambda: finish(data, text(data, 0, add)))
    return "".join(pieces)


def decoded(data: bytes, charset: str, bounds: Bounds) -> str:
    """A text in bytes. Raises UnicodeError, `CollabError`."""
    decoder = getincrementaldecoder(charset)()
    pieces: list[str] = []
    room = bounds.units
    for start in range(0, len(data), WINDOW):
        pieces.append(decoder.decode(data[start : start + WINDOW], start + WINDOW >= len(data)))
        room -= len(pieces[-1])
        if room < 0:
            raise TooLong(bounds.units)
    return "".join(pieces)


def read_with_content(data: bytes, bounds: Bounds) -> tuple[dict[str, Any], Delta | None]:
    """An object in JSON that has a member ``content``: its other members, and the content.

    None: there is none, or it is null. Raises `CollabError`.
    """
    begins = space(data, 0)
    if data[begins : begins + 1] in (b"[", b'"'):
        raise CollabError(errors.BAD_REQUEST, "The request has to be a JSON object.")
    reader = ContentReader(bounds)
    found: dict[str, Any] = {}
    _reading(lambda: found.update(members(data, "content", reader.read)))
    return found, reader.delta() if reader.given else None


def _reading(read: Any) -> None:
    try:
        read()
    except InvalidOperation as error:
        raise CollabError(errors.BAD_OPERATION, f"The content is refused: {error}") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CollabError(errors.BAD_JSON, f"That is not valid JSON: {problem(error)}.") from error


def stored_content(data: bytes) -> Delta:
    """A content as it was stored, without bounds: what is in the log is taken as it is.

    Raises DecodeError, InvalidOperation.
    """
    if len(data) <= WINDOW:
        return Delta(msgspec.json.decode(data))
    parts: list[Part] = []
    finish(data, elements(data, 0, lambda ops: parts.extend(Delta(ops).parts)))
    return Delta.of_parts(tidy(parts))


def written(content: Content) -> Iterator[bytes]:
    """A content as the JSON of its delta, in pieces of some `PIECE` bytes."""
    return _gathered(_written(content.parts()))


def encoded(content: Content) -> bytes:
    """A content as the JSON of its delta."""
    return b"".join(written(content))


def encoded_delta(delta: Delta) -> bytes:
    """Any delta as JSON."""
    return b"".join(_gathered(_written(_cut(delta.parts))))


def _cut(parts: Iterable[Part]) -> Iterator[Part]:
    """Parts, long texts in pieces of whole characters."""
    for part in parts:
        content, style = part if type(part) is tuple else (part, None)
        if type(content) is not str or len(content) <= PIECE:
            yield part
            continue
        start = 0
        while start < len(content):
            end = min(start + PIECE, len(content))
            if cuts_pair(content, end):
                end += 1
            piece = content[start:end]
            yield (piece, style) if style else piece
            start = end


class _Text(NamedTuple):
    """A text that is being written: it may go on with the next part."""

    attributes: Attributes | None

    def goes_on(self, attributes: Attributes | None) -> bool:
        return same(self.attributes, attributes)

    def end(self) -> bytes:
        if not self.attributes:
            return b'"}'
        return b'","attributes":' + _encode(self.attributes) + b"}"


def _written(parts: Iterable[Part]) -> Iterator[bytes]:
    open: _Text | None = None
    separator = b"["
    for part in parts:
        content, style = part if type(part) is tuple else (part, None)
        if type(content) is not str:
            if open is not None:
                yield open.end()
                open = None
            yield separator + _encode(Delta.of_parts([part]).ops)[1:-1]
        elif open is not None and open.goes_on(style):
            yield _encode(to_text(content))[1:-1]
        else:
            if open is not None:
                yield open.end()
            yield separator + b'{"insert":"' + _encode(to_text(content))[1:-1]
            open = _Text(style)
        separator = b","
    if open is not None:
        yield open.end()
    yield b"[]" if separator == b"[" else b"]"


def texts(content: Content) -> Iterator[bytes]:
    """The plain text in UTF-8, in pieces of some `PIECE` bytes."""
    return _gathered(piece.encode() for piece in content.pieces())


def encoded_text(text: str) -> bytes:
    """A text in UTF-8."""
    return b"".join(text[at : at + PIECE].encode() for at in range(0, len(text), PIECE))


def _gathered(pieces: Iterable[bytes]) -> Iterator[bytes]:
    waiting: list[bytes] = []
    size = 0
    for piece in pieces:
        waiting.append(piece)
        size += len(piece)
        if size >= PIECE:
            yield b"".join(waiting)
            waiting, size = [], 0
    yield b"".join(waiting)
