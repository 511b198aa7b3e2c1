"""A store that fails, hangs or is cancelled where a test says so."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Awaitable, Sequence
from typing import Literal, TypeVar

from collab.storage.port import (
    Append,
    Belongings,
    DocumentRecord,
    Kept,
    Loaded,
    Page,
    Snapshot,
    StorageError,
    Store,
    StoredOperation,
    Tables,
)

T = TypeVar("T")

Moment = Literal["before", "after"]
"""Before the store has done anything, or when it has done (and committed) all of it."""


class Fault:
    """What goes wrong with one call.

    ``fail``    raises ``error``; at the moment ``after``, what failed is in the store all the same
    ``hang``    waits until `release` is called, then raises ``error`` if there is one
    ``cancel``  cancels the task that calls
    """

    def __init__(
        self,
        kind: Literal["fail", "hang", "cancel"],
        moment: Moment = "before",
        error: Exception | None = None,
    ) -> None:
        if kind == "fail" and error is None:
            error = StorageError(f"A test made this fail, {moment} it was done.")
        self.kind = kind
        self.moment = moment
        self.error = error
        self.reached = asyncio.Event()
        """Set once the call has come to the fault."""
        self._released = asyncio.Event()

    def release(self) -> None:
        """Let a call that hangs go on."""
        self._released.set()

    async def strike(self) -> None:
        """Do the damage."""
        self.reached.set()
        if self.kind == "hang":
            await self._released.wait()
        elif self.kind == "cancel":
            task = asyncio.current_task()
            assert task is not None, "a store is called from a task"
            task.cancel()
            await asyncio.sleep(0)  # Where the cancellation is raised.
        if self.error is not None:
            raise self.error


class FaultyStore:
    """A `Store` around another one, with faults where `inject` puts them.

    A method is named as it is called: ``store.inject("append", Fault("fail", "after"))``.
    """

    def __init__(self, store: Store) -> None:
        self.store = store
        self.calls: dict[str, int] = defaultdict(int)
        """How often each method was called, faults included."""
        self._faults: dict[tuple[str, int], Fault] = {}

    def inject(self, method: str, fault: Fault, *, skip: int = 0) -> Fault:
        """Strike the next call of ``method``, or the one after ``skip`` further calls."""
        self._faults[method, self.calls[method] + skip + 1] = fault
        return fault

    async def _call(self, method: str, call: Awaitable[T]) -> T:
        self.calls[method] += 1
        fault = self._faults.pop((method, self.calls[method]), None)
        if fault is None:
            return await call
        if fault.moment == "before":
            try:
                await fault.strike()
            except BaseException:
                _discard(call)
                raise
        result = await call
        if fault.moment == "after":
            await fault.strike()
        return result

    @property
    def tables(self) -> Tables:
        """Those of the store itself; no faults are put there."""
        return self.store.tables

    async def close(self) -> None:
        await self._call("close", self.store.close())

    async def prove(self) -> None:
        await self._call("prove", self.store.prove())

    async def create(
        self, document: DocumentRecord, content: bytes, state: Sequence[Kept] = ()
    ) -> None:
        await self._call("create", self.store.create(document, content, state))

    async def document(self, id: str) -> DocumentRecord | None:
        return await self._call("document", self.store.document(id))

    async def documents(
        self, *, search: str = "", limit: int = 50, cursor: str | None = None
    ) -> Page:
        return await self._call(
            "documents", self.store.documents(search=search, limit=limit, cursor=cursor)
        )

    async def rename(self, id: str, title: str) -> DocumentRecord | None:
        return await self._call("rename", self.store.rename(id, title))

    async def delete(self, id: str) -> bool:
        return await self._call("delete", self.store.delete(id))

    async def append(self, appends: Sequence[Append]) -> None:
        await self._call("append", self.store.append(appends))

    async def last_sequence(self, document: str, client: str) -> tuple[int, int]:
        return await self._call("last_sequence", self.store.last_sequence(document, client))

    async def load(self, id: str, revision: int | None = None) -> Loaded | None:
        return await self._call("load", self.store.load(id, revision))

    async def hash_at(self, id: str, revision: int) -> bytes | None:
        return await self._call("hash_at", self.store.hash_at(id, revision))

    async def operations(
        self, id: str, since: int, until: int | None = None
    ) -> AsyncIterator[StoredOperation]:
        await self._call("operations", asyncio.sleep(0))
        async for operation in self.store.operations(id, since, until):
            yield operation

    async def snapshots(self, id: str) -> AsyncIterator[Snapshot]:
        await self._call("snapshots", asyncio.sleep(0))
        async for snapshot in self.store.snapshots(id):
            yield snapshot

    async def belongings(self, id: str) -> Belongings | None:
        return await self._call("belongings", self.store.belongings(id))

    async def restore(
        self,
        belongings: Belongings,
        operations: Sequence[StoredOperation],
        snapshots: Sequence[Snapshot],
    ) -> None:
        await self._call("restore", self.store.restore(belongings, operations, snapshots))

    async def save_snapshot(self, id: str, snapshot: Snapshot) -> None:
        await self._call("save_snapshot", self.store.save_snapshot(id, snapshot))

    async def touch(self, times: dict[str, float]) -> None:
        await self._call("touch", self.store.touch(times))

    async def get_state(self, plugin: str, document: str | None, key: str) -> bytes | None:
        return await self._call("get_state", self.store.get_state(plugin, document, key))

    async def set_state(
        self, plugin: str, document: str | None, key: str, value: bytes | None
    ) -> None:
        await self._call("set_state", self.store.set_state(plugin, document, key, value))

    async def list_state(
        self, plugin: str, document: str | None, prefix: str = ""
    ) -> dict[str, bytes]:
        return await self._call("list_state", self.store.list_state(plugin, document, prefix))


def _discard(call: Awaitable[object]) -> None:
    """Close a coroutine that will not be awaited."""
    if asyncio.iscoroutine(call):
        call.close()
