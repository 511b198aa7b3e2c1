"""What can be read of a document without waiting."""

from __future__ import annotations

from collab.client.address import Address
from collab.client.replica import Replica
from collab.ot import Delta
from collab.protocol.messages import User


class View:
    """The local copy of a document, as of this moment."""

    def __init__(self, address: Address) -> None:
        self.address = address
        self._replica = Replica()

    @property
    def id(self) -> str:
        return self.address.document

    @property
    def title(self) -> str:
        return self._replica.title

    @property
    def type(self) -> str:
        """``text`` or ``richtext``, or what a plugin brought."""
        return self._replica.type_name

    @property
    def text(self) -> str:
        """The plain text, every local edit included."""
        return self._replica.content.text()

    @property
    def delta(self) -> Delta:
        """The content as a delta of inserts, every local edit included."""
        return self._replica.content.delta()

    @property
    def length(self) -> int:
        """UTF-16 code units of the content."""
        return self._replica.content.length

    @property
    def revision(self) -> int:
        """The last committed revision this copy has seen."""
        return self._replica.revision

    @property
    def user(self) -> User:
        """Who the server says we are."""
        user = self._replica.user
        assert user is not None, "connect returned before the welcome"
        return user

    @property
    def client(self) -> str:
        """The client id that our operations carry; another one after a rescue."""
        return self._replica.client or ""

    @property
    def session(self) -> str:
        """The id of the current connection on the server."""
        return self._replica.session

    @property
    def permissions(self) -> frozenset[str]:
        """``read``, ``write``."""
        return self._replica.permissions

    @property
    def unsaved(self) -> int:
        """How many edits the server has not acknowledged."""
        return self._replica.unsaved
