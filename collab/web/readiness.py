"""Whether the server could save an edit now: what `/readyz` answers, proved by a commit."""

from __future__ import annotations

import asyncio
import logging
import time
from collections.abc import Awaitable, Callable

from collab.protocol import errors
from collab.protocol.errors import CollabError
from collab.storage.port import StorageError

log = logging.getLogger(__name__)

FRESH = 1.0
"""Seconds for which an answer is given again: whoever asks often costs no more commits."""

PATIENCE = 2.0
"""Seconds that a commit may take before the server counts as not ready; a health check of a proxy
gives up sooner or later, and shall learn why."""


class Readiness:
    """Proves that edits can be saved, once however many ask."""

    def __init__(
        self, prove: Callable[[], Awaitable[None]], clock: Callable[[], float] = time.monotonic
    ) -> None:
        """``prove`` commits something; it raises `StorageError` with a sentence."""
        self._prove = prove
        self._clock = clock
        self._proof: asyncio.Task[str | None] | None = None
        self._ended = 0.0
        self._trouble: str | None = None

    async def require(self) -> None:
        """Return when an edit can be saved. Raises `CollabError` STORAGE_FAILED.

        The reason is for the log: it names paths of this machine, and anybody may ask.
        """
        proof = self._proof
        if proof is None or (proof.done() and self._clock() - self._ended >= FRESH):
            proof = self._proof = asyncio.create_task(self._find_out(), name="readiness")
        try:
            async with asyncio.timeout(PATIENCE):
                trouble = await asyncio.shield(proof)
        except TimeoutError:
            trouble = f"The database has not taken a write for {PATIENCE:g} seconds."
            self._tell(trouble)
        if trouble is not None:
            raise CollabError(
                errors.STORAGE_FAILED, "Edits can't be saved now; the server's log says why."
            )

    async def close(self) -> None:
        """Wait for a proof that is under way."""
        if self._proof is not None:
            await asyncio.wait((self._proof,), timeout=PATIENCE)

    async def _find_out(self) -> str | None:
        trouble: str | None = None
        try:
            await self._prove()
        except StorageError as error:
            trouble = str(error)
        except Exception:
            log.exception("the database could not be tried")
            trouble = "The database does not answer."
        self._ended = self._clock()
        self._tell(trouble)
        return trouble

    def _tell(self, trouble: str | None) -> None:
        """Log a change, not every look."""
        if trouble == self._trouble:
            return
        if trouble is None:
            log.warning("ready again: edits can be saved")
        else:
            log.error("not ready: %s", trouble)
        self._trouble = trouble
