"""The messages of one document, in the table ``chat_messages``."""

from __future__ import annotations

from typing import Any

import msgspec
import sqlalchemy as sa

from collab import User, Violation
from collab.plugins.tables import Tables
from collab.protocol.messages import NAMELESS

from .wire import Entry, Mention

PAGE = 50
"""Messages that are handed out at once."""

ANSWER = 128 * 1024
"""Bytes of messages that are handed out at once; one message is always."""

KNOWN = 200
"""People who wrote here that can be mentioned: those who wrote last."""

DAY = 86400.0

RECENT = 2000
"""Messages that they are looked for in: whoever asks waits for it, however long the talk is."""

AT_ONCE = 1000
"""Messages that are read at once when all are wanted."""


class _Json(sa.TypeDecorator[Any]):
    """JSON in a column; None for what is none, where SQLAlchemy's own type would raise."""

    impl = sa.Text
    cache_ok = True

    def process_bind_param(self, value: Any, dialect: sa.Dialect) -> str:
        return msgspec.json.encode(value).decode()

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> Any:
        try:
            return msgspec.json.decode(value)
        except (TypeError, ValueError, RecursionError):
            return None


messages = sa.Table(
    "chat_messages",
    sa.MetaData(),
    sa.Column("document", sa.Text, primary_key=True),
    sa.Column("id", sa.Integer, primary_key=True),
    # The author as they were called when they wrote it.
    sa.Column("author", sa.Text, nullable=False),
    sa.Column("name", sa.Text, nullable=False),
    sa.Column("color", sa.Text, nullable=False),
    sa.Column("time", sa.Double, nullable=False),
    # Made by the browser. That an author has it once is what finds a message sent again.
    sa.Column("key", sa.Text, nullable=False),
    sa.Column("text", sa.Text, nullable=False),
    sa.Column("mentions", _Json, nullable=False),
    sa.Column("edited", sa.Double),
    sa.Column("deleted", sa.Boolean, nullable=False),
)
_columns = messages.c
_OF_DOCUMENT = sa.and_(
    _columns.document == sa.bindparam("of"),
    # A backup may bring others: they are left out, nothing can be counted on from them.
    _columns.id.between(1, 2**52),
)
_LAST = sa.select(messages).where(_OF_DOCUMENT).order_by(_columns.id.desc())
_LAST_ID = sa.select(sa.func.max(_columns.id)).where(_OF_DOCUMENT).scalar_subquery()
_LAST_TIME = _LAST.with_only_columns(_columns.time).limit(1).scalar_subquery()
_NOW = sa.bindparam("now", type_=sa.Double)

_ADD = sa.insert(messages).values(
    id=sa.func.coalesce(_LAST_ID, 0) + 1,
    # Whatever the clock does, time goes on; but not from what a file says of a far future.
    time=sa.case((_LAST_TIME.between(_NOW, _NOW + DAY), _LAST_TIME), else_=_NOW),
)
_CHANGING = ("text", "mentions", "edited", "deleted")
_CHANGE = (
    sa.update(messages)
    .where(_OF_DOCUMENT, _columns.id == sa.bindparam("number"))
    .values({name: sa.bindparam(f"new_{name}") for name in _CHANGING})
)
_DELETE_ALL = (
    sa.update(messages)
    .where(_OF_DOCUMENT, _columns.author == sa.bindparam("who"), sa.not_(_columns.deleted))
    .values(text="", mentions=[], edited=None, deleted=True)
)
_ONE = _LAST.where(_columns.id == sa.bindparam("number"))
_SENT = _LAST.where(_columns.author == sa.bindparam("who"), _columns.key == sa.bindparam("sent"))
_BEFORE = _LAST.where(_columns.id < sa.bindparam("number")).limit(PAGE + 1)
_AFTER = (
    sa.select(messages)
    .where(_OF_DOCUMENT, _columns.id > sa.bindparam("number"))
    .order_by(_columns.id)
    .limit(AT_ONCE)
)
_RECENT = _LAST.with_only_columns(_columns.id, _columns.author).limit(RECENT).subquery()
_NEWEST_OF_EACH = (
    sa.select(sa.func.max(_RECENT.c.id))
    .group_by(_RECENT.c.author)
    .order_by(sa.func.max(_RECENT.c.id).desc())
    .limit(KNOWN)
)
_PEOPLE = _LAST.where(_columns.id.in_(_NEWEST_OF_EACH))


class Conversation:
    """One document's messages. Everything raises `StorageError` when the store can't do it."""

    def __init__(self, tables: Tables, document: str) -> None:
        self._tables = tables
        self._document = document

    async def add(
        self, author: User, text: str, mentions: list[Mention], key: str, time: float
    ) -> tuple[Entry, bool]:
        """Keep a message; False with the one that is there, when this one came before."""
        row = {
            "of": self._document,
            "document": self._document,
            "author": author.id,
            "name": author.name,
            "color": author.color,
            "now": time,
            "key": key,
            "text": text,
            "mentions": msgspec.to_builtins(mentions),
            "deleted": False,
        }
        try:
            await self._tables.write((_ADD, [row]))
            new = True
        except Violation:
            new = False
        found = await self._read(_SENT, who=author.id, sent=key)
        if not found:
            raise Violation(f"There is no document {self._document} any more.")
        return found[0], new

    async def get(self, id: int) -> Entry | None:
        """The message of that number."""
        found = await self._read(_ONE, number=id)
        return found[0] if found else None

    async def replace(self, message: Entry) -> None:
        """Keep what may change of a message: its text and mentions, or that it is deleted."""
        row = {
            "of": self._document,
            "number": message.id,
            "new_text": message.text,
            "new_mentions": msgspec.to_builtins(message.mentions),
            "new_edited": message.edited,
            "new_deleted": message.deleted,
        }
        await self._tables.write((_CHANGE, [row]))

    async def delete_all(self, author: str) -> int:
        """Delete all messages of the user of that id; returns how many those are."""
        (count,) = await self._tables.write((_DELETE_ALL, [{"of": self._document, "who": author}]))
        return count

    async def before(self, id: int = 2**53) -> tuple[list[Entry], bool]:
        """The messages before ``id``, oldest first, the newest of them; are there earlier ones?"""
        found: list[Entry] = []
        size = 0
        for message in await self._read(_BEFORE, number=id):
            size += len(msgspec.json.encode(message))
            if found and (size > ANSWER or len(found) >= PAGE):
                return found[::-1], True
            found.append(message)
        return found[::-1], False

    async def all(self) -> list[Entry]:
        """Every message, oldest first."""
        found: list[Entry] = []
        while more := await self._read(_AFTER, number=found[-1].id if found else 0):
            found += more
        return found

    async def people(self) -> list[User]:
        """Who wrote here, as they were called then, whoever wrote last at the end."""
        return [message.author for message in reversed(await self._read(_PEOPLE))]

    async def _read(self, query: sa.Select[Any], **parameters: Any) -> list[Entry]:
        rows = await self._tables.read(query, {"of": self._document, **parameters})
        return [_message(row) for row in rows]


def _message(row: Any) -> Entry:
    """A message from its row. A backup or an earlier version may have put anything there: what the
    wire's types don't take is left out, so that everybody sees the others.
    """
    told = {
        "id": row.id,
        "time": row.time,
        "key": row.key,
        "text": row.text,
        "mentions": row.mentions,
        "edited": row.edited,
        "deleted": bool(row.deleted),
    }
    author = {"id": row.author, "name": row.name, "color": row.color}
    try:
        return msgspec.convert(told | {"author": author}, Entry)
    except msgspec.ValidationError:
        pass
    for name, instead in _INSTEAD.items():
        try:
            msgspec.convert(told | {"author": _NOBODY} | _INSTEAD | {name: told[name]}, Entry)
        except msgspec.ValidationError:
            told[name] = instead
    try:
        return msgspec.convert(told | {"author": author}, Entry)
    except msgspec.ValidationError:
        return msgspec.convert(told | {"author": _NOBODY}, Entry)


_NOBODY = {"id": "unknown", "name": NAMELESS, "color": ""}
_INSTEAD: dict[str, Any] = {
    "time": 0.0, "key": "-", "text": "", "mentions": [], "edited": None, "deleted": False,
}
