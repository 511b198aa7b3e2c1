"""``collab import --format backup``: documents whole, with their history, from files."""

from __future__ import annotations

import sys
from argparse import Namespace

from collab.cli.failure import Exit, Failure
from collab.cli.library import Library
from collab.cli.progress import progress
from collab.cli.reading import STDIN, read_file
from collab.storage.backup import EXTENSION, FORMAT


def are_backups(arguments: Namespace) -> bool:
    """Whether the files to import are said, or called, to be backups. Raises `Failure`."""
    if arguments.format is not None:
        return bool(arguments.format == FORMAT)
    called = [name.lower().endswith(f".{EXTENSION}") for name in arguments.files]
    if any(called) and not all(called):
        raise Failure(
            f"Files in .{EXTENSION} are documents whole: import them by themselves.", Exit.USAGE
        )
    return all(called)


def import_backups(library: Library, arguments: Namespace) -> None:
    """Brings back the document of each file; prints its id and title.

    One after the other: a file may be large. Those before a wrong one are there already.
    """
    if arguments.type is not None:
        raise Failure("--type is for text and delta; a backup says what it is.", Exit.USAGE)
    with progress("importing", len(arguments.files)) as bar:
        for name in arguments.files:
            try:
                restored = library.restore(read_file(name), arguments.title, arguments.without)
            except Failure as failure:
                raise Failure(f"{name}: {failure.sentence}", failure.code) from failure
            bar.clear()
            print(f"{restored.id}  {restored.title}", flush=True)
            if restored.id != restored.original:
                shown = "standard input" if name == STDIN else name
                print(
                    f"collab: {shown}: there is a document {restored.original} already, so this"
                    f" one is {restored.id} now.",
                    file=sys.stderr,
                )
            bar.advance()
