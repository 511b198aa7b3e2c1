"""An open document, as a program sees it: read, edit, follow."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import aiohttp

from collab.client.address import Address
from collab.client.backoff import Backoff
from collab.client.connection import Connection, ConnectionLost
from collab.client.errors import ClientError, Closed, ConnectError, Gone, Refused, Rescue
from collab.client.events import (
    Change,
    Complaint,
    Ended,
    Event,
    Joined,
    Restart,
    Retry,
    Saved,
    Told,
)
from collab.client.replica import Replica
from collab.client.streams import Stream
from collab.ot import Delta
from collab.protocol.messages import Message, User, encode

log = logging.getLogger(__name__)

Status = Literal["connecting", "connected", "offline", "closed"]

WELCOME_TIMEOUT = 30.0
"""Seconds the server may take to answer hello; a large document takes a while to send."""

DELIVERY = 10.0
"""Seconds that closing waits for unsaved edits to be acknowledged."""


class Document:
    """One document on a server, kept up to date until it is closed.

    Edits are made to the local copy at once and sent in order; positions and lengths are
    UTF-16 code units. `collab.client.connect` makes one.
    """

    def __init__(
        self,
        address: Address,
        session: aiohttp.ClientSession,
        *,
        token: str | None,
        backoff: Backoff,
        on_rescue: Callable[[Rescue], None] | None,
        owns_session: bool,
    ) -> None:
        self.address = address
        self.rescues: list[Rescue] = []
        """What could not be saved since the connection was made, oldest first."""
        self._session = session
        self._owns_session = owns_session
        self._token = token
        self._backoff = backoff
        self._on_rescue = on_rescue
        self._replica = Replica()
        self._status: Status = "connecting"
        self._error: ClientError | None = None
        self._trouble = "no answer"
        self._restarted = False
        """Whether the last connection was given up by us: then a welcome alone is no success,
        and the waits between the attempts go on growing."""
        self._outgoing = asyncio.Event()
        self._resending: asyncio.TimerHandle | None = None
        self._edits: deque[tuple[int, asyncio.Future[int]]] = deque()
        self._conditions: list[tuple[Callable[[Document], object], asyncio.Future[None]]] = []
        self._changes: list[Stream[Change]] = []
        self._messages: dict[str, list[Stream[Any]]] = {}
        self._statuses: list[Stream[Status]] = []
        self._task: asyncio.Task[None] | None = None

    # Reading.

    @property
    def id(self) -> str:
        return self.address.document

    @property
    def title(self) -> str:
        return self._replica.title

    @property
    def type(self) -> str:
        """``text`` or ``richtext``, or what a plugin brought."""
        return self._replica.type.name if self._replica.type else ""

    @property
    def text(self) -> str:
        """The plain text, every local edit included."""
        return self._replica.content.text()

    @property
    def delta(self) -> Delta:
        """The content as a delta of inserts, every local edit included."""
        return self._replica.content.delta()

    @property
    def length(self) -> int:
        """UTF-16 code units of the content."""
        return self._replica.content.length

    @property
    def revision(self) -> int:
        """The last committed revision this copy has seen."""
        return self._replica.revision

    @property
    def user(self) -> User:
        """Who the server says we are."""
        user = self._replica.user
        assert user is not None, "connect returned before the welcome"
        return user

    @property
    def client(self) -> str:
        """The client id that our operations carry; another one after a rescue."""
        return self._replica.client or ""

    @property
    def session(self) -> str:
        """The id of the current connection on the server."""
        return self._replica.session

    @property
    def permissions(self) -> frozenset[str]:
        """``read``, ``write``."""
        return self._replica.permissions

    @property
    def status(self) -> Status:
        return self._status

    @property
    def unsaved(self) -> int:
        """How many edits the server has not acknowledged."""
        return self._replica.unsaved

    # Editing.

    def edit_nowait(self, delta: Delta) -> asyncio.Future[int]:
        """Edit the local copy now and send it when its turn comes.

        The future gives the revision at which it was committed, or raises `Refused` (the
        rescue is also in `rescues`), `Gone` or `Closed`. Raises InvalidOperation at once
        when the delta does not fit the document, and `Refused` when editing is not allowed.
        """
        if self._error is not None:
            raise self._error
        if self.client == "":
            raise Refused("read_afresh", "The document is being read afresh: look at it again.")
        if "write" not in self.permissions:
            raise Refused("read_only", "You may read this document but not change it.")
        ticket = self._replica.edit(delta)
        future: asyncio.Future[int] = asyncio.get_running_loop().create_future()
        future.add_done_callback(_seen)
        if self._replica.unsaved:
            self._edits.append((ticket, future))
        else:
            future.set_result(self.revision)  # it changed nothing
        self._outgoing.set()
        self._check()
        return future

    async def edit(self, delta: Delta) -> int:
        """Edit, and return the revision once the server has saved it. Raises as `edit_nowait`."""
        return await asyncio.shield(self.edit_nowait(delta))

    async def insert(self, position: int, text: str, **attributes: Any) -> int:
        """Insert text; see `edit`."""
        return await self.edit(Delta().retain(position).insert(text, attributes or None))

    async def delete(self, position: int, length: int) -> int:
        """Delete text; see `edit`."""
        return await self.edit(Delta().retain(position).delete(length))

    async def replace(self, position: int, length: int, text: str) -> int:
        """Put ``text`` where ``length`` units are now; see `edit`."""
        return await self.edit(Delta().retain(position).insert(text).delete(length))

    async def saved(self) -> None:
        """Return when every edit made so far is committed. Raises as `edit`."""
        if self._edits:
            await asyncio.shield(self._edits[-1][1])

    # Following.

    def changes(self) -> Stream[Change]:
        """Every committed edit from now on, one's own included."""
        return self._listen(self._changes)

    def messages(self, plugin: str) -> Stream[Any]:
        """What the plugin of that name sends from now on."""
        return self._listen(self._messages.setdefault(plugin, []))

    def statuses(self) -> Stream[Status]:
        """How the connection is doing from now on."""
        return self._listen(self._statuses)

    def send(self, plugin: str, data: Any) -> bool:
        """Tell a plugin's server half something; False, and not sent, while offline.

        Raises TypeError or ValueError when ``data`` can't be JSON.
        """
        encode(Message(plugin=plugin, data=data))
        sent = self._replica.tell(plugin, data)
        self._outgoing.set()
        return sent

    async def wait_for(
        self, predicate: Callable[[Document], object], timeout: float | None = None
    ) -> None:
        """Return when ``predicate(document)`` holds; it is asked whenever something changed.

        Raises TimeoutError after ``timeout`` seconds, and what ended the document.
        """
        if predicate(self):
            return
        if self._error is not None:
            raise self._error
        future: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        entry = (predicate, future)
        self._conditions.append(entry)
        try:
            async with asyncio.timeout(timeout):
                await future
        finally:
            if entry in self._conditions:
                self._conditions.remove(entry)

    # Opening and closing.

    async def open(self, timeout: float) -> None:
        """Connect for the first time, within ``timeout`` seconds.

        Raises `ConnectError` or `Gone`.
        """
        self._task = asyncio.get_running_loop().create_task(self._run(), name=f"document {self.id}")
        try:
            await self.wait_for(lambda document: document.status == "connected", timeout)
        except TimeoutError:
            await self._stop(Closed("The document was closed."))
            raise ConnectError(
                "no_connection",
                f"No connection to {self.address.socket} in {timeout:g} seconds: {self._trouble}.",
            ) from None
        except BaseException:
            await self._stop(Closed("The document was closed."))
            raise

    async def close(self, timeout: float = DELIVERY) -> None:
        """Deliver what is unsaved, for at most ``timeout`` seconds, and disconnect.

        Raises `Closed`, with a rescue, when something could not be delivered.
        """
        if self._error is not None:
            await self._stop(self._error)
            return
        if self.unsaved:
            try:
                async with asyncio.timeout(timeout):
                    await self.saved()
            except (TimeoutError, ClientError):
                pass  # told below
        rescue = None
        if self.unsaved:
            rescue = self._replica.give_up("closed", "It was closed before it was saved.")
        closed = Closed("The document was closed.", rescue)
        await self._stop(closed)
        if rescue is not None:
            raise closed

    async def __aenter__(self) -> Document:
        return self

    async def __aexit__(self, type: object, error: object, traceback: object) -> None:
        # When the block failed, its own exception matters more than what is unsaved.
        if type is None:
            await self.close()
        else:
            await self._stop(Closed("The document was closed."))

    async def _stop(self, error: ClientError) -> None:
        self._finish(error)
        if self._task is not None:
            self._task.cancel()
            await asyncio.wait([self._task])
        if self._owns_session:
            await self._session.close()

    # The connection.

    async def _run(self) -> None:
        try:
            while True:
                try:
                    after = await self._connected()
                except ConnectionLost as error:
                    self._trouble = str(error)
                    after = None
                self._become("offline")
                await asyncio.sleep(self._backoff.next(after))
        except Gone as error:
            rescue = None
            if self.unsaved:
                rescue = self._replica.give_up(error.code, error.sentence)
                self._keep(rescue)
            self._finish(Gone(error.code, error.sentence, rescue))
        except Exception as error:
            log.exception("document %s: the client failed", self.id)
            self._finish(Closed(f"The client failed: {error}"))

    async def _connected(self) -> float | None:
        """One connection from hello to its end; returns the server's wish when to come back."""
        connection = await Connection.open(self._session, self.address.socket, self._token)
        writing = asyncio.create_task(self._write(connection))
        try:
            await connection.send([self._replica.hello()], self._largest)
            async with asyncio.timeout(WELCOME_TIMEOUT) as patience:
                while True:
                    for message in await connection.receive():
                        for event in self._replica.receive(message):
                            if isinstance(event, Joined):
                                patience.reschedule(None)
                            if isinstance(event, Restart):
                                await self._restart(connection, event)
                                return None
                            if isinstance(event, Ended):
                                return self._ended(event)
                            self._happened(event)
                    self._outgoing.set()
                    self._check()
        except TimeoutError:
            raise ConnectionLost("no welcome") from None
        finally:
            self._replica.welcomed = False
            if self._resending is not None:
                self._resending.cancel()
            writing.cancel()
            await asyncio.wait([writing])
            await connection.close()

    @property
    def _largest(self) -> int:
        return self._replica.limits.get("message_size", 256 * 1024)

    async def _write(self, connection: Connection) -> None:
        """The only sender after hello, so that an edit never waits for the network."""
        try:
            while True:
                await self._outgoing.wait()
                self._outgoing.clear()
                if self._replica.welcomed:
                    await connection.send(self._replica.take(), self._largest)
        except ConnectionLost:
            await connection.close()  # which the reader sees

    def _happened(self, event: Event) -> None:
        match event:
            case Joined():
                if not self._restarted:
                    self._backoff.reset()
                self._become("connected")
            case Change():
                if not event.reset:
                    self._restarted = False
                for changes in list(self._changes):
                    changes.put(event)
            case Saved():
                self._acknowledge(event)
            case Told():
                for stream in list(self._messages.get(event.plugin, ())):
                    stream.put(event.data)
            case Retry():
                self._resending = asyncio.get_running_loop().call_later(event.after, self._resend)
            case Complaint():
                level = logging.DEBUG if event.code == "slow_down" else logging.WARNING
                log.log(level, "document %s: %s (%s)", self.id, event.sentence, event.code)

    def _acknowledge(self, saved: Saved) -> None:
        while self._edits and self._edits[0][0] <= saved.ticket:
            _, future = self._edits.popleft()
            if not future.done():
                future.set_result(saved.revision)

    def _resend(self) -> None:
        self._replica.resend()
        self._outgoing.set()

    async def _restart(self, connection: Connection, event: Restart) -> None:
        self._trouble = event.code
        self._restarted = True
        self._become("offline")
        if event.rescue is not None:
            self._keep(event.rescue)
            while self._edits:
                _, future = self._edits.popleft()
                if not future.done():
                    future.set_exception(
                        Refused(event.rescue.code, event.rescue.sentence, event.rescue)
                    )
        outgoing = self._replica.take()
        if outgoing:
            await connection.send(outgoing, self._largest)

    def _ended(self, event: Ended) -> float:
        self._trouble = event.sentence
        if event.retry_after is None:
            raise Gone(event.code, event.sentence)
        return event.retry_after

    def _keep(self, rescue: Rescue) -> None:
        log.warning("document %s: %s (%s)", self.id, rescue.sentence, rescue.code)
        self.rescues.append(rescue)
        if self._on_rescue is not None:
            try:
                self._on_rescue(rescue)
            except Exception:
                log.exception("document %s: on_rescue failed", self.id)

    # Who listens.

    def _become(self, status: Status) -> None:
        if status != self._status and self._status != "closed":
            self._status = status
            for stream in list(self._statuses):
                stream.put(status)
        self._check()

    def _check(self) -> None:
        for entry in list(self._conditions):
            predicate, future = entry
            try:
                if future.done() or not predicate(self):
                    continue
                future.set_result(None)
            except Exception as error:
                future.set_exception(error)
            self._conditions.remove(entry)

    def _finish(self, error: ClientError) -> None:
        """Nothing comes after this; everybody who waits is told."""
        if self._error is not None:
            return
        self._error = error
        self._become("closed")
        while self._edits:
            _, edit = self._edits.popleft()
            if not edit.done():
                edit.set_exception(error)
        for _, condition in self._conditions:
            if not condition.done():
                condition.set_exception(error)
        self._conditions.clear()
        reason = None if isinstance(error, Closed) else error
        listening: list[Stream[Any]] = [*self._changes, *self._statuses]
        for streams in self._messages.values():
            listening += streams
        for stream in listening:
            stream.end(reason)

    def _listen(self, streams: list[Any]) -> Stream[Any]:
        stream: Stream[Any] = Stream(lambda gone: streams.remove(gone) if gone in streams else None)
        if self._error is not None:
            stream.end(None if isinstance(self._error, Closed) else self._error)
        else:
            streams.append(stream)
        return stream


def _seen(future: asyncio.Future[int]) -> None:
    """What nobody awaits is no fault: the rescue was kept and told."""
    if not future.cancelled():
        future.exception()
