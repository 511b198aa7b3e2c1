"""Attributions at any revision, worked out from the log: in the background, part by part.

A request waits a moment for one and is told how far the work has come otherwise. Copies are kept
along the way, so that going back and forth in a long history begins nearby.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Callable, Coroutine
from typing import Any, NamedTuple, Protocol

from collab.plugins.archive import Operation
from collab.protocol import errors
from collab.protocol.errors import CollabError

from .attribution import BEGINNING, Attribution, Run

PART = 500
"""Operations that are read and gone through at once, in a thread."""

PATIENCE = 2.0
"""Seconds a request waits for an attribution, before it is told how far the work has come."""

CHECKPOINTS = 32
"""Attributions that are kept of a document."""

DOCUMENTS = 32
"""Documents of which attributions are kept."""

WAITING = 8
"""Revisions of one document that may be worked on or wait for it."""


class Progress(NamedTuple):
    """The work goes on: ask again."""

    reached: int
    revision: int


class Sized(Protocol):
    @property
    def length(self) -> int: ...


class Logged(Protocol):
    """What is needed of a document; `collab.plugins.document.Document` has it."""

    @property
    def id(self) -> str: ...

    async def history(self, since: int = 0, until: int | None = None) -> list[Operation]: ...
    async def content_at(self, revision: int) -> Sized: ...


class _Line:
    """What is known of one document."""

    def __init__(self) -> None:
        self.kept: list[Attribution] = []
        """By revision. Never changed, only copied."""
        self.work: dict[int, asyncio.Future[Attribution]] = {}
        """By revision, what is being worked out."""
        self.lock = asyncio.Lock()
        self.reached = 0

    def nearest(self, revision: int) -> Attribution | None:
        """The last one kept at or before a revision."""
        before = [one for one in self.kept if one.revision <= revision]
        return before[-1] if before else None

    def keep(self, attribution: Attribution) -> None:
        if any(one.revision == attribution.revision for one in self.kept):
            return
        self.kept = sorted([*self.kept, attribution], key=lambda one: one.revision)
        if len(self.kept) > CHECKPOINTS:
            # The one that is missed least: its neighbours are closest. The newest stays.
            gaps = [
                (self.kept[at + 1].revision - (self.kept[at - 1].revision if at else 0), at)
                for at in range(len(self.kept) - 1)
            ]
            del self.kept[min(gaps)[1]]


class Replays:
    """The attributions that one plugin works out; ``spawn`` is the plugin's."""

    def __init__(self, spawn: Callable[[Coroutine[Any, Any, None]], object]) -> None:
        self._spawn = spawn
        self._lines: OrderedDict[str, _Line] = OrderedDict()

    async def at(
        self, document: Logged, revision: int, patience: float | None = None
    ) -> Attribution | Progress:
        """Who wrote what at a revision that the log has; do not change it.

        Raises `CollabError`: there is no such revision, or too many are asked for at once.
        """
        line = self._line(document.id)
        kept = line.nearest(revision)
        if kept is not None and kept.revision == revision:
            return kept
        work = line.work.get(revision)
        if work is None:
            if len(line.work) >= WAITING:
                raise CollabError(errors.SLOW_DOWN)
            work = line.work[revision] = asyncio.get_running_loop().create_future()
            work.add_done_callback(lambda _: line.work.pop(revision))
            try:
                self._spawn(self._work(document, line, revision, work))
            except RuntimeError:
                work.cancel()
                raise
        await asyncio.wait([work], timeout=PATIENCE if patience is None else patience)
        if work.cancelled():
            raise CollabError(errors.SHUTTING_DOWN, "That was broken off: try again.")
        return work.result() if work.done() else Progress(line.reached, revision)

    def keep(self, id: str, attribution: Attribution) -> None:
        """Begin at an attribution from elsewhere, which is not changed any more."""
        self._line(id).keep(attribution)

    def newest(self, id: str) -> Attribution | None:
        """The latest one of a document that is kept."""
        line = self._lines.get(id)
        return line.kept[-1] if line is not None and line.kept else None

    def forget(self, id: str) -> None:
        """Keep nothing of a document any more."""
        self._lines.pop(id, None)

    def _line(self, id: str) -> _Line:
        line = self._lines.setdefault(id, _Line())
        self._lines.move_to_end(id)
        while len(self._lines) > DOCUMENTS:
            self._lines.popitem(last=False)
        return line

    async def _work(
        self, document: Logged, line: _Line, revision: int, work: asyncio.Future[Attribution]
    ) -> None:
        try:
            async with line.lock:
                found = await self._replay(document, line, revision)
        except CollabError as error:
            _fail(work, error)
        except Exception:
            _fail(work, CollabError(errors.INTERNAL))
            raise
        except BaseException:
            work.cancel()
            raise
        else:
            work.set_result(found)

    async def _replay(self, document: Logged, line: _Line, revision: int) -> Attribution:
        begin = line.nearest(revision)
        if begin is None:
            length = (await document.content_at(0)).length
            begin = Attribution([Run(BEGINNING, length)])
        spacing = max(PART, revision // CHECKPOINTS)
        kept, at = begin.revision, begin.copy()
        while at.revision < revision:
            line.reached = at.revision
            until = min(revision, at.revision + PART)
            part = await document.history(at.revision, until)
            if not part:
                raise CollabError(errors.BAD_REVISION)
            await asyncio.to_thread(at.extend, part)
            if at.revision - kept >= spacing:
                line.keep(at.copy())
                kept = at.revision
        line.keep(at)
        return at


def _fail(work: asyncio.Future[Attribution], error: CollabError) -> None:
    work.set_exception(error)
    work.exception()  # whoever asked may be gone: then nobody looks at it
