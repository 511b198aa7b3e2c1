"""Who people are, by a login in front of the server, and what guests may do."""

from __future__ import annotations

import hashlib
from functools import cached_property
from typing import Annotated, Literal

from aiohttp import web
from msgspec import Meta, Struct

from collab import CollabError, Contribution, Plugin, Request, User, hookimpl
from collab.plugins.access import Action
from collab.plugins.document import Document
from collab.plugins.routes import RouteLike
from collab.protocol.errors import FORBIDDEN
from collab.protocol.messages import USER_LENGTH, WRITTEN
from collab.protocol.networks import Networks

from .rights import STRICT, May, Rights

Header = Literal[
    "Remote-User",
    "X-Remote-User",
    "X-Forwarded-User",
    "X-Auth-Request-User",
    "X-Authentik-Username",
    "X-WebAuth-User",
]
"""The headers that logins in use write the name into. There are no others to choose from: every
configuration in ``deploy/`` takes these out of what visitors send."""

COLORS = ("#c2185b", "#512da8", "#1565c0", "#00697a", "#2e7d32", "#8d5a00", "#bf360c", "#6d4c41")
MEMBER = "member:"
"""What the ids of members begin with."""

NAME_LENGTH = USER_LENGTH - len(MEMBER)
"""Characters in a member's name at most: all of it is in the id."""


class Guests(Struct, forbid_unknown_fields=True):
    """What guests may do in one document."""

    guests: May


class Members(Plugin):
    """Take people's names from a login in front of the server, and say what guests may do."""

    api = 1

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        header: Annotated[
            Header | None,
            Meta(description="The header in which the proxy that has a login writes the name."),
        ] = None
        proxies: Annotated[
            tuple[str, ...],
            Meta(
                description="The networks of that proxy, which the connection itself comes from;"
                " unix stands for the unix socket."
            ),
        ] = ("unix",)
        guests: Annotated[
            May,
            Meta(description="What may be done by who is not logged in."),
        ] = "write"
        operators: Annotated[
            tuple[str, ...], Meta(description="Names of members who may switch plugins.")
        ] = ()
        logout: Annotated[
            str | None, Meta(description="An address that logs out, for a link on every page.")
        ] = None

        def __post_init__(self) -> None:
            where = "the setting plugins.members.proxies"
            try:
                networks = Networks(self.proxies)
            except ValueError as error:
                raise ValueError(f"{where}: {error}") from error
            if networks.everybody:
                raise ValueError(f"{where} names every address: anybody could write the header")
            if self.header is not None and not self.proxies:
                raise ValueError(f"{where} is empty: nobody's header would be believed")

    settings: Settings

    def __init__(self) -> None:
        self._rights: Rights | None = None

    @property
    def rights(self) -> Rights:
        """Raises RuntimeError before they are known: nobody gets in who might not be let in."""
        if self._rights is None:
            raise RuntimeError("It is not known yet which documents are closed to guests.")
        return self._rights

    @cached_property
    def proxies(self) -> Networks:
        """Whose header is believed."""
        return Networks(self.settings.proxies)

    @cached_property
    def operators(self) -> frozenset[str]:
        """Their ids."""
        return frozenset(MEMBER + name for name in self.settings.operators)

    def wants(self, hook: str) -> bool:
        settings = self.settings
        match hook:
            case "authenticate":
                return settings.header is not None
            case "page_contributions":
                return settings.logout is not None
            case _:
                # Where nobody is more than a guest there is nobody to close a document for.
                named = settings.header is not None or bool(settings.operators)
                return named or settings.guests != "write"

    @hookimpl
    async def server_started(self) -> None:
        rights = Rights(self.state)
        await rights.move()
        self._rights = rights

    @hookimpl
    def authenticate(self, request: Request) -> User | None:
        assert self.settings.header is not None
        # Anybody can write a header; only the proxy's is believed.
        if request.neighbour not in self.proxies:
            return None
        name = (request.header(self.settings.header) or "").strip()
        if not name:
            return None
        # Never a part of it: two people would be one.
        if len(name) > NAME_LENGTH or not WRITTEN.fullmatch(name):
            raise CollabError(
                FORBIDDEN,
                f"The login's name for you can't be used here: it has to be UTF-8, and at most"
                f" {NAME_LENGTH} characters long.",
            )
        number = hashlib.sha256(name.encode()).digest()[0]
        return User(MEMBER + name, name, COLORS[number % len(COLORS)])

    @hookimpl
    async def authorize(
        self, user: User, action: Action, document: Document | None
    ) -> bool | None:
        if action == "administer":
            return True if user.id in self.operators else None
        if not user.id.startswith("guest:"):
            return None
        guests = await self.guests(document)
        if guests == "write":
            return None
        return False if guests == "nothing" or action != "read" else None

    async def guests(self, document: Document | None) -> May:
        """What guests may do in a document: the stricter of what holds there and everywhere."""
        rights = self.rights
        here = await rights.of(document) if document is not None else STRICT[0]
        return max(here, self.settings.guests, key=STRICT.index)

    @hookimpl
    def routes(self) -> list[RouteLike]:
        return [("GET", "/documents/{id}", self.show), ("PUT", "/documents/{id}", self.change)]

    async def show(self, request: web.Request) -> web.Response:
        """Tell an operator what guests may do in a document."""
        document = await self.admitted(request)
        return web.json_response({"guests": await self.guests(document)})

    async def change(self, request: web.Request) -> web.Response:
        """Let an operator close a document to guests, or open it again, while people write."""
        document = await self.admitted(request)
        wanted = await self.body(request, Guests)
        await self.rights.change(document, wanted.guests)
        # Who has it open now may do less or more from here on.
        changed = await self.server.reconsider(document=document.id)
        return web.json_response({"guests": await self.guests(document), "changed": changed})

    async def admitted(self, request: web.Request) -> Document:
        """The document that a request of an operator is about. Raises `CollabError`."""
        await self.allowed(request, "administer")
        # Not whether they may read it: it might be themselves who are kept out.
        async with self.server.document(request.match_info["id"]) as document:
            return document

    @hookimpl
    def page_contributions(self) -> Contribution:
        return Contribution(links=[(self.settings.logout or "", "Log out")])
