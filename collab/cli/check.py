"""``collab check``: whether documents, in the database or in backups, are what was written."""

from __future__ import annotations

import asyncio
import sys
from argparse import Namespace
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import msgspec
from msgspec import Struct

from collab.cli.failure import Exit, Failure
from collab.cli.offline import load_plugins
from collab.cli.progress import Progress, progress
from collab.cli.reading import STDIN, read_file
from collab.ot import document_types
from collab.protocol.contents import Bounds
from collab.protocol.errors import CollabError
from collab.protocol.settings import Settings
from collab.rooms.checking import check
from collab.rooms.restoring import checked
from collab.storage import Store, open_store_for_reading
from collab.storage.backup import EXTENSION, BadBackup, read
from collab.storage.port import Damaged, StorageError

_ANY_SIZE = Bounds(2**62, 2**62)
"""What a content in a backup may be: nobody imports it here."""


class Result(Struct):
    """What was found, also as JSON."""

    name: str
    """The document's id, or the file's name."""
    revision: int | None = None
    """The last one, of what is whole."""
    damaged: int | None = None
    """The first that is not what was written, where there is one and it is known which."""
    sentence: str | None = None
    """What is wrong."""


def check_all(settings: Settings, arguments: Namespace) -> int:
    """Check what is named, or every document of the database; a word for each that is damaged."""
    names: list[str] = arguments.names
    files = [name for name in names if name == STDIN or name.lower().endswith(f".{EXTENSION}")]
    ids = [name for name in names if name not in files]
    results = [_check_file(settings, name) for name in files]
    if ids or not names:
        results += _check_documents(settings, ids)
    for one in results:
        if arguments.json:
            print(msgspec.json.encode(one).decode())
        elif one.sentence is not None:
            print(one.sentence)
    bad = sum(one.sentence is not None for one in results)
    if bad:
        raise Failure(f"{_count(bad, len(results))} damaged. {_ADVICE}")
    if not arguments.json:
        revisions = sum(one.revision or 0 for one in results)
        print(f"{_things(len(results))} with {revisions:,} revisions checked: all are whole.")
    return Exit.DONE


_ADVICE = (
    "Keep a copy of it. What came before the revision that is named is whole: export that with"
    " --revision, or restore a backup."
)


def _count(bad: int, all: int) -> str:
    if all == 1:
        return "It is"
    return f"Of {all}, {bad} {'is' if bad == 1 else 'are'}"


def _things(count: int) -> str:
    return "1 document" if count == 1 else f"{count:,} documents"


def _check_documents(settings: Settings, ids: Sequence[str]) -> list[Result]:
    with _reading(settings) as (loop, store):
        found = loop.run(_documents(store, ids))
        _learn(settings, {type for _, type, _ in found})
        with progress("checking", sum(revision for *_, revision in found)) as bar:
            return [loop.run(_check(store, id, bar)) for id, *_ in found]


@contextmanager
def _reading(settings: Settings) -> Iterator[tuple[asyncio.Runner, Store]]:
    try:
        with asyncio.Runner() as loop:
            store = loop.run(open_store_for_reading(settings))
            try:
                yield loop, store
            finally:
                loop.run(store.close())
    except (StorageError, OSError) as error:
        raise Failure(str(error)) from error


async def _documents(store: Store, ids: Sequence[str]) -> list[tuple[str, str, int]]:
    """Id, type and last revision of each."""
    found = []
    for id in ids:
        record = await store.document(id)
        if record is None:
            raise Failure(f"There is no document {id}.", Exit.MISSING)
        found.append(record)
    cursor = None
    while not ids:
        page = await store.documents(limit=200, cursor=cursor)
        found += page.documents
        cursor = page.next
        if cursor is None:
            break
    return [(one.id, one.type, one.revision) for one in found]


async def _check(store: Store, id: str, bar: Progress) -> Result:
    try:
        return Result(id, await check(store, id, advanced=bar.advance))
    except Damaged as damaged:
        return Result(id, damaged=damaged.revision, sentence=str(damaged))
    except StorageError as error:
        return Result(id, sentence=f"Document {id} can't be read: {error}")


def _check_file(settings: Settings, name: str) -> Result:
    shown = "standard input" if name == STDIN else name
    data = read_file(name)
    try:
        document = read(data).belongings.document
        _learn(settings, {document.type})
        if _is_known(document.type):
            checked(data, _ANY_SIZE)
    except BadBackup as bad:
        return Result(shown, damaged=bad.revision, sentence=f"{shown}: {bad}")
    except CollabError as error:
        return Result(shown, sentence=f"{shown}: {error.sentence}")
    return Result(shown, document.revision)


def _learn(settings: Settings, types: set[str]) -> None:
    """Load the plugins when one of them may bring a type of documents."""
    if not all(map(_is_known, types)):
        load_plugins(settings)
        for type in sorted(types):
            if not _is_known(type):
                print(
                    f"collab: no plugin that is switched on brings the type {type}: of its"
                    " documents only the hashes are checked, not what edits do to the content.",
                    file=sys.stderr,
                )


def _is_known(type: str) -> bool:
    return any(one.name == type for one in document_types())
