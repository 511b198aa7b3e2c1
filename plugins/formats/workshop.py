"""Work on what people wrote or sent, done in a process that can be ended when it takes too long.

A parser can be made slow, or be brought to crash, by whoever chooses its input, and a thread can't
be stopped. So jobs are done by a process of their own, one after the other: one that takes too
long, grows too large or ends is started anew for the next job. There are two, and one visitor
has one of them at most: somebody else's job does not wait for a slow one.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import sys
from collections.abc import Callable
from typing import Any, TypeVar

import msgspec
from msgspec import Raw, Struct

from collab.protocol.contents import is_large
from collab.rooms.turns import Turns, aside

from .bench import LENGTH

T = TypeVar("T")

SECONDS = 10.0
"""What one job may take."""

LARGEST = 64 * 1024 * 1024
"""Bytes of an answer at most."""

PROCESSES = 2
"""Jobs that are done at the same time."""

EACH = 4
"""Jobs of one visitor that may be done and wait."""

WAITING = 40
"""Jobs that may be done and wait for their turn."""

PIECE = 256 * 1024
"""Bytes that are handed over at once."""

START = 20.0
"""Seconds the process may take to start, which its first job waits for."""


class Workshop:
    """Processes for `jobs`, started when there is one to do."""

    def __init__(self, seconds: float = SECONDS, processes: int = PROCESSES) -> None:
        self._turns = Turns(processes, running=1, each=EACH, waiting=WAITING)
        self._free = [_Process(seconds) for _ in range(processes)]
        self._all = tuple(self._free)

    async def do(self, job: str, *arguments: Any) -> Any:
        """The answer of a job. Raises ValueError when it can't be done with these arguments, and
        `CollabError` SLOW_DOWN, BUSY when too many wait.

        It is done for whoever is charged with the work (`collab.rooms.turns`): one job of each
        visitor at a time, and each gets a turn before anybody gets another.
        """
        return await _aside(msgspec.json.decode, await self.raw(job, *arguments))

    async def raw(self, job: str, *arguments: Any) -> bytes:
        """The answer of a job as JSON, and otherwise as `do`."""
        async with self._turns.turn():
            request = await _aside(_encode, {"job": job, "arguments": arguments})
            process = self._free.pop()
            try:
                encoded = await process.ask(request)
            finally:
                self._free.append(process)
        answer = await _aside(_decode, encoded)
        if answer.error is not None:
            raise ValueError(f"It can't be read: {answer.error}")
        return bytes(answer.result)

    async def close(self) -> None:
        """End the processes, and with them the jobs that are being done."""
        await asyncio.gather(*(one.close() for one in self._all))


class _Answer(Struct):
    """What a process says: its answer, or what was wrong."""

    result: Raw = Raw(b"null")
    error: str | None = None


_encode = msgspec.json.Encoder().encode
_decode = msgspec.json.Decoder(_Answer).decode


async def _aside(work: Callable[[Any], T], value: Any) -> T:
    """Do it out of the event loop's way where ``value`` is large."""
    large = is_large(value) if isinstance(value, bytes) else any(map(is_large, value.values()))
    return await aside(lambda: work(value)) if large else work(value)


class _Process:
    """One process, which does one job after the other."""

    def __init__(self, seconds: float) -> None:
        self._seconds = seconds
        self._process: asyncio.subprocess.Process | None = None

    async def close(self) -> None:
        """End it, and with it a job that is being done."""
        process, self._process = self._process, None
        if process is None:
            return
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        await process.wait()

    async def ask(self, request: bytes) -> bytes:
        """Its answer to a request. Raises ValueError."""
        first = self._process is None
        done = False
        try:
            async with asyncio.timeout(self._seconds + START if first else self._seconds):
                process = self._process or await self._start()
                assert process.stdin is not None and process.stdout is not None
                process.stdin.write(LENGTH.pack(len(request)))
                for start in range(0, len(request), PIECE):
                    process.stdin.write(request[start : start + PIECE])
                    await process.stdin.drain()
                (length,) = LENGTH.unpack(await process.stdout.readexactly(LENGTH.size))
                if length > LARGEST:
                    raise ValueError("It would become too large.")
                pieces = []
                while length:
                    pieces.append(await process.stdout.read(min(length, PIECE)))
                    if not pieces[-1]:
                        raise asyncio.IncompleteReadError(b"", length)
                    length -= len(pieces[-1])
                done = True
        except TimeoutError:
            raise ValueError("It takes too long to convert.") from None
        except (OSError, asyncio.IncompleteReadError):
            raise ValueError("It can't be converted: it is too large or too deep.") from None
        finally:
            if not done:  # also when whoever asked has gone: the answer must not be the next one's
                await asyncio.shield(self.close())
        return b"".join(pieces)

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
