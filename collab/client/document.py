"""An open document, as a program sees it: read, edit, follow."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable
from typing import Any, Literal

import aiohttp

from collab.client.address import Address
from collab.client.audience import Audience
from collab.client.backoff import Backoff
from collab.client.errors import ClientError, Closed, ConnectError, Gone, Refused, Rescue
from collab.client.events import Change, Complaint, Event, Restart, Saved, Told
from collab.client.link import Link
from collab.client.streams import Stream
from collab.client.view import View
from collab.ot import Delta
from collab.protocol.messages import Message, encode

log = logging.getLogger(__name__)

Status = Literal["connecting", "connected", "offline", "closed"]

DELIVERY = 10.0
"""Seconds that closing waits for unsaved edits to be acknowledged."""

_CHANGES, _STATUSES, _MESSAGES = "changes", "statuses", "messages"
"""What one listens to; messages of each plugin apart."""


class Document(View):
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
        super().__init__(address)
        self.rescues: list[Rescue] = []
        """What could not be saved since the connection was made, oldest first."""
        self._session = session
        self._owns_session = owns_session
        self._on_rescue = on_rescue
        self._link = Link(address, session, token, backoff, self._replica, self)
        self._audience = Audience()
        self._status: Status = "connecting"
        self._edits: deque[tuple[int, asyncio.Future[int]]] = deque()
        self._task: asyncio.Task[None] | None = None

    @property
    def status(self) -> Status:
        """How the connection is doing."""
        return self._status

    # Editing.

    def edit_nowait(self, delta: Delta) -> asyncio.Future[int]:
        """Edit the local copy now and send it when its turn comes.

        The future gives the revision at which it was committed, or raises `Refused` (the
        rescue is also in `rescues`), `Gone` or `Closed`. Raises InvalidOperation at once
        when the delta does not fit the document, and `Refused` when editing is not allowed.
        """
        if self._audience.error is not None:
            raise self._audience.error
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
        self._link.flush()
        self._audience.check()
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
        return self._audience.listen(_CHANGES)

    def messages(self, plugin: str) -> Stream[Any]:
        """What the plugin of that name sends from now on."""
        return self._audience.listen((_MESSAGES, plugin))

    def statuses(self) -> Stream[Status]:
        """How the connection is doing from now on."""
        return self._audience.listen(_STATUSES)

    def send(self, plugin: str, data: Any) -> bool:
        """Tell a plugin's server half something; False, and not sent, while offline.

        Raises TypeError or ValueError when ``data`` can't be JSON.
        """
        encode(Message(plugin=plugin, data=data))
        sent = self._replica.tell(plugin, data)
        self._link.flush()
        return sent

    async def wait_for(
        self, predicate: Callable[[Document], object], timeout: float | None = None
    ) -> None:
        """Return when ``predicate(document)`` holds; it is asked whenever something changed.

        Raises TimeoutError after ``timeout`` seconds, and what ended the document.
        """
        await self._audience.wait_for(lambda: predicate(self), timeout)

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
                f"No connection to {self.address.socket} in {timeout:g} seconds:"
                f" {self._link.trouble}.",
            ) from None
        except BaseException:
            await self._stop(Closed("The document was closed."))
            raise

    async def close(self, timeout: float = DELIVERY) -> None:
        """Deliver what is unsaved, for at most ``timeout`` seconds, and disconnect.

        Raises `Closed`, with a rescue, when something could not be delivered.
        """
        if self._audience.error is not None:
            await self._stop(self._audience.error)
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

    async def _run(self) -> None:
        try:
            await self._link.run()
        except Gone as error:
            rescue = None
            if self.unsaved:
                rescue = self._replica.give_up(error.code, error.sentence)
                self._keep(rescue)
            self._finish(Gone(error.code, error.sentence, rescue))
        except Exception as error:
            log.exception("document %s: the client failed", self.id)
            self._finish(Closed(f"The client failed: {error}"))

    # What the link tells: `collab.client.link.Follower`.

    def connected(self) -> None:
        self._become("connected")

    def disconnected(self) -> None:
        self._become("offline")

    def caught_up(self) -> None:
        self._audience.check()

    def happened(self, event: Event) -> None:
        match event:
            case Change():
                self._audience.tell(_CHANGES, event)
            case Saved():
                self._acknowledge(event)
            case Told():
                self._audience.tell((_MESSAGES, event.plugin), event.data)
            case Restart(rescue=Rescue() as rescue):
                self._keep(rescue)
                self._fail_edits(Refused(rescue.code, rescue.sentence, rescue))
            case Complaint():
                level = logging.DEBUG if event.code == "slow_down" else logging.WARNING
                log.log(level, "document %s: %s (%s)", self.id, event.sentence, event.code)

    def _acknowledge(self, saved: Saved) -> None:
        while self._edits and self._edits[0][0] <= saved.ticket:
            _, future = self._edits.popleft()
            if not future.done():
                future.set_result(saved.revision)

    def _fail_edits(self, error: ClientError) -> None:
        while self._edits:
            _, future = self._edits.popleft()
            if not future.done():
                future.set_exception(error)

    def _keep(self, rescue: Rescue) -> None:
        log.warning("document %s: %s (%s)", self.id, rescue.sentence, rescue.code)
        self.rescues.append(rescue)
        if self._on_rescue is not None:
            try:
                self._on_rescue(rescue)
            except Exception:
                log.exception("document %s: on_rescue failed", self.id)

    def _become(self, status: Status) -> None:
        if status != self._status and self._status != "closed":
            self._status = status
            self._audience.tell(_STATUSES, status)
        self._audience.check()

    def _finish(self, error: ClientError) -> None:
        """Nothing comes after this; everybody who waits is told."""
        if self._audience.error is None:
            self._become("closed")
            self._fail_edits(error)
            self._audience.end(error)


def _seen(future: asyncio.Future[int]) -> None:
    """What nobody awaits is no fault: the rescue was kept and told."""
    if not future.cancelled():
        future.exception()
