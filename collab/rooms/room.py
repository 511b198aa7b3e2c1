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
import secrets
import time
from collections.abc import Coroutine, Sequence
from typing import Any

import msgspec

from collab.ot import (
    Authority,
    Content,
    Delta,
    ForgottenRevision,
    InvalidOperation,
    UnknownRevision,
    document_type,
)
from collab.protocol import errors, messages
from collab.protocol.errors import CollabError
from collab.protocol.frames import Frame
from collab.protocol.settings import Settings
from collab.rooms.committed import Committed
from collab.rooms.journal import Journal, Ordered
from collab.rooms.port import RoomObserver, Session
from collab.rooms.replay import deltas, first_content
from collab.rooms.snapshots import Snapshots
from collab.rooms.telling import operations_frame, refuse
from collab.storage.port import DocumentRecord, Kept, Loaded, Store, StoredOperation

log = logging.getLogger(__name__)

STEPS = 50_000
"""Parts of an operation times operations it is transformed over: some 40 ms."""

LARGE = 64 * 1024
"""UTF-16 code units of a content from which on it is encoded outside of the event loop."""

_encode = msgspec.json.encode


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
        self.type = document_type(loaded.document.type)
        self.sessions: dict[str, Session] = {}
        self.error: CollabError | None = None
        """Why this room takes nothing any more; it is then reopened from the store."""
        self.deleting = False
        """Whether the document is being deleted: what can't be saved then is no fault."""
        self.closed = False
        self._store = store
        self._journal = journal
        self._observer = observer
        self._settings = settings

        content = first_content(loaded)
        recent = list(deltas(loaded))
        for _, delta in recent:
            content.apply(delta)
        self._committed = Committed(content.copy(), loaded.document.revision, recent)
        self._authority = Authority(
            content,
            loaded.document.revision,
            history=[(operation.client, delta) for operation, delta in recent],
        )
        self._snapshots = Snapshots(store, self.id, loaded.snapshot.revision)

        self._ordered: list[Ordered] = []
        self._sequences: dict[str, tuple[int, int]] = {}
        self._awaiting: dict[int, asyncio.Future[int]] = {}
        self._kept: dict[int, Sequence[Kept]] = {}
        """By the revision that it is to be committed with, what plugins keep."""
        self._vetting = asyncio.Lock()
        self._frozen = False
        self._checksum_due: asyncio.TimerHandle | None = None
        self._tasks: set[asyncio.Task[Any]] = set()
        self._own_client = "server-" + secrets.token_urlsafe(9)
        self._own_sequence = 0
        self.users = 0
        """Callers that hold the room open without a session (see `Rooms.use`)."""

    # Who is here.

    @property
    def busy(self) -> bool:
        """Whether anybody needs this room in memory."""
        if self.error is not None:
            return bool(self.users or self._tasks)
        return bool(
            self.sessions
            or self.users
            or self._ordered
            or self._tasks
            or self._authority.revision > self.revision
        )

    async def resume(self, client: str) -> None:
        """Look up what a client that comes back has sent before. Comes before its `join`."""
        if client not in self._sequences:
            found = await self._store.last_sequence(self.id, client)
            # While we asked, another connection of this client may have sent something.
            self._sequences.setdefault(client, found)

    def last_sequence(self, client: str) -> int:
        """The client's last sequence number that is committed; 0 when none is."""
        sequence, revision = self._sequences.get(client, (0, 0))
        return sequence if revision <= self.revision else sequence - 1

    def join(self, session: Session) -> None:
        """Let a session in; from now on it gets everything that is committed.

        Raises `CollabError` when this room takes nothing any more.
        """
        self._check_alive()
        others = sum(other.client != session.client for other in self.sessions.values())
        if others >= self._settings.limits.sessions_per_document:
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

    def message(self, session: Session, message: messages.Message) -> None:
        """Hand a plugin's message to its server half."""
        self._observer.message(self, session, message.plugin, message.data)

    # What is committed.

    @property
    def revision(self) -> int:
        """The last committed revision."""
        return self._committed.revision

    @property
    def content(self) -> Content:
        """The content at the committed `revision`. Do not change it; ``copy`` it to keep it."""
        return self._committed.content

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
        self._check_alive()
        if self._frozen or self.sessions.get(session.id) is not session:
            return  # not answered: the client sends it again to whoever comes after us
        if "write" not in session.permissions:
            raise CollabError(errors.READ_ONLY)
        last, revision = self._sequences.get(client, (0, 0))
        if 0 < operation.sequence <= last:
            self._again(session, operation.sequence, last, revision)
            return
        if operation.sequence != last + 1 or revision > self.revision:
            raise CollabError(
                errors.BAD_SEQUENCE,
                f"Operation {last + 1} comes next, when {last} is acknowledged;"
                f" not {operation.sequence}.",
            )
        delta = self._admit(operation.delta)
        if self._observer.vets or self._vetting.locked():
            # Vetting waits for plugins, one operation after the other.
            self._spawn(self._submit_vetted(session, operation, delta))
            return
        self._order(operation.revision, client, operation.sequence, session.user.id, delta)

    async def edit(
        self,
        delta: Delta,
        *,
        author: str,
        revision: int | None = None,
        keep: Sequence[Kept] = (),
    ) -> int:
        """Apply an edit made on the server, on ``revision`` (default: the newest).

        What plugins ``keep`` is committed with it. Returns its revision once it is committed.
        Raises `CollabError`.
        """
        self._check_alive()
        if self._frozen:
            raise CollabError(errors.SHUTTING_DOWN)
        if self._observer.vets or self._vetting.locked():
            async with self._vetting:
                base, delta = await self._vet(None, self._own_client, revision, delta)
                ordered = self._order_own(base, author, delta)
        else:
            ordered = self._order_own(revision, author, delta)
        if keep:
            # In the turn in which it was ordered: the journal can't have taken it yet.
            self._kept[ordered] = keep
        if ordered <= self.revision:
            return ordered
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        self._awaiting[ordered] = future
        return await future

    def _check_alive(self) -> None:
        if self.error is not None:
            raise self.error

    def _admit(self, value: Any) -> Delta:
        """Everything that can be said of an operation before its place is known."""
        try:
            delta = Delta(value)
            self.type.validate(delta)
        except InvalidOperation as error:
            raise CollabError(errors.BAD_OPERATION, str(error)) from error
        inserted = delta.insert_length()
        limit = self._settings.limits.operation_size
        if inserted > limit:
            raise CollabError(
                errors.OPERATION_TOO_LARGE,
                f"An edit may insert {limit} characters, not {inserted}: make it in smaller parts.",
            )
        return delta

    def _check_size(self, delta: Delta, inserted: int) -> None:
        limit = self._settings.limits.document_size
        length = self._authority.content.length
        # Counting what is deleted as well costs more, and is seldom needed.
        if length + inserted > limit and delta.change_length() > max(limit - length, 0):
            raise CollabError(
                errors.DOCUMENT_TOO_LARGE, f"A document may have {limit} characters."
            )

    def _again(self, session: Session, sequence: int, last: int, revision: int) -> None:
        """An operation came a second time: answer with what was committed, if it was."""
        if sequence < last:
            raise CollabError(
                errors.BAD_SEQUENCE, f"Operation {sequence} is saved, {last + 1} comes next."
            )
        if revision <= self.revision:
            self._spawn(self._send_committed(session, revision))
        # Otherwise it is on its way, and the frame that tells everybody answers.

    async def _send_committed(self, session: Session, revision: int) -> None:
        operations = self.recent(revision - 1)
        if operations is None:
            operations = [
                one async for one in self._store.operations(self.id, revision - 1, revision)
            ]
        session.send(operations_frame(operations[:1]))

    async def _submit_vetted(
        self, session: Session, operation: messages.Operation, delta: Delta
    ) -> None:
        async with self._vetting:
            try:
                self._check_alive()
                if session.id not in self.sessions:
                    return  # its client sends it again, and is then known or not
                last, _ = self._sequences.get(session.client, (0, 0))
                if operation.sequence != last + 1:
                    return  # the same operation, sent twice, was taken while this one waited
                base, delta = await self._vet(
                    session, session.client, operation.revision, delta
                )
                self._order(
                    base, session.client, operation.sequence, session.user.id, delta
                )
            except CollabError as error:
                refuse(session, error, operation.sequence)
            except Exception:
                log.exception("document %s: an operation could not be looked at", self.id)
                refuse(session, CollabError(errors.INTERNAL), operation.sequence)

    async def _vet(
        self, session: Session | None, client: str, revision: int | None, delta: Delta
    ) -> tuple[int, Delta]:
        """Ask the plugins about an operation, moved to the newest revision."""
        newest = self._authority.revision
        if revision is not None and revision != newest:
            delta = self._transform(revision, client, delta)
        vetted = await self._observer.before(self, session, delta)
        self._check_alive()
        if vetted is not delta:
            try:
                self.type.validate(vetted)
                self._check_size(vetted, vetted.insert_length())
                self._authority.content.copy().apply(vetted)
            except (InvalidOperation, CollabError) as error:
                # Not the author's fault: what they wrote is taken as it was.
                log.error("document %s: what a plugin made of an edit: %s", self.id, error)
                return newest, delta
        return newest, vetted

    def _order_own(self, revision: int | None, author: str, delta: Delta) -> int:
        base = self._authority.revision if revision is None else revision
        sequence = self._own_sequence + 1
        ordered = self._order(base, self._own_client, sequence, author, delta)
        self._own_sequence = sequence
        return ordered

    def _transform(self, base: int, client: str, delta: Delta) -> Delta:
        if len(delta.parts) * (self._authority.revision - base) > STEPS:
            # Somebody else's keystrokes would wait for it. The client is let go, transforms
            # it itself when it resumes, and sends it on the newest revision.
            raise CollabError(errors.TOO_SLOW, "Too much was changed meanwhile: come again.")
        try:
            return self._authority.transform(base, client, delta)
        except UnknownRevision as error:
            raise CollabError(errors.BAD_REVISION, str(error)) from error
        except ForgottenRevision as error:
            if base < 0:
                raise CollabError(errors.BAD_REVISION) from error
            raise CollabError(
                errors.TOO_SLOW, "That edit was made on a revision too far back: come again."
            ) from error
        except InvalidOperation as error:
            raise CollabError(errors.BAD_OPERATION, str(error)) from error

    def _order(
        self, base: int, client: str, sequence: int, author: str, delta: Delta
    ) -> int:
        """Give an operation its revision: after this it is ordered, not yet saved."""
        authority = self._authority
        if base != authority.revision:
            delta = self._transform(base, client, delta)
        # Not before the transform: what two people delete is deleted once.
        self._check_size(delta, delta.insert_length())
        try:
            revision = authority.apply(client, delta)
        except InvalidOperation as error:
            raise CollabError(errors.BAD_OPERATION, str(error)) from error
        operation = StoredOperation(
            revision, client, sequence, author, round(time.time(), 3), _encode(delta.ops)
        )
        self._sequences[client] = (sequence, revision)
        self._ordered.append((operation, delta))
        self._journal.submit(self)
        return revision

    # What the journal says.

    def take(self) -> list[Ordered]:
        """Hand over everything ordered since the last call."""
        taken, self._ordered = self._ordered, []
        return taken

    def kept_with(self, batch: Sequence[Ordered]) -> Sequence[Kept]:
        """What plugins keep from these operations on; of one key, the last."""
        if not self._kept:
            return ()
        found = {
            (one.plugin, one.key): one
            for operation, _ in batch
            for one in self._kept.get(operation.revision, ())
        }
        return list(found.values())

    def committed(self, batch: Sequence[Ordered]) -> None:
        """The batch is on disk: everybody may see it."""
        operations = [operation for operation, _ in batch]
        self._committed.extend(batch)
        if self.sessions:
            frame = operations_frame(operations)
            for session in list(self.sessions.values()):
                session.send(frame)
        if self._awaiting:
            for operation in operations:
                self._kept.pop(operation.revision, None)
                waiter = self._awaiting.pop(operation.revision, None)
                if waiter is not None and not waiter.done():
                    waiter.set_result(operation.revision)
        if not self.closed:
            self._observer.committed(self, operations, [delta for _, delta in batch])
        kept = self._committed.forget()
        if kept is not None:
            self._authority.forget(kept + self._authority.revision - self.revision)
        if self._checksum_due is None and self.sessions:
            self._checksum_due = asyncio.get_running_loop().call_later(
                self._settings.checksum_interval, self._announce_checksum
            )
        if self._snapshots.due(self.revision, self._authority.content.length):
            self._snapshot()

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
        self._ordered.clear()
        if self._checksum_due is not None:
            self._checksum_due.cancel()
        for waiter in self._awaiting.values():
            if not waiter.done():
                waiter.set_exception(error)
        self._awaiting.clear()
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

    def snapshot(self) -> None:
        """Before the room closes: keep its content in the store, where that is worth it."""
        if self._snapshots.worthwhile(self.revision, self._authority.content.length):
            self._snapshot()

    def _snapshot(self) -> None:
        self._spawn(self._save(self.revision, self.content.copy()))

    async def _save(self, revision: int, content: Content) -> None:
        if await self._snapshots.save(revision, content):
            self._observer.saved(self, revision)

    def _announce_checksum(self) -> None:
        self._checksum_due = None
        if self.error is None:
            self._spawn(self._send_checksum(self.revision, self.content.copy()))

    async def _send_checksum(self, revision: int, content: Content) -> None:
        # Clients that are further when it comes let it pass.
        large = content.length > LARGE
        value = await asyncio.to_thread(content.checksum) if large else content.checksum()
        self.broadcast(Frame(messages.encode(messages.Checksum(revision, value))))

    async def encoded(self) -> tuple[int, bytes]:
        """The committed revision and its content as JSON of a delta."""
        revision, content = self.revision, self.content
        if content.length <= LARGE:
            return revision, _encode(content.delta().ops)
        content = content.copy()
        return revision, await asyncio.to_thread(lambda: _encode(content.delta().ops))

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, name=f"room {self.id}")
        self._tasks.add(task)
        task.add_done_callback(self._finished)

    def _finished(self, task: asyncio.Task[Any]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and task.exception() is not None:
            log.error("document %s: a task failed", self.id, exc_info=task.exception())

    async def settle(self) -> None:
        """Return when nothing that this room started is still running."""
        while self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

