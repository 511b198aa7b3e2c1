"""A server that was asked to stop ends, whatever its plugins do, and says who held it up."""

from __future__ import annotations

import asyncio
from pathlib import Path

import aiohttp
import pytest

from collab.cli.failure import Exit
from collab.testing.process import ServerProcess
from collab.testing.raw import RawSession
from tests.plugins.fake import write_plugin

HEAD = """
import asyncio
import threading
import time

class Clinging(Plugin):
    @hookimpl
    async def server_started(self):
"""

WITNESS = """
class Witness(Plugin):
    @hookimpl
    def server_stopping(self): print("the witness was told", flush=True)
"""

HOLDS = {
    "a thread that is no daemon": (
        """
        threading.Thread(target=self.work, name="worker").start()

    def work(self):
        while True:
            time.sleep(60)
""",
        "the thread 'worker' of the plugin clinging in work (",
    ),
    "a task that swallows its cancellation": (
        """
        self.spawn(self.work())

    async def work(self):
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
""",
        "the task 'plugin clinging work' of the plugin clinging in work (",
    ),
    "a task of its own that does": (
        """
        self.task = asyncio.get_running_loop().create_task(self.work(), name="mine")

    async def work(self):
        while True:
            try:
                await asyncio.sleep(60)
            except asyncio.CancelledError:
                pass
""",
        "the task 'mine' of the plugin clinging in work (",
    ),
    "a task without a name, that awaits something odd": (
        """
        self.task = asyncio.get_running_loop().create_task(self.work(), name="")

    async def work(self):
        while True:
            try:
                await Endless()
            except asyncio.CancelledError:
                pass

class Endless:
    "Waits for ever, and has any attribute."
    cr_frame = cr_await = f_code = property(lambda self: self)
    f_lineno = 1
    co_filename = co_name = "?"

    def __await__(self):
        return self

    def __next__(self):
        future = asyncio.get_running_loop().create_future()
        future._asyncio_future_blocking = True
        return future

    def throw(self, *error):
        raise asyncio.CancelledError
""",
        "the task '' of the plugin clinging in work (",
    ),
    "a thread of the pool": (
        """
        self.spawn(asyncio.to_thread(self.work))

    def work(self):
        time.sleep(600)
""",
        "of the plugin clinging in work (",
    ),
    "a hook that blocks the loop for ever": (
        """
        pass

    @hookimpl
    def server_stopping(self):
        while True:
            time.sleep(0.01)
""",
        "the thread 'MainThread' of the plugin clinging in server_stopping (",
    ),
}


async def write(server: ServerProcess) -> str:
    """An edit that is acknowledged; returns the document's id."""
    async with aiohttp.ClientSession() as http:
        body = {"title": "Notes", "content": "one"}
        async with http.post(f"{server.url}/api/documents", json=body) as made:
            assert made.status == 201, await made.text()
            id = str((await made.json())["id"])
        address = server.url.replace("http", "ws", 1)
        session = await RawSession.open(http, f"{address}/api/documents/{id}/socket")
        await session.operate(session.revision, 1, [{"insert": "zero "}])
        await session.committed(session.revision + 1)
        await session.close()
    return id


@pytest.mark.parametrize("what", HOLDS)
async def test_it_ends_and_says_who_held_it(tmp_path: Path, what: str) -> None:
    source, named = HOLDS[what]
    write_plugin(tmp_path / "plugins", "clinging", HEAD + source)
    write_plugin(tmp_path / "plugins", "witness", WITNESS)
    arguments = ("--plugins-dir", str(tmp_path / "plugins"), "--shutdown-timeout", "0.5")
    async with ServerProcess(tmp_path / "data", *arguments) as server:
        id = await write(server)
        assert await server.stop(timeout=60) == Exit.FAILED
        log = "\n".join(server.log)
        assert named in log
        blocked = "blocks the loop" in what
        assert ("everything is saved, but the server can't end" in log) == (not blocked)
        assert ("the witness was told" in log) or blocked
    (tmp_path / "plugins" / "clinging" / "__init__.py").unlink()
    async with ServerProcess(tmp_path / "data") as server, aiohttp.ClientSession() as http:
        async with http.get(f"{server.url}/api/documents/{id}/content") as text:
            assert "zero one" in await text.text()
        # The negative control.
        assert await server.stop() == Exit.DONE
        assert not any("is held by" in line for line in server.log)


async def test_a_loop_that_is_blocked_can_be_asked_to_stop(tmp_path: Path) -> None:
    source = """
        pass

    @hookimpl
    def document_created(self):
        print("blocked now", flush=True)
        while True:
            time.sleep(0.01)
"""
    write_plugin(tmp_path / "plugins", "clinging", HEAD + source)
    arguments = ("--plugins-dir", str(tmp_path / "plugins"), "--shutdown-timeout", "0.1")
    async with ServerProcess(tmp_path / "data", *arguments) as server:
        creating = asyncio.create_task(write(server))
        async with asyncio.timeout(30):
            while not any("blocked now" in line for line in server.log):
                await asyncio.sleep(0.01)
        assert await server.stop(timeout=60) == Exit.FAILED
        assert "of the plugin clinging in document_created (" in "\n".join(server.log)
        creating.cancel()
        await asyncio.gather(creating, return_exceptions=True)


async def test_it_ends_when_nobody_reads_its_log(tmp_path: Path) -> None:
    """The lock of the log is held for ever, by whoever writes to a pipe that is full."""
    source = """
        threading.Thread(target=self.work, name="worker").start()

    def work(self):
        logging.getLogger().handlers[0].acquire()
        threading.Event().wait()
"""
    write_plugin(tmp_path / "plugins", "clinging", "import logging\n" + HEAD + source)
    arguments = ("--plugins-dir", str(tmp_path / "plugins"), "--shutdown-timeout", "0.5")
    server = ServerProcess(tmp_path / "data", *arguments)
    async with server:
        assert await server.stop(timeout=60) == Exit.FAILED


async def test_a_plugin_that_answers_the_signals_does_not_keep_it_running(tmp_path: Path) -> None:
    source = HEAD + """
        import signal
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
"""
    write_plugin(tmp_path / "plugins", "clinging", source)
    arguments = ("--plugins-dir", str(tmp_path / "plugins"), "--shutdown-timeout", "0.5")
    async with ServerProcess(tmp_path / "data", *arguments) as server:
        assert await server.stop(timeout=60) == Exit.DONE
        assert "a plugin answered SIGTERM or SIGINT instead of the server" in "\n".join(server.log)
