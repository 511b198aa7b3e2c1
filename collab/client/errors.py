"""What can go wrong for a client, and what it keeps when it does."""

from __future__ import annotations

from dataclasses import dataclass

from collab.ot import Delta


@dataclass(frozen=True, slots=True)
class Rescue:
    """The document as its writer last saw it, kept because it could not be saved.

    ``content`` is everything, ``unsaved`` the edits in it that the server never
    acknowledged (None when all were), which apply to ``revision``.
    """

    code: str
    sentence: str
    revision: int
    content: Delta
    unsaved: Delta | None

    @property
    def text(self) -> str:
        """The plain text of ``content``."""
        return "".join(op["insert"] for op in self.content.ops if isinstance(op["insert"], str))


class ClientError(Exception):
    """Something a client has to be told: ``code`` for programs, ``sentence`` for people."""

    def __init__(self, code: str, sentence: str, rescue: Rescue | None = None) -> None:
        self.code = code
        self.sentence = sentence
        self.rescue = rescue
        super().__init__(f"{code}: {sentence}")


class ConnectError(ClientError):
    """No connection came about in the time that was given."""


class Refused(ClientError):
    """The server did not take an edit. ``rescue`` holds what was typed; the document has
    been read afresh, so that further edits are possible."""


class Gone(ClientError):
    """The document can't be reached any more: deleted, forbidden, or the token is not known."""


class Closed(ClientError):
    """The document was closed. ``rescue`` is set when edits had not been acknowledged."""

    def __init__(self, sentence: str, rescue: Rescue | None = None) -> None:
        super().__init__("closed", sentence, rescue)


class FellBehind(ClientError):
    """A reader of changes or messages left too many of them waiting."""

    def __init__(self, waiting: int) -> None:
        super().__init__("fell_behind", f"More than {waiting} items waited to be read.")
