"""All open documents: each is loaded once, however many ask, and leaves when nobody needs it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Coroutine
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.rooms.journal import Journal
from collab.rooms.port import Quiet, RoomObserver
from collab.rooms.replay import is_large_to_replay
from collab.rooms.room import Room
from collab.rooms.single_flight import SingleFlight
from collab.rooms.turns import aside
from collab.storage.port import Conflict, DocumentRecord, Store

log = logging.getLogger(__name__)

Admit = Callable[[DocumentRecord], Awaitable[object]]
"""Raises `CollabError` when somebody may not have a document."""


class Rooms:
    """The open documents of this server."""

    def __init__(
        self, store: Store, settings: Settings, observer: RoomObserver | None = None
    ) -> None:
        self.store = store
        self._settings = settings
        self._observer: RoomObserver = observer or Quiet()
        self._rooms: dict[str, Room] = {}
        self._opening: SingleFlight[str, Room] = SingleFlight()
        self._fetching: SingleFlight[str, DocumentRecord | None] = SingleFlight()
        self._idle: dict[str, asyncio.TimerHandle] = {}
        self._closing: set[asyncio.Task[None]] = set()
        self._stopping = False
        self.journal = Journal(store)

    def all(self) -> list[Room]:
        """The rooms that are open now."""
        return list(self._rooms.values())

    def find(self, id: str) -> Room | None:
        """A document's room if it is open."""
        room = self._rooms.get(id)
        return room if room is not None and room.error is None else None

    @asynccontextmanager
    async def use(self, id: str) -> AsyncIterator[Room]:
        """The room of a document, held open meanwhile.

        Raises `CollabError` NO_DOCUMENT, SHUTTING_DOWN or STORAGE_FAILED.
        """
        room = await self._open(id)
        room.users += 1
        try:
            yield room
        finally:
            room.users -= 1
            self.release(room)

    async def _open(self, id: str) -> Room:
        while True:
            if self._stopping:
                raise CollabError(errors.SHUTTING_DOWN)
            room = self._rooms.get(id)
            if room is not None:
                if room.error is None:
                    self._cancel_idle(id)
                    return room
                await self._discard(room)
                continue
            await self._opening.run(id, lambda: self._load(id))

    async def _load(self, id: str) -> Room:
        try:
            loaded = await self.store.load(id)
            if loaded is None and await self._fetch(id) is not None:
                loaded = await self.store.load(id)
        except Exception as error:
            # A load that fails, fails: it never becomes an empty document.
            log.exception("document %s can't be loaded", id)
            raise CollabError(errors.STORAGE_FAILED, "The document can't be read now.") from error
        if loaded is None:
            raise CollabError(errors.NO_DOCUMENT)
        make = partial(Room, loaded, self.store, self.journal, self._observer, self._settings)
        # Reading ten megabytes takes a while: not in the event loop.
        room = await aside(make) if is_large_to_replay(loaded) else make()
        self._rooms[id] = room
        self._observer.opened(room)
        self.release(room)
        return room

    async def record(self, id: str, admit: Admit | None = None) -> DocumentRecord | None:
        """A document as the store has it, fetched from elsewhere if that is where it is.

        ``admit`` is asked before it is given or stored, and raises `CollabError` for whoever may
        not have it.
        """
        record = await self.store.document(id)
        if record is None:
            return await self._fetch(id, admit)
        if admit is not None:
            await admit(record)
        return record

    async def _fetch(self, id: str, admit: Admit | None = None) -> DocumentRecord | None:
        """Store a document that is elsewhere; None when it is nowhere. Looked for once, however
        many ask who may have it."""
        while True:
            look = partial(self._look_elsewhere, id, admit)
            begun = id not in self._fetching.tasks
            try:
                record = await self._fetching.run(id, look)
            except CollabError:
                if begun:
                    raise
                continue  # It was somebody else who was refused.
            if record is not None and admit is not None and not begun:
                await admit(record)
            return record

    async def _look_elsewhere(self, id: str, admit: Admit | None) -> DocumentRecord | None:
        found = await self._observer.missing(id)
        if found is None:
            return None
        record, content = found
        if admit is not None:
            await admit(record)
        try:
            await self.store.create(record, content)
        except Conflict:
            return await self.store.document(id)  # somebody else asked for it too
        self._observer.created(record)
        return record

    def release(self, room: Room) -> None:
        """Somebody left ``room``: it closes by itself when it stays empty."""
        if room.sessions or room.users or self._rooms.get(room.id) is not room or self._stopping:
            return
        self._cancel_idle(room.id)
        self._idle[room.id] = asyncio.get_running_loop().call_later(
            self._settings.idle_close, self._close_idle, room
        )

    def _cancel_idle(self, id: str) -> None:
        handle = self._idle.pop(id, None)
        if handle is not None:
            handle.cancel()

    def _close_idle(self, room: Room) -> None:
        self._idle.pop(room.id, None)
        if self._rooms.get(room.id) is not room:
            return
        if room.busy:
            self.release(room)  # something is still being saved
        else:
            task = asyncio.get_running_loop().create_task(self._close(room))
            self._closing.add(task)
            task.add_done_callback(self._closing.discard)

    async def _close(self, room: Room) -> None:
        room.snapshot()
        await room.settle()
        # Somebody may have come while the snapshot was written.
        if room.busy or self._rooms.get(room.id) is not room:
            self.release(room)
            return
        del self._rooms[room.id]
        room.closed = True
        self._observer.closed(room)

    async def _discard(self, room: Room) -> None:
        """Forget a room that failed; the next to ask gets it from the store."""
        await room.settle()
        if self._rooms.get(room.id) is room:
            del self._rooms[room.id]
            self._cancel_idle(room.id)
            room.closed = True
            self._observer.closed(room)

    def user_changed(self, user: User) -> None:
        """Somebody has another name or colour, wherever they are connected."""
        for room in self.all():
            for session in room.sessions.values():
                if session.user.id == user.id:
                    session.rename(user)
                    self._observer.changed(room, session)

    async def rename(self, id: str, title: str) -> DocumentRecord | None:
        """Give a document another title, and tell whoever has it open; None: there is none."""
        renamed = await self.store.rename(id, title)
        room = await self._present(id)
        if renamed is not None and room is not None:
            room.renamed(renamed)
        return renamed

    async def delete(self, id: str) -> bool:
        """Remove a document, and tell whoever has it open; False when there is none."""
        room = await self._present(id)
        if room is not None:
            room.deleting = True
        try:
            deleted = await self.store.delete(id)
        finally:
            if room is not None:
                room.deleting = False
        room = await self._present(id)
        if deleted and room is not None:
            room.end(CollabError(errors.DELETED))
            await self._discard(room)
        return deleted

    async def delete_at(self, id: str, revision: int) -> bool:
        """`delete`, only while ``revision`` is the newest: what others wrote that is not saved yet
        counts, too.

        Raises `CollabError` PRECONDITION_FAILED, and what `use` raises.
        """
        async with self.use(id) as room:
            room.ordering.check_newest(revision)
            # Nothing comes between this look and the deletion; what is sent meanwhile is not
            # answered, and comes again.
            room.freeze()
            try:
                return await self.delete(id)
            finally:
                if room.error is None:  # It is still there: go on with a room that is not frozen.
                    room.end(CollabError(errors.STORAGE_FAILED), retry_after=1.0)

    async def _present(self, id: str) -> Room | None:
        """A document's room, also when it is only being opened."""
        loading = self._opening.tasks.get(id)
        if loading is not None:
            await asyncio.wait([loading])
        return self._rooms.get(id)

    async def stop(self, retry_after: float) -> None:
        """Take nothing new, save everything, tell everybody when to come back (seconds).

        What is not saved within ``shutdown_timeout`` was not acknowledged, and its authors
        still have it.
        """
        self._stopping = True
        for id in list(self._idle):
            self._cancel_idle(id)
        await self._in_time(self._finish(), "Not everything could be saved")
        for room in self.all():
            room.snapshot()
            room.end(CollabError(errors.SHUTTING_DOWN), retry_after)
        await self._in_time(self._settle(), "Not all snapshots could be kept")
        for room in self.all():
            del self._rooms[room.id]
            room.closed = True
            self._observer.closed(room)

    async def _finish(self) -> None:
        running = [*self._opening.tasks.values(), *self._fetching.tasks.values()]
        await asyncio.gather(*running, return_exceptions=True)
        for room in self.all():
            room.freeze()
        await self.journal.drain()

    async def _settle(self) -> None:
        await asyncio.gather(*(room.settle() for room in self.all()), *self._closing)

    async def _in_time(self, work: Coroutine[Any, Any, None], failure: str) -> None:
        try:
            async with asyncio.timeout(self._settings.shutdown_timeout):
                await work
        except TimeoutError:
            log.error("%s within %g s", failure, self._settings.shutdown_timeout)
