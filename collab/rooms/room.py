"""One open document: who is there, what order the operations get, what everybody is told.

Revisions live in three places at most. *Ordered*: applied to the live content, waiting for
the journal or on its way to the disk. *Committed*: on disk and sent to everybody; readers,
newcomers and plugins see nothing else. *Recent*: the last committed ones, kept so that a
connection that was away for a moment resumes without a look into the store.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Sequence

from collab.ot import Content, Delta
from collab.protocol import errors, messages
from collab.protocol.contents import encoded, is_large
from collab.protocol.errors import CollabError
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.rooms.authors import Authors
from collab.rooms.committed import Committed
from collab.rooms.journal import Journal, Ordered
from collab.rooms.ordering import Ordering
from collab.rooms.pieces import is_too_large
from collab.rooms.port import RoomObserver, Session
from collab.rooms.replay import deltas, first_content, known_type
from collab.rooms.serverside import ServerSide
from collab.rooms.single_flight import SingleFlight
from collab.rooms.snapshots import Snapshots
from collab.rooms.telling import operations_frame, operations_frames
from collab.rooms.turns import aside
from collab.rooms.upkeep import Upkeep
from collab.rooms.vetting import Vetting
from collab.storage.port import (
    Append,
    DocumentRecord,
    Kept,
    Loaded,
    Snapshot,
    Store,
    StoredOperation,
)

log = logging.getLogger(__name__)


class Room:
    """An open document. Everything but the commits happens in one turn of the event loop."""

    def __init__(
        self,
        loaded: Loaded,
        store: Store,
        journal: Journal,
        observer: RoomObserver,
        settings: Settings,
    ) -> None:
        self.document = loaded.document
        self.id = loaded.document.id
        self.type = known_type(loaded.document)
        self.sessions: dict[str, Session] = {}
        self.error: CollabError | None = None
        """Why this room takes nothing any more; it is then reopened from the store."""
        self.deleting = False
        """Whether the document is being deleted: what can't be saved then is no fault."""
        self.closed = False
        self._store = store
        self._journal = journal
        self._observer = observer
        self.limits = settings.limits
        self._frozen = False
        self._told_of_another = False

        content = first_content(loaded)
        recent = list(deltas(loaded))
        for _, delta in recent:
            content.apply(delta)
        revision = loaded.document.revision
        self._committed = Committed(content.copy(), revision, loaded.hash, recent)
        self._ordering = Ordering(
            self.type, content, revision, loaded.hash, recent, settings.limits
        )
        self._vetting = Vetting(self, self._ordering, observer)
        self._own = ServerSide()
        self._snapshots_asked: SingleFlight[int, Snapshot] = SingleFlight()
        """By revision."""
        self._authors = Authors()
        self._upkeep = Upkeep(
            self.id,
            self._committed,
            Snapshots(store, self.id, loaded.snapshot.revision),
            settings.checksum_interval,
            self.broadcast,
            lambda revision: observer.saved(self, revision),
        )
        self.users = 0
        """Callers that hold the room open without a session (see `Rooms.use`)."""

    # Who is here.

    @property
    def busy(self) -> bool:
        """Whether anybody needs this room in memory."""
        if self.error is not None:
            return bool(self.users or self._upkeep.busy)
        return bool(
            self.sessions
            or self.users
            or self._upkeep.busy
            or self._ordering.revision > self.revision
        )

    async def resume(self, client: str) -> None:
        """Look up what a client that comes back has sent before. Comes before its `join`."""
        if not self._ordering.knows(client):
            # While we ask, another connection of this client may send something.
            self._ordering.remember(client, *await self._store.last_sequence(self.id, client))

    def last_sequence(self, client: str) -> int:
        """The client's last sequence number that is committed; 0 when none is."""
        sequence, revision = self._ordering.last(client)
        return sequence if revision <= self.revision else sequence - 1

    def join(self, session: Session) -> None:
        """Let a session in; from now on it gets everything that is committed.

        Raises `CollabError` when this room takes nothing any more.
        """
        self.check_alive()
        others = sum(other.client != session.client for other in self.sessions.values())
        if others >= self.limits.sessions_per_document:
            raise CollabError(
                errors.TOO_MANY_SESSIONS, "Too many connections are open on this document."
            )
        for other in list(self.sessions.values()):
            if other.client == session.client:
                other.end(errors.SUPERSEDED)
                self.leave(other)
        self.sessions[session.id] = session
        self._observer.joined(self, session)

    def leave(self, session: Session) -> None:
        """Forget a session. Does nothing when it has left before."""
        if self.sessions.pop(session.id, None) is not None:
            self._observer.left(self, session)

    def message(
        self, session: Session, message: messages.Message, size: int = 0
    ) -> asyncio.Event | None:
        """Hand a plugin's message, of ``size`` bytes, to its server half.

        Returns what to wait for before more is taken from this session; None: nothing.
        """
        return self._observer.message(self, session, message.plugin, message.data, size)

    # What is committed.

    @property
    def revision(self) -> int:
        """The last committed revision."""
        return self._committed.revision

    @property
    def hash(self) -> bytes:
        """Of the committed `revision` (`collab.storage.chain`)."""
        return self._committed.hash

    async def hash_at(self, revision: int) -> bytes | None:
        """The hash of a revision; None when the document has no such, or has it no more."""
        if not 0 <= revision <= self.revision:
            return None
        return self._committed.hash_at(revision) or await self._store.hash_at(self.id, revision)

    @property
    def content(self) -> Content:
        """The content at the committed `revision`. Do not change it; ``copy`` it to keep it."""
        return self._committed.content

    @property
    def ordering(self) -> Ordering:
        """What is ordered, saved or not: only who vets an edit is shown its content."""
        return self._ordering

    def recent(self, since: int) -> list[StoredOperation] | None:
        """Committed operations after ``since``, or None when memory does not reach that far.

        Raises `CollabError` BAD_REVISION for a revision that never was.
        """
        return self._committed.since(since)

    # The way in.

    def submit(self, session: Session, operation: messages.Operation) -> None:
        """Order a session's operation. It is acknowledged by the frame that everybody gets.

        Raises `CollabError` when it can't be taken; nothing has changed then.
        """
        client = session.client
        self.check_alive()
        if self._frozen or self.sessions.get(session.id) is not session:
            return  # not answered: the client sends it again to whoever comes after us
        if not self._ordering.is_new(client, operation.sequence, self.revision):
            # Where it is still on its way, the frame that tells everybody answers.
            _, revision = self._ordering.last(client)
            if revision <= self.revision:
                self._upkeep.spawn(self._send_committed(session, revision))
            return
        # Not before it is known to be new: what was taken while they still might write stays so.
        if "write" not in session.permissions:
            raise CollabError(errors.READ_ONLY)
        delta = self._ordering.admit(operation.delta)
        if self._vetting.needed:
            self._upkeep.spawn(self._vetting.submit(session, operation, delta))
            return
        self.order(operation.revision, client, operation.sequence, session.user, delta)

    async def edit(
        self,
        delta: Delta,
        *,
        author: User,
        revision: int | None = None,
        keep: Sequence[Kept] = (),
        unchanged: bool = False,
    ) -> int:
        """Apply an edit made on the server, on ``revision`` (default: the newest).

        Of an ``author`` without a name only the id is noted. What plugins ``keep`` is committed
        with it. Returns its revision once it is committed. What is larger than an operation may
        be becomes several, which are taken all or none, and committed together (up to
        `collab.rooms.ordering.TRANSACTION`).
        ``unchanged``: it is taken only while ``revision`` is the newest. What others wrote that is
        not saved yet counts, too. Raises `CollabError`, then PRECONDITION_FAILED.
        """
        self.check_alive()
        if self._frozen:
            raise CollabError(errors.SHUTTING_DOWN)
        client = self._own.client
        if is_too_large(delta, self.limits):
            ordered = await self._vetting.edit_large(
                client, author, revision, delta, keep, unchanged
            )
        elif self._vetting.needed:
            ordered = await self._vetting.edit(client, author, revision, delta, keep, unchanged)
        else:
            if unchanged:
                self._ordering.check_newest(revision)
            ordered = self.order_own(revision, author, delta, keep)
        if ordered <= self.revision:
            return ordered
        return await self._own.committed(ordered)

    def check_alive(self) -> None:
        """Raise `CollabError` when this room takes nothing any more."""
        if self.error is not None:
            raise self.error

    def order(self, base: int, client: str, sequence: int, author: User, delta: Delta) -> int:
        """Give an operation its revision, and the journal word of it. Raises `CollabError`."""
        revision = self._ordering.order(base, client, sequence, author.id, delta)
        self._authors.wrote(author, revision)
        self._journal.submit(self)
        return revision

    def order_own(
        self, base: int | None, author: User, delta: Delta, keep: Sequence[Kept]
    ) -> int:
        """`order` for an edit made on the server, on revision ``base`` (None: the newest)."""
        if base is None:
            base = self._ordering.revision
        revision = self.order(base, self._own.client, self._own.next, author, delta)
        self._own.ordered(revision, keep)
        return revision

    async def order_pieces(
        self, pieces: Sequence[Delta], author: User, keep: Sequence[Kept]
    ) -> int:
        """`order_own` for an edit in pieces, each made on the one before: the last's revision.

        The journal gets them together. Nobody else may order anything meanwhile. Raises
        `CollabError` when this room has ended.
        """
        cancelled: asyncio.CancelledError | None = None
        revision = self._ordering.revision
        try:
            for number, piece in enumerate(pieces, 1):
                revision = self._ordering.order_piece(
                    self._own.client, self._own.next, author.id, piece
                )
                self._authors.wrote(author, revision)
                self._own.ordered(revision, keep if number == len(pieces) else ())
                try:
                    await asyncio.sleep(0)
                except asyncio.CancelledError as error:
                    cancelled = error  # it can't be given up any more: half of it would be there
            self.check_alive()
        except BaseException as error:
            # Memory holds half an edit, which nobody was told of: the store has none of it.
            self.failed(error)
            raise
        self._ordering.release()
        self._journal.submit(self)
        if cancelled is not None:
            raise cancelled
        return revision

    async def _send_committed(self, session: Session, revision: int) -> None:
        """Answer an operation that came a second time with what was committed."""
        operations = self.recent(revision - 1)
        if operations is None:
            operations = [
                one async for one in self._store.operations(self.id, revision - 1, revision)
            ]
        session.send(operations_frame(operations[:1]))

    # What the journal says.

    def take(self) -> list[Ordered]:
        """Hand over what was ordered since the last call; of very much, a part."""
        taken = self._ordering.take()
        if self._ordering.waiting:
            self._journal.submit(self)
        return taken

    def record(self, batch: Sequence[Ordered]) -> Append:
        """These operations, and what has to be on disk with them."""
        operations = [operation for operation, _ in batch]
        return Append(self.id, operations, self._own.kept_with(batch), self._authors.of(batch))

    def committed(self, batch: Sequence[Ordered]) -> None:
        """The batch is on disk: everybody may see it."""
        operations = [operation for operation, _ in batch]
        self._committed.extend(batch)
        if self.sessions:
            for frame in operations_frames(operations):
                self.broadcast(frame)
        self._own.saved(batch)
        self._authors.saved(batch)
        if not self.closed:
            self._observer.committed(self, operations, [delta for _, delta in batch])
        kept = self._committed.forget()
        if kept is not None:
            self._ordering.forget(kept + self._ordering.revision - self.revision)
        self._upkeep.committed(self._ordering.length, watched=bool(self.sessions))

    def failed(self, error: BaseException) -> None:
        """Memory is ahead of the log: let everybody go, they resume from the store."""
        if self.deleting:
            self.end(CollabError(errors.DELETED))
        else:
            self.end(CollabError(errors.STORAGE_FAILED), retry_after=1.0)

    def freeze(self) -> None:
        """Order nothing more; what is ordered is still committed and told."""
        self._frozen = True

    def end(self, error: CollabError, retry_after: float | None = None) -> None:
        """Take nothing any more and send everybody away.

        ``retry_after``: seconds; each is told up to twice that, so that not all come at once.
        """
        if self.error is not None:
            return
        self.error = error
        self._ordering.drop()
        self._upkeep.stop()
        self._own.fail(error)
        for session in list(self.sessions.values()):
            self.leave(session)
            spread = None if retry_after is None else retry_after * (1 + random.random())
            session.end(error.code, error.sentence, spread)

    # House-keeping.

    def broadcast(self, frame: Frame, except_: Session | None = None) -> None:
        """Send a frame to every session, save one."""
        for session in list(self.sessions.values()):
            if session is not except_:
                session.send(frame)

    def renamed(self, document: DocumentRecord) -> None:
        """Tell everybody the new title."""
        self.document = document
        self.broadcast(Frame(messages.encode(messages.Document(document.title))))

    def mismatch(self, session: Session, report: messages.Mismatch) -> None:
        """A client found that it differs. It heals itself; somebody should know."""
        log.warning(
            "document %s: session %s (%s) reports checksum %d at revision %d, where the"
            " server has something else; it starts afresh",
            self.id, session.id, session.user.id, report.checksum, report.revision,
        )

    def another_history(self, session: Session, revision: int) -> None:
        """A client has seen ``revision`` in a history that is not this one. It starts afresh;
        somebody should know, once: with an older database all of them come so."""
        if not self._told_of_another:
            self._told_of_another = True
            log.warning(
                "document %s: a client (%s) has seen another history of it up to revision %d, and"
                " the server is at %d: was an older copy of the database put back? What its user"
                " saw is kept in a rescue copy.",
                self.id, session.user.id, revision, self.revision,
            )

    def snapshot(self) -> None:
        """Before the room closes: keep its content in the store, where that is worth it."""
        self._upkeep.closing(self._ordering.length)

    async def encoded(self) -> Snapshot:
        """The committed revision and its content."""
        revision, hash, content = self.revision, self.hash, self.content
        if not is_large(content):
            return Snapshot(revision, encoded(content), hash)
        # Everybody comes back at once after a restart: it is encoded once for all of them.
        return await self._snapshots_asked.run(
            revision, lambda: self._encoded_aside(revision, hash, content.copy())
        )

    async def _encoded_aside(self, revision: int, hash: bytes, content: Content) -> Snapshot:
        return Snapshot(revision, await aside(lambda: encoded(content)), hash)

    async def settle(self) -> None:
        """Return when nothing that this room started is still running."""
        await self._upkeep.settle()
