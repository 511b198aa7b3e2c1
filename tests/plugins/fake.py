"""A room and its sessions as plugins meet them, without a store, a journal or a socket."""

from __future__ import annotations

import asyncio
import textwrap
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import msgspec

from collab.ot import Content, Delta, document_type
from collab.plugins.loading import Bounds
from collab.plugins.manager import PluginManager
from collab.protocol import messages
from collab.protocol.errors import ErrorCode
from collab.protocol.frames import Frame
from collab.protocol.messages import User
from collab.protocol.settings import Limits, Settings
from collab.rooms.ordering import Ordering
from collab.rooms.port import Session
from collab.storage.port import DocumentRecord, Kept, StoredOperation

ADA = User("ada", "Ada Lovelace", "#1d4ed8")
BOB = User("bob", "Bob", "#be123c")


class FakeSession:
    """A session that keeps what it was sent."""

    def __init__(self, id: str, user: User = ADA, source: str = "here") -> None:
        self.id = id
        self.client = f"client-{id}"
        self.user = user
        self.permissions = frozenset({"read", "write"})
        self.source = source
        self.sent: list[Any] = []

    def send(self, frame: Frame) -> None:
        self.sent += messages.decode_server(frame.text)

    def rename(self, user: User) -> None:
        self.user = user

    def allow(self, permissions: frozenset[str]) -> None:
        self.permissions = permissions

    def end(
        self, code: ErrorCode, sentence: str | None = None, retry_after: float | None = None
    ) -> None:
        self.sent.append(code)

    def heard(self, plugin: str) -> list[Any]:
        """What one plugin has sent it."""
        return [
            one.data
            for one in self.sent
            if isinstance(one, messages.Message) and one.plugin == plugin
        ]


class FakeRoom:
    """An open document whose edits are committed at once."""

    def __init__(self, manager: PluginManager, text: str = "", id: str = "doc") -> None:
        self.document = DocumentRecord(id, "A title", "text", "epoch", 0, 0.0, 0.0)
        self.type = document_type("text")
        self.revision = 0
        self.content: Content = self.type.content(Delta().insert(text))
        self.sessions: dict[str, Session] = {}
        self.limits = Limits()
        self.manager = manager
        manager.observer.opened(self)

    def join(self, id: str, user: User = ADA) -> FakeSession:
        session = self.sessions[id] = FakeSession(id, user)
        self.manager.observer.joined(self, session)
        return session

    def leave(self, session: Session) -> None:
        del self.sessions[session.id]
        self.manager.observer.left(self, session)

    def close(self) -> None:
        for session in list(self.sessions.values()):
            self.leave(session)
        self.manager.observer.closed(self)

    def say(self, session: Session, plugin: str, data: Any) -> None:
        self.manager.observer.message(self, session, plugin, data)

    def commit(self, *deltas: Delta, client: str = "somebody", author: str = "ada") -> None:
        operations = []
        for delta in deltas:
            self.content.apply(delta)
            self.revision += 1
            operations.append(
                StoredOperation(
                    self.revision, client, self.revision, author, 0.0,
                    msgspec.json.encode(delta.ops), b"",
                )
            )
        self.manager.observer.committed(self, operations, deltas)

    async def submit(
        self, session: Session | None, delta: Delta, author: str = ADA.id
    ) -> None:
        """As the real room does: ask first, then commit. ``author``: where there is no session."""
        if self.manager.observer.vets:
            asked = session.user.id if session else author
            delta = await self.manager.observer.before(self, session, asked, delta)
        self.commit(delta, client=session.client if session else "server")

    async def edit(
        self,
        delta: Delta,
        *,
        author: User,
        revision: int | None = None,
        keep: Sequence[Kept] = (),
    ) -> int:
        self.commit(delta, client="server", author=author.id)
        return self.revision

    @property
    def ordering(self) -> Ordering:
        """All that is ordered is committed."""
        return Ordering(self.type, self.content, self.revision, b"", (), self.limits)

    def broadcast(self, frame: Frame, except_: Session | None = None) -> None:
        for session in list(self.sessions.values()):
            if session is not except_:
                session.send(frame)


BUNDLED = tuple(
    sorted(
        path.parent.name for path in (Path(__file__).parents[2] / "plugins").glob("*/__init__.py")
    )
)
"""The names of the bundled plugins."""


def write_plugin(folder: Path, name: str, source: str, **files: str) -> Path:
    """Make a plugin's folder: ``source`` is its module after the usual imports."""
    plugin = folder / name
    plugin.mkdir(parents=True)
    head = "from collab import Plugin, Veto, hookimpl\n\n"
    (plugin / "__init__.py").write_text(head + textwrap.dedent(source))
    for path, text in files.items():
        file = plugin / path.replace("__", "/").replace("_dot_", ".")
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
    return plugin


def make_manager(
    folder: Path | None,
    *,
    clock: Callable[[], float] = time.monotonic,
    bounds: Bounds | None = None,
    off: tuple[str, ...] | None = None,
    **settings: Any,
) -> PluginManager:
    """A loaded manager of the plugins in ``folder`` only, or (``off``) also of the bundled ones
    that are not ``off``."""
    if off is None:
        there = folder.iterdir() if folder is not None and folder.is_dir() else ()
        own = tuple(
            path.stem for path in there if path.is_dir() or path.suffix == ".py"
            if not path.name.startswith((".", "_"))
        )
        settings["plugins_on"] = settings.get("plugins_on", own)
    manager = PluginManager(
        Settings(plugins_dir=folder, plugins_off=off or (), **settings),
        installed=(),
        clock=clock,
        bounds=bounds,
    )
    manager.load()
    return manager


def the(manager: PluginManager, name: str) -> Any:
    """A loaded plugin, whatever attributes its class has."""
    return manager.plugins[name]


async def until(condition: Callable[[], object]) -> None:
    """Let the event loop turn until something is so."""
    async with asyncio.timeout(20):
        while not condition():  # there is no event to wait for in a plugin
            await asyncio.sleep(0)
