"""JSON that somebody sends as the body of a request, typed and validated."""

from __future__ import annotations

from typing import TypeVar

import msgspec

from collab.protocol import errors
from collab.protocol.errors import CollabError

T = TypeVar("T")


def check_type(content_type: str) -> None:
    """Take JSON and nothing else. Raises `CollabError` for another ``Content-Type``."""
    if content_type != "application/json":
        raise CollabError(
            errors.UNSUPPORTED_MEDIA_TYPE, "Send JSON, as Content-Type: application/json."
        )


def parse_json(body: bytes, type: type[T]) -> T:
    """``body`` as a value of ``type``. Raises `CollabError` that says what is wrong with it."""
    try:
        return msgspec.json.decode(body, type=type)
    except msgspec.ValidationError as error:
        raise CollabError(errors.BAD_REQUEST, f"The request does not fit: {error}.") from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CollabError(errors.BAD_JSON, f"That is not valid JSON: {error}.") from error
