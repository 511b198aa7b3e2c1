"""What a client has to change when the server committed something else than it sent."""

from __future__ import annotations

from collab.ot import Delta

_UNKNOWN = "\uffff"
"""Stands for a character that the client deleted and therefore does not know any more. No
character at all in Unicode: what a document holds is never mistaken for it in earnest, and
when it is, the document is merely read afresh."""


def correction(sent: Delta, committed: Delta) -> Delta | None:
    """The delta that leads from the text after ``sent`` to the text after ``committed``.

    None when that can't be known from the two alone, because it would bring back what
    ``sent`` had deleted or formatted: then the document has to be read afresh.
    """
    if any("attributes" in op for op in sent.ops if "retain" in op):
        return None
    base = sum(op.get("retain", 0) + op.get("delete", 0) for op in sent.ops)
    undo = sent.invert(Delta().insert(_UNKNOWN * base) if base else Delta())
    correct = undo.compose(committed)
    for op in correct.ops:
        if isinstance(op.get("insert"), str) and _UNKNOWN in op["insert"]:
            return None
    return correct
