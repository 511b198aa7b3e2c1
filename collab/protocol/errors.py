"""Every error that Collab tells anybody, in one place.

A code has one meaning, one sentence, one HTTP status, and says whether a WebSocket
stays open after it. ``docs/protocol.md`` prints this table; a test keeps the two equal.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class ErrorCode:
    """What one error code means wherever it is met."""

    code: str
    sentence: str
    status: int = 400
    """HTTP status when it answers a request."""
    close: int | None = None
    """WebSocket close code, or None when the connection stays open."""
    retry: bool = False
    """Whether the same thing may succeed when it is tried again later."""


CODES: dict[str, ErrorCode] = {}


def _code(code: str, sentence: str, **how: Any) -> ErrorCode:
    CODES[code] = entry = ErrorCode(code, sentence, **how)
    return entry


# What a client sends that can't be understood.
BAD_JSON = _code("bad_json", "That is not valid JSON.", close=4400)
BAD_TEXT = _code("bad_text", "Text has to be UTF-8.", close=1007)
BAD_MESSAGE = _code("bad_message", "That message does not have the form the protocol asks for.")
BAD_REQUEST = _code("bad_request", "That request can't be understood.")
BINARY_FRAME = _code("binary_frame", "Only text frames are spoken here.", close=1003)
UNSUPPORTED_PROTOCOL = _code(
    "unsupported_protocol", "This server speaks another version of the protocol: reload the page.",
    close=4406,
)
HELLO_EXPECTED = _code("hello_expected", "The first message has to be hello.", close=4400)
HELLO_TIMEOUT = _code("hello_timeout", "No hello came in time.", status=408, close=4408, retry=True)

# Operations that can't be taken.
BAD_OPERATION = _code("bad_operation", "That operation does not fit the document.", status=422)
BAD_SEQUENCE = _code(
    "bad_sequence", "Operations have to be numbered without a gap, one in flight at a time.",
    close=4400,
)
BAD_REVISION = _code("bad_revision", "The document has no such revision.", status=404)
EPOCH_CHANGED = _code(
    "epoch_changed", "The document was restored from a backup since you last saw it.",
    status=409, close=4409,
)
HISTORY_CHANGED = _code(
    "history_changed",
    "The server has another history of this document than the one you last saw.",
    status=409, close=4409,
)
VETOED = _code("vetoed", "A plugin refused that edit.", status=403)
POLICY_UNAVAILABLE = _code(
    "policy_unavailable",
    "A plugin has to check edits and can't just now: keep the edit, and send it again.",
    status=503, retry=True,
)

# Bounds.
MESSAGE_TOO_LARGE = _code("message_too_large", "That message is too large.", status=413, close=1009)
OPERATION_TOO_LARGE = _code(
    "operation_too_large", "That edit is too large: make it in smaller parts.", status=413
)
DOCUMENT_TOO_LARGE = _code(
    "document_too_large", "The document would grow past its limit.", status=413
)
SLOW_DOWN = _code("slow_down", "That is faster than this server takes it.", status=429, retry=True)
BUSY = _code(
    "busy", "The server has too much to do at once: try again in a moment.", status=503, retry=True
)
TOO_MANY_SESSIONS = _code(
    "too_many_sessions", "Too many connections are open.", status=503, close=1013, retry=True
)
TOO_SLOW = _code(
    "too_slow", "The connection did not keep up with what it was sent.", close=4429, retry=True
)

# Who may do what.
BAD_CLIENT = _code(
    "bad_client", "That client id belongs to somebody else.", status=401, close=4401
)
BAD_TOKEN = _code("bad_token", "That token is not known here.", status=401, close=4401)
BAD_ORIGIN = _code("bad_origin", "Requests from that site are not accepted here.", status=403)
FORBIDDEN = _code("forbidden", "You may not do that.", status=403, close=4403)
OPERATOR_ONLY = _code(
    "operator_only", "This server serves its operator only just now.", status=503, close=1013,
    retry=True,
)
READ_ONLY = _code("read_only", "You may read this document but not change it.", status=403)
PERMISSIONS_CHANGED = _code(
    "permissions_changed", "What you may do here has changed: the connection is made anew.",
    close=4412, retry=True,
)
SUPERSEDED = _code(
    "superseded", "The same client connected again, which ended this connection.", close=4409
)

# Requests that mean another state than there is, or that came before.
PRECONDITION_FAILED = _code(
    "precondition_failed",
    "That has changed since you read it: read it again, and make your change to what is there now.",
    status=412,
)

KEY_REUSED = _code(
    "key_reused",
    "That Idempotency-Key came with another request before: give each request a key of its own.",
    status=422,
)

# Things that are not there.
NOT_FOUND = _code("not_found", "There is nothing here.", status=404, close=4404)
NO_DOCUMENT = _code("no_document", "There is no such document.", status=404, close=4404)
DELETED = _code("deleted", "The document was deleted.", status=410, close=4410)
NO_TYPE = _code(
    "no_type", "No plugin that is switched on knows this document's type; nothing of it is lost.",
    status=409, close=1013, retry=True,
)
NO_PLUGIN = _code("no_plugin", "No such plugin is switched on.", status=404)
PLUGIN_UNUSABLE = _code(
    "plugin_unusable", "That plugin can't be used as it is.", status=422
)
METHOD_NOT_ALLOWED = _code("method_not_allowed", "That method is not offered here.", status=405)
NOT_ACCEPTABLE = _code(
    "not_acceptable", "That representation is not offered here.", status=406
)
UNSUPPORTED_MEDIA_TYPE = _code(
    "unsupported_media_type", "That content type is not understood here.", status=415
)
UNCONVERTIBLE = _code(
    "unconvertible", "That can't be read as, or written in, that format.", status=422
)

# The server's own troubles.
STORAGE_FAILED = _code(
    "storage_failed", "The server could not save that just now; nothing was lost.",
    status=503, close=1013, retry=True,
)
SHUTTING_DOWN = _code(
    "shutting_down", "The server is going down and will be back.", status=503, close=1012,
    retry=True,
)
INTERNAL = _code(
    "internal", "Something went wrong on the server; it was logged.", status=500, close=1011,
    retry=True,
)


class CollabError(Exception):
    """An error somebody is told: a code from the table, and a sentence that says what to do.

    ``sentence`` replaces the table's when more can be said; ``details`` are further
    JSON values for programs.
    """

    def __init__(self, code: ErrorCode, sentence: str | None = None, **details: Any) -> None:
        self.code = code
        self.sentence = sentence or code.sentence
        self.details = details
        super().__init__(f"{code.code}: {self.sentence}")

    def json(self) -> dict[str, Any]:
        """The one error shape of the HTTP API."""
        return {
            "error": {
                "code": self.code.code,
                "message": self.sentence,
                "retry": self.code.retry,
                **self.details,
            }
        }
