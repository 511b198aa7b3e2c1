"""The link between a replica and the server: connect, greet, read, write, and come back."""

from __future__ import annotations

import asyncio
from typing import Protocol

import aiohttp

from collab.client.address import Address
from collab.client.backoff import Backoff
from collab.client.connection import Connection, ConnectionLost
from collab.client.errors import Gone
from collab.client.events import Change, Ended, Event, Joined, Restart, Retry
from collab.client.replica import Replica

WELCOME_TIMEOUT = 30.0
"""Seconds the server may take to answer hello; a large document takes a while to send."""


class Follower(Protocol):
    """Who is told how the link is doing."""

    def connected(self) -> None:
        """The server said welcome."""

    def disconnected(self) -> None:
        """The connection is gone; the link tries again."""

    def happened(self, event: Event) -> None:
        """Something happened to the replica."""

    def caught_up(self) -> None:
        """Everything that one frame brought has been told."""


class Link:
    """Keeps a replica connected; `run` goes on until the server says that it is over."""

    def __init__(
        self,
        address: Address,
        session: aiohttp.ClientSession,
        token: str | None,
        backoff: Backoff,
        replica: Replica,
        follower: Follower,
    ) -> None:
        self.trouble = "no answer"
        """Why there is no connection."""
        self._address = address
        self._session = session
        self._token = token
        self._backoff = backoff
        self._replica = replica
        self._follower = follower
        self._restarted = False
        """Whether the last connection was given up by us: then a welcome alone is no success,
        and the waits between the attempts go on growing."""
        self._outgoing = asyncio.Event()
        self._resending: asyncio.TimerHandle | None = None

    def flush(self) -> None:
        """Send what the replica has to say, if there is a connection."""
        self._outgoing.set()

    async def run(self) -> None:
        """Connect again and again. Raises `Gone` when the server wants that no more."""
        while True:
            try:
                after = await self._connected()
            except ConnectionLost as error:
                self.trouble = str(error)
                after = None
            self._follower.disconnected()
            await asyncio.sleep(self._backoff.next(after))

    async def _connected(self) -> float | None:
        """One connection from hello to its end; returns the server's wish when to come back."""
        connection = await Connection.open(self._session, self._address.socket, self._token)
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
                    self.flush()
                    self._follower.caught_up()
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
                self._follower.connected()
            case Retry():
                self._resending = asyncio.get_running_loop().call_later(event.after, self._resend)
                return
            case Change() if not event.reset:
                self._restarted = False
        self._follower.happened(event)

    def _resend(self) -> None:
        self._replica.resend()
        self.flush()

    async def _restart(self, connection: Connection, event: Restart) -> None:
        self.trouble = event.code
        self._restarted = True
        self._follower.disconnected()
        self._follower.happened(event)
        outgoing = self._replica.take()
        if outgoing:
            await connection.send(outgoing, self._largest)

    def _ended(self, event: Ended) -> float:
        self.trouble = event.sentence
        if event.retry_after is None:
            raise Gone(event.code, event.sentence)
        return event.retry_after
