"""The operator's proof: a link that signs one browser in, and a key for the command line.

Both are signed with the server's secret, which only its own user can read. Where a request comes
from (loopback, its ``Host``, headers that a proxy did not add) proves nothing.

The link carries its key behind a ``#``, which browsers send to nobody, so that it gets into no
access log and no ``Referer``. The page there hands it over with a button: GET changes nothing, so
that link previews, prefetching and mail scanners don't use the link up. The key becomes a cookie.
"""

from __future__ import annotations

import hmac
import secrets
import time
from collections.abc import Callable
from typing import Final, Literal

from aiohttp import web

from collab.protocol.messages import User
from collab.web.cookies import PREFIX, cookies
from collab.web.ended import Ended
from collab.web.names import color_of
from collab.web.proxies import base_path, peer
from collab.web.secret import sign

LINK_LIFETIME: Final = 15 * 60
"""Seconds in which an operator's link can be used, once."""
SESSION_LIFETIME: Final = 24 * 3600
"""Seconds until a browser that signed in as operator has to do so again."""
COMMAND_LIFETIME: Final = 60
"""Seconds in which a key that the command line signed for itself can be used, once."""
_CLOCK_SKEW: Final = 5
"""Seconds that a key's time may lie ahead of ours: it was signed by this machine's clock."""
_LONGEST: Final = 128
"""Characters of a key that are looked at; ours have 74."""

_LINK: Final = b"operator link"
_SESSION: Final = b"operator session"
_COMMAND: Final = b"operator command"

COMMAND_USER: Final = User("operator:command", "Operator", color_of("operator"))
"""Who a command is that has signed a key for itself."""

Used = Literal["taken", "used", "expired", "unknown"]
"""What became of a key: taken, used before, too old (or from before the start), or not ours."""


def link_key(secret: bytes) -> str:
    """A key for an operator's link to the server with this ``secret``."""
    return _key(secret, _LINK)


def command_key(secret: bytes) -> str:
    """A bearer token for one request to the running server with this ``secret``."""
    return _key(secret, _COMMAND)


def operator_link(address: str, secret: bytes) -> str:
    """A link that signs a browser in at the server which it reaches at ``address``."""
    return f"{address.rstrip('/')}/operator#{link_key(secret)}"


class Operator:
    """Recognizes the operator of a running server by what its ``secret`` has signed."""

    def __init__(
        self,
        secret: bytes,
        clock: Callable[[], float] = time.time,
        ended: Ended | None = None,
    ) -> None:
        """``ended`` are the sessions that were ended before; by default none."""
        self._secret = secret
        self._ended = Ended() if ended is None else ended
        self._clock = clock
        self._started = _milliseconds(clock())
        self._used: dict[str, float] = {}
        """Keys that were used, and when (seconds since 1970) they expire anyway. Only keys that we
        have signed get in here."""
        self._cookie = f"{PREFIX}operator_{sign(secret, b'operator cookie', b'')[:8]}"
        # Cookies don't tell ports apart: a name of its own keeps two servers of one host, such as
        # localhost:8080 and localhost:8081, from overwriting each other's.

    def accepts_command(self, token: str) -> bool:
        """Whether a bearer token is a key that the command line signed for this one request."""
        return self._use(_COMMAND, token, COMMAND_LIFETIME) == "taken"

    def use_link(self, key: str) -> Used:
        """Use the key of an operator's link up. Whoever gets ``taken`` is the operator.

        Nothing is awaited in here: of two browsers that come at once, one gets it.
        """
        return self._use(_LINK, key, LINK_LIFETIME)

    def is_signed_in(self, request: web.Request) -> bool:
        """Whether the browser that sends ``request`` has used an operator's link."""
        return any(self._session(value) for value in cookies(request, self._cookie))

    def sign_in(self, request: web.Request, response: web.StreamResponse) -> None:
        """Make the browser that ``response`` goes to the operator's."""
        self._set_cookie(request, response, self.session(), SESSION_LIFETIME)

    def sign_out(self, request: web.Request, response: web.StreamResponse) -> None:
        """End the browser's session, here too: a copy of its cookie is worth nothing.

        Raises OSError when that can't be kept for after a restart.
        """
        for value in cookies(request, self._cookie):
            if self._session(value):
                self._ended.add(value, _expiry(value, SESSION_LIFETIME), self._clock())
        self._set_cookie(request, response, "", 0)

    def session(self) -> str:
        """The value of a cookie that makes a browser the operator's."""
        return _key(self._secret, _SESSION)

    @property
    def cookie(self) -> str:
        """The name of that cookie, on this server."""
        return self._cookie

    def _set_cookie(
        self, request: web.Request, response: web.StreamResponse, value: str, age: int
    ) -> None:
        response.set_cookie(
            self._cookie,
            value,
            max_age=age,
            path=base_path(request) or "/",
            httponly=True,
            secure=peer(request).scheme == "https",
            samesite="Strict",
        )

    def _session(self, value: str) -> bool:
        age = self._age(_SESSION, value)
        if age is None or age >= SESSION_LIFETIME or value in self._ended:
            return False
        return self._ended.readable or _stamp(value) >= self._started

    def _use(self, purpose: bytes, key: str, lifetime: int) -> Used:
        age = self._age(purpose, key)
        if age is None:
            return "unknown"
        # What was used before the start is forgotten, so nothing from before it is taken.
        if age >= lifetime or _stamp(key) < self._started:
            return "expired"
        if key in self._used:
            return "used"
        self._remember(key, lifetime)
        return "taken"

    def _remember(self, key: str, lifetime: int) -> None:
        now = self._clock()
        self._used = {one: until for one, until in self._used.items() if until > now}
        self._used[key] = _expiry(key, lifetime)

    def _age(self, purpose: bytes, key: str) -> float | None:
        """Seconds since we have signed ``key`` for this purpose; None for anything else."""
        if len(key) > _LONGEST or not key.isascii():
            return None
        signed, _, signature = key.rpartition(".")
        if not hmac.compare_digest(sign(self._secret, purpose, signed.encode()), signature):
            return None
        age = self._clock() - _stamp(key) / 1000
        return age if age > -_CLOCK_SKEW else None


def _key(secret: bytes, purpose: bytes) -> str:
    signed = f"{_milliseconds(time.time())}.{secrets.token_urlsafe(12)}"
    return f"{signed}.{sign(secret, purpose, signed.encode())}"


def _stamp(key: str) -> int:
    """When a key that we have signed was made, in milliseconds since 1970."""
    return int(key.partition(".")[0])


def _expiry(key: str, lifetime: int) -> float:
    """When (seconds since 1970) a key that we have signed is worth nothing any more."""
    return _stamp(key) / 1000 + lifetime + _CLOCK_SKEW


def _milliseconds(seconds: float) -> int:
    return int(seconds * 1000)


OPERATOR = web.AppKey("operator", Operator)
