"""The grammar of the command line: which commands there are and what each takes."""

from __future__ import annotations

from argparse import SUPPRESS, ArgumentParser, ArgumentTypeError
from collections.abc import Collection
from typing import TYPE_CHECKING

from collab import __version__
from collab.cli.options import OPTIONS

ALL = frozenset(option.path[0] for option in OPTIONS)
DATA = frozenset({"data_dir"})
STORAGE = frozenset({"data_dir", "database", "durability"})
PLUGINS = frozenset({"plugins_dir", "plugins_on", "plugins_off"})

if TYPE_CHECKING:
    from argparse import _SubParsersAction

    _Commands = _SubParsersAction[ArgumentParser]


def make_parser() -> ArgumentParser:
    """``command`` in what it parses is the words of the command, such as ``documents list``."""
    parser = ArgumentParser(
        "collab", description="Edit documents together in the browser.", allow_abbrev=False
    )
    parser.add_argument("--version", action="version", version=f"collab {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    serve = _add(commands, "serve", "run the server until SIGTERM or Ctrl-C")
    serve.add_argument(
        "--only", metavar="NAME", action="append", help="load this plugin, and no others but those"
    )
    _settings(serve, ALL)
    opening = _add(
        commands, "open", "print a link that makes a browser the operator's of a running server"
    )
    opening.add_argument(
        "--url", help="where browsers reach the server, when that is not where it listens"
    )
    _settings(opening, DATA)
    migrate = _add(commands, "migrate", "bring the database to this version's form")
    _settings(migrate, STORAGE | PLUGINS)
    _documents(commands)
    _transfer(commands)
    check = _add(
        commands, "check", "verify the history of documents, and name what was changed in it"
    )
    check.add_argument(
        "names",
        nargs="*",
        metavar="DOCUMENT|FILE.collab",
        help="ids of documents and backups (- is one on standard input); by default every document",
    )
    check.add_argument("--json", action="store_true", help="one JSON object on each line")
    _settings(check, STORAGE | PLUGINS, tokens=False)
    _plugins(commands)
    shown = _add(commands, "settings", "show the settings in force and where they come from")
    shown.add_argument(
        "--reference", action="store_true", help="print the reference of all settings instead"
    )
    _settings(shown, ALL)
    return parser


def _add(commands: _Commands, name: str, help: str, command: str = "") -> ArgumentParser:
    parser = commands.add_parser(
        name, help=help, description=help[0].upper() + help[1:] + ".", allow_abbrev=False
    )
    parser.set_defaults(command=command or name)
    return parser


def _group(commands: _Commands, name: str, help: str) -> _Commands:
    parser = commands.add_parser(name, help=help, allow_abbrev=False)
    return parser.add_subparsers(metavar="COMMAND", required=True)


def command_parser(name: str, help: str = "") -> ArgumentParser:
    """For the command ``name`` of a plugin, which adds to it what it takes itself."""
    parser = ArgumentParser(f"collab {name}", description=help, allow_abbrev=False)
    _settings(parser, STORAGE | PLUGINS, tokens=False)
    return parser


def _plugins(commands: _Commands) -> None:
    plugins = _group(commands, "plugins", "look at plugins, switch them, and make one")
    listing = _add(plugins, "list", "which there are, switched on or not", "plugins list")
    listing.add_argument("--json", action="store_true", help="one JSON object on each line")
    _server(listing, "on a running server", "with --url, how they are doing there")
    _settings(listing, PLUGINS | DATA, tokens=False)
    show = _add(plugins, "show", "what a plugin can do and what can be set", "plugins show")
    show.add_argument("name")
    _settings(show, PLUGINS, tokens=False)
    for state, what in (
        ("on", "switch a plugin on, with its files as they are now"),
        ("off", "switch a plugin off until the server starts anew"),
        ("reload", "load a plugin anew, with its files as they are now"),
    ):
        switch = _add(plugins, state, f"{what}, on a running server", f"plugins {state}")
        switch.add_argument("name")
        _server(
            switch,
            "the running server",
            "that of the data directory, to whose user it belongs; any other with a token",
        )
        _settings(switch, DATA, tokens=False)
    new = _add(plugins, "new", "make a plugin that works, to change it", "plugins new")
    new.add_argument("name", help="small letters, digits and _")
    new.add_argument(
        "--into", metavar="FOLDER", default=".", help="the folder of your plugins, by default here"
    )
    new.add_argument(
        "--package", action="store_true", help="a Python package, to be installed and published"
    )


def _documents(commands: _Commands) -> None:
    group = _group(commands, "documents", "list, create, show and delete documents")
    listing = _add(group, "list", "the documents, last changed first", "documents list")
    listing.add_argument("--search", default="", help="only those with this in their title")
    listing.add_argument("--json", action="store_true", help="one JSON object on each line")
    create = _add(group, "create", "make an empty document; prints its id", "documents create")
    create.add_argument("title")
    create.add_argument(
        "--type", default="text", help="text (the default), richtext, or one that a plugin brings"
    )
    show = _add(group, "show", "what is known of a document", "documents show")
    show.add_argument("id")
    show.add_argument("--json", action="store_true", help="as a JSON object")
    delete = _add(group, "delete", "delete documents with all their history", "documents delete")
    delete.add_argument("ids", nargs="+", metavar="id")
    delete.add_argument("--yes", action="store_true", help="do not ask")
    for parser in (listing, create, show, delete):
        _where(parser, plugins=parser is create)


def _transfer(commands: _Commands) -> None:
    importing = _add(commands, "import", "make a document of each file; prints their ids")
    importing.add_argument("files", nargs="+", metavar="FILE", help="- is standard input")
    importing.add_argument("--title", help="by default the file's name without its ending")
    importing.add_argument(
        "--format",
        help="text, delta, backup, or one that a plugin brings; by default delta for .json,"
        " backup for .collab, else text",
    )
    importing.add_argument(
        "--type",
        help="text, richtext, or one that a plugin brings; by default what the file needs",
    )
    importing.add_argument(
        "--without",
        metavar="PLUGIN",
        action="append",
        default=[],
        help="of a backup, leave out the rows that this plugin has in tables",
    )
    _where(importing, plugins=True)
    export = _add(commands, "export", "write documents into files or to standard output")
    export.add_argument("ids", nargs="*", metavar="id")
    export.add_argument("--all", action="store_true", help="every document, into a folder")
    export.add_argument("--output", "-o", help="a file, or a folder for several documents")
    export.add_argument(
        "--format",
        default="text",
        help="text (the default), delta, backup (all that is kept of the document, with its"
        " history), or one that a plugin brings",
    )
    export.add_argument("--revision", type=_revision, help="by default the newest")
    export.add_argument("--force", action="store_true", help="replace files that are there")
    _where(export, plugins=True)


def _revision(text: str) -> int:
    if not (text.isascii() and text.isdigit() and len(text) < 16):
        raise ArgumentTypeError(f"{text!r} is no number of a revision")
    return int(text)


def _where(parser: ArgumentParser, plugins: bool = False) -> None:
    """Which documents a command works on."""
    _server(
        parser,
        "through a running server",
        "without --url the command works on the database itself",
    )
    _settings(parser, STORAGE | PLUGINS if plugins else STORAGE, tokens=False)


def _server(parser: ArgumentParser, title: str, description: str) -> None:
    group = parser.add_argument_group(title, description)
    group.add_argument("--url", help="the server's address (or COLLAB_URL)")
    group.add_argument("--token", dest="bearer", help="a script's token (or COLLAB_TOKEN)")


def _settings(parser: ArgumentParser, names: Collection[str], tokens: bool = True) -> None:
    """A flag for each of the settings ``names``; those not given stay out of the result."""
    group = parser.add_argument_group(
        "settings", "each may also stand in the environment or in a file: see docs/settings.md"
    )
    group.add_argument("--config", metavar="FILE", default=SUPPRESS, help="TOML file of settings")
    for option in OPTIONS:
        if option.flag is None or option.path[0] not in names:
            continue
        if option.is_switch:
            group.add_argument(
                option.flag, action="store_const", const="true", default=SUPPRESS,
                help=option.description,
            )
            continue
        group.add_argument(
            option.flag,
            action="append" if option.is_list else "store",
            default=SUPPRESS,
            metavar="PATH" if option.is_path else option.path[0].rpartition("_")[2].upper(),
            help=option.description.replace("%", "%%"),
        )
    if tokens and "tokens" in names:
        group.add_argument(
            "--token",
            metavar="NAME=TOKEN",
            action="append",
            default=SUPPRESS,
            help="A script's name and secret token; who lists processes sees it: rather use"
            " COLLAB_TOKENS__NAME or a file.",
        )
    group.add_argument(
        "--set",
        metavar="KEY=VALUE",
        action="append",
        default=SUPPRESS,
        help="Any setting by its key, such as limits.rate=50.",
    )
