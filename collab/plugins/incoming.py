"""What browser halves send, checked against what the plugin says that it understands."""

from __future__ import annotations

from typing import Any

import msgspec

from collab.plugins.base import Plugin
from collab.plugins.discovery import Unusable
from collab.plugins.guard import HARMLESS, HARMLESS_AT_ONCE, describe
from collab.plugins.raised import text_of
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.rooms.port import Session

PROBLEM_LENGTH = 300
"""Characters of what is wrong with a message that its sender is told."""


def check_message(plugin: type[Plugin]) -> None:
    """Look whether the plugin's ``Message`` can be checked at all. Raises `Unusable`."""
    if plugin.Message is None:
        return
    try:
        msgspec.json.schema(plugin.Message)
    except HARMLESS as error:
        raise Unusable(
            "its Message has to be a msgspec.Struct, or a union of Structs with a tag each:"
            f" {describe(error)}"
        ) from error


def understood(plugin: Plugin, session: Session, data: Any) -> Any:
    """A message as the plugin's hook gets it. Raises `CollabError` BAD_MESSAGE."""
    if plugin.Message is None:
        return data
    try:
        return msgspec.convert(data, plugin.Message, str_keys=True)
    except HARMLESS_AT_ONCE as error:  # whatever a check of the plugin's own makes of it
        problem = text_of(error, PROBLEM_LENGTH)
        plugin.log.warning("message from session %s ignored: %s", session.id, problem)
        raise CollabError(
            errors.BAD_MESSAGE,
            f"The plugin {plugin.name} does not understand that message: {problem}",
        ) from error
