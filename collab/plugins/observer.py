"""What happens to rooms and documents, on its way to the plugins.

What is reported here is put into each plugin's queue and delivered in later turns of the event
loop; only `Observer.before` and `Observer.missing` are waited for.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from collab.ot import Delta
from collab.plugins.archive import Operation
from collab.plugins.contained import for_each
from collab.plugins.document import OpenRoom
from collab.plugins.gate import Gate
from collab.plugins.halves import NOT_LOADED
from collab.plugins.house import House
from collab.plugins.incoming import understood
from collab.plugins.loading import Loaded
from collab.plugins.policies import Policies
from collab.plugins.wiring import Wiring
from collab.protocol import errors, messages
from collab.protocol.errors import CollabError
from collab.protocol.frames import Frame
from collab.rooms.port import Session
from collab.storage.port import DocumentRecord, StoredOperation


class Observer:
    """The `RoomObserver` of the rooms; the web floor reports what happens to documents."""

    def __init__(
        self,
        wiring: Wiring,
        house: House,
        gate: Gate,
        loaded: Callable[[], Mapping[str, Loaded]],
    ) -> None:
        self.leaving: frozenset[str] = frozenset()
        """Plugins that are being switched off: what is said to them is dropped in silence."""
        self._wiring = wiring
        self._house = house
        self._gate = gate
        self._policies = Policies(wiring, house, gate)
        self._loaded = loaded

    # What happens to documents. The web floor tells.

    def created(self, document: DocumentRecord) -> None:
        """A document was made."""
        self._wiring.tell("document_created", self._house.document(document))

    def renamed(self, record: DocumentRecord) -> None:
        """A document has another title, which ``record`` has."""
        self._wiring.tell("document_renamed", self._house.document(record))

    def deleted(self, record: DocumentRecord) -> None:
        """A document was deleted, and its room closed."""
        self._wiring.tell("document_deleted", self._house.document(record))

    # What happens to rooms: the port `collab.rooms.port.RoomObserver`.

    @property
    def vets(self) -> bool:
        """Whether a plugin has to be asked about every operation."""
        # Asked at every edit, and mostly there is none.
        asked = self._wiring.vetting or self._gate.exchanged
        return bool(asked) and self._policies.needed

    async def before(
        self, room: OpenRoom, session: Session | None, author: str, delta: Delta
    ) -> Delta:
        """Ask the plugins about an operation; returns what to take instead.

        Raises `CollabError` VETOED, SLOW_DOWN, POLICY_UNAVAILABLE.
        """
        return await self._policies.ask(room, session, author, delta)

    async def missing(self, id: str) -> tuple[DocumentRecord, bytes] | None:
        """A document that is not in the store, if a plugin has it from elsewhere."""
        return await self._gate.find_document(id)

    def saved(self, room: OpenRoom, revision: int) -> None:
        self._wiring.tell("snapshot_saved", self._house.document_of(room), revision)

    def opened(self, room: OpenRoom) -> None:
        self._wiring.tell("document_opened", self._house.document_of(room))

    def closed(self, room: OpenRoom) -> None:
        document = self._house.document_of(room)
        self._wiring.tell("document_closed", document)
        self._house.closed(document.id)
        for_each(
            self._loaded().values(),
            "a document's end",
            lambda one: one.services.forget(document.id),
        )

    def joined(self, room: OpenRoom, session: Session) -> None:
        self._wiring.tell_of("session_joined", self._house.document_of(room), session)

    def changed(self, room: OpenRoom, session: Session) -> None:
        """A session's user has another name or colour."""
        self._wiring.tell_of("session_changed", self._house.document_of(room), session)

    def left(self, room: OpenRoom, session: Session) -> None:
        self._wiring.tell_of("session_left", self._house.document_of(room), session)

    def room_for(self, session: Session) -> asyncio.Event | None:
        """What to wait for before a session joins, for plugins still have to be told much of what
        its user did before; None: nothing.
        """
        return self._wiring.room("session_joined", session)


    def message(
        self, room: OpenRoom, session: Session, plugin: str, data: Any, size: int = 0
    ) -> asyncio.Event | None:
        receiver = self._wiring.receivers.get(plugin)
        if receiver is None:
            self._refuse(session, plugin)
            return None
        queue, implementation, its = receiver
        try:
            understood_data = understood(its, session, data)
        except CollabError as refusal:
            _answer(session, messages.Error(refusal.code.code, refusal.sentence))
            return None
        document = self._house.document_of(room)
        queue.push_message(
            session, document.id, implementation, document, session, understood_data, size=size
        )
        return queue.room(session)

    def _refuse(self, session: Session, plugin: str) -> None:
        if plugin in self.leaving:
            return
        said = (
            f"The plugin {plugin} takes no messages."
            if plugin in self._loaded()
            else errors.NO_PLUGIN.sentence
        )
        _answer(session, messages.Error(errors.NO_PLUGIN.code, said))

    def browser_failed(self, session: Session, plugin: str, error: str) -> None:
        """A page says that a plugin's browser half failed there."""
        loaded = self._loaded().get(plugin)
        if loaded is not None:
            loaded.services.guard.failed_in_browser(session.user, error)
            # Anybody can say so. It only keeps this version from standing in for the next one.
            loaded.refused_in_browser |= error.startswith(NOT_LOADED)

    def committed(
        self, room: OpenRoom, operations: Sequence[StoredOperation], deltas: Sequence[Delta]
    ) -> None:
        self._house.committed(room.document.id, operations, deltas)
        if self._wiring.observing:
            document = self._house.document_of(room)
            for stored, delta in zip(operations, deltas, strict=True):
                self._wiring.tell("operation_committed", document, Operation(stored, delta))


def _answer(session: Session, error: messages.Error) -> None:
    session.send(Frame(messages.encode(error)))
