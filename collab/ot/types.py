"""The types of documents: which inserts and attributes each admits, and how its content is kept."""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace

from collab.ot.content import Content
from collab.ot.delta import Delta
from collab.ot.errors import InvalidOperation
from collab.ot.richtext import RichContent
from collab.ot.text import TextContent
from collab.ot.units import refuse_nul
from collab.ot.validation import refuse_inherited_names

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DocumentType:
    """A type of document.

    `variant` of a built-in one is another name for its content, which every editor and client
    handles at once; with ``make`` and ``admit`` of its own a type brings another algebra.
    """

    name: str
    make: Callable[[Delta | None], Content]
    """Makes the content of a document from a delta of inserts, or an empty one from None."""

    admit: Callable[[Delta], None]
    """Raises InvalidOperation when a delta has an insert or an attribute that is not admitted."""

    like: str = ""
    """The built-in type whose content it has, ``text`` or ``richtext``: the editor of that one
    shows it, and clients that don't know it treat it as one. Empty: an algebra of its own."""

    title: str = ""
    """What a person chooses in a menu; its name when there is none."""

    extension: str = "txt"
    """Of the files that its plain text is written to, without the dot."""

    def variant(self, name: str, *, title: str = "", extension: str = "txt") -> DocumentType:
        """Another type with the same content."""
        return replace(self, name=name, title=title, extension=extension)

    def validate(self, delta: Delta) -> None:
        """Raise InvalidOperation when this type does not admit what a delta inserts or changes.

        One that fails at that (a plugin's may raise anything) does not admit it.
        """
        try:
            self.admit(delta)
        except (InvalidOperation, MemoryError):
            raise
        except BaseException as error:
            # Nothing is awaited here: SystemExit is no end of the server's, whoever raises it.
            log.exception("the document type %s failed to check an edit", self.name)
            raise InvalidOperation(
                f"The document type {self.name} can't tell whether it admits that; it was logged."
            ) from error

    def content(self, delta: Delta | None = None) -> Content:
        """Return the content that `delta`, inserts only, describes; an empty one without it."""
        return self.make(delta)


_types: dict[str, DocumentType] = {}
_registered: Counter[str] = Counter()
"""How often each was registered: two servers in one process may bring the same type."""


def register(type: DocumentType) -> None:
    """Add a type. Raises ValueError when another of its name is there."""
    if _types.setdefault(type.name, type) != type:
        raise ValueError(f"There is a document type {type.name!r} already.")
    _registered[type.name] += 1


def unregister(name: str) -> None:
    """Take back one registration of a type; contents that were made stay what they are."""
    _registered[name] -= 1
    if _registered[name] <= 0:
        del _registered[name]
        _types.pop(name, None)


def document_types() -> list[DocumentType]:
    """The types there are, in the order in which they came."""
    return list(_types.values())


def document_type(name: str) -> DocumentType:
    """Return the type of that name. Raises LookupError, with a sentence, when there is none."""
    found = _types.get(name)
    if found is None:
        raise LookupError(
            f"There is no document type {name!r:.80}; there are: {', '.join(sorted(_types))}."
        )
    return found


def content_like(name: str) -> str:
    """The built-in type whose content the type of that name has; empty when it has none of them,
    or is not known."""
    found = _types.get(name)
    return "" if found is None else found.like


def _admit_text(delta: Delta) -> None:
    for part in delta.parts:
        if type(part) is str:
            refuse_nul(part)
        elif type(part) is not int:
            raise InvalidOperation("A text document has no attributes and no embeds.")


def _admit_rich_text(delta: Delta) -> None:
    for index, part in enumerate(delta.parts):
        content = part[0] if type(part) is tuple else part
        if type(part) is tuple and part[1] is not None:
            refuse_inherited_names(part[1], f"Element {index}")
        if type(content) is str:
            refuse_nul(content)
        elif type(content) is dict:
            if len(content) != 1:
                raise InvalidOperation(
                    f"An embed has exactly one key, which names its type; not {len(content)}."
                )
            refuse_inherited_names(content, f"Element {index}")


register(DocumentType("text", TextContent, _admit_text, "text", "Plain text"))
register(DocumentType("richtext", RichContent, _admit_rich_text, "richtext", "Rich text"))
