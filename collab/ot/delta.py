"""The delta: what one edit does to a document, or a whole document as inserts only."""

from __future__ import annotations

from typing import Any

from collab.ot import combine
from collab.ot.attributes import Attributes
from collab.ot.diff import diff
from collab.ot.errors import InvalidOperation
from collab.ot.parts import Part, Rich, chop, equal, is_insert, size, tidy
from collab.ot.splice import as_splice, compose_splices, transform_splices
from collab.ot.units import to_text, to_units
from collab.ot.validation import (
    MAX_LENGTH,
    check_attributes,
    insert_part,
    parse,
)


class Delta:
    """A list of inserts, retains and deletes, with the results of quill-delta 5.1.

    All lengths and positions are UTF-16 code units; an embed has length 1. `Delta(ops)` takes the
    JSON form, any value at all, and raises InvalidOperation unless it is one; `.ops` gives the JSON
    form back. The builders `insert`, `retain` and `delete` change a delta and return it; everything
    else makes new ones. Stop building when you hand a delta to somebody.
    """

    __slots__ = ("_parts",)

    _parts: list[Part]

    def __init__(self, ops: object = ()) -> None:
        self._parts = parse(ops)

    @classmethod
    def of_parts(cls, parts: list[Part]) -> Delta:
        """Wrap parts in normal form. They are not copied."""
        delta = _new(cls)
        delta._parts = parts
        return delta

    @property
    def parts(self) -> list[Part]:
        """The packed form; read it only."""
        return self._parts

    @property
    def ops(self) -> list[dict[str, Any]]:
        """The JSON form, made afresh."""
        ops: list[dict[str, Any]] = []
        for part in self._parts:
            if type(part) is str:
                ops.append({"insert": part if part.isascii() else to_text(part)})
            elif type(part) is int:
                ops.append({"retain": part} if part > 0 else {"delete": -part})
            elif type(part) is tuple:
                ops.append(_rich_op(part))
        return ops

    @property
    def empty(self) -> bool:
        """Whether it does nothing at all."""
        return not self._parts

    # -- builders ---------------------------------------------------------------------------------

    def insert(self, content: str | dict[str, Any], attributes: Attributes | None = None) -> Delta:
        """Append an insert of a text or an embed. An empty text is ignored."""
        parts = self._parts
        if type(content) is str and not attributes:
            if not content:
                return self
            text = content
            if not text.isascii():
                text = to_units(text)
            if not parts:
                parts.append(text)
                return self
            last = parts[-1]
            if type(last) is int and last > 0:
                parts.append(text)
                return self
            if type(last) is str:
                parts[-1] = last + text
                return self
            part: Part = text
        elif content == "":
            return self
        else:
            part = insert_part(content, check_attributes(attributes, "The insert"), "The insert")
        self._push(part)
        return self

    def retain(self, length: int, attributes: Attributes | None = None) -> Delta:
        """Append a retain. A length of 0 is ignored."""
        if type(length) is not int or length > MAX_LENGTH:
            raise InvalidOperation(f"A length is a whole number up to {MAX_LENGTH}.")
        if length > 0:
            style = check_attributes(attributes, "The retain") if attributes else None
            if style:
                self._push((length, style))
            elif self._parts:
                self._push(length)
            else:
                self._parts.append(length)
        return self

    def delete(self, length: int) -> Delta:
        """Append a delete. A length of 0 is ignored."""
        if type(length) is not int or length > MAX_LENGTH:
            raise InvalidOperation(f"A length is a whole number up to {MAX_LENGTH}.")
        if length > 0:
            self._push(-length)
        return self

    def _push(self, part: Part) -> None:
        """Append a part and keep the normal form: it can touch the last two parts only."""
        parts = self._parts
        tail = tidy([*parts[-2:], part])
        parts[-2:] = tail

    # -- algebra ----------------------------------------------------------------------------------

    def compose(self, other: Delta) -> Delta:
        """Return this delta and then `other` as one: doc·a·b = doc·(a.compose(b)).

        Raises InvalidOperation where `other` cuts a character of ours in half.
        """
        a, b = as_splice(self._parts), as_splice(other._parts)
        delta = _new(Delta)
        if a is not None and b is not None:
            delta._parts = compose_splices(a, b)
        else:
            delta._parts = combine.compose(self._parts, other._parts)
        return delta

    def transform(self, other: Delta, priority: bool = False) -> Delta:
        r"""Return `other` rewritten to be applied after this delta, when both had one base.

                 o
            this/ \other              a·a.transform(b, True) = b·b.transform(a, False)
               o   o
        other' \ / this'
                 o

        With `priority` this delta was first: its insert stays left at one place, its value of an
        attribute stays.
        """
        delta = _new(Delta)
        a, b = as_splice(self._parts), as_splice(other._parts)
        if a is not None and b is not None:
            parts = transform_splices(a, b, priority)
            if parts is not None:
                delta._parts = parts
                return delta
        delta._parts = combine.transform(self._parts, other._parts, priority)
        return delta

    def transform_position(self, index: int, priority: bool = False) -> int:
        """Return where the place before unit `index` is after this delta.

        With `priority` an insert exactly there does not move it.
        """
        return combine.transform_position(self._parts, index, priority)

    def invert(self, base: Delta) -> Delta:
        """Return what undoes this delta: base·a·(a.invert(base)) = base.

        Raises InvalidOperation when this delta does not fit `base`, a document.
        """
        if not base.is_document():
            raise InvalidOperation("Only what was done to a document can be inverted.")
        return Delta.of_parts(combine.invert(self._parts, base._parts))

    def diff(self, other: Delta) -> Delta:
        """Return what makes this document into `other`: a·(a.diff(b)) = b."""
        return Delta.of_parts(diff(self._parts, other._parts))

    def slice(self, start: int = 0, end: int | None = None) -> Delta:
        """Return the part from unit `start` up to unit `end`.

        Raises InvalidOperation where that cuts a character of an insert in half.
        """
        until = combine.ENDLESS if end is None else end
        return Delta.of_parts(combine.cut_out(self._parts, start, until))

    def concat(self, other: Delta) -> Delta:
        """Return this delta with the parts of `other` behind its own."""
        return Delta.of_parts(tidy([*self._parts, *other._parts]))

    # -- measures ---------------------------------------------------------------------------------

    def length(self) -> int:
        """Return the sum of the lengths of all parts; for a document, its length in units."""
        return sum(map(size, self._parts))

    def insert_length(self) -> int:
        """Return how many units are inserted."""
        return sum(size(part) for part in self._parts if is_insert(part))

    def inserts(self, text: str) -> bool:
        """Say whether `text` stands in one of the texts that are inserted."""
        wanted = to_units(text)
        for part in self._parts:
            content = part[0] if type(part) is tuple else part
            if type(content) is str and wanted in content:
                return True
        return False

    def change_length(self) -> int:
        """Return by how many units a document grows."""
        change = 0
        for part in self._parts:
            if is_insert(part):
                change += size(part)
            elif type(part) is int and part < 0:
                change += part
        return change

    def base_length(self) -> int:
        """Return how many units a document must have at least, for this delta to fit it."""
        return sum(size(part) for part in self._parts if not is_insert(part))

    def is_document(self) -> bool:
        """Say whether this is a document: inserts only."""
        return all(map(is_insert, self._parts))

    def chop(self) -> Delta:
        """Drop a plain retain at the end, in place, and return this delta."""
        chop(self._parts)
        return self

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Delta) and equal(self._parts, other._parts)

    def __repr__(self) -> str:
        return f"Delta({self.ops!r})"


_new = object.__new__


def _rich_op(part: Rich) -> dict[str, Any]:
    content, attributes = part
    op: dict[str, Any]
    if type(content) is int:
        op = {"retain": content}
    elif type(content) is str:
        op = {"insert": to_text(content)}
    else:
        op = {"insert": _copied(content)}
    if attributes:
        op["attributes"] = _copied(attributes)
    return op


def _copied(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _copied(item) for key, item in value.items()}
    if isinstance(value, list):
        return list(map(_copied, value))
    return value
