"""Who sends a request, and who may do what: what plugins are shown and asked."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal, get_args

from collab.protocol import errors
from collab.protocol.errors import CollabError

Action = Literal["read", "write", "create", "rename", "delete", "administer"]
"""What `authorize` is asked about. ``create`` and ``administer`` are about no document."""

ACTIONS: tuple[Action, ...] = get_args(Action)


@dataclass(frozen=True, slots=True)
class Request:
    """An HTTP request as ``authenticate`` sees it: nothing here can be changed."""

    method: str
    path: str
    """From the application's root, decoded, without the query."""
    query: Mapping[str, str]
    headers: Mapping[str, str]
    """Their names in any case."""
    cookies: Mapping[str, str]
    remote: str
    """The visitor's address, trusted proxies taken away; ``unix`` for a unix socket."""
    neighbour: str
    """The address at the other end of the connection: of the nearest proxy, if there is one."""
    secure: bool
    """Whether it came over HTTPS."""

    def header(self, name: str) -> str | None:
        """The value of a header that comes once, for what is believed; None without it.

        Raises `CollabError` (``forbidden``) when it comes more than once: the visitor may have
        sent one and the proxy in front have added another, and nobody can tell which is whose.
        """
        wanted = name.lower()
        # Of several values the mapping itself gives the first.
        values = [value for key, value in self.headers.items() if key.lower() == wanted]
        if len(values) > 1:
            raise CollabError(
                errors.FORBIDDEN,
                f"The header {name} came {len(values)} times: a proxy in front of the server has"
                " to take it out of what visitors send before it writes its own.",
            )
        return values[0] if values else None
