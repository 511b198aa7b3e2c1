"""Bounds on how fast documents are edited: for each person, and for each document."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from typing import Annotated

from msgspec import Meta, Struct

from collab import Plugin, TokenBuckets, Veto, hookimpl
from collab.plugins.document import Document
from collab.rooms.port import Session

Rate = Annotated[float, Meta(ge=0)]
Burst = Annotated[int, Meta(ge=1)]


class RateLimit(Plugin):
    """Keep one person, or one document, from taking up the whole server."""

    class Settings(Struct, forbid_unknown_fields=True, frozen=True):
        user_rate: Annotated[
            Rate, Meta(description="Edits per second one user may make for long; 0: any number.")
        ] = 0
        user_burst: Annotated[
            Burst, Meta(description="Edits that one user may make at once.")
        ] = 100
        document_rate: Annotated[
            Rate,
            Meta(description="Edits per second one document takes for long; 0: any number."),
        ] = 0
        document_burst: Annotated[
            Burst, Meta(description="Edits that one document takes at once.")
        ] = 1000
        address_rate: Annotated[
            Rate,
            Meta(
                description="Edits per second all guests at one network address may make together"
                " for long; 0: any number."
            ),
        ] = 0
        address_burst: Annotated[
            Burst, Meta(description="Edits that all guests at one address may make at once.")
        ] = 1000
        exempt: Annotated[
            tuple[str, ...],
            Meta(description="Names of scripts (tokens), or whole user ids, that have no limit."),
        ] = ()

    settings: Settings

    clock = staticmethod(time.monotonic)

    def wants(self, hook: str) -> bool:
        """Without a limit no edit has to wait for this plugin."""
        settings = self.settings
        return bool(settings.user_rate or settings.document_rate or settings.address_rate)

    @hookimpl
    def server_started(self) -> None:
        settings = self.settings
        self.users = _buckets(settings.user_rate, settings.user_burst, self.clock)
        self.documents = _buckets(settings.document_rate, settings.document_burst, self.clock)
        self.addresses = _buckets(settings.address_rate, settings.address_burst, self.clock)
        self.exempt = {*settings.exempt, *(f"token:{name}" for name in settings.exempt)}

    @hookimpl
    def before_operation(
        self, document: Document, session: Session | None, author: str
    ) -> None:
        if author in self.exempt:
            return
        # Nothing is taken from one bucket before the others are looked at: what is refused costs
        # nobody anything.
        source = session.source if session is not None and session.user.guest else None
        if (
            self.addresses is not None
            and source is not None
            and (seconds := self.addresses.wait(source))
        ):
            raise Veto(
                "So many edits at once from where you are are too much for this server:"
                f" go on in {whole(seconds)}.",
                retry_after=seconds,
            )
        if self.users is not None and (seconds := self.users.wait(author)):
            raise Veto(
                f"You are editing too fast for this server: go on in {whole(seconds)}.",
                retry_after=seconds,
            )
        if self.documents is not None and (seconds := self.documents.wait(document.id)):
            raise Veto(
                "So many edits at once are too much for this document:"
                f" go on in {whole(seconds)}.",
                retry_after=seconds,
            )
        if self.addresses is not None and source is not None:
            self.addresses.take(source)
        if self.users is not None:
            self.users.take(author)
        if self.documents is not None:
            self.documents.take(document.id)


def _buckets(rate: float, burst: int, clock: Callable[[], float]) -> TokenBuckets | None:
    """A bucket for each user or document; None when the settings give no limit."""
    return TokenBuckets(rate, burst, clock) if rate else None


def whole(seconds: float) -> str:
    """A time to wait in words, rounded up."""
    count = math.ceil(seconds)
    return "a second" if count == 1 else f"{count} seconds"
