"""``collab documents``: list, create, show, delete."""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Iterable
from datetime import datetime

import msgspec

from collab.cli.failure import Exit, Failure
from collab.cli.library import Entry, Library


def show_list(library: Library, arguments: Namespace) -> None:
    """A table, or with ``--json`` one JSON object on a line for each document."""
    entries = library.documents(arguments.search)
    if arguments.json:
        for entry in entries:
            print(msgspec.json.encode(entry).decode())
        return
    print_table(
        ("ID", "REVISION", "TYPE", "CHANGED", "TITLE"),
        [
            (entry.id, str(entry.revision), entry.type, _when(entry.updated), entry.title)
            for entry in entries
        ],
    )


def create(library: Library, arguments: Namespace) -> None:
    """Prints the new document's id."""
    print(library.create(arguments.title, arguments.type, "").id)


def show(library: Library, arguments: Namespace) -> None:
    """What is known of one document."""
    entry = library.document(arguments.id)
    if arguments.json:
        print(msgspec.json.encode(entry).decode())
        return
    for name, value in _described(entry):
        print(f"{name + ':':<10}{value}")


def delete(library: Library, arguments: Namespace) -> None:
    """Asks first, unless ``--yes`` says that there is nothing to ask."""
    entries = list(map(library.document, arguments.ids))
    if not arguments.yes:
        if not sys.stdin.isatty():
            raise Failure("Nothing was deleted: add --yes when you are sure.", Exit.USAGE)
        for entry in entries:
            print(f"{entry.id}  {entry.title}", file=sys.stderr)
        sys.stderr.write(f"Delete {_count(entries)} with all history, for ever? [y/N] ")
        sys.stderr.flush()
        if sys.stdin.readline().strip().lower() not in ("y", "yes"):
            raise Failure("Nothing was deleted.")
    for entry in entries:
        library.delete(entry.id)


def _count(entries: list[Entry]) -> str:
    return "this document" if len(entries) == 1 else f"these {len(entries)} documents"


def _described(entry: Entry) -> list[tuple[str, object]]:
    return [
        ("id", entry.id),
        ("title", entry.title),
        ("type", entry.type),
        ("revision", entry.revision),
        ("created", _when(entry.created)),
        ("changed", _when(entry.updated)),
    ]


def _when(seconds: float) -> str:
    return datetime.fromtimestamp(seconds).astimezone().isoformat(" ", "seconds")


def print_table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> None:
    """Columns as wide as what is in them; the last one as long as it likes."""
    table = [head, *rows]
    widths = [max(map(len, column)) for column in zip(*table, strict=True)]
    for row in table:
        cells = [cell.ljust(width) for cell, width in zip(row[:-1], widths, strict=False)]
        print("  ".join([*cells, row[-1]]))
