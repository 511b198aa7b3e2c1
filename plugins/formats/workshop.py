"""Work on what people wrote or sent, done in a process that can be ended when it takes too long.

A parser can be made slow, or be brought to crash, by whoever chooses its input, and a thread can't
be stopped. So jobs are done by a process of their own, one after the other: one that takes too
long, grows too large or ends is started anew for the next job.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from typing import Any

import msgspec

from collab.protocol import errors
from collab.protocol.errors import CollabError

from .bench import LENGTH

SECONDS = 10.0
"""What one job may take."""

LARGEST = 64 * 1024 * 1024
"""Bytes of an answer at most."""

WAITING = 20
"""Jobs that may wait for their turn."""

START = 20.0
"""Seconds the process may take to start, which its first job waits for."""


class Workshop:
    """A process for `jobs`, started when there is one to do."""

    def __init__(self, seconds: float = SECONDS) -> None:
        self._seconds = seconds
        self._process: asyncio.subprocess.Process | None = None
        self._turn = asyncio.Lock()
        self._waiting = 0

    async def do(self, job: str, *arguments: Any) -> Any:
        """The answer of a job. Raises ValueError when it can't be done with these arguments, and
        `CollabError` SLOW_DOWN when too many wait."""
        if self._waiting >= WAITING:
            raise CollabError(errors.SLOW_DOWN)
        request = await asyncio.to_thread(
            msgspec.json.encode, {"job": job, "arguments": arguments}
        )
        self._waiting += 1
        try:
            async with self._turn:
                answer = await self._ask(request)
        finally:
            self._waiting -= 1
        if "error" in answer:
            raise ValueError(f"It can't be read: {answer['error']}")
        return answer["result"]

    async def close(self) -> None:
        """End the process, and with it a job that is being done."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def _ask(self, request: bytes) -> dict[str, Any]:
        first = self._process is None
        done = False
        try:
            async with asyncio.timeout(self._seconds + START if first else self._seconds):
                process = self._process or await self._start()
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write(LENGTH.pack(len(request)) + request)
                await process.stdin.drain()
                (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
                if length > LARGEST:
                    raise ValueError("It would become too large.")
                encoded = await process.stdout.readexactly(length)
                done = True
        except TimeoutError:
            raise ValueError("It takes too long to convert.") from None
        except (OSError, asyncio.IncompleteReadError):
            raise ValueError("It can't be converted: it is too large or too deep.") from None
        finally:
            if not done:  # also when whoever asked has gone: the answer must not be the next one's
                await asyncio.shield(self.close())
        answer: dict[str, Any] = await asyncio.to_thread(msgspec.json.decode, encoded)
        return answer

    async def _start(self) -> asyncio.subprocess.Process:
        self._process = process = await asyncio.create_subprocess_exec(
            sys.executable,
            "-P",  # nothing is imported from wherever the server was started
            "-c",
            f"from {__package__}.bench import main; main()",
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=_environment(),
        )
        return process


def _environment() -> dict[str, str]:
    """Nothing of the server's but where modules are: its environment may hold secrets."""
    kept = {name: os.environ[name] for name in ("PATH", "SYSTEMROOT") if name in os.environ}
    places = [place or os.getcwd() for place in sys.path]
    return kept | {"PYTHONPATH": os.pathsep.join(places), "PYTHONUTF8": "1"}
