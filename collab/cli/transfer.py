"""``collab import`` and ``collab export``: documents from files and into files.

A file holds plain text (UTF-8), or the JSON of a delta: a list of inserts, or an object that has
it as ``ops``, as Quill's ``getContents`` gives it.
"""

from __future__ import annotations

import os
import re
import sys
from argparse import Namespace
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import msgspec

from collab.cli.backups import are_backups, import_backups
from collab.cli.failure import Exit, Failure
from collab.cli.library import EXTENSIONS, Entry, Library
from collab.cli.progress import progress
from collab.cli.reading import STDIN, read_file
from collab.ot import Delta, InvalidOperation, document_type
from collab.storage.backup import FORMAT

_UNFIT = re.compile(r'[\x00-\x1f/\\:*?"<>|]+')


def import_files(library: Library, arguments: Namespace) -> None:
    """Makes a document of each file; prints its id and title.

    All files are read before the first document is made: a wrong one changes nothing.
    """
    files: list[str] = arguments.files
    if arguments.title is not None and len(files) > 1:
        raise Failure("--title is for one file; several are called by their names.", Exit.USAGE)
    if files.count(STDIN) > 1:
        raise Failure("Standard input (-) can be read once only.", Exit.USAGE)
    if are_backups(arguments):
        import_backups(library, arguments)
        return
    if arguments.without:
        raise Failure("--without is for backups: they alone hold rows of plugins.", Exit.USAGE)
    if arguments.format is not None and arguments.format not in EXTENSIONS:
        _import_by_plugin(library, arguments)
        return
    read = [(name, *_read_document(name, arguments.format, arguments.type)) for name in files]
    size = sum(_size(content) for _, _, content in read)
    with progress("importing", size) as bar:
        for name, kind, content in read:
            title = arguments.title or (Path(name).stem if name != STDIN else "Untitled")
            try:
                entry = library.create(title, kind, content)
            except Failure as failure:
                raise Failure(f"{name}: {failure.sentence}", failure.code) from failure
            bar.clear()
            print(f"{entry.id}  {entry.title}")
            bar.advance(_size(content))


def _import_by_plugin(library: Library, arguments: Namespace) -> None:
    if arguments.type is not None:
        raise Failure("--type is for text and delta; a plugin knows what a file is.", Exit.USAGE)
    read = [(name, read_file(name)) for name in arguments.files]
    with progress("importing", sum(_size(data) for _, data in read)) as bar:
        for name, data in read:
            filename = "" if name == STDIN else Path(name).name
            try:
                entry = library.import_file(arguments.format, data, filename, arguments.title)
            except Failure as failure:
                raise Failure(f"{name}: {failure.sentence}", failure.code) from failure
            bar.clear()
            print(f"{entry.id}  {entry.title}")
            bar.advance(_size(data))


def _size(content: Any) -> int:
    return len(content) + 1


def _read_document(name: str, format: str | None, type: str | None) -> tuple[str, Any]:
    """The type and content that a file is imported as. Raises `Failure`."""
    data = read_file(name)
    if (format or ("delta" if name.lower().endswith(".json") else "text")) == "delta":
        return _read_delta(name, data, type)
    try:
        text = data.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Failure(
            f"{name} is not UTF-8 text: byte {error.start} does not fit. Convert it first."
        ) from None
    # An editor in a browser knows one kind of line end.
    return type or "text", text.replace("\r\n", "\n").replace("\r", "\n")


def _read_delta(name: str, data: bytes, type: str | None) -> tuple[str, Any]:
    try:
        value = msgspec.json.decode(data)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise Failure(f"{name} is not valid JSON: {error}.") from None
    ops = value.get("ops") if isinstance(value, dict) else value
    try:
        delta = Delta(ops)
    except InvalidOperation as error:
        raise Failure(f"{name} is no delta: {error}") from None
    return type or _least_type(delta), delta.ops


def _least_type(delta: Delta) -> str:
    """The plainest type of document that ``delta`` fits."""
    try:
        document_type("text").validate(delta)
    except InvalidOperation:
        return "richtext"
    return "text"


def export(library: Library, arguments: Namespace) -> None:
    """Writes each document to a file; a single one to standard output when none is named."""
    ids: list[str] = arguments.ids
    if arguments.all == bool(ids):
        raise Failure("Name the documents to export, or give --all.", Exit.USAGE)
    wanted: str = arguments.format
    if wanted == FORMAT and arguments.revision is not None:
        raise Failure("A backup holds every revision: leave --revision out.", Exit.USAGE)
    library.extension(wanted)  # there is such a format
    output = None if arguments.output in (None, STDIN) else Path(arguments.output)
    into_folder = arguments.all or len(ids) > 1 or (output is not None and output.is_dir())
    if into_folder and output is None:
        raise Failure("Several documents need a folder: give one with --output.", Exit.USAGE)
    if output is None:
        for piece in library.content(ids[0], wanted, arguments.revision):
            sys.stdout.buffer.write(piece)
        sys.stdout.buffer.flush()
        return
    if not into_folder:
        _write(output, library.content(ids[0], wanted, arguments.revision), arguments.force)
        return
    entries = list(library.documents()) if arguments.all else list(map(library.document, ids))
    try:
        output.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise Failure(f"{output} can't be made a folder: {error.strerror}.") from None
    with progress("exporting", len(entries)) as bar:
        for entry in entries:
            path = output / file_name(entry, library.extension(wanted, entry.type))
            pieces = library.content(entry.id, wanted, arguments.revision)
            _write(path, pieces, arguments.force)
            bar.advance()


def file_name(entry: Entry, extension: str) -> str:
    """The title, as far as files may be called so, and the id, which makes it the only one."""
    title = _UNFIT.sub(" ", entry.title).strip(" .")
    while len(title.encode()) > 120:
        title = title[:-1]
    return f"{title.strip()} {entry.id}.{extension}".strip()


def _write(path: Path, pieces: Iterable[bytes], force: bool) -> None:
    """Written aside and put into place whole; an existing file is kept unless forced."""
    if path.exists() and not force:
        raise Failure(f"{path} is there already; --force replaces it.")
    aside = path.with_name(f".{path.name[:100]}.part")
    try:
        try:
            with open(aside, "wb") as file:
                for piece in pieces:
                    file.write(piece)
            os.replace(aside, path)
        finally:
            aside.unlink(missing_ok=True)
    except OSError as error:
        raise Failure(f"{path} can't be written: {error.strerror}.") from None
