"""``collab plugins``: which there are, what one can do, switching them, and a new one."""

from __future__ import annotations

import keyword
import os
from argparse import Namespace
from pathlib import Path
from typing import Any

import msgspec

from collab.cli.documents import print_table
from collab.cli.failure import Exit, Failure
from collab.cli.loading import load
from collab.cli.newplugin import files, project_name
from collab.cli.offline import load_plugins
from collab.cli.operator import given_url, running_server
from collab.cli.show import HIDDEN, SECRET
from collab.plugins.base import settings_type
from collab.plugins.discovery import Unusable, check_name, find
from collab.plugins.loading import Loaded
from collab.plugins.manager import PluginManager, purpose
from collab.plugins.settings import describe
from collab.plugins.specs import HOOKS


def show_list(arguments: Namespace) -> int:
    """A table, or with ``--json`` one JSON object on a line for each plugin.

    With ``--url``, as they are on a running server.
    """
    url = given_url(arguments)
    if url is not None:
        found: list[dict[str, Any]] = running_server(arguments).plugins()
    else:
        manager = load_plugins(load(vars(arguments), os.environ).settings)
        found = [msgspec.to_builtins(one) for one in manager.listing()]
    if arguments.json:
        for one in found:
            print(msgspec.json.encode(one).decode())
        return Exit.DONE
    head: tuple[str, ...] = ("NAME", "STATE", "WHERE", "WHAT FOR")
    rows: list[tuple[str, ...]] = [
        (one["name"], one["state"], one["where"], one["description"]) for one in found
    ]
    if url:
        head = (*head[:2], "BREAKER", "CALLS", "FAILED", "LAST FAILURE")
        rows = [(one["name"], one["state"], *_health(one)) for one in found]
    print_table(head, rows)
    return Exit.DONE


def _health(plugin: dict[str, Any]) -> tuple[str, str, str, str]:
    health = plugin["health"]
    refused = plugin.get("reload_error")
    if health is None:
        return ("-", "-", "-", plugin["description"] if plugin["state"] == "problem" else "-")
    return (
        health["state"],
        str(health["calls"]),
        str(health["failures"]),
        f"the new version failed: {refused}; the previous one still runs"
        if refused
        else health["last_error"] or _in_browser(health["last_browser_error"]),
    )


def _in_browser(error: str | None) -> str:
    return "-" if error is None else f"in a browser: {error}"


_SWITCHED = {"on": "is on", "off": "is off", "reload": "was loaded anew"}


def switch(arguments: Namespace) -> int:
    """Switches a plugin of a running server on or off, or loads it anew."""
    state = arguments.command.removeprefix("plugins ")
    running_server(arguments).switch_plugin(arguments.name, state)
    print(f"The plugin {arguments.name} {_SWITCHED[state]}.")
    return Exit.DONE


def show(arguments: Namespace) -> int:
    """What one plugin is for, what can be set, and what it does."""
    manager = load_plugins(load(vars(arguments), os.environ).settings)
    name = arguments.name
    loaded = manager.loaded.get(name)
    if loaded is not None:
        for line in _described(manager, loaded):
            print(line)
        return Exit.DONE
    for one in manager.listing():
        if one.name == name:
            end = "" if one.description.endswith((".", "?")) else "."
            raise Failure(f"The plugin {name} ({one.where}) can't be shown: {one.description}{end}")
    names = ", ".join(one.name for one in manager.listing())
    raise Failure(f"There is no plugin {name}; there are: {names}.", Exit.MISSING)


def _described(manager: PluginManager, loaded: Loaded) -> list[str]:
    name, offered = loaded.found.name, loaded.offered
    lines = [
        f"{name}: {purpose(type(loaded.plugin))}",
        f"from {loaded.found.where}, for version {loaded.plugin.api} of the interface",
        "",
        "Settings",
    ]
    settings = describe(settings_type(type(loaded.plugin)))
    for key, what in settings.items():
        now = getattr(loaded.plugin.settings, key, what["default"])
        default = "has to be set" if what["required"] else f"default {what['default']!r}"
        shown = HIDDEN if now and SECRET.search(key) else repr(now)
        lines.append(f"  plugins.{name}.{key} = {shown}")
        lines.append(f"      {what['description']} {what['allowed']}; {default}".rstrip())
    lines += [] if settings else ["  none"]
    for title, found in (
        ("Hooks", [f"{hook}: {_told(hook)}" for hook in manager.loader.registry.hooks(name)]),
        ("Routes", [f"{route.method} {route.path}" for route in offered.routes]),
        ("Commands", [f"collab {one.name}: {one.help}" for one in offered.commands]),
        ("Imports", [f"{one.name}: {one.title} (.{one.extension})" for one in offered.importers]),
        ("Exports", [f"{one.name}: {one.title} (.{one.extension})" for one in offered.exporters]),
        ("Document types", [one.name for one in offered.document_types]),
        ("Migrations of its own tables", _steps(loaded)),
        ("Browser half", _half(loaded)),
    ):
        if found:
            lines += ["", title, *(f"  {line}" for line in found)]
    if loaded.folder is not None and (loaded.folder / "README.md").is_file():
        lines += ["", f"More in {loaded.folder / 'README.md'}"]
    return lines


def _told(hook: str) -> str:
    """What a hook is for, in a line, as a person reads it."""
    return HOOKS[hook].documentation.splitlines()[0].replace("``", "`")


def _steps(loaded: Loaded) -> list[str]:
    folder = loaded.subfolder("migrations")
    return [] if folder is None else [str(path) for path in sorted(folder.glob("*.py"))]


def _half(loaded: Loaded) -> list[str]:
    static = None if loaded.folder is None else loaded.folder / "static"
    if static is None or not static.is_dir():
        return []
    names = (f"{loaded.found.name}.{kind}" for kind in ("js", "css"))
    return [str(static / name) for name in names if (static / name).is_file()]


def new(arguments: Namespace) -> int:
    """Makes a plugin's folder or package, with a browser half, a README and a test that passes."""
    name, package = arguments.name, arguments.package
    try:
        check_name(name)
    except Unusable as error:
        raise Failure(f"{name!r} is no name: {error}.", Exit.USAGE) from error
    if keyword.iskeyword(name):
        raise Failure(f"{name!r} is a word of Python's own.", Exit.USAGE)
    bundled = any(one.name == name for one in find(None, ())[0])
    if package and bundled:
        raise Failure(
            f"There is a bundled plugin {name}, which only a folder can take the place of:"
            " choose another name.",
            Exit.USAGE,
        )
    folder = Path(arguments.into) / (project_name(name) if package else name)
    try:
        folder.mkdir(parents=True)
        for path, text in files(name, package=package).items():
            file = folder / path
            file.parent.mkdir(parents=True, exist_ok=True)
            file.write_text(text, encoding="utf-8")
    except FileExistsError:
        raise Failure(f"{folder} is there already.") from None
    except OSError as error:
        raise Failure(f"{folder} can't be made: {error.strerror}.") from None
    if bundled:
        print(f"There is a bundled plugin {name}: this one takes its place.")
    print(f"Made {folder}. Try it:")
    if package:
        print(f'  pip install -e "{folder}[test]"')
        print("  collab serve")
    else:
        print(f"  collab serve --plugins-dir {arguments.into}")
        print("  pip install pytest pytest-asyncio")
    print(f"  pytest {folder}")
    return Exit.DONE
