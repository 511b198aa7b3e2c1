"""``collab serve``: start, say where, run until asked to stop, stop with everything saved."""

from __future__ import annotations

import asyncio
import errno
import gc
import logging
import os
import signal
import socket
from collections.abc import Callable
from types import FrameType
from typing import TextIO

from collab.cli.ending import Ending
from collab.cli.failure import Exit, Failure
from collab.cli.file_limit import raise_file_limit
from collab.cli.lock import Lock, locked
from collab.cli.logs import prints_logged, start_log
from collab.cli.operator import link_explained
from collab.cli.options import ServerSettings
from collab.storage.port import StorageError
from collab.web import create_app
from collab.web.keys import PLUGINS
from collab.web.listening import is_open, listen
from collab.web.operator import operator_link
from collab.web.secret import read_secret

try:
    import uvloop
except ImportError:  # it does not install everywhere, and all works without it
    new_event_loop: Callable[[], asyncio.AbstractEventLoop] = asyncio.new_event_loop
else:
    new_event_loop = uvloop.new_event_loop

WARNING = (
    "Other machines can reach it, and nobody has to log in: whoever reaches it may read, change"
    " and delete every document. Put a reverse proxy that asks for a password in front of it, or"
    " listen on 127.0.0.1 only."
)

log = logging.getLogger(__name__)

Stop = Callable[[int, FrameType | None], None]
"""What answers a signal."""


def serve(settings: ServerSettings) -> int:
    """Run the server until SIGTERM or SIGINT; a second one ends it without waiting.

    Raises `Failure` when it can't start.
    """
    start_log(settings.log_level)
    raise_file_limit(settings.limits.sessions)
    ending = Ending(settings.shutdown_timeout)
    ending.start()
    with (
        locked(settings.data_dir, "a Collab server that is starting") as lock,
        prints_logged() as out,
        asyncio.Runner(loop_factory=new_event_loop) as runner,
    ):
        try:
            runner.run(_serve(settings, lock, out, ending))
        finally:
            ending.closed()
    return Exit.DONE


async def _serve(settings: ServerSettings, lock: Lock, out: TextIO, ending: Ending) -> None:
    stopping = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Not by the loop: a plugin may keep that from ever going on.
    stop = _stopper(loop, stopping, ending)
    _answer_signals(stop)
    try:
        app = create_app(settings)
        ending.watch(loop, app[PLUGINS].owner_of)
        async with listen(app, settings) as address:
            # What a plugin has loaded or begun may have its own idea of them.
            if _answer_signals(stop):
                log.warning("a plugin answered SIGTERM or SIGINT instead of the server: no more")
            lock.tell(f"a Collab server at {address}")
            # What is there now stays: the garbage collector need not walk over it again and again.
            gc.collect()
            gc.freeze()
            print(f"Collab is at {address}", flush=True, file=out)
            print(_administration(settings, address), flush=True, file=out)
            if is_open(settings):
                print(WARNING, flush=True, file=out)
            await stopping.wait()
            log.info("stopping")
    except StorageError as error:
        raise Failure(str(error)) from error
    except ValueError as error:
        raise Failure(str(error), Exit.USAGE) from error
    except OSError as error:
        raise _why(error, settings) from error


def _administration(settings: ServerSettings, address: str) -> str:
    """How to become the operator."""
    if settings.unix_socket is not None:
        return "To administer it, get a link with `collab open --url` and its address in browsers."
    link = operator_link(address, read_secret(settings.data_dir))
    return f"To administer it, open {link}\n{link_explained()}"


def _answer_signals(stop: Stop) -> bool:
    """Let ``stop`` answer SIGTERM and SIGINT; whether something else did for one of them."""
    before = [signal.signal(number, stop) for number in (signal.SIGTERM, signal.SIGINT)]
    return any(one is not stop for one in before)


def _stopper(
    loop: asyncio.AbstractEventLoop, stopping: asyncio.Event, ending: Ending
) -> Stop:
    asked = False

    def stop(number: int, frame: FrameType | None) -> None:
        nonlocal asked
        if asked:
            # Whatever was acknowledged is on disk; the rest comes again from the clients.
            os._exit(Exit.FAILED)
        asked = True
        ending.ask()
        if not loop.is_closed():
            loop.call_soon_threadsafe(stopping.set)

    return stop


def _why(error: OSError, settings: ServerSettings) -> Failure:
    """Why the server can't listen, and what to do."""
    if settings.unix_socket is not None:
        where, other = f"the unix socket {settings.unix_socket}", "--unix-socket"
    else:
        where, other = f"port {settings.port} of {settings.host}", "--port"
    if isinstance(error, socket.gaierror):
        return Failure(f"The host {settings.host} is not known here; see --host.", Exit.USAGE)
    match error.errno:
        case errno.EADDRINUSE:
            return Failure(
                f"Another process listens on {where}. Stop it, or give another one with {other}.",
                Exit.TAKEN,
            )
        case errno.EACCES | errno.EPERM:
            return Failure(
                f"This user may not listen on {where} ({_reason(error)}). Give another one with"
                f" {other}; ports below 1024 are for a reverse proxy."
            )
        case errno.EADDRNOTAVAIL:
            return Failure(
                f"{settings.host} is no address of this machine; see --host.", Exit.USAGE
            )
        case _:
            return Failure(f"The server can't start with {where}: {_reason(error)}.")


def _reason(error: OSError) -> str:
    text = (error.strerror or str(error)).rstrip(".")
    return f"{text}: {error.filename}" if error.filename else text
