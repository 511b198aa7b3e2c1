"""An edit that is put together step by step and committed as one operation."""

from __future__ import annotations

from types import TracebackType
from typing import TYPE_CHECKING, Any

from collab.ot import Delta
from collab.protocol.messages import User

if TYPE_CHECKING:
    from collab.plugins.document import Document


class Edit:
    """Steps of one edit, each at positions of the document as the steps before left it.

    ``async with document.edit(author=…) as edit:`` commits them when the block ends; what was
    typed meanwhile stays. A block that raises changes nothing. Outside of the block, every step
    raises RuntimeError: nobody would commit it.
    """

    def __init__(self, document: Document, author: str | User) -> None:
        self.delta = Delta()
        """All steps together, for revision `base`."""
        self.base = document.revision
        self.revision: int | None = None
        """The revision that the edit made, once it is committed; None when nothing changed."""
        self._document = document
        self._author = author
        self._taking = False

    def insert(
        self,
        index: int,
        content: str | dict[str, Any],
        attributes: dict[str, Any] | None = None,
    ) -> Edit:
        """Insert text or an embed."""
        return self.apply(_at(index).insert(content, attributes))

    def delete(self, index: int, length: int) -> Edit:
        """Delete ``length`` units."""
        return self.apply(_at(index).delete(length))

    def replace(
        self, index: int, length: int, text: str, attributes: dict[str, Any] | None = None
    ) -> Edit:
        """Put ``text`` in the place of ``length`` units."""
        return self.apply(_at(index).insert(text, attributes).delete(length))

    def format(self, index: int, length: int, attributes: dict[str, Any]) -> Edit:
        """Change the attributes of ``length`` units; None removes one."""
        return self.apply(_at(index).retain(length, attributes))

    def apply(self, delta: Delta) -> Edit:
        """Take a delta as the next step."""
        if not self._taking:
            raise RuntimeError(
                "Nothing commits this edit: put it together inside of"
                " `async with document.edit(author=…) as edit:`."
            )
        self.delta = self.delta.compose(delta)
        return self

    async def __aenter__(self) -> Edit:
        self._taking = True
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._taking = False
        if error is None and self.delta.ops:
            self.revision = await self._document.apply(
                self.delta, author=self._author, revision=self.base
            )


def _at(index: int) -> Delta:
    return Delta().retain(index)
