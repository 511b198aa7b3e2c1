"""Plugins on the command line: loaded, without a server around them."""

from __future__ import annotations

import asyncio
import logging
import sys
from argparse import ArgumentError, ArgumentParser, Namespace
from collections.abc import Sequence

from collab.cli.arguments import command_parser
from collab.cli.failure import Exit, Failure
from collab.cli.loading import load
from collab.cli.lock import locked
from collab.plugins.guard import HARMLESS, describe
from collab.plugins.manager import PluginManager
from collab.plugins.offers import Command
from collab.protocol.errors import CollabError
from collab.protocol.settings import Settings
from collab.rooms import Rooms
from collab.storage import open_store
from collab.storage.port import StorageError


def load_plugins(settings: Settings, *, quiet: bool = True) -> PluginManager:
    """The plugins that the settings name. Raises `Failure` for settings that don't fit.

    ``quiet``: what is wrong with one is for the caller to say, and not logged.
    """
    if quiet:
        logging.getLogger("collab").addHandler(logging.NullHandler())
    manager = PluginManager(settings)
    try:
        asyncio.run(_load(manager))
    except ValueError as error:
        raise Failure(str(error), Exit.USAGE) from error
    return manager


async def _load(manager: PluginManager) -> None:
    """Inside an event loop, as the server loads them: a plugin may count on it."""
    manager.load()


def plugin_command(words: Sequence[str], environment: dict[str, str]) -> int | None:
    """Run the command of a plugin; None when ``words`` name no such. Raises `Failure`."""
    first = command_parser(words[0])
    first.exit_on_error = False
    try:
        known, _ = first.parse_known_args(list(words[1:]))
    except (ArgumentError, SystemExit):
        known = first.parse_args([])
    settings = load(vars(known), environment).settings
    manager = load_plugins(settings)
    command = manager.commands().get(words[0])
    if command is None:
        return None
    parser = command_parser(command.name, command.help)
    arguments = _declared(command, parser).parse_args(words[1:])
    with locked(settings.data_dir, f"collab {command.name}"), asyncio.Runner() as loop:
        return loop.run(_run(command, manager, settings, arguments))


def _declared(command: Command, parser: ArgumentParser) -> ArgumentParser:
    if command.arguments is not None:
        try:
            command.arguments(parser)
        except HARMLESS as error:
            raise Failure(
                f"The plugin's command {command.name} can't be used: {describe(error)}"
            ) from error
    return parser


async def _run(
    command: Command, manager: PluginManager, settings: Settings, arguments: Namespace
) -> int:
    try:
        store = await open_store(settings)
    except (StorageError, OSError) as error:
        raise Failure(str(error)) from error
    rooms = Rooms(store, settings)
    try:
        [owner] = [
            name for name, one in manager.loaded.items() if command in one.offered.commands
        ]
        server = await manager.offline(rooms, store)
        if owner not in manager.loaded:
            wrong = [one.sentence for one in manager.problems if one.name == owner]
            raise Failure(
                f"The command {command.name} can't be used: plugin {owner}: {wrong[-1]}."
            )
        code = await command.function(server, arguments)
        return int(code or 0)
    except CollabError as error:
        raise Failure(error.sentence) from error
    except HARMLESS as error:
        if isinstance(error, SystemExit | Failure):
            raise
        logging.getLogger("collab.plugins").debug("in a command", exc_info=error)
        raise Failure(f"The command {command.name} failed: {describe(error)}") from error
    finally:
        await rooms.stop(0.0)
        await store.close()
        sys.stdout.flush()
