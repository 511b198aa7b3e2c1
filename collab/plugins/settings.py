"""Typed settings of plugins: read from the operator's tables, a wrong one named in a sentence."""

from __future__ import annotations

from typing import Any, get_type_hints

import msgspec
from msgspec import Struct


class WrongSettings(ValueError):
    """A plugin's settings can't be used: the server does not start."""


class NoSettings(Struct, forbid_unknown_fields=True, frozen=True):
    """A plugin that declares none takes none."""


def read(plugin: str, declared: type[Struct], table: Any) -> Struct:
    """A plugin's settings from its table. Raises `WrongSettings`."""
    where = f"plugins.{plugin}"
    if not isinstance(table, dict):
        raise WrongSettings(f"{where} has to be a table of settings, not {table!r}.")
    known = describe(declared)
    for key in table:
        if key not in known:
            takes = ", ".join(known) or "none"
            raise WrongSettings(
                f"Plugin {plugin} has no setting {key!r} ({where}.{key}); it takes: {takes}."
            )
    for key, what in known.items():
        if what["required"] and key not in table:
            raise WrongSettings(
                f"Plugin {plugin} needs the setting {where}.{key}: {what['allowed']}."
            )
    for key, value in table.items():
        # One by one, so that the message can say which and what is allowed there.
        alone = msgspec.defstruct("Alone", [(key, known[key]["annotation"])])
        try:
            msgspec.convert({key: value}, alone, strict=False)
        except msgspec.ValidationError as error:
            what = known[key]
            about = f" {what['description']}" if what["description"] else ""
            raise WrongSettings(
                f"{where}.{key} is {value!r}, but has to be {what['allowed']}"
                f" ({str(error).split(' - at ')[0]}).{about}"
            ) from error
    try:
        return msgspec.convert(table, declared, strict=False)
    except msgspec.ValidationError as error:
        # The plugin's own __post_init__ looks at several settings together.
        raise WrongSettings(f"{where}: {error}") from error


def describe(declared: type[Struct]) -> dict[str, dict[str, Any]]:
    """The settings a plugin declares: name → description, allowed values, default."""
    hints = _annotations(declared)
    described: dict[str, dict[str, Any]] = {}
    for field in msgspec.structs.fields(declared):
        annotation = hints[field.name]
        (schema,), components = msgspec.json.schema_components([annotation])
        described[field.encode_name] = {
            "annotation": annotation,
            "description": schema.get("description", ""),
            "allowed": _allowed(schema, components),
            "required": field.required,
            "default": _default(field),
        }
    return described


def _annotations(declared: type[Struct]) -> dict[str, Any]:
    return get_type_hints(declared, include_extras=True)


def _default(field: msgspec.structs.FieldInfo) -> Any:
    if field.default_factory is not msgspec.NODEFAULT:
        return field.default_factory()
    return None if field.default is msgspec.NODEFAULT else field.default


_TYPES = {
    "integer": "a whole number",
    "number": "a number",
    "string": "a text",
    "boolean": "true or false",
    "array": "a list",
    "object": "a table",
    "null": "null",
}

_BOUNDS = {
    "minimum": "at least {}",
    "exclusiveMinimum": "more than {}",
    "maximum": "at most {}",
    "exclusiveMaximum": "less than {}",
    "multipleOf": "a multiple of {}",
    "minLength": "of at least {} characters",
    "maxLength": "of at most {} characters",
    "pattern": "matching {}",
    "minItems": "of at least {} items",
    "maxItems": "of at most {} items",
}


def _allowed(schema: dict[str, Any], components: dict[str, Any]) -> str:
    """A JSON schema in words."""
    if "$ref" in schema:
        return _allowed(components[schema["$ref"].rpartition("/")[2]], components)
    if "anyOf" in schema:
        return " or ".join(_allowed(one, components) for one in schema["anyOf"])
    if "enum" in schema:
        return "one of " + ", ".join(repr(one) for one in schema["enum"])
    words = _TYPES.get(schema.get("type", ""), "a value")
    if schema.get("type") == "array" and isinstance(schema.get("items"), dict):
        words += f" (each {_allowed(schema['items'], components)})"
    bounds = [text.format(schema[key]) for key, text in _BOUNDS.items() if key in schema]
    return f"{words}, {' and '.join(bounds)}" if bounds else words
