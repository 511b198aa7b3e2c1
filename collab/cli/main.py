"""Runs one command and turns how it ends into an exit code."""

from __future__ import annotations

import asyncio
import logging
import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

import msgspec

from collab.cli import documents, transfer
from collab.cli.arguments import make_parser
from collab.cli.direct import open_directly
from collab.cli.failure import Exit, Failure
from collab.cli.library import Library
from collab.cli.loading import Loaded, load
from collab.cli.remote import RemoteLibrary
from collab.cli.show import print_settings
from collab.plugins.manager import PluginManager


def main(arguments: Sequence[str] | None = None) -> int:
    """The ``collab`` command; returns its exit code. Exits by itself for ``--help`` only, and
    when the command line can't be understood."""
    parsed = make_parser().parse_args(arguments)
    try:
        code = COMMANDS[parsed.command](parsed)
        sys.stdout.flush()
        return code
    except Failure as failure:
        for line in failure.sentence.splitlines():
            print(f"collab: {line}", file=sys.stderr)
        return failure.code
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError:  # such as `collab documents list | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return Exit.FAILED


def _load(arguments: Namespace) -> Loaded:
    loaded = load(vars(arguments), os.environ)
    for warning in loaded.warnings:
        print(f"collab: {warning}", file=sys.stderr)
    return loaded


def _serve(arguments: Namespace) -> int:
    from collab.cli.serve import serve

    return serve(_load(arguments).settings)


def _migrate(arguments: Namespace) -> int:
    settings = _load(arguments).settings
    with open_directly(settings, "a command that migrates the database"):
        print("The database is up to date.")
    return Exit.DONE


def _settings(arguments: Namespace) -> int:
    if arguments.reference:
        from collab.cli.reference import reference

        print(reference(), end="")
    else:
        print_settings(_load(arguments))
    return Exit.DONE


def _plugins(arguments: Namespace) -> int:
    # What is wrong with a plugin stands in the list; the log need not say it again.
    logging.getLogger("collab").addHandler(logging.NullHandler())
    manager = PluginManager(_load(arguments).settings)
    try:
        asyncio.run(_load_plugins(manager))
    except ValueError as error:
        raise Failure(str(error), Exit.USAGE) from error
    listing = manager.listing()
    if arguments.json:
        for one in listing:
            print(msgspec.json.encode(one).decode())
        return Exit.DONE
    documents.print_table(
        ("NAME", "STATE", "WHERE", "WHAT FOR"),
        [(one.name, one.state, one.where, one.description) for one in listing],
    )
    return Exit.DONE


async def _load_plugins(manager: PluginManager) -> None:
    """Inside an event loop, as the server loads them: a plugin may count on it."""
    manager.load()


@contextmanager
def _library(arguments: Namespace) -> Iterator[Library]:
    """Where the documents of a command are: on a running server, or in the database itself."""
    url = arguments.url or os.environ.get("COLLAB_URL")
    if not url:
        if arguments.bearer:
            raise Failure("--token is for a running server: give its --url too.", Exit.USAGE)
        with open_directly(_load(arguments).settings, f"collab {arguments.command}") as library:
            yield library
        return
    for name in ("data_dir", "database"):
        if name in vars(arguments):
            flag = "--" + name.replace("_", "-")
            raise Failure(
                f"{flag} names a database and --url a running server: which one?", Exit.USAGE
            )
    yield RemoteLibrary(url, arguments.bearer or os.environ.get("COLLAB_TOKEN"))


def _with_library(work: Callable[[Library, Namespace], None]) -> Callable[[Namespace], int]:
    def command(arguments: Namespace) -> int:
        with _library(arguments) as library:
            work(library, arguments)
        return Exit.DONE

    return command


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "serve": _serve,
    "migrate": _migrate,
    "documents list": _with_library(documents.show_list),
    "documents create": _with_library(documents.create),
    "documents show": _with_library(documents.show),
    "documents delete": _with_library(documents.delete),
    "import": _with_library(transfer.import_files),
    "export": _with_library(transfer.export),
    "plugins list": _plugins,
    "settings": _settings,
}
