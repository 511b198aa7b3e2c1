"""Where an application listens: a TCP port or a unix socket."""

from __future__ import annotations

import errno
import logging
import os
import socket
import stat
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from ipaddress import ip_address
from pathlib import Path

from aiohttp import web, web_response
from aiohttp.http_exceptions import HttpProcessingError

from collab.protocol.networks import Networks
from collab.protocol.settings import Settings
from collab.web.callers import SPARE, Callers
from collab.web.guard import GUARD
from collab.web.headers import SERVER
from collab.web.proxies import clean_prefix

log = logging.getLogger("collab.web.http")
"""What aiohttp says of connections and requests."""

KEEPALIVE = 75.0
"""Seconds an HTTP connection stays open between two requests."""

_SOCKET_UMASK = 0o117
"""The socket's owner and group may connect: the web server in front is put into the group."""

_ANYWHERE = {"0.0.0.0": "127.0.0.1", "::": "[::1]"}
"""What a browser on this machine is told instead of "all addresses"."""


class _Brief(logging.Filter):
    """Tells of requests that are no HTTP, and of clients that leave while they send one, in one
    short line, without what was sent.

    aiohttp writes an error and a traceback, which quotes the request: twice what came in.
    """

    def filter(self, record: logging.LogRecord) -> bool:
        error = record.exc_info[1] if record.exc_info else None
        if isinstance(error, (HttpProcessingError, ConnectionError)):
            record.exc_info = None
            record.levelno, record.levelname = logging.INFO, "INFO"
            record.msg = f"{record.msg}: %s"
            record.args = (*_arguments(record), type(error).__name__)
        return True


def _arguments(record: logging.LogRecord) -> tuple[object, ...]:
    return record.args if isinstance(record.args, tuple) else (record.args,)


log.addFilter(_Brief())


@asynccontextmanager
async def listen(app: web.Application, settings: Settings) -> AsyncIterator[str]:
    """Run ``app`` and give its address: a URL, or ``unix:`` and the socket's path.

    Leaving the block stops it: no new connections, then what the application does when it is shut
    down. Raises OSError when it can't listen there, and whatever ``app`` raises when it starts.
    """
    runner = web.AppRunner(
        app,
        access_log=None,
        handle_signals=False,
        keepalive_timeout=KEEPALIVE,
        shutdown_timeout=settings.shutdown_timeout,
        logger=log,
        # aiohttp would inflate in the event loop, before anybody has looked at a bound.
        auto_decompress=False,
    )
    # aiohttp has no setting for it, and answers malformed requests before the application does.
    vars(web_response)["SERVER_SOFTWARE"] = SERVER
    path, address = settings.unix_socket, ""
    try:
        await runner.setup()
        assert runner.server is not None
        most = settings.limits.sessions_per_address + SPARE
        Callers(most, Networks(settings.trusted_proxies)).watch(runner.server)
        if path is None:
            address = await _listen_tcp(runner, settings)
        else:
            await _listen_unix(runner, path)
            address = f"unix:{path}"
        async with app[GUARD].watch(runner.server, settings.limits.write_timeout):
            yield address
    finally:
        await runner.cleanup()
        if path is not None and address:
            path.unlink(missing_ok=True)


async def _listen_tcp(runner: web.AppRunner, settings: Settings) -> str:
    await web.TCPSite(runner, settings.host, settings.port).start()
    port = runner.addresses[0][1]
    host = _ANYWHERE.get(settings.host, settings.host)
    if ":" in host and not host.startswith("["):
        host = f"[{host}]"
    return f"http://{host}:{port}{clean_prefix(settings.base_path)}/"


async def _listen_unix(runner: web.AppRunner, path: Path) -> None:
    _remove_stale(path)
    before = os.umask(_SOCKET_UMASK)
    try:
        await web.UnixSite(runner, path).start()
    finally:
        os.umask(before)


def _remove_stale(path: Path) -> None:
    """Take away a socket that a killed server has left. Raises OSError for anything else."""
    try:
        mode = path.lstat().st_mode
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(mode):
        raise FileExistsError(errno.EEXIST, "there is a file of this name that is no socket")
    with socket.socket(socket.AF_UNIX) as probe:
        try:
            probe.connect(str(path))
        except ConnectionRefusedError:
            path.unlink(missing_ok=True)
            return
    raise OSError(errno.EADDRINUSE, "another process listens there")


def is_open(settings: Settings) -> bool:
    """Whether other machines may reach the server by the network."""
    if settings.unix_socket is not None or settings.host == "localhost":
        return False
    try:
        return not ip_address(settings.host).is_loopback
    except ValueError:
        return True
