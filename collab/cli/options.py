"""Every setting with its name in each place where it may be given.

Read from the structures in `collab.protocol.settings`, so that a setting that is added there has
its flag, its variable, its line in the reference and its error message at once.
"""

from __future__ import annotations

import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
from msgspec import NODEFAULT, Meta, inspect

from collab.protocol.settings import Settings
from collab.web.origin import parse_origin
from collab.web.proxies import Trust, clean_prefix

ENVIRONMENT = "COLLAB_"
LEAST_TOKEN = 16
"""Characters a script's token has at least."""

_TOKEN = re.compile(r"[!-~]+")
_TOKEN_NAME = re.compile(r"[A-Za-z0-9_.-]{1,64}")


class ServerSettings(Settings, forbid_unknown_fields=True, frozen=True, kw_only=True):
    """What a server process needs besides the settings of the application."""

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"],
        Meta(description="The least important messages that are written to the log."),
    ] = "info"


@dataclass(frozen=True, slots=True)
class Option:
    """A setting. For a table, ``path`` is followed by a name of the operator's choice."""

    path: tuple[str, ...]
    type: inspect.Type
    description: str
    default: Any

    @property
    def key(self) -> str:
        """Its name in the TOML file and in messages: ``limits.rate``."""
        return ".".join(self.path)

    @property
    def variable(self) -> str:
        """Its name in the environment: ``COLLAB_LIMITS__RATE``."""
        return ENVIRONMENT + "__".join(self.path).upper()

    @property
    def flag(self) -> str | None:
        """Its name on the command line; None when it has to be given as ``--set KEY=VALUE``."""
        if len(self.path) > 1 or self.is_table:
            return None
        return "--" + self.path[0].replace("_", "-")

    @property
    def names(self) -> tuple[str, ...]:
        """What follows ``path`` in a table: words that stand for the operator's own."""
        return ("NAME", "SETTING")[: self.depth]

    @property
    def is_table(self) -> bool:
        return isinstance(self.type, inspect.DictType)

    @property
    def is_list(self) -> bool:
        return isinstance(self.type, inspect.VarTupleType)

    @property
    def is_switch(self) -> bool:
        return isinstance(self.type, inspect.BoolType)

    @property
    def is_path(self) -> bool:
        return any(isinstance(kind, inspect.CustomType) for kind in _kinds(self.type))

    @property
    def depth(self) -> int:
        """How many names follow ``path`` in a table: one for tokens, two for plugins."""
        return 0 if not self.is_table else 1 + isinstance(self._value, inspect.DictType)

    @property
    def _value(self) -> inspect.Type:
        assert isinstance(self.type, inspect.DictType)
        return self.type.value_type

    @property
    def allowed(self) -> str:
        """What it has to be, in words that follow "has to be"."""
        return _ALLOWED.get(self.path[0]) or _in_words(self.type)

    def from_text(self, text: str) -> Any:
        """A value from the command line or the environment. Raises ValueError."""
        if self.is_table:
            return text if self.depth == 1 else _literal(text)
        if self.is_list:
            return self.check([part.strip() for part in text.split(",") if part.strip()])
        kinds = _kinds(self.type)
        literal = inspect.IntType | inspect.FloatType | inspect.BoolType
        if any(isinstance(kind, literal) for kind in kinds):
            return self.check(_literal(text))
        return self.check(text)

    def check(self, value: Any, folder: Path | None = None) -> Any:
        """``value`` as this setting's type; a relative path counts from ``folder``.

        Raises ValueError; its text says what is wrong when that is more than `allowed` says.
        """
        if any("\0" in text for text in _texts(value)):
            raise ValueError
        if self.is_table:
            return value
        for kind in _kinds(self.type):
            converted = _convert(kind, value)
            if converted is not None:
                if isinstance(converted, Path):
                    converted = converted.expanduser()
                    converted = converted if folder is None else folder / converted
                check = _CHECKS.get(self.path[0])
                return check(converted) if check is not None else converted
        raise ValueError


def _kinds(type: inspect.Type) -> list[inspect.Type]:
    types = type.types if isinstance(type, inspect.UnionType) else (type,)
    return [one for one in types if not isinstance(one, inspect.NoneType)]


def _texts(value: Any) -> list[str]:
    if isinstance(value, str):
        return [value]
    return [one for one in value if isinstance(one, str)] if isinstance(value, list) else []


def _literal(text: str) -> Any:
    """A number or a truth value when ``text`` is one in JSON, else the text itself."""
    try:
        return msgspec.json.decode(text)
    except msgspec.DecodeError:
        return text


def _convert(kind: inspect.Type, value: Any) -> Any:
    """``value`` when it is of this kind, else None. A whole number is a number too."""
    match kind:
        case inspect.IntType():
            fits = type(value) is int and _within(kind, value)
        case inspect.FloatType():
            fits = type(value) in (int, float) and math.isfinite(value) and _within(kind, value)
            return float(value) if fits else None
        case inspect.BoolType():
            fits = type(value) is bool
        case inspect.LiteralType():
            fits = value in kind.values
        case inspect.VarTupleType():
            fits = isinstance(value, list) and all(isinstance(one, str) for one in value)
            return tuple(value) if fits else None
        case inspect.CustomType():
            return Path(value) if isinstance(value, str) and value else None
        case _:
            fits = isinstance(value, str)
    return value if fits else None


def _within(kind: inspect.IntType | inspect.FloatType, value: float) -> bool:
    return (
        (kind.gt is None or value > kind.gt)
        and (kind.ge is None or value >= kind.ge)
        and (kind.le is None or value <= kind.le)
    )


def _in_words(type: inspect.Type) -> str:
    kind = _kinds(type)[0]
    match kind:
        case inspect.IntType() | inspect.FloatType():
            number = "a whole number" if isinstance(kind, inspect.IntType) else "a number"
            if kind.le is not None:
                return f"{number} from {kind.ge} to {kind.le}"
            return f"{number} above {kind.gt}"
        case inspect.BoolType():
            return "true or false"
        case inspect.LiteralType():
            *others, last = map(str, kind.values)
            return f"{', '.join(others)} or {last}"
        case inspect.VarTupleType():
            return "a list of texts"
        case inspect.CustomType():
            return "a path"
        case _:
            return "a text"


_ALLOWED = {
    "host": "an address or a name of this machine, such as 127.0.0.1 or ::",
    "base_path": "a path such as /team/docs",
    "database": "a URL such as sqlite:///file.db",
    "plugins_dir": "a folder that exists",
    "templates_dir": "a folder that exists",
    "plugins_on": "a list of names, or *",
    "plugins_off": "a list of names",
    "trusted_proxies": "a list of networks such as 10.0.0.0/8, and perhaps the word unix",
    "allowed_origins": "a list of origins such as https://docs.example:8443",
    "plugins": "what the plugin's own settings allow",
    "tokens": f"at least {LEAST_TOKEN} printable ASCII characters without a space",
}


def _check_host(host: str) -> str:
    if not re.fullmatch(r"[A-Za-z0-9_.:%-]+", host):
        raise ValueError
    return host


def _check_database(url: str) -> str:
    if "://" not in url:
        raise ValueError
    return url


def _check_folder(folder: Path) -> Path:
    if not folder.is_dir():
        raise ValueError
    return folder


def _check_proxies(networks: tuple[str, ...]) -> tuple[str, ...]:
    Trust(networks)
    return networks


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    for origin in origins:
        parse_origin(origin)
    return origins


_CHECKS: Mapping[str, Callable[[Any], Any]] = {
    "host": _check_host,
    "base_path": clean_prefix,
    "database": _check_database,
    "plugins_dir": _check_folder,
    "templates_dir": _check_folder,
    "trusted_proxies": _check_proxies,
    "allowed_origins": _check_origins,
}
"""What the type does not say. Each returns the value, or raises ValueError with what is wrong."""


def check_token(name: str, token: Any) -> str:
    """A script's token. Raises ValueError when it can't be one or is too easily guessed."""
    if not _TOKEN_NAME.fullmatch(name):
        raise ValueError("a script's name has letters, digits, '-', '_' and '.' only")
    if not isinstance(token, str) or len(token) < LEAST_TOKEN or not _TOKEN.fullmatch(token):
        raise ValueError
    return token


def _read(path: tuple[str, ...], fields: tuple[inspect.Field, ...]) -> list[Option]:
    options = []
    for field in fields:
        kind, description = field.type, ""
        while isinstance(kind, inspect.Metadata):
            description = (kind.extra_json_schema or {}).get("description", description)
            kind = kind.type
        here = (*path, field.name)
        if isinstance(kind, inspect.StructType):
            options += _read(here, kind.fields)
            continue
        default = field.default
        if default is NODEFAULT and field.default_factory is not NODEFAULT:
            default = field.default_factory()
        options.append(Option(here, kind, description, default))
    return options


def _all() -> tuple[Option, ...]:
    described = inspect.type_info(ServerSettings)
    assert isinstance(described, inspect.StructType)
    return tuple(_read((), described.fields))


OPTIONS = _all()
"""Every setting, in the order of the structures."""
