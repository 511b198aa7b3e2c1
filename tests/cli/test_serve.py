"""``collab serve`` as a process: how it starts, what it says, how it stops."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from collab.cli.failure import Exit
from collab.cli.operator import link_explained
from collab.cli.serve import WARNING

ROOT = Path(__file__).parents[2]
KEPT = ("PATH", "COLLAB_PLUGINS_OFF")
"""Of the tests' own variables. `pytest --without` sets the last one."""


Process = asyncio.subprocess.Process


class Server:
    """``collab serve`` in a folder of its own, with no variables but those given."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.processes: list[Process] = []

    async def run(self, *words: str, **environment: str) -> Process:
        process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "collab", *words,
            cwd=self.folder,
            env={
                **{name: os.environ[name] for name in KEPT if name in os.environ},
                "PYTHONPATH": str(ROOT), **environment,
            },
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        self.processes.append(process)
        return process

    async def start(self, *words: str, **environment: str) -> tuple[Process, str]:
        """Start the server; its address."""
        process = await self.run("serve", *words, **environment)
        assert process.stdout is not None
        line = (await process.stdout.readline()).decode()
        if not line:
            _, errors = await process.communicate()
            raise AssertionError(errors.decode())
        assert line.startswith("Collab is at ")
        return process, line.removeprefix("Collab is at ").strip()

    async def fails(self, *words: str, **environment: str) -> tuple[int, str]:
        process = await self.run(*words, **environment)
        out, errors = await process.communicate()
        assert out == b""
        assert b"Traceback" not in errors, errors.decode()
        assert process.returncode is not None
        return process.returncode, errors.decode()


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    server = Server(tmp_path)
    yield server
    for process in server.processes:
        if process.returncode is None:
            process.kill()
        await process.communicate()


async def end(process: Process, number: int) -> tuple[bytes, bytes]:
    process.send_signal(number)
    out, errors = await asyncio.wait_for(process.communicate(), 10)
    return out, errors


def administration(out: bytes, url: str) -> str:
    """What a server at ``url`` says after its address, without how to become the operator."""
    link, explained, rest = out.decode().split("\n", 2)
    assert link.startswith(f"To administer it, open {url}operator#")
    assert explained == link_explained()
    return rest


async def status(url: str, path: str | None = None) -> int:
    connector = aiohttp.UnixConnector(path) if path else aiohttp.TCPConnector()
    async with aiohttp.ClientSession(connector=connector) as session, session.get(url) as response:
        return response.status


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
async def test_it_starts_says_where_and_stops_when_asked(server: Server, number: int) -> None:
    process, url = await server.start("--port", "0")
    assert url.startswith("http://127.0.0.1:") and url.endswith("/")
    assert await status(url + "readyz") == 200
    data = server.folder / "collab-data"
    assert stat.S_IMODE(data.stat().st_mode) == 0o700
    assert stat.S_IMODE((data / "secret").stat().st_mode) == 0o600
    out, errors = await end(process, number)
    assert process.returncode == Exit.DONE
    assert administration(out, url) == ""
    assert b"Traceback" not in errors and b"WARNING" not in errors, errors.decode()
    assert b"alembic" not in errors


async def test_the_settings_reach_the_server(server: Server) -> None:
    (server.folder / "my.toml").write_text('base_path = "/team/docs"\ndata_dir = "data"\n')
    _, url = await server.start("--config", "my.toml", COLLAB_PORT="0")
    assert url.endswith("/team/docs/")
    assert await status(url) == 200
    assert (server.folder / "data" / "secret").exists()


async def test_two_servers_do_not_share_a_data_directory(server: Server) -> None:
    process, url = await server.start("--port", "0")
    code, sentence = await server.fails("serve", "--port", "0")
    assert code == Exit.TAKEN
    assert f"in use by a Collab server at {url} (process {process.pid})" in sentence
    code, sentence = await server.fails("documents", "create", "x")
    assert code == Exit.TAKEN
    assert f"--url {url}" in sentence
    process.kill()
    await process.wait()
    await server.start("--port", "0")


async def test_a_taken_port_is_named(server: Server) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        code, sentence = await server.fails("serve", "--port", str(port))
    assert code == Exit.TAKEN
    assert f"Another process listens on port {port} of 127.0.0.1." in sentence


@pytest.mark.parametrize(
    ("words", "code", "said"),
    [
        (["--host", "192.0.2.1"], Exit.USAGE, "192.0.2.1 is no address of this machine"),
        (["--host", "nowhere.invalid"], Exit.USAGE, "The host nowhere.invalid is not known"),
        (["--unix-socket", "file"], Exit.FAILED, "no socket"),
        (["--unix-socket", "missing/socket"], Exit.FAILED, "missing/socket"),
        (["--unix-socket", "x" * 200], Exit.FAILED, "too long"),
        (["--base-path", "//x"], Exit.USAGE, "base_path is '//x' in the command line"),
        (["--data-dir", "file"], Exit.FAILED, "The data directory file can't be used"),
        (["--data-dir", "bad"], Exit.USAGE, "secret does not hold 32 bytes"),
        (["--data-dir", "torn"], Exit.FAILED, "atabase"),
        (["--set", "plugins.nope.x=1"], Exit.USAGE, "nope"),
    ],
)
async def test_why_it_does_not_start(
    server: Server, words: list[str], code: Exit, said: str
) -> None:
    (server.folder / "file").touch()
    for name in ("bad", "torn"):
        (server.folder / name).mkdir()
    (server.folder / "bad" / "secret").write_text("short")
    (server.folder / "torn" / "collab.sqlite3").write_bytes(b"This is no database. " * 100)
    found, sentence = await server.fails("serve", "--port", "0", *words)
    assert said in sentence
    assert found == code
    assert all(line.startswith("collab: ") for line in sentence.splitlines()[-1:])


@pytest.mark.parametrize(("host", "shown"), [("0.0.0.0", "127.0.0.1"), ("::", "[::1]")])
async def test_what_it_means_to_be_open_is_said_once(
    server: Server, host: str, shown: str
) -> None:
    process, url = await server.start("--host", host, "--port", "0")
    assert url.startswith(f"http://{shown}:")
    assert await status(url) == 200
    out, _ = await end(process, signal.SIGTERM)
    assert administration(out, url) == WARNING + "\n"


@pytest.mark.parametrize("host", ["localhost", "::1", "127.0.0.2"])
async def test_on_this_machine_only_there_is_nothing_to_say(server: Server, host: str) -> None:
    process, url = await server.start("--host", host, "--port", "0")
    assert await status(url) == 200
    out, _ = await end(process, signal.SIGTERM)
    assert administration(out, url) == ""


async def test_a_unix_socket_lets_the_group_in_and_goes_away(server: Server) -> None:
    path = server.folder / "collab.sock"
    words = ["--unix-socket", str(path), "--host", "0.0.0.0"]
    process, address = await server.start(*words)
    assert address == f"unix:{path}"
    assert stat.S_IMODE(path.stat().st_mode) == 0o660
    assert await status("http://unix.example/", str(path)) == 200
    out, _ = await end(process, signal.SIGTERM)
    assert out.startswith(b"To administer it, get a link with `collab open --url`")
    assert not path.exists()

    process, _ = await server.start(*words)
    process.kill()
    await process.wait()
    assert path.exists()
    process, _ = await server.start(*words)  # the stale one is taken away
    assert await status("http://unix.example/", str(path)) == 200

    code, sentence = await server.fails("serve", *words, "--data-dir", "other")
    assert code == Exit.TAKEN
    assert f"Another process listens on the unix socket {path}." in sentence
    assert await status("http://unix.example/", str(path)) == 200


async def test_a_second_signal_ends_it_at_once(server: Server) -> None:
    process, url = await server.start("--port", "0", "--shutdown-timeout", "60")
    reader, writer = await asyncio.open_connection("127.0.0.1", int(url.split(":")[2][:-1]))
    # A request whose body never comes keeps the server waiting for its handler.
    writer.write(
        b"POST /api/documents HTTP/1.1\r\nHost: x\r\nContent-Type: application/json\r\n"
        b"Content-Length: 100\r\nExpect: 100-continue\r\n\r\n"
    )
    assert (await reader.readline()).startswith(b"HTTP/1.1 100")
    process.send_signal(signal.SIGTERM)
    assert process.stderr is not None
    async for line in process.stderr:
        if b"stopping" in line:
            break
    process.send_signal(signal.SIGINT)
    assert await asyncio.wait_for(process.wait(), 5) == Exit.FAILED
    writer.close()


async def test_a_token_opens_the_api_of_a_running_server(server: Server) -> None:
    token = "a-token-that-nobody-guesses"
    words = ["--port", "0", "--base-path", "/docs"]
    process, url = await server.start(*words, COLLAB_TOKENS__BOT=token)

    async def collab(*words: str, given: str = token) -> tuple[int | None, str, str]:
        command = await server.run(*words, "--url", url, COLLAB_TOKEN=given)
        out, errors = await command.communicate()
        return command.returncode, out.decode(), errors.decode()

    (server.folder / "minutes.txt").write_text("Grüße\n", "utf-8")
    code, out, _ = await collab("import", "minutes.txt")
    assert code == Exit.DONE
    one, _, title = out.strip().partition("  ")
    assert title == "minutes"
    assert await collab("export", one) == (Exit.DONE, "Grüße\n", "")
    code, out, _ = await collab("export", one, "--format", "delta")
    assert json.loads(out) == [{"insert": "Grüße\n"}]
    code, out, _ = await collab("documents", "list", "--json")
    assert [json.loads(line)["id"] for line in out.splitlines()] == [one]
    code, _, errors = await collab("documents", "create", "x", "--type", "poem")
    assert code == Exit.FAILED and "poem" in errors
    code, _, errors = await collab("documents", "create", "x", given="wrong")
    assert code == Exit.FAILED and errors.startswith("collab: That token is not known here.")
    assert (await collab("documents", "show", one))[0] == Exit.DONE
    assert (await collab("documents", "delete", one, "--yes"))[0] == Exit.DONE
    assert (await collab("documents", "show", one))[0] == Exit.MISSING
    assert (await collab("export", one, "--revision", "7"))[0] == Exit.MISSING
    url = url.removesuffix("docs/") + "wrong/"
    code, _, errors = await collab("documents", "list")
    assert code in (Exit.FAILED, Exit.MISSING) and errors.startswith("collab: ")
    await end(process, signal.SIGTERM)
    code, _, errors = await collab("documents", "list")
    assert code == Exit.FAILED and "does not answer" in errors
