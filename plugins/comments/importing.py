"""A text with its comments, read back from the file it was exported to."""

from __future__ import annotations

import secrets
from typing import Any

import msgspec
from msgspec import Struct

from collab.ot import Delta, InvalidOperation
from collab.plugins.offers import Imported
from collab.protocol.messages import NAMELESS, User

from .parcels import full, parcels
from .texts import Unfit, clean
from .wire import LONGEST, QUOTE, Comment, Placed, Resolution, Thread

ARRIVED = "arrived"
"""How the keys of a document's state begin under which imported threads wait for their ranges."""

_NAME = 64
"""Of a person, in characters."""


class _File(Struct):
    """What `Comments.export_json` writes, as far as it is read."""

    title: str
    type: str
    content: Any
    threads: list[Placed]


def read(data: bytes, most: int, longest: int = LONGEST) -> Imported:
    """A document, whose state has its threads (`ARRIVED`): at most ``most``, of comments that have
    at most ``longest`` characters. Raises ValueError with a sentence.

    A file can say anything about who wrote what: so nobody here is the author of what it
    holds, and their names say where they come from.
    """
    try:
        file = msgspec.json.decode(data, type=_File)
        content = Delta(file.content)
    except (msgspec.MsgspecError, UnicodeDecodeError, InvalidOperation) as error:
        raise ValueError(f"This is no file of comments: {error}") from error
    if len(file.threads) > most:
        raise ValueError(
            f"This file has {len(file.threads)} threads; a document may have {most} here."
        )
    threads = [_thread(one, content.length(), longest) for one in file.threads]
    return Imported(
        title=file.title,
        type=file.type,
        delta=content,
        state={
            f"{ARRIVED} {number}": msgspec.to_builtins(parcel)
            for number, parcel in enumerate(parcels(threads))
        },
    )


def _thread(placed: Placed, length: int, longest: int) -> Placed:
    if not 0 <= placed.start <= placed.end <= length:
        raise ValueError(f"A thread can't be at {placed.start} to {placed.end} in {length}.")
    thread = placed.thread
    comments = [_comment(one, number, longest) for number, one in enumerate(thread.comments, 1)]
    resolved = thread.resolved
    if resolved is not None:
        resolved = Resolution(_person(resolved.by), resolved.time)
    read = Thread(thread.quote[: QUOTE + 1], 0, comments, resolved)
    if full(read):
        raise ValueError("A thread in this file is too long.")
    return Placed(secrets.token_hex(8), placed.start, placed.end, read)


def _comment(comment: Comment, number: int, longest: int) -> Comment:
    try:
        text = "" if comment.deleted else clean(comment.text, longest)
    except Unfit as error:
        raise ValueError(str(error)) from error
    return Comment(
        number,
        _person(comment.author),
        comment.time,
        secrets.token_hex(8),
        text,
        comment.edited,
        comment.deleted,
    )


def _person(user: User) -> User:
    name = user.name[:_NAME].strip() or NAMELESS
    return User(f"imported:{secrets.token_hex(4)}", f"{name} (imported)", user.color)
