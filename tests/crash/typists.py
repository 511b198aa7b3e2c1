"""Clients that type as fast as they are acknowledged, and remember all they were told.

They speak the protocol themselves and share no code with our own client: each inserts at the
very beginning, which fits every revision, so that it needs no transformation.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import aiohttp

from collab.testing import RawSession, Server, SocketClosed


class Witness:
    """What all typists together were told."""

    def __init__(self) -> None:
        self.acknowledged: dict[tuple[str, int], int] = {}
        """(client, sequence) → revision."""
        self.seen: dict[int, tuple[str, int, Any]] = {}
        """revision → (client, sequence, delta)"""
        self.sent: set[tuple[str, int]] = set()
        self.goodbyes: list[dict[str, Any]] = []
        self.closes: list[int | None] = []
        self.contradictions: list[str] = []
        self._news = asyncio.Event()

    def see(self, operation: dict[str, Any]) -> None:
        revision = operation["revision"]
        what = (operation["client"], operation["sequence"], operation["delta"])
        before = self.seen.setdefault(revision, what)
        if before != what:
            self.contradictions.append(f"revision {revision} was {before}, and then {what}")
        self._news.set()

    async def until(self, condition: Callable[[], bool], seconds: float = 60.0) -> None:
        """Return when ``condition`` holds; it is asked after everything that is seen."""
        async with asyncio.timeout(seconds):
            while not condition():
                self._news.clear()
                await self._news.wait()

    def so_far(self) -> Witness:
        """What was told until now, for a check while everybody goes on typing."""
        copy = Witness()
        copy.acknowledged = dict(self.acknowledged)
        copy.seen = dict(self.seen)
        copy.contradictions = list(self.contradictions)
        return copy

    def check(self, log: list[dict[str, Any]]) -> list[str]:
        """What the log of the server, read after all this was told, has broken of it."""
        faults = list(self.contradictions)
        if [entry["revision"] for entry in log] != list(range(1, len(log) + 1)):
            faults.append("the log has a gap")
        written: dict[tuple[str, int], int] = {}
        for entry in log:
            key = (entry["client"], entry["sequence"])
            if key in written:
                faults.append(f"{key} is in the log twice")
            written[key] = entry["revision"]
        for key, revision in self.acknowledged.items():
            if written.get(key) != revision:
                faults.append(f"{key} was acknowledged as {revision}, the log: {written.get(key)}")
        for revision, what in self.seen.items():
            found = log[revision - 1] if revision <= len(log) else {}
            if (found.get("client"), found.get("sequence"), found.get("delta")) != what:
                faults.append(f"revision {revision} was seen and is not in the log like that")
        return faults


class Typist:
    """One client of one document, through every interruption."""

    def __init__(self, witness: Witness, http: aiohttp.ClientSession, url: str) -> None:
        self.witness = witness
        self.stopping = False
        self.sequence = 0
        self.revision = 0
        self._http = http
        self._url = url
        self._hello: dict[str, Any] = {}
        self._base: int | None = None

    async def run(self) -> None:
        """Type until told to stop; what is in flight then is seen through."""
        while not (self.stopping and self._base is None):
            try:
                session = await RawSession.open(self._http, self._url, greet=False)
            except (aiohttp.ClientError, OSError):
                await asyncio.sleep(0.02)  # the server is down
                continue
            try:
                await self._converse(session)
            except SocketClosed as closed:
                self.witness.closes.append(closed.code)
            except (aiohttp.ClientError, OSError):
                pass
            finally:
                await session.close()

    async def _converse(self, session: RawSession) -> None:
        hello: dict[str, Any] = dict(self._hello)
        if hello:
            hello["revision"] = self.revision
        welcome = await session.hello(**hello)
        self._hello = {key: welcome[key] for key in ("client", "secret", "epoch")}
        for operation in welcome.get("operations", ()):
            self._take(operation)
        self.revision = max(self.revision, welcome["revision"])
        if self._base is not None:
            # Still right there: nothing moves what is inserted at the very beginning.
            self._base = self.revision
            await self._send(session)
        else:
            await self._type(session)
        while not (self.stopping and self._base is None):
            message = await session.next()
            if message["type"] == "operations":
                acknowledged = False
                for operation in message["operations"]:
                    acknowledged = self._take(operation) or acknowledged
                if acknowledged and not self.stopping:
                    await self._type(session)
            elif message["type"] == "goodbye":
                self.witness.goodbyes.append(message)

    async def _type(self, session: RawSession) -> None:
        self.sequence += 1
        self._base = self.revision
        await self._send(session)

    async def _send(self, session: RawSession) -> None:
        assert self._base is not None
        self.witness.sent.add((self._hello["client"], self.sequence))
        text = f"<{self._hello['client']} {self.sequence}>"
        await session.operate(self._base, self.sequence, [{"insert": text}])

    def _take(self, operation: dict[str, Any]) -> bool:
        """Note an operation; True when it acknowledges what is in flight."""
        self.witness.see(operation)
        if operation["revision"] > self.revision:
            self.revision = operation["revision"]
        key = (operation["client"], operation["sequence"])
        if self._base is None or key != (self._hello["client"], self.sequence):
            return False
        self.witness.acknowledged[key] = operation["revision"]
        self._base = None
        return True


async def gather_log(url: str, http: aiohttp.ClientSession, document: str) -> list[dict[str, Any]]:
    """The whole log of a document, through the HTTP API."""
    log: list[dict[str, Any]] = []
    while True:
        async with http.get(
            f"{url}/api/documents/{document}/operations", params={"since": str(len(log))}
        ) as response:
            assert response.status == 200, await response.text()
            part = (await response.json())["operations"]
        if not part:
            return log
        log += part


async def create(url: str, http: aiohttp.ClientSession) -> str:
    """Make an empty document; returns its id."""
    return await Server(url, None, http).create_document()
