"""Switching plugins on and off, and loading changed ones, while the server runs.

Nobody's connection is touched, save where somebody may do less or more than before: a plugin that
comes is told of the documents and sessions that are there as if they came now, one that goes is
told that the server stops.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from collab.plugins.discovery import Found, Unusable
from collab.plugins.loading import Loaded
from collab.plugins.manager import PluginManager
from collab.plugins.settings import WrongSettings
from collab.plugins.specs import SOFT
from collab.storage.port import Store

log = logging.getLogger("collab.plugins")


class Switchboard:
    """One change at a time; whoever registered with `follow` is called after each."""

    def __init__(self, manager: PluginManager, store: Callable[[], Store]) -> None:
        self._manager = manager
        self._store = store
        self._lock = asyncio.Lock()
        self._followers: list[Callable[[], None]] = []

    def follow(self, changed: Callable[[], None]) -> None:
        """Call ``changed`` whenever other plugins are switched on than before."""
        self._followers.append(changed)

    async def on(self, name: str) -> None:
        """Switch a plugin on, with its files as they are now. Does nothing when it is on.

        Raises LookupError (there is none), `Unusable`.
        """
        async with self._changing(name):
            if name not in self._manager.loaded:
                await self._come(self._make(self._find(name)))

    async def off(self, name: str) -> None:
        """Switch a plugin off, until it is switched on or the server starts anew.

        Does nothing when it is off. Raises LookupError.
        """
        async with self._changing(name):
            manager = self._manager
            loaded = manager.loaded.get(name)
            missing = name in manager.gate.missing
            decided = missing or manager.decides(name)
            found = self._find(name) if loaded is None else loaded.found
            manager.gate.settled(name)
            if loaded is not None:
                await self._take_out(loaded)
            elif not missing and any(one.name == name for one in manager.listing()):
                return
            self._forget(name)
            manager.loader.off.append(found)
            log.warning("plugin %s was switched off by hand", name)
            if decided:
                log.warning("plugin %s does not decide any more who may do what", name)
            self._changed()

    async def reload(self, name: str) -> None:
        """Load a plugin anew; one that is off is switched on.

        When what is there now can't be used, the plugin goes on as it was. Raises LookupError,
        `Unusable`.
        """
        async with self._changing(name):
            before = self._manager.loaded.get(name)
            fresh = self._make(self._find(name) if before is None else before.found)
            if before is None:
                await self._come(fresh)
                return
            fresh.generation = before.generation + 1
            await self._manager.loader.migrate(fresh)
            hooks = self._manager.loader.registry.fail_closed(name)
            with self._manager.gate.exchanging(name, hooks):
                await self._take_out(before)
                await self._take_in(fresh, "loaded anew")

    @asynccontextmanager
    async def _changing(self, name: str) -> AsyncIterator[None]:
        """One change at a time; then ask anew what everybody may do, when the plugin had or has
        a say in it, and is another.

        That is not while the lock is held: a plugin that takes its time to answer can be
        switched off.
        """
        manager, different = self._manager, False
        try:
            async with self._lock:
                before = manager.loaded.get(name)
                decided = manager.decides(name)
                try:
                    yield
                finally:
                    different = manager.loaded.get(name) is not before and (
                        decided or manager.decides(name)
                    )
        finally:
            if different:
                await manager.standing.reconsider()

    def _find(self, name: str) -> Found:
        """A plugin that is there now, perhaps since the server started."""
        for one in self._manager.find():
            if one.name == name:
                return one
        raise LookupError(f"There is no plugin {name!r:.40}.")

    def _make(self, found: Found) -> Loaded:
        began = time.monotonic()
        try:
            return self._manager.loader.make(found, fresh=True)
        except WrongSettings as error:
            raise Unusable(str(error)) from error
        finally:
            seconds = time.monotonic() - began
            if seconds > SOFT:
                log.warning(
                    "plugin %s blocked the event loop for %.1f s while it was imported and made,"
                    " while everybody waited", found.name, seconds,
                )

    async def _come(self, loaded: Loaded) -> None:
        """Take in a plugin that was off."""
        try:
            await self._manager.loader.migrate(loaded)
        except Unusable as error:
            self._give_up(loaded, error)
            raise
        await self._take_in(loaded, "switched on")

    async def _take_in(self, loaded: Loaded, done: str) -> None:
        """Begin a plugin whose tables are up to date; ``done`` says in the log what that was."""
        manager, loader = self._manager, self._manager.loader
        name = loaded.found.name
        try:
            loader.register(loaded)
        except Unusable as error:
            self._give_up(loaded, error)
            raise
        self._forget(name)
        loader.attach(loaded, self._store())
        manager.collect(loaded)
        await manager.begin(loaded)
        # From here to the end in one turn, so that nothing is told twice or not at all.
        manager.loaded = dict(sorted({**manager.loaded, name: loaded}.items()))
        manager.connect()
        manager.gate.settled(name)
        manager.introduce(loaded)
        log.warning("plugin %s was %s by hand", name, done)
        self._changed()

    def _give_up(self, loaded: Loaded, error: Unusable) -> None:
        name = loaded.found.name
        self._forget(name)
        self._manager.loader.problems.append(loaded.found.unusable(str(error)))
        self._changed()

    def _forget(self, name: str) -> None:
        """It is neither off nor a problem any more."""
        loader = self._manager.loader
        loader.off = [one for one in loader.off if one.name != name]
        loader.problems[:] = [one for one in loader.problems if one.name != name]

    async def _take_out(self, loaded: Loaded) -> None:
        manager = self._manager
        name = loaded.found.name
        manager.loaded = {key: one for key, one in manager.loaded.items() if key != name}
        manager.connect()
        manager.observer.leaving |= {name}
        try:
            await manager.finish(loaded)
        finally:
            manager.observer.leaving -= {name}
            loaded.offered.withdraw()
            manager.loader.registry.unregister(name)

    def _changed(self) -> None:
        for changed in self._followers:
            changed()
