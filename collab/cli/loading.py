"""Settings from the command line, the environment and a TOML file, in this order of weight.

Nothing is guessed: a value that does not fit and a name that is not known end the start with a
sentence that says where it stands and what is allowed.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from collab.cli.failure import Exit, Failure
from collab.cli.options import ENVIRONMENT, OPTIONS, Option, ServerSettings, check_token
from collab.protocol.settings import Limits

DEFAULT = "the default"
FILE = Path("collab.toml")
"""Read from the working folder when no other file is named."""

NOT_SETTINGS = frozenset({"CONFIG", "URL", "TOKEN"})
"""Variables that start like ours and are read elsewhere."""

_NEAR = 0.75
_BY_PATH = {option.path: option for option in OPTIONS}
_TABLES = {option.path[0]: option for option in OPTIONS if option.is_table}


@dataclass(frozen=True, slots=True)
class Loaded:
    """The settings, and for each that was given (``limits.rate``) in words where that was."""

    settings: ServerSettings
    sources: Mapping[str, str]
    warnings: Sequence[str] = ()

    def source(self, key: str) -> str:
        return self.sources.get(key, DEFAULT)


@dataclass(slots=True)
class _Collected:
    """Values by the setting's key, the weightiest last, and what is wrong so far."""

    values: dict[tuple[str, ...], Any] = field(default_factory=dict)
    sources: dict[str, str] = field(default_factory=dict)
    wrong: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)

    def take(self, option: Option, path: tuple[str, ...], source: str, value: Any) -> None:
        """Check a value given in the file: already typed, with paths relative to it."""
        self._keep(option, path, source, value, lambda: option.check(value, Path(source).parent))

    def take_text(self, option: Option, path: tuple[str, ...], source: str, text: str) -> None:
        """Check a value given as text."""
        self._keep(option, path, source, text, lambda: option.from_text(text))

    def _keep(
        self, option: Option, path: tuple[str, ...], source: str, raw: Any, read: Callable[[], Any]
    ) -> None:
        key = ".".join(path)
        try:
            value = read()
            if path[0] == "tokens":
                value = check_token(path[1], value)
        except ValueError as error:
            why = f": {error}" if str(error) else ""
            shown = "not usable" if path[0] == "tokens" else repr(raw)
            self.wrong.append(f"{key} is {shown} in {source}, but has to be {option.allowed}{why}.")
            return
        self.values[path] = value
        self.sources[key] = source


def load(
    arguments: Mapping[str, Any], environment: Mapping[str, str], folder: Path | None = None
) -> Loaded:
    """Put the settings together.

    ``arguments`` are the flags that were given, by the setting's name (a text, or a list of
    texts), with ``config``, ``token`` (texts NAME=TOKEN) and ``set`` (texts KEY=VALUE).
    Raises `Failure` (usage) that names everything that is wrong, a line for each.
    """
    collected = _Collected()
    config = arguments.get("config") or environment.get(ENVIRONMENT + "CONFIG")
    _read_file(collected, config, folder or Path())
    _read_environment(collected, environment)
    _read_arguments(collected, arguments)
    settings = _build(collected)
    if collected.wrong:
        raise Failure("\n".join(collected.wrong), Exit.USAGE)
    return Loaded(settings, collected.sources, collected.warnings)


def _build(collected: _Collected) -> ServerSettings:
    given: dict[str, Any] = {}
    for path, value in collected.values.items():
        table = given
        for part in path[:-1]:
            table = table.setdefault(part, {})
        table[path[-1]] = value
    tokens = list(given.get("tokens", {}).values())
    if len(tokens) != len(set(tokens)):
        collected.wrong.append("tokens has the same token for two scripts; each needs its own.")
    return ServerSettings(**{**given, "limits": Limits(**given.get("limits", {}))})


def _read_file(collected: _Collected, config: str | None, folder: Path) -> None:
    path = Path(config).expanduser() if config else folder / FILE
    if config is None and not path.exists():
        return
    try:
        document = tomllib.loads(path.read_text("utf-8-sig"))
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise Failure(f"{path} is not valid TOML: {error}.", Exit.USAGE) from None
    except OSError as error:
        raise Failure(f"{path} can't be read: {error.strerror}.", Exit.USAGE) from None
    for keys, value in _leaves(document):
        option = _find(keys)
        if option is None:
            collected.wrong.append(_unknown(keys, str(path)))
        elif len(keys) != len(option.path) + option.depth:
            collected.wrong.append(f"{option.key} in {path} has to be {_shape(option)}.")
        else:
            collected.take(option, keys, str(path), value)


def _leaves(table: Mapping[str, Any], path: tuple[str, ...] = ()) -> Iterator[tuple[Any, Any]]:
    """Every value with the names that lead to it, no deeper than a setting goes."""
    for name, value in table.items():
        here = (*path, name)
        option = _find(here)
        whole = option is not None and len(here) == len(option.path) + option.depth
        if isinstance(value, dict) and not whole:
            yield from _leaves(value, here)
        else:
            yield here, value


def _read_environment(collected: _Collected, environment: Mapping[str, str]) -> None:
    for variable, text in sorted(environment.items()):
        if not variable.startswith(ENVIRONMENT) or not text:
            continue
        name = variable[len(ENVIRONMENT) :]
        if name in NOT_SETTINGS:
            continue
        source = f"the environment ({variable})"
        path = tuple(part.lower() for part in name.split("__"))
        option = _find(path)
        if option is not None and len(path) == len(option.path) + option.depth:
            collected.take_text(option, path, source, text)
        elif option is not None:
            collected.wrong.append(
                f"{variable} has to be {_shape(option)}: {option.variable}__"
                f"{'__'.join(option.names)}."
                if option.is_table
                else f"{variable} is not a setting; {option.variable} is."
            )
        elif near := _nearest(name, [option.variable[len(ENVIRONMENT) :] for option in OPTIONS]):
            meant = ENVIRONMENT + near
            collected.wrong.append(f"{variable} is no setting; perhaps {meant} is meant.")
        else:
            # Somebody else's may begin like ours: Kubernetes makes COLLAB_SERVICE_HOST.
            collected.warnings.append(f"{variable} is no setting, and nothing reads it.")


def _read_arguments(collected: _Collected, arguments: Mapping[str, Any]) -> None:
    for option in OPTIONS:
        given = arguments.get(option.path[0]) if option.flag is not None else None
        if given is not None:
            text = given if isinstance(given, str) else ",".join(given)
            collected.take_text(option, option.path, f"the command line ({option.flag})", text)
    for text in arguments.get("token") or ():
        name, equals, token = text.partition("=")
        if not equals:
            collected.wrong.append("--token has to be written as --token NAME=TOKEN.")
            continue
        option = _TABLES["tokens"]
        collected.take_text(option, ("tokens", name), "the command line (--token)", token)
    for text in arguments.get("set") or ():
        key, equals, value = text.partition("=")
        keys = tuple(key.strip().split("."))
        found = _find(keys)
        if not equals:
            collected.wrong.append("--set has to be written as --set KEY=VALUE.")
        elif found is None:
            collected.wrong.append(_unknown(keys, "the command line (--set)"))
        elif len(keys) != len(found.path) + found.depth:
            collected.wrong.append(f"{found.key} in --set has to be {_shape(found)}.")
        else:
            collected.take_text(found, keys, "the command line (--set)", value)


def _find(path: tuple[str, ...]) -> Option | None:
    """The setting that ``path`` leads to or into."""
    return _BY_PATH.get(path) or _TABLES.get(path[0])


def _shape(option: Option) -> str:
    """What a setting looks like that was given too deep or not deep enough."""
    if option.depth == 2:
        return "a table of settings for each plugin"
    return "a table of names and tokens" if option.depth == 1 else option.allowed


def _nearest(name: str, names: Sequence[str]) -> str | None:
    near = difflib.get_close_matches(name, names, 1, _NEAR)
    return near[0] if near else None


def _unknown(path: tuple[str, ...], source: str) -> str:
    key = ".".join(path)
    if any(option.path[: len(path)] == path for option in OPTIONS):
        return f"{key} in {source} has to be a table of settings."
    by_name = {option.path[-1]: option.key for option in OPTIONS}
    near = _nearest(key, [option.key for option in OPTIONS])
    near = near or by_name.get(_nearest(path[-1], list(by_name)) or "")
    hint = f"; perhaps {near} is meant" if near else ""
    return f"{key} in {source} is no setting{hint}."
