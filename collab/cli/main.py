"""Runs one command and turns how it ends into an exit code."""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from msgspec.structs import replace

from collab.cli import documents, plugins, transfer
from collab.cli.arguments import make_parser
from collab.cli.direct import open_directly
from collab.cli.failure import Exit, Failure
from collab.cli.library import Library
from collab.cli.loading import Loaded, load
from collab.cli.offline import plugin_command
from collab.cli.operator import given_url, print_link, running_server
from collab.cli.show import print_settings


def main(arguments: Sequence[str] | None = None) -> int:
    """The ``collab`` command; returns its exit code. Exits by itself for ``--help`` only, and
    when the command line can't be understood."""
    words = sys.argv[1:] if arguments is None else list(arguments)
    try:
        if words and not words[0].startswith("-") and words[0] not in FIRST_WORDS:
            code = plugin_command(words, dict(os.environ))
            if code is None:
                make_parser().error(
                    f"There is no command {words[0]}, and no plugin brings one: there is"
                    f" {', '.join(sorted(FIRST_WORDS))}. For one of your own plugin's, add"
                    " --plugins-dir FOLDER behind it; `collab plugins list` says what is wrong"
                    " with a plugin."
                )
        else:
            parsed = make_parser().parse_args(words)
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

    settings = _load(arguments).settings
    if settings.safe_mode or arguments.only:
        only = tuple(arguments.only or ())
        settings = replace(settings, plugins_on=only, safe_mode=True)
    return serve(settings)


def _migrate(arguments: Namespace) -> int:
    settings = _load(arguments).settings
    with open_directly(settings, "a command that migrates the database") as library:
        print("The database is up to date.")
        for name, steps in library.migrate_plugins().items():
            print(f"The tables of the plugin {name} were migrated: {', '.join(steps)}.")
    return Exit.DONE


def _check(arguments: Namespace) -> int:
    from collab.cli.check import check_all

    return check_all(_load(arguments).settings, arguments)


def _settings(arguments: Namespace) -> int:
    if arguments.reference:
        from collab.cli.reference import reference

        print(reference(), end="")
    else:
        print_settings(_load(arguments))
    return Exit.DONE


@contextmanager
def _library(arguments: Namespace) -> Iterator[Library]:
    """Where the documents of a command are: on a running server, or in the database itself."""
    if given_url(arguments) is None:
        if arguments.bearer:
            raise Failure("--token is for a running server: give its --url too.", Exit.USAGE)
        settings, words = _load(arguments).settings, f"collab {arguments.command}"
        with open_directly(settings, words, takes_url=True) as library:
            yield library
        return
    if "database" in vars(arguments):
        raise Failure(
            "--database names a database and --url a running server: which one?", Exit.USAGE
        )
    yield running_server(arguments)


def _with_library(work: Callable[[Library, Namespace], None]) -> Callable[[Namespace], int]:
    def command(arguments: Namespace) -> int:
        with _library(arguments) as library:
            work(library, arguments)
        return Exit.DONE

    return command


COMMANDS: dict[str, Callable[[Namespace], int]] = {
    "serve": _serve,
    "open": print_link,
    "migrate": _migrate,
    "documents list": _with_library(documents.show_list),
    "documents create": _with_library(documents.create),
    "documents show": _with_library(documents.show),
    "documents delete": _with_library(documents.delete),
    "import": _with_library(transfer.import_files),
    "export": _with_library(transfer.export),
    "check": _check,
    "plugins list": plugins.show_list,
    "plugins show": plugins.show,
    "plugins on": plugins.switch,
    "plugins off": plugins.switch,
    "plugins reload": plugins.switch,
    "plugins new": plugins.new,
    "settings": _settings,
}

FIRST_WORDS = frozenset(name.split()[0] for name in COMMANDS)
"""Other words may be commands of plugins."""
