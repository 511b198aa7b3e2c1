"""The edit that gives a document another plain text and leaves its formats and embeds alone."""

from __future__ import annotations

from collab.ot.delta import Delta
from collab.ot.parts import Part, chop, is_insert, size, tidy


def text_edit(document: Delta, text: str) -> Delta:
    """Return the smallest edit after which the plain text of `document` is `text`.

    The plain text of a document leaves out its embeds (see `Content.pieces`), and says nothing of
    attributes: so every embed stays, and so do the attributes of what stays. Raises
    InvalidOperation unless `document` is one, and for half a character in `text`.
    """
    change = _plain(document).diff(Delta().insert(text))
    return Delta.of_parts(_across(_spans(document), change.parts))


def _plain(document: Delta) -> Delta:
    """Return a document without its attributes and embeds."""
    texts = [content for content in map(_content, document.parts) if isinstance(content, str)]
    joined = "".join(texts)
    return Delta.of_parts([joined] if joined else [])


def _content(part: Part) -> object:
    return part[0] if type(part) is tuple else part


def _spans(document: Delta) -> list[tuple[bool, int]]:
    """What a document is made of, in order: whether it is text, and its length in units."""
    return [(isinstance(_content(part), str), size(part)) for part in document.parts]


def _across(spans: list[tuple[bool, int]], change: list[Part]) -> list[Part]:
    """Carry a change of the plain text over to the document: what lies between is retained."""
    out: list[Part] = []
    waiting = iter(spans)
    is_text, left = next(waiting, (True, 0))
    for part in change:
        if is_insert(part):
            out.append(part)
            continue
        assert type(part) is int, "plain texts differ by plain parts"
        length = size(part)
        while length:
            if not is_text or not left:
                if not is_text:
                    out.append(left)
                is_text, left = next(waiting)
                continue
            step = min(length, left)
            out.append(step if part > 0 else -step)
            length -= step
            left -= step
    return chop(tidy(out))
