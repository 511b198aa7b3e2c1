"""Who people are, by a login in front of the server, and what guests may do."""

from __future__ import annotations

import hashlib
from typing import Annotated, Literal

from msgspec import Meta, Struct

from collab import Contribution, Plugin, Request, User, hookimpl
from collab.plugins.access import Action
from collab.plugins.document import Document

COLORS = ("#c2185b", "#512da8", "#1565c0", "#00697a", "#2e7d32", "#8d5a00", "#bf360c", "#6d4c41")
MEMBER = "member:"
"""What the ids of members begin with."""


class Members(Plugin):
    """Take people's names from a login in front of the server, and say what guests may do."""

    api = 1

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        header: Annotated[
            str | None,
            Meta(description="The header in which the proxy that has a login writes the name."),
        ] = None
        proxies: Annotated[
            tuple[str, ...],
            Meta(description="The addresses of that proxy; unix stands for a unix socket."),
        ] = ("127.0.0.1", "::1", "unix")
        guests: Annotated[
            Literal["write", "read", "nothing"],
            Meta(description="What may be done by who is not logged in."),
        ] = "write"
        operators: Annotated[
            tuple[str, ...], Meta(description="Names of members who may switch plugins.")
        ] = ()
        logout: Annotated[
            str | None, Meta(description="An address that logs out, for a link on every page.")
        ] = None

    settings: Settings

    def wants(self, hook: str) -> bool:
        settings = self.settings
        match hook:
            case "authenticate":
                return settings.header is not None
            case "authorize":
                return settings.guests != "write" or bool(settings.operators)
            case _:
                return settings.logout is not None

    @hookimpl
    def authenticate(self, request: Request) -> User | None:
        assert self.settings.header is not None
        name = request.headers.get(self.settings.header, "").strip()[:64]
        # Anybody can write a header; only the proxy's is believed.
        if not name or request.neighbour not in self.settings.proxies:
            return None
        number = hashlib.sha256(name.encode()).digest()[0]
        return User(MEMBER + name, name, COLORS[number % len(COLORS)])

    @hookimpl
    def authorize(self, user: User, action: Action, document: Document | None) -> bool | None:
        if action == "administer":
            named = user.id.startswith(MEMBER) and user.name in self.settings.operators
            return True if named else None
        if not user.id.startswith("guest:") or self.settings.guests == "write":
            return None
        return False if self.settings.guests == "nothing" or action != "read" else None

    @hookimpl
    def page_contributions(self) -> Contribution:
        return Contribution(links=[(self.settings.logout or "", "Log out")])
