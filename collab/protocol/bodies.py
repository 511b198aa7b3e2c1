"""JSON that somebody sends as the body of a request, typed and validated."""

from __future__ import annotations

from typing import Annotated, TypeVar

import msgspec
from msgspec import Meta

from collab.protocol import errors
from collab.protocol.errors import CollabError

LINE_LENGTH = 1000
"""Characters that a name, a title or another short text may have before anybody looks at it.
What each may have in the end is for whoever takes it to say, in a sentence."""

Line = Annotated[str, Meta(max_length=LINE_LENGTH)]

PROBLEM_LENGTH = 300
"""Characters of what is wrong with something that its sender is told: it may quote them."""

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
        raise _unfit(error) from error
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise CollabError(errors.BAD_JSON, f"That is not valid JSON: {problem(error)}.") from error


def problem(error: Exception) -> str:
    """What an error says, cut: msgspec quotes keys and tags whole, however long they are."""
    said = str(error)
    return said if len(said) <= PROBLEM_LENGTH else said[:PROBLEM_LENGTH] + "…"


def fitted(value: object, type: type[T]) -> T:
    """JSON that was decoded as a value of ``type``. Raises `CollabError`."""
    try:
        return msgspec.convert(value, type)
    except msgspec.ValidationError as error:
        raise _unfit(error) from error


def _unfit(error: msgspec.ValidationError) -> CollabError:
    return CollabError(errors.BAD_REQUEST, f"The request does not fit: {problem(error)}.")
