"""Who implements what: looked up once after each change, so that telling is a walk over a tuple."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

from collab.plugins.base import Plugin
from collab.plugins.caller import Implementation
from collab.plugins.document import Document
from collab.plugins.loading import Loaded
from collab.plugins.queue import Listener, Queue
from collab.plugins.registry import Registry
from collab.plugins.specs import HOOKS
from collab.rooms.port import Session


class Wiring:
    """The implementations of the plugins that are switched on, by hook and in order."""

    def __init__(self) -> None:
        self.listeners: dict[str, tuple[Listener, ...]] = dict.fromkeys(HOOKS, ())
        self.receivers: dict[str, tuple[Queue, Implementation, Plugin]] = {}
        """By plugin, who takes the messages of its browser half."""
        self.vetting: tuple[Implementation, ...] = ()
        """Who is asked about operations before they are taken."""
        self.vetting_strictly = False
        """Whether one of them refuses when it fails: then it is asked whatever its state."""
        self.observing = False
        """Whether anybody is told of committed operations."""

    def connect(self, registry: Registry, loaded: Mapping[str, Loaded]) -> None:
        """Look everything up anew, for these plugins."""
        for name in HOOKS:
            self.listeners[name] = tuple(
                (loaded[one.guard.plugin].services.queue, one)
                for one in registry.implementations(name)
                if one.guard.plugin in loaded
            )
        self.receivers = {
            one.guard.plugin: (queue, one, loaded[one.guard.plugin].plugin)
            for queue, one in self.listeners["message_received"]
        }
        self.vetting = tuple(self.asked("before_operation"))
        self.vetting_strictly = any(one.fail_closed for one in self.vetting)
        self.observing = self.implements("operation_committed")

    def asked(self, hook: str) -> list[Implementation]:
        """Who is asked a question, in order."""
        return [one for _, one in self.listeners[hook]]

    def implements(self, hook: str) -> bool:
        """Whether any plugin implements a hook."""
        return bool(self.listeners[hook])

    def decides(self, name: str) -> bool:
        """Whether a plugin has a say in who somebody is, or what they may do."""
        asked = (*self.asked("authenticate"), *self.asked("authorize"))
        return any(one.guard.plugin == name for one in asked)

    def tell(self, hook: str, document: Document, *arguments: Any) -> None:
        """Put a fact about a document into the queue of every plugin that listens."""
        for queue, implementation in self.listeners[hook]:
            try:
                queue.push(document.id, implementation, document, *arguments)
            except Exception as error:
                implementation.guard.provoked(hook, error, 0.0)

    def tell_of(self, hook: str, document: Document, session: Session) -> None:
        """Tell every plugin that listens what a session has done."""
        for queue, implementation in self.listeners[hook]:
            try:
                queue.push_session(session, document.id, implementation, document, session)
            except Exception as error:
                implementation.guard.provoked(hook, error, 0.0)

    def room(self, hook: str, session: Session) -> asyncio.Event | None:
        """What to wait for before more of a hook is caused by a session's user; None: there is
        room in all queues.
        """
        waits = (queue.room(session) for queue, _ in self.listeners[hook])
        return next((one for one in waits if one is not None), None)
