"""The WebSocket endpoint: one connection to one document, as ``docs/protocol.md`` says.

What comes in is decoded, bounded and handed to the room within one turn of the event loop;
this handler never waits for a commit, a plugin or another client.
"""

from __future__ import annotations

import asyncio
import logging
from contextlib import ExitStack

import msgspec
from aiohttp import WSMsgType, web
from msgspec import UNSET, Raw, UnsetType

from collab.protocol import errors, messages
from collab.protocol.bodies import problem
from collab.protocol.errors import CollabError
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.protocol.settings import Limits
from collab.protocol.token_bucket import TokenBucket
from collab.rooms import Room
from collab.rooms.telling import COME_BACK, committed_message, operations_frame, refuse
from collab.storage.port import StorageError, StoredOperation
from collab.web.access import permissions
from collab.web.administration import browser_halves
from collab.web.admission import ADMISSION, RETRY_AFTER, Admission
from collab.web.budget import ByteBudget
from collab.web.clients import CLIENTS
from collab.web.connection import Connection
from collab.web.documents import find, named
from collab.web.identity import identify, is_operator
from collab.web.keys import CONNECTIONS, PLUGINS, ROOMS, SETTINGS, STORE
from collab.web.proxies import base_path, peer

log = logging.getLogger(__name__)

CATCH_UP = 1000
"""Operations in one frame while a client that was away is told what it missed."""

CATCH_UP_SIZE = 256 * 1024
"""Bytes of deltas after which such a frame ends: what waits for a client is bounded."""

SLICE = 0.005
"""Seconds of one frame's messages at once; then the event loop has its turn."""

CLOSED_AFTER = 0.5
"""Seconds after which it is noticed at the latest that a client left while it was not read."""

LARGE_WELCOME = 256 * 1024
"""Bytes of content above which a client is sent it as it reads, and they are counted meanwhile:
what nobody reads stays in memory, for each connection."""

WELCOMES_SIZE = 256 * 1024 * 1024
"""Bytes of large contents that may be on their way at once; a quarter of it to one address."""

WELCOME_TIMEOUT = 300.0
"""Seconds that a client may take to read such a content."""

WELCOMES = web.AppKey("welcomes", ByteBudget)

SLOW_DOWN_EVERY = 1.0
"""Seconds between two times that a client which sends too fast is told so."""


def setup(app: web.Application, limits: Limits) -> None:
    """Give ``app`` what its connections share."""
    app[ADMISSION] = Admission(limits)
    # A unit has four bytes at most, in JSON six.
    total = max(WELCOMES_SIZE, 4 * 6 * limits.document_size)
    app[WELCOMES] = ByteBudget(
        total,
        total // 4,
        "Large documents are being opened from your address: this one opens when they are.",
    )


async def open_socket(request: web.Request) -> web.WebSocketResponse:
    """``GET /api/documents/{id}/socket``. Raises `CollabError` before the upgrade."""
    admission, id = request.app[ADMISSION], request.match_info["id"]
    with ExitStack() as places:
        places.enter_context(admission.visitor(peer(request).address, id))
        # Before anything is asked: what is decided anew from here on concerns this session too.
        turn = request.app[PLUGINS].standing.turn
        user = await identify(request)
        if not is_operator(request):
            places.enter_context(admission.person(user.id))
        return await _serve(request, user, turn)


async def _serve(request: web.Request, user: User, turn: int) -> web.WebSocketResponse:
    settings = request.app[SETTINGS]
    limits = settings.limits
    rooms = request.app[ROOMS]
    connections = request.app[CONNECTIONS]
    if rooms.find(request.match_info["id"]) is None and request.app[PLUGINS].gate.guards:
        # Before it is loaded, or fetched from elsewhere, for somebody who may not see it.
        await find(request)
    async with rooms.use(request.match_info["id"]) as room:
        if len(room.sessions) >= limits.sessions_per_document:
            raise CollabError(
                errors.TOO_MANY_SESSIONS,
                "Too many connections are open on this document.",
                retry_after=RETRY_AFTER,
            )
        allowed = await permissions(request, room.document)
        socket = web.WebSocketResponse(
            heartbeat=settings.heartbeat,
            max_msg_size=limits.message_size + 1,  # aiohttp refuses what reaches it
            # Deflate costs 98 KiB a connection, and a keystroke is smaller than its savings.
            compress=False,
            # Makes aiohttp wait for the client in every send of ours that goes through it.
            writer_limit=1,
            decode_text=False,
        )
        await socket.prepare(request)
        transport = request.transport
        if transport is None:
            return socket
        connection = Connection(
            socket, transport, limits, user, allowed, base_path(request), request
        )
        connections.add(connection)
        try:
            await _Conversation(request, room, socket, connection, turn).run()
        finally:
            room.leave(connection)
            connections.discard(connection)
            await connection.finished()
    return socket


class _Conversation:
    """What is said on one connection, in order."""

    def __init__(
        self,
        request: web.Request,
        room: Room,
        socket: web.WebSocketResponse,
        connection: Connection,
        turn: int,
    ) -> None:
        """``turn``: of the `Standing`, from before it was asked what the session may do."""
        self._request = request
        self._room = room
        self._socket = socket
        self._connection = connection
        self._turn = turn
        self._limits = request.app[SETTINGS].limits
        self._size = 0
        """Bytes of the last frame."""

    async def run(self) -> None:
        try:
            if await self._greet():
                await self._listen()
        except CollabError as error:
            # An error outside of any message: the connection is over, whatever the error.
            wait = error.details.get("retry_after", COME_BACK) if error.code.retry else None
            self._connection.end(error.code, error.sentence, wait)
        except StorageError as error:
            log.error("document %s: %s", self._room.id, error)
            self._connection.end(errors.STORAGE_FAILED, retry_after=1.0)
        except ConnectionError:
            pass
        except Exception:
            # It must not get to whoever answers failed requests: this one is a socket now.
            log.exception("document %s: a connection failed", self._room.id)
            self._connection.end(errors.INTERNAL, retry_after=1.0)

    async def _receive(self) -> list[messages.ClientMessage] | None:
        """The messages of the next frame; None when the connection is over."""
        frame = await self._socket.receive()
        if frame.type is WSMsgType.TEXT:
            self._size = len(frame.data)
            try:
                return messages.decode_client(frame.data)
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
                raise _what_is_wrong(frame.data, error) from error
        if frame.type is WSMsgType.BINARY:
            raise CollabError(errors.BINARY_FRAME)
        return None

    async def _greet(self) -> bool:
        try:
            async with asyncio.timeout(self._limits.hello_timeout):
                first = await self._receive()
        except TimeoutError:
            raise CollabError(errors.HELLO_TIMEOUT) from None
        if first is None:
            return False
        if len(first) != 1 or not isinstance(first[0], messages.Hello):
            raise CollabError(errors.HELLO_EXPECTED)
        await self._welcome(first[0])
        return True

    async def _welcome(self, hello: messages.Hello) -> None:
        room, connection = self._room, self._connection
        clients = self._request.app[CLIENTS]
        if hello.protocol != messages.VERSION:
            raise CollabError(errors.UNSUPPORTED_PROTOCOL)
        if hello.client is not None:
            if not clients.verify_client(hello.client, hello.secret or ""):
                raise CollabError(errors.BAD_CLIENT)
            client = hello.client
            await room.resume(client)
        else:
            client = clients.new_client()
        if hello.epoch is not None and hello.epoch != room.document.epoch:
            raise CollabError(errors.EPOCH_CHANGED)
        since = hello.revision
        if since is not None:
            await self._check_history(since, hello.hash)
        connection.greet(client)
        content: Raw | UnsetType = UNSET
        operations: list[messages.Committed] | UnsetType = UNSET
        size, told = 0, room.document.title
        if since is None:
            now = await room.encoded()
            size = len(now.content)
            since, hash, content = now.revision, now.hash, Raw(now.content)
        else:
            missed = await self._missed(since)
            operations = [committed_message(one) for one in missed]
            since += len(missed)
            # Nothing was missed: then it is at the room's revision.
            hash = missed[-1].hash if missed else room.hash
        welcome = messages.Welcome(
            protocol=messages.VERSION,
            session=connection.id,
            client=client,
            secret=clients.bind_client(client),
            epoch=room.document.epoch,
            document=named(room.document, room.type),
            user=connection.user,
            permissions=sorted(connection.permissions),
            revision=since,
            sequence=room.last_sequence(client),
            limits={
                "message_size": self._limits.message_size,
                "operation_size": self._limits.operation_size,
                "operation_parts": self._limits.operation_parts,
                "document_size": self._limits.document_size,
            },
            content=content,
            operations=operations,
            hash=hash.hex(),
        )
        await self._send_welcome(welcome, size)
        plugins = self._request.app[PLUGINS]
        # Whoever comes and goes in a loop waits for the plugins that are told of it.
        while (room_left := plugins.observer.room_for(connection)) is not None:
            if not await self._until(room_left):
                return
        # Without a pause between the last look and the join, nothing can come between them.
        standing = plugins.standing
        while since < room.revision or self._turn != standing.turn:
            if self._turn != standing.turn:
                self._turn = standing.turn
                if not await standing.holds(plugins.house.document_of(room), connection):
                    raise CollabError(errors.PERMISSIONS_CHANGED)
                continue
            missed = await self._missed(since)
            if not missed:
                room.check_alive()  # It may be that the document was deleted.
                raise CollabError(errors.STORAGE_FAILED)
            await connection.deliver(operations_frame(missed))
            since += len(missed)
        room.join(connection)
        if room.document.title != told:
            connection.send(Frame(messages.encode(messages.Document(room.document.title))))
        if hello.client is not None:
            # Plugins may have been switched while it was away.
            connection.send(browser_halves(self._request.app, connection.base_path))

    async def _send_welcome(self, welcome: messages.Welcome, size: int) -> None:
        """``size``: bytes of its content. Raises `CollabError` when too many large ones are on
        their way, ConnectionError when the client is gone."""
        connection = self._connection
        if size <= LARGE_WELCOME:
            connection.send(Frame(messages.encode(welcome)))
            return
        with self._request.app[WELCOMES].held(peer(self._request).address, size):
            try:
                async with asyncio.timeout(WELCOME_TIMEOUT):
                    await connection.deliver(Frame(messages.encode(welcome)))
            except TimeoutError:
                raise CollabError(errors.TOO_SLOW) from None

    async def _check_history(self, revision: int, hash: str | None) -> None:
        """Whether the client's last ``revision`` is one of ours; its ``hash`` says of which history
        that was. Raises `CollabError`."""
        if revision < 0:
            raise CollabError(errors.BAD_REVISION)
        if hash is None:
            return  # `_missed` refuses what never was
        ours = await self._room.hash_at(revision)
        if ours is None or ours.hex() != hash:
            self._room.another_history(self._connection, revision)
            raise CollabError(errors.HISTORY_CHANGED)

    async def _missed(self, since: int) -> list[StoredOperation]:
        """Operations after ``since``: all of them from memory, or some of them from the store.

        Raises `CollabError` BAD_REVISION when there never was such a revision.
        """
        recent = self._room.recent(since)
        if recent is not None:
            return recent
        until = min(self._room.revision, since + CATCH_UP)
        missed: list[StoredOperation] = []
        size = 0
        async for one in self._request.app[STORE].operations(self._room.id, since, until):
            missed.append(one)
            size += len(one.delta)
            if size >= CATCH_UP_SIZE:
                break
        return missed

    async def _listen(self) -> None:
        clock = asyncio.get_running_loop().time
        pace = TokenBucket(self._limits.rate, self._limits.burst, clock())
        telling = TokenBucket(1 / SLOW_DOWN_EVERY, 1, clock())
        while True:
            try:
                received = await self._receive()
            except CollabError as error:
                refuse(self._connection, error)
                if error.code.close is not None:
                    return
                received = []
            if received is None:
                return
            size = self._size // (len(received) or 1)
            until = clock() + SLICE
            for message in received:
                if clock() >= until:
                    await asyncio.sleep(0)
                    until = clock() + SLICE
                full = self._take(message, size)
                if full is not None:
                    # A flood of messages waits in its sender's socket, not before a plugin.
                    if not telling.try_take(clock()):
                        refuse(self._connection, CollabError(errors.SLOW_DOWN))
                    if not await self._until(full):
                        return
            # Whoever is too fast is not refused: the server reads their socket later.
            wait = pace.take(clock(), len(received) or 1)
            if wait:
                if not telling.try_take(clock()):
                    refuse(self._connection, CollabError(errors.SLOW_DOWN))
                await asyncio.sleep(wait)

    async def _until(self, event: asyncio.Event) -> bool:
        """Wait for something; False when the connection was closed first."""
        waiting = asyncio.ensure_future(event.wait())
        try:
            while not self._connection.closed:
                done, _ = await asyncio.wait((waiting,), timeout=CLOSED_AFTER)
                if done:
                    return True
            return False
        finally:
            waiting.cancel()

    def _take(self, message: messages.ClientMessage, size: int) -> asyncio.Event | None:
        """Do what a message of ``size`` bytes asks for; returns what to wait for before the next.
        """
        room, connection = self._room, self._connection
        if isinstance(message, messages.Operation):
            try:
                room.submit(connection, message)
            except CollabError as error:
                refuse(connection, error, message.sequence)
        elif isinstance(message, messages.Message):
            return room.message(connection, message, size)
        elif isinstance(message, messages.Ping):
            connection.send(_PONG)
        elif isinstance(message, messages.Mismatch):
            room.mismatch(connection, message)
        elif isinstance(message, messages.Fault):
            plugins = self._request.app[PLUGINS]
            plugins.observer.browser_failed(connection, message.plugin, message.error)
        else:
            refuse(connection, CollabError(errors.BAD_MESSAGE, "hello was said before."))
        return None


_PONG = Frame(messages.encode(messages.Pong()))


def _what_is_wrong(data: bytes, error: Exception) -> CollabError:
    """The error for a frame that can't be decoded."""
    try:
        data.decode()
    except UnicodeDecodeError:
        return CollabError(errors.BAD_TEXT)
    if not isinstance(error, msgspec.ValidationError):
        return CollabError(errors.BAD_JSON, f"That is not valid JSON: {problem(error)}.")
    if data.lstrip()[:1] != b"[":
        return CollabError(errors.BAD_MESSAGE, "A frame has to be a JSON array of messages.")
    return CollabError(
        errors.BAD_MESSAGE,
        f"That message does not have the form the protocol asks for: {problem(error)}.",
    )
