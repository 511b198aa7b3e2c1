"""A server in a process of its own, which a test may kill and start again."""

from __future__ import annotations

import asyncio
import os
import re
import signal
import socket
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import collab
from collab.web.operator import command_key
from collab.web.secret import read_secret

_ADDRESS = re.compile(r"https?://[^\s/]+:\d+[^\s]*")


class ServerProcess:
    """``python -m collab serve`` on a data directory; use it with ``async with``.

    The first start takes any free port, and every restart the same one, so that clients find
    the server again. ``launcher`` is what Python runs (default: ``-m collab``).
    """

    def __init__(
        self,
        data_dir: Path,
        *arguments: str,
        launcher: Sequence[str] = ("-m", "collab"),
        environment: Mapping[str, str] | None = None,
    ) -> None:
        self.data_dir = data_dir
        self.url = ""
        self.log: list[str] = []
        """Lines that the server wrote, the address among them."""
        self._arguments = arguments
        self._launcher = launcher
        self._environment = dict(environment or {})
        self._port = 0
        self._process: asyncio.subprocess.Process | None = None
        self._reading: asyncio.Task[None] | None = None
        self._address: asyncio.Future[str] | None = None

    @property
    def port(self) -> int:
        return self._port

    @property
    def operator(self) -> dict[str, str]:
        """Headers that make a request the operator's. They are good for one request: ask again
        for the next one.
        """
        return {"Authorization": f"Bearer {command_key(read_secret(self.data_dir))}"}

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    async def start(self, timeout: float = 30.0) -> str:
        """Start the server; returns its address once it says that it listens."""
        if self._port == 0:
            self._port = _free_port()
        self._address = asyncio.get_running_loop().create_future()
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, *self._launcher, "serve",
            "--port", str(self._port), "--data-dir", str(self.data_dir), *self._arguments,
            env={
                **os.environ, "PYTHONUNBUFFERED": "1", "PYTHONPATH": _path(), **self._environment,
            },
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.STDOUT, limit=1 << 22,
        )
        self._reading = asyncio.create_task(self._read(self._process))
        async with asyncio.timeout(timeout):
            self.url = (await self._address).rstrip("/")
        return self.url

    async def _read(self, process: asyncio.subprocess.Process) -> None:
        assert process.stdout is not None and self._address is not None
        address = self._address
        async for line in process.stdout:
            text = line.decode(errors="replace").rstrip()
            self.log.append(text)
            found = _ADDRESS.search(text)
            if found and not address.done():
                address.set_result(found[0])
        if not address.done():
            address.set_exception(RuntimeError("the server did not start:\n" + "\n".join(self.log)))

    async def kill(self) -> None:
        """``kill -9``: no instruction of the server runs after this."""
        await self._end(signal.SIGKILL)

    async def stop(self, timeout: float = 15.0) -> int:
        """SIGTERM; returns the exit code. Raises TimeoutError (and kills) when it never ends."""
        try:
            return await self._end(signal.SIGTERM, timeout)
        except TimeoutError:
            await self.kill()
            raise

    async def _end(self, how: signal.Signals, timeout: float = 15.0) -> int:
        process, reading = self._process, self._reading
        assert process is not None and reading is not None
        if process.returncode is None:
            process.send_signal(how)
        async with asyncio.timeout(timeout):
            code = await process.wait()
            await reading
        return code

    async def __aenter__(self) -> ServerProcess:
        await self.start()
        return self

    async def __aexit__(self, *error: object) -> None:
        if self._process is not None and self._process.returncode is None:
            await self.kill()


def _path() -> str:
    """Where the child finds this very package, in a checkout that is not installed too."""
    here = str(Path(collab.__file__).parents[1])
    return os.pathsep.join(filter(None, (here, os.environ.get("PYTHONPATH"))))


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        return int(listener.getsockname()[1])
