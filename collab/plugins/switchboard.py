"""Switching plugins on and off, and loading changed ones, while the server runs.

Nobody's connection is touched, save where somebody may do less or more than before: a plugin that
comes is told of the documents and sessions that are there as if they came now, one that goes is
told that the server stops.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from collab.plugins.collected import Offered, check_types, collect
from collab.plugins.discovery import Found, Unusable, keep_modules
from collab.plugins.guard import HARMLESS
from collab.plugins.halves import previous_copy
from collab.plugins.loading import Loaded
from collab.plugins.manager import PluginManager
from collab.plugins.raised import placed
from collab.plugins.registry import Registry
from collab.plugins.routes import Route
from collab.plugins.settings import WrongSettings
from collab.plugins.specs import SOFT
from collab.storage.port import Store

log = logging.getLogger("collab.plugins")


class Switchboard:
    """One change at a time; whoever registered with `follow` is called after each."""

    def __init__(
        self,
        manager: PluginManager,
        store: Callable[[], Store],
        check_routes: Callable[[Sequence[Route]], None] = lambda routes: None,
    ) -> None:
        """``check_routes`` raises for routes that can't be mounted."""
        self._manager = manager
        self._check_routes = check_routes
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
        """Load a plugin again, as its files are now; one that is off is switched on.

        When what is there now can't be used (it can't be imported or configured, what it
        contributes or ``server_started`` fails), the plugin goes on as it was. Raises LookupError,
        `Unusable`.
        """
        async with self._changing(name):
            before = self._manager.loaded.get(name)
            if before is None:
                await self._come(self._make(self._find(name)))
                return
            bring_back = keep_modules(before.found)
            try:
                await self._exchange(before, bring_back)
            except Unusable as error:
                bring_back()
                if name not in self._manager.loaded:
                    self._give_up(before, error)
                    log.error("plugin %s does not run any more: %s", name, error)
                    raise
                self._manager.loader.refused[name] = str(error)
                self._changed()
                log.error(
                    "plugin %s: the new version failed: %s; the previous one still runs",
                    name, error,
                )
                raise

    async def _exchange(self, before: Loaded, bring_back: Callable[[], None]) -> None:
        """Load a plugin again in the place of the one that runs. Raises `Unusable`.

        ``bring_back`` makes its modules those that were imported before.
        """
        manager, name = self._manager, before.found.name
        fresh = self._make(before.found)
        fresh.generation = before.generation + 1
        try:
            fresh.copy_static()
        except OSError as error:
            raise Unusable(f"its static files can't be read: {placed(error, '')}") from error
        fresh.previous = previous_copy(before, fresh.copy)
        offered = self._tried(fresh, before)
        await manager.loader.migrate(fresh)
        hooks = manager.loader.registry.fail_closed(name)
        with manager.gate.exchanging(name, hooks):
            await self._take_out(before)
            failure = await self._take_in(fresh, "loaded anew", offered)
            if failure is None:
                return
            await manager.finish(fresh)
            fresh.offered.withdraw()
            manager.loader.registry.unregister(name)
            bring_back()
            try:
                await self._take_in(manager.loader.make_again(before), "started again")
            except HARMLESS as error:
                raise Unusable(
                    f"server_started of the new version failed: {failure}; and the previous one"
                    f" can't be made again: {placed(error, before.place)}"
                ) from error
        raise Unusable(f"server_started failed: {failure}")

    def _tried(self, fresh: Loaded, before: Loaded) -> Offered:
        """What a plugin offers that is to come in the place of another. Raises `Unusable`."""
        registry = Registry()
        registry.register(fresh.found.name, fresh.plugin, fresh.services.guard)

        def refuse(hook: str, error: BaseException) -> None:
            raise Unusable(f"{hook} failed: {placed(error, fresh.place)}") from error

        implementations = registry.implemented_by(fresh.found.name)
        offered = collect(fresh.services.guard, implementations, refuse)
        try:
            check_types(offered, before.offered)
        except ValueError as error:
            refuse("document_types", error)
        try:
            self._check_routes(offered.routes)
        except HARMLESS as error:
            refuse("routes", error)
        return offered

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

    async def _take_in(
        self, loaded: Loaded, done: str, offered: Offered | None = None
    ) -> str | None:
        """Begin a plugin whose tables are up to date; ``done`` says in the log what that was.

        ``offered`` is given of one that shall only come if it can start: returns why it could not.
        """
        manager, loader = self._manager, self._manager.loader
        name = loaded.found.name
        try:
            loader.register(loaded)
        except Unusable as error:
            self._give_up(loaded, error)
            raise
        self._forget(name)
        loader.attach(loaded, self._store())
        if offered is None:
            manager.collect(loaded)
        else:
            loaded.offered = offered
            offered.announce()
        failure = await manager.begin(loaded)
        if failure is not None and offered is not None:
            return failure
        # From here to the end in one turn, so that nothing is told twice or not at all.
        manager.loaded = dict(sorted({**manager.loaded, name: loaded}.items()))
        manager.connect()
        manager.gate.settled(name)
        manager.introduce(loaded)
        log.warning("plugin %s was %s by hand", name, done)
        self._changed()
        return None

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
        loader.refused.pop(name, None)

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
            try:
                changed()
            except Exception:
                log.exception("not everybody was told that plugins have changed")
