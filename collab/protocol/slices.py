"""Large JSON, read a little at a time.

One call of a JSON decoder keeps the interpreter's lock until it is done, a second for what a
visitor may send: meanwhile nobody's edit moves, whichever thread it runs in. So nothing here looks
at more than `WINDOW` bytes in one call, except at one value that is no text of a document.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any, Final

import msgspec

WINDOW: Final = 64 * 1024
"""Bytes that are looked at in one call."""

LONGEST_VALUE: Final = 4 * 1024 * 1024
"""Bytes of JSON of one embed, or of the attributes of one part."""

DEEPEST: Final = 40
"""How many objects and arrays may stand inside one another."""

_SPACE: Final = re.compile(rb"[ \t\r\n]*+")
_SCALAR: Final = re.compile(rb"[-+.0-9A-Za-z]++")
_STRING: Final = rb'"(?>[^"\\]++|\\.)*+"'
_FLAT: Final = rb'(?>[^"{}\[\]]++|' + _STRING + rb")"
_ARRAY: Final = rb"\[" + _FLAT + rb"*+\]"
_OBJECT: Final = rb"\{(?>" + _FLAT + rb"|" + _ARRAY + rb"|\{" + _FLAT + rb"*+\})*+\}"
_OBJECTS: Final = re.compile(rb"(?>[ \t\r\n]*+" + _OBJECT + rb"[ \t\r\n]*+,)*+", re.DOTALL)
"""Elements of an array, with the comma behind each: objects with little depth, as nearly all."""

_HIGH: Final = rb"[dD][89abAB][0-9a-fA-F]{2}"
_LOW: Final = rb"[dD][c-fC-F][0-9a-fA-F]{2}"
_TEXT: Final = re.compile(
    rb'(?>[^"\\]++|\\u(?!' + _HIGH + rb")[0-9a-fA-F]{4}|\\u" + _HIGH + rb"\\u" + _LOW
    + rb"|\\[^u])*+",
    re.DOTALL,
)
"""The inside of a string, in whole escapes and whole pairs of them."""

_decode = msgspec.json.decode
_decode_text = msgspec.json.Decoder(str).decode


def bad(data: bytes, at: int) -> msgspec.DecodeError:
    """The error for what is no JSON at a place."""
    where = "the end" if at >= len(data) else f"byte {at}"
    return msgspec.DecodeError(f"JSON is malformed at {where}")


def space(data: bytes, at: int) -> int:
    """Where the next token begins."""
    while True:
        match = _SPACE.match(data, at, at + WINDOW)
        assert match is not None
        if match.end() == at or match.end() < at + WINDOW:
            return match.end()
        at = match.end()


def expect(data: bytes, at: int, token: bytes) -> int:
    """Where it goes on behind ``token``, which stands at the next place. Raises DecodeError."""
    at = space(data, at)
    if not data.startswith(token, at):
        raise bad(data, at)
    return at + len(token)


def text(data: bytes, at: int, take: Callable[[str], None]) -> int:
    """``take`` the string that begins at ``at`` in pieces; where it ends. Raises DecodeError.

    No piece ends within a character.
    """
    at = expect(data, at, b'"')
    while not data.startswith(b'"', at):
        end = _piece(data, at)
        take(_decode_text(b'"%b"' % data[at:end]))
        at = end
    return at + 1


def _piece(data: bytes, at: int) -> int:
    match = _TEXT.match(data, at, at + WINDOW)
    assert match is not None
    end = match.end()
    while end > at and end < len(data) and data[end] & 0xC0 == 0x80:
        end -= 1
    if end == at:
        raise bad(data, at)
    return end


def skip(data: bytes, at: int, most: int = LONGEST_VALUE) -> int:
    """Where the value that begins at ``at`` ends.

    Raises DecodeError when it is no JSON, longer than ``most`` bytes or too deep.
    """
    start = at = space(data, at)
    depth = 0
    while True:
        first = data[at : at + 1]
        if first == b'"':
            at += 1
            while not data.startswith(b'"', at):
                at = _piece(data, at)
                _check(start, at, most)
            at += 1
        elif first in (b"{", b"["):
            depth += 1
            at += 1
            if depth > DEEPEST:
                raise msgspec.DecodeError(f"JSON is nested deeper than {DEEPEST}")
        elif first in (b"}", b"]"):
            depth -= 1
            at += 1
        elif depth and first in (b",", b":"):
            at += 1
        else:
            match = _SCALAR.match(data, at, at + WINDOW)
            if match is None:
                raise bad(data, at)
            at = match.end()
        _check(start, at, most)
        if depth <= 0:
            return at
        at = space(data, at)


def _check(start: int, at: int, most: int) -> None:
    if at - start > most:
        raise msgspec.DecodeError(f"a value has more than {most} bytes")


def members(
    data: bytes, long: str, read: Callable[[bytes, int], int]
) -> dict[str, Any]:
    """The members of the object that ``data`` is, save the one called ``long``.

    That one may have any length: ``read`` is called with where its value begins, and returns where
    it ends. The others are small. Raises DecodeError.
    """
    found: dict[str, Any] = {}

    def read_member(key: str, at: int) -> int:
        if key == long:
            return read(data, at)
        end = skip(data, at, WINDOW)
        found[key] = _decode(data[at:end])
        return end

    finish(data, _object(data, 0, read_member))
    return found


def _object(data: bytes, at: int, read: Callable[[str, int], int]) -> int:
    """Have ``read`` each member of the object that begins at ``at``; where it ends."""
    at = space(data, expect(data, at, b"{"))
    if data.startswith(b"}", at):
        return at + 1
    while True:
        end = skip(data, at, WINDOW)
        key = _decode_text(data[at:end])
        at = space(data, read(key, space(data, expect(data, end, b":"))))
        if data.startswith(b"}", at):
            return at + 1
        at = space(data, expect(data, at, b","))


def finish(data: bytes, at: int) -> None:
    """Raise DecodeError unless there is nothing but space from ``at`` on."""
    at = space(data, at)
    if at != len(data):
        raise bad(data, at)


def elements(data: bytes, at: int, take: Callable[[list[Any]], None]) -> int:
    """``take`` the elements of the array that begins at ``at``, in batches; where it ends.

    A long text that is inserted comes in several elements. Raises DecodeError.
    """
    at = space(data, expect(data, at, b"["))
    if data.startswith(b"]", at):
        return at + 1
    while True:
        match = _OBJECTS.match(data, at, at + WINDOW)
        assert match is not None
        end = match.end()
        if end > at:
            take(_decode(b"[%b]" % data[at : end - 1]))
            at = space(data, end)
            continue
        at = space(data, _element(data, at, take))
        if data.startswith(b"]", at):
            return at + 1
        at = space(data, expect(data, at, b","))


def _element(data: bytes, at: int, take: Callable[[list[Any]], None]) -> int:
    """``take`` an element of any length; where it ends."""
    if not data.startswith(b"{", at):
        end = skip(data, at)
        take([_decode(data[at:end])])
        return end
    rest: dict[str, Any] = {}
    pieces: list[str] = []

    def read_member(key: str, at: int) -> int:
        if key == "insert" and data.startswith(b'"', at):
            rest[key] = ""  # refused if it stays
            return text(data, at, pieces.append)
        end = skip(data, at)
        rest[key] = _decode(data[at:end])
        return end

    end = _object(data, at, read_member)
    if not pieces:
        take([rest])
    for piece in pieces:
        take([{**rest, "insert": piece}])
    return end
