"""How a command reaches a running server, and proves that its user is the operator.

The proof is being able to read the secret in the data directory. What is signed with it goes only
to the server that holds that directory, at the address which the server itself wrote into the
lock: whoever could make a command send it elsewhere could use it in the operator's name.
"""

from __future__ import annotations

import os
import sys
from argparse import Namespace
from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

from collab.cli.failure import Exit, Failure
from collab.cli.loading import load
from collab.cli.lock import served_at
from collab.cli.remote import RemoteLibrary, check_url
from collab.web.operator import LINK_LIFETIME, command_key, operator_link
from collab.web.secret import read_secret

_LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})


def given_url(arguments: Namespace) -> str | None:
    """The address of a running server that the command line or the environment names."""
    url: str | None = arguments.url or os.environ.get("COLLAB_URL")
    return url or None


def running_server(arguments: Namespace) -> RemoteLibrary:
    """The running server at the address that was given, or the one of the data directory.

    A token that was given says who we are. Without one we are the operator, when it is the server
    of the data directory. Raises `Failure` (usage) without any server.
    """
    url = given_url(arguments)
    token = arguments.bearer or os.environ.get("COLLAB_TOKEN")
    if url is not None and token:
        return RemoteLibrary(url, token)
    data_dir = load(vars(arguments), os.environ).settings.data_dir
    try:
        address = served_at(data_dir)
    except OSError:
        address = None  # of another user: its secret can't be read either
    if url is None:
        if address is None or "://" not in address:
            raise Failure(
                f"That is for a running server, and none holds the data directory {data_dir}:"
                " give the server's --data-dir, or its address with --url. What a server starts"
                " with is said by the settings plugins_on and plugins_off.",
                Exit.USAGE,
            )
        return RemoteLibrary(address, token or _signer(data_dir))
    if address is not None and _is_same(url, address):
        return RemoteLibrary(address, _signer(data_dir))
    return RemoteLibrary(url)


def _signer(data_dir: Path) -> Callable[[], str] | None:
    """Signs a key for each request; None when the secret can't be read."""
    try:
        secret = read_secret(data_dir)
    except (OSError, ValueError):
        return None
    return lambda: command_key(secret)


def _is_same(url: str, address: str) -> bool:
    """Whether both lead to one server, as far as their text shows."""
    try:
        one, other = (_parts(text) for text in (url, address))
    except ValueError:
        return False
    return one == other


def _parts(url: str) -> tuple[str, str, int | None, str]:
    parts = urlsplit(url)
    host = parts.hostname or ""
    return parts.scheme, "" if host in _LOOPBACK else host, parts.port, parts.path.rstrip("/")


def print_link(arguments: Namespace) -> int:
    """``collab open``: a new operator's link, on a line of its own.

    It is printed and no browser is started: a command line can be read by every user of the
    machine while the browser starts, and a machine with a server often has no browser.
    """
    data_dir = load(vars(arguments), os.environ).settings.data_dir
    try:
        address, secret = served_at(data_dir), read_secret(data_dir)
    except FileNotFoundError:
        raise Failure(
            f"No server has run in the data directory {data_dir}: give another one with --data-dir."
        ) from None
    except OSError as error:
        raise Failure(
            f"{error.filename} can't be read ({error.strerror}): run this command as the user that"
            " runs the server."
        ) from None
    except ValueError as error:
        raise Failure(str(error)) from None
    if address is None:
        raise Failure(
            f"No server runs in the data directory {data_dir}: start it with `collab serve`, which"
            " prints a link, too; or give another one with --data-dir."
        )
    url = given_url(arguments)
    if url is not None:
        check_url(url)
    elif "://" not in address:
        raise Failure(
            "The server listens on a unix socket: give the address at which browsers reach it with"
            " --url, such as https://docs.example/team/docs/ .",
            Exit.USAGE,
        )
    print(operator_link(url or address, secret), flush=True)
    print(link_explained(), file=sys.stderr)
    return Exit.DONE


def link_explained() -> str:
    """What to know about an operator's link, in a line."""
    return f"It works once, within {LINK_LIFETIME // 60} minutes; `collab open` prints another one."
