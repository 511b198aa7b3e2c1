"""Which sites may act here in a visitor's name.

A browser sends our cookie along when a page of any other site opens a socket to us or posts
a form. So before anything is changed or upgraded, the page's origin (scheme, host, port) has
to be our own or one of ``allowed_origins``, compared as a whole.
"""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

from aiohttp import web

from collab.protocol.errors import BAD_ORIGIN, CollabError
from collab.protocol.settings import Settings
from collab.web.cookies import has_our_cookie
from collab.web.identity import bearer_token
from collab.web.listening import is_open
from collab.web.proxies import peer

SAFE_METHODS = frozenset({"GET", "HEAD", "OPTIONS"})
_DEFAULT_PORTS = {"http": 80, "https": 443}
_ORIGIN = re.compile(
    r"(?P<scheme>https?)://(?P<host>[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::(?P<port>[0-9]{1,5}))?"
)

_PORT = re.compile(r":[0-9]+$")


class Origin(NamedTuple):
    """What a browser means by "the same site": all three are equal."""

    scheme: str
    host: str
    port: int

    def __str__(self) -> str:
        port = "" if _DEFAULT_PORTS[self.scheme] == self.port else f":{self.port}"
        return f"{self.scheme}://{self.host}{port}"


def parse_origin(text: str) -> Origin:
    """An origin from its written form, the default port filled in.

    Raises ValueError for anything else, such as ``null``, a path or a user name.
    """
    match = _ORIGIN.fullmatch(text.lower())
    if match is None:
        raise ValueError(f"{text!r} is no origin such as https://docs.example or http://[::1]:8080")
    scheme, host = match["scheme"], match["host"]
    port = int(match["port"]) if match["port"] is not None else _DEFAULT_PORTS[scheme]
    if not 0 < port < 65536:
        raise ValueError(f"{text!r} has the port {port}, which is not between 1 and 65535")
    if host.startswith("["):
        try:
            host = f"[{ip_address(host[1:-1])}]"
        except ValueError:
            raise ValueError(f"{text!r} has no IPv6 address between its brackets") from None
    return Origin(scheme, host, port)


def own_origin(request: web.Request) -> Origin | None:
    """Where the visitor's browser believes to be talking to; None without a usable host."""
    end = peer(request)
    try:
        return parse_origin(f"{end.scheme}://{end.host}")
    except ValueError:
        return None


def _is_upgrade(request: web.Request) -> bool:
    return "Upgrade" in request.headers


def check_origin(request: web.Request, settings: Settings) -> None:
    """Raises `CollabError` (``bad_origin``) when another site's page may stand behind it.

    Called for every request, before anything else is done. Whatever is asked, the host has to be
    one of ours (see `_check_host`). An upgrade, and a method that may change something, has to
    come from one of our own pages or from no page at all:

    - With an ``Origin``, that has to be ours or an allowed one, whole and only once.
    - Without it, ``Sec-Fetch-Site`` decides when there is one: ``same-origin`` and ``none``.
    - Without both it is no browser's request. It passes with a bearer token, which no page
      can send by itself, or without a cookie of ours, so that it acts in nobody's name.
    """
    _check_host(request, settings)
    if request.method in SAFE_METHODS and not _is_upgrade(request):
        return
    lines = request.headers.getall("Origin", ())
    site = request.headers.get("Sec-Fetch-Site")
    if lines:
        _check_written(", ".join(lines), site, own_origin(request), settings)
    elif site is not None and not _is_upgrade(request):
        if site not in ("same-origin", "none"):
            raise CollabError(BAD_ORIGIN)
    elif has_our_cookie(request) and bearer_token(request) is None:
        raise CollabError(
            BAD_ORIGIN,
            "A request that comes with Collab's cookie has to say its Origin; a script sends a"
            " bearer token instead of the cookie.",
        )


def _check_host(request: web.Request, settings: Settings) -> None:
    """On a server for this machine only, nobody but this machine may be talked to.

    The hazard is called DNS rebinding: another site's name suddenly leads to 127.0.0.1, and its
    page, which a browser on this machine shows, reads and writes here as if it were ours.
    """
    if settings.unix_socket is not None or settings.trusted_proxies or is_open(settings):
        return
    host = peer(request).host
    name = _PORT.sub("", host).lower()
    if not name or name == "localhost" or name.endswith(".localhost") or _is_address(name):
        return
    if any(parse_origin(origin).host == name for origin in settings.allowed_origins):
        return
    raise CollabError(
        BAD_ORIGIN,
        f"This server is for its own machine, and {host} is not a name of it. When that is a"
        " reverse proxy, the setting trusted_proxies has to name the proxy's address; else"
        f" allowed_origins has to name http://{host} .",
    )


def _is_address(name: str) -> bool:
    try:
        ip_address(name.strip("[]"))
    except ValueError:
        return False
    return True


def _check_written(text: str, site: str | None, own: Origin | None, settings: Settings) -> None:
    """For a request with an ``Origin`` header: ``text``."""
    try:
        origin = parse_origin(text)
    except ValueError:
        raise CollabError(BAD_ORIGIN) from None
    if origin in map(parse_origin, settings.allowed_origins):
        return
    if origin != own:
        raise CollabError(
            BAD_ORIGIN,
            f"This is {own or 'a server without a name'}, and pages of {origin} are not accepted"
            " here. When that is this very server behind a reverse proxy, the setting"
            " trusted_proxies has to name the proxy; when it is another site that may connect,"
            " allowed_origins has to name it.",
        )
    if site is not None and site not in ("same-origin", "none"):
        raise CollabError(BAD_ORIGIN)
