"""Asking plugins about an edit before it is taken: ``before_operation``.

A plugin that is marked ``fail_closed`` is never passed over: while it fails, hangs or is being
loaded, edits are refused in a way that makes their authors' clients keep them and send them again.
Any other one is left out when it fails.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from collab.ot import Delta
from collab.plugins.caller import Broken, Implementation
from collab.plugins.document import Document, OpenRoom
from collab.plugins.gate import Gate
from collab.plugins.guard import HARMLESS_AT_ONCE
from collab.plugins.house import House
from collab.plugins.raised import text_of
from collab.plugins.specs import Veto
from collab.plugins.wiring import Wiring
from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.rooms.port import Session

SENTENCE_LENGTH = 500
"""Characters of a veto's sentence that its author reads."""

SOONEST = 0.05
"""Seconds after which a vetoed edit may come again: at once would be without end."""

AGAIN = 1.0
"""Seconds after which an edit comes again that a plugin could not be asked about."""

LATEST = 5.0
"""Seconds after which it comes again at the latest, however long that plugin is left alone: it
may be loaded again, or switched off, before that."""

ROUNDS = 4
"""How often plugins that are ``fail_closed`` are asked about what others made of an edit."""


class Policies:
    """Asks one plugin after the other, each about what those before it made of the edit."""

    def __init__(self, wiring: Wiring, house: House, gate: Gate) -> None:
        self._wiring = wiring
        self._house = house
        self._gate = gate

    @property
    def needed(self) -> bool:
        """Whether a plugin has to be asked about every edit."""
        wiring = self._wiring
        if wiring.vetting and (
            wiring.vetting_strictly
            or any(not one.guard.breaker.refuses for one in wiring.vetting)
        ):
            return True
        return self._gate.lacks("before_operation")

    async def ask(
        self, room: OpenRoom, session: Session | None, author: str, delta: Delta
    ) -> Delta:
        """What to take in the place of ``delta``, which applies to ``room.ordering``.

        Raises `CollabError` VETOED or, when it may come again, SLOW_DOWN, POLICY_UNAVAILABLE.
        """
        document, ordered = self._house.ordered(room)
        try:
            while True:
                if self._gate.exchanged:
                    plugin = await self._gate.lacking("before_operation")
                    if plugin is not None:
                        raise _unavailable(plugin)
                vetting = self._wiring.vetting
                vetted = await _Edit(room, document, session, author).ask(vetting, delta)
                # A plugin that came meanwhile has to be asked, too, and one that was loaded
                # again may know better now.
                if vetting is self._wiring.vetting:
                    return vetted
        finally:
            ordered.end()


class _Edit:
    """One edit that plugins are asked about."""

    __slots__ = ("author", "document", "original", "room", "session")

    def __init__(
        self, room: OpenRoom, document: Document, session: Session | None, author: str
    ) -> None:
        self.room = room
        self.document = document
        self.session = session
        self.author = author
        self.original: Delta | None = None
        """As its author made it."""

    async def ask(self, vetting: Sequence[Implementation], delta: Delta) -> Delta:
        """Ask all; then those that are ``fail_closed`` about what later ones made of the edit,
        until all of them have seen what is to be taken."""
        self.original = delta
        asked = vetting
        seen: dict[Implementation, Delta] = {}
        for _ in range(ROUNDS):
            for one in asked:
                delta = seen[one] = await self._consult(one, delta)
            asked = [one for one in vetting if one.fail_closed and seen[one] is not delta]
            if not asked:
                return delta
        names = " and ".join(one.guard.plugin for one in asked)
        raise CollabError(
            errors.VETOED,
            f"Plugins change that edit again and again ({names} among them): it is not taken.",
            plugin=asked[0].guard.plugin,
        )

    async def _consult(self, one: Implementation, delta: Delta) -> Delta:
        """What one plugin makes of an edit. Raises `CollabError`."""
        # A copy: what a plugin does to it is its own affair.
        arguments = (self.document, self.session, self.author, delta.slice())
        try:
            answer = await one.ask(arguments, Delta)
        except Veto as veto:
            try:
                refusal = _refusal(one.guard.plugin, veto)
            except HARMLESS_AT_ONCE as error:
                return self._failed(one, error, arguments, delta)
            raise refusal from veto
        except Broken as broken:
            raise _unavailable(one.guard.plugin, broken.pause) from broken
        if answer is None:
            return delta
        try:
            # Another one: what the plugin goes on doing to its own is its own affair, too.
            rewritten = Delta(answer.ops)
            self.room.ordering.check(rewritten, self.original)
        except HARMLESS_AT_ONCE as error:
            return self._failed(one, error, arguments, delta)
        return rewritten

    @staticmethod
    def _failed(
        one: Implementation, error: BaseException, arguments: tuple[object, ...], delta: Delta
    ) -> Delta:
        """An answer can't be used: the edit goes on as it was, or is refused."""
        one.failed(error, arguments)
        if one.fail_closed:
            raise _unavailable(one.guard.plugin) from error
        return delta


def _refusal(plugin: str, veto: Veto) -> CollabError:
    """A veto as its author is told. Raises TypeError, ValueError: it can't be."""
    sentence, wait = text_of(veto.sentence, SENTENCE_LENGTH), veto.retry_after
    if wait is None:
        return CollabError(errors.VETOED, sentence, plugin=plugin)
    if not 0 <= wait < math.inf:
        raise ValueError(f"a veto's retry_after is a number of seconds, not {wait!r:.50}")
    return CollabError(
        errors.SLOW_DOWN, sentence, plugin=plugin, retry_after=max(float(wait), SOONEST)
    )


def _unavailable(plugin: str, pause: float = 0.0) -> CollabError:
    """A plugin that has to be asked can't be; ``pause`` (seconds): nor until that is over."""
    return CollabError(
        errors.POLICY_UNAVAILABLE,
        f"The plugin {plugin} checks every edit and can't do so just now: keep the edit, and"
        " send it again.",
        plugin=plugin,
        retry_after=min(max(pause, AGAIN), LATEST),
    )
