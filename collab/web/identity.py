"""Who a visitor is: a signed cookie for browsers, a bearer token for scripts.

Every browser gets an identity of its own with a name and a colour that it can change. The
server signs it, so it can't be taken or made up; nobody has to log in for it. `Identities`
stands behind one key of the application, so that another `Authenticator` can take its place.
"""

from __future__ import annotations

import base64
import hmac
import secrets
import time
from typing import Final, Protocol

import msgspec
from aiohttp import web
from aiohttp.typedefs import Handler

from collab.plugins.routes import takes_own_tokens
from collab.protocol.errors import BAD_REQUEST, BAD_TOKEN, FORBIDDEN, CollabError
from collab.protocol.messages import GUEST, User
from collab.web import security_log
from collab.web.cookies import PREFIX, cookies
from collab.web.keys import PLUGINS
from collab.web.names import clean_name, color_of, is_color, random_color, random_name
from collab.web.operator import COMMAND_USER, OPERATOR
from collab.web.proxies import base_path, peer
from collab.web.secret import sign
from collab.web.security_log import SECURITY_LOG, Event, SecurityLog, shown
from collab.web.visitor import seen

COOKIE: Final = f"{PREFIX}identity"
MAX_AGE: Final = 365 * 24 * 3600
"""Seconds until an identity that was not used is forgotten."""
_RENEW: Final = 30 * 24 * 3600
"""Seconds after which a cookie that is still used is issued again."""
_CLOCK_SKEW: Final = 24 * 3600
"""Seconds that a cookie's time may lie ahead of ours, after the server's clock was put back."""
_LONGEST: Final = 2048
"""Bytes of a cookie that are looked at; ours have some 300."""


class Authenticator(Protocol):
    """Says who sends a request. The application holds one under `IDENTITIES`."""

    async def identify(self, request: web.Request) -> User:
        """Raises `CollabError` (``bad_token``) for credentials that are not known here."""

    async def change(self, request: web.Request, name: str | None, color: str | None) -> User:
        """Give the visitor another name or colour; None leaves it as it is.

        Raises `CollabError` (``forbidden``) when it is not theirs to change.
        """

    def remember(self, request: web.Request, response: web.StreamResponse) -> None:
        """Called once before each response leaves, to let a browser keep who it is."""


class Issued(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the cookie holds. ``time`` is seconds since 1970 (UTC), when it was signed."""

    id: str
    name: str
    color: str
    time: int


IDENTITIES = web.AppKey("identities", Authenticator)
_USER = web.RequestKey("user", User)
_COOKIE = web.RequestKey("cookie", str)
_VOUCHED = web.RequestKey("vouched", bool)
"""Whether a plugin says who it is."""
_NEW = web.RequestKey("new", bool)
"""Whether it is a guest of whom nobody knows from before."""

_decode_issued = msgspec.json.Decoder(Issued).decode


class Identities:
    """Anonymous guests, whose cookies the server's ``secret`` signs, and scripts.

    ``tokens`` are the names of scripts and each one's bearer token.
    """

    def __init__(self, secret: bytes, tokens: dict[str, str]) -> None:
        self._secret = secret
        self._tokens = {name: token.encode() for name, token in tokens.items() if token}

    async def identify(self, request: web.Request) -> User:
        """Who sends ``request``: a script by its token, a browser by its cookie, else a new guest.

        Raises `CollabError` (``bad_token``) for a bearer token that is not one of ours.
        """
        token = bearer_token(request)
        if token is not None:
            return self._script(token)
        for cookie in cookies(request, COOKIE):
            issued = self.read(cookie)
            if issued is None:
                continue
            user = User(issued.id, issued.name, issued.color)
            if time.time() - issued.time > _RENEW:
                request[_COOKIE] = self.issue(user)
            return user
        user = User(f"{GUEST}{secrets.token_urlsafe(12)}", random_name(), random_color())
        request[_NEW] = True
        if _is_browser(request):
            request[_COOKIE] = self.issue(user)
        return user

    async def change(self, request: web.Request, name: str | None, color: str | None) -> User:
        """Sign the visitor's identity anew with another name or colour.

        Raises `CollabError`: ``bad_request`` for what is no name or no colour, ``forbidden``
        for a script, whose name is the operator's.
        """
        user = await identify(request)
        if bearer_token(request) is not None:
            raise CollabError(FORBIDDEN, "The name of a script stands in the server's settings.")
        if name is not None:
            try:
                name = clean_name(name)
            except ValueError as error:
                raise CollabError(BAD_REQUEST, str(error)) from None
        if color is not None and not is_color(color):
            raise CollabError(
                BAD_REQUEST,
                f"A colour is written like #0b6e4f, in small letters, not {color[:40]!r}.",
            )
        changed = User(user.id, name or user.name, color or user.color)
        request[_COOKIE] = self.issue(changed)
        return changed

    def remember(self, request: web.Request, response: web.StreamResponse) -> None:
        """Put a new or changed identity on its way to the browser."""
        cookie = request.get(_COOKIE)
        if cookie is not None:
            # As a header: aiohttp has written down the response's own cookies by now.
            secure = "; Secure" if peer(request).scheme == "https" else ""
            response.headers.add(
                "Set-Cookie",
                f"{COOKIE}={cookie}; Max-Age={MAX_AGE}; Path={base_path(request) or '/'}"
                f"; HttpOnly; SameSite=Lax{secure}",
            )
            response.headers["Cache-Control"] = "no-store"

    def issue(self, user: User) -> str:
        """The value of a cookie that says who ``user`` is, signed now."""
        issued = Issued(user.id, user.name, user.color, int(time.time()))
        payload = base64.urlsafe_b64encode(msgspec.json.encode(issued)).rstrip(b"=")
        return f"{payload.decode()}.{sign(self._secret, b'identity', payload)}"

    def read(self, cookie: str) -> Issued | None:
        """What a cookie says when we signed it and it is not too old; None for anything else."""
        if len(cookie) > _LONGEST or not cookie.isascii():
            return None
        payload, _, signature = cookie.partition(".")
        if not hmac.compare_digest(sign(self._secret, b"identity", payload.encode()), signature):
            return None
        try:
            issued = _decode_issued(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
        except (ValueError, msgspec.DecodeError):  # signed by a later version, with other fields
            return None
        return issued if -_CLOCK_SKEW < time.time() - issued.time < MAX_AGE else None

    def _script(self, token: str) -> User:
        given = token.encode("utf-8", "surrogateescape")
        found = None
        for name, known in self._tokens.items():
            # Each is compared, so that the time taken tells nothing about any of them.
            if hmac.compare_digest(given, known):
                found = name
        if found is None:
            raise CollabError(BAD_TOKEN)
        return User(f"token:{found}", found, color_of(found))


def bearer_token(request: web.Request) -> str | None:
    """The token of ``Authorization: Bearer …``; None without it.

    Other schemes are not ours: a proxy in front may ask for a password of its own.
    """
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    return token.strip() if scheme.lower() == "bearer" else None


def _is_browser(request: web.Request) -> bool:
    """Scripts get no cookie: they would send it back without saying where it comes from."""
    headers = request.headers
    return "Origin" in headers or "Sec-Fetch-Site" in headers or (
        "text/html" in headers.get("Accept", "")
    )


async def identify(request: web.Request) -> User:
    """Who sends ``request``: asked once of the plugins, then of the application's `Authenticator`.

    Raises `CollabError`: ``bad_token`` for credentials that are not known here, ``forbidden``
    when a plugin that authenticates does not work, unless the operator proves to be who it is.
    """
    user = request.get(_USER)
    if user is None:
        plugins = request.config_dict.get(PLUGINS)
        if plugins is not None:
            try:
                user = await plugins.gate.authenticate(lambda: seen(request))
            except CollabError:
                if bearer_token(request) is None and not _is_signed_in(request):
                    raise
        request[_VOUCHED] = user is not None
        user = user or _command(request) or await _own_identity(request)
        request[_USER] = user
    return user


async def _own_identity(request: web.Request) -> User:
    """Who sends it when no plugin knows. A wrong token is logged."""
    try:
        return await request.config_dict[IDENTITIES].identify(request)
    except CollabError as error:
        if error.code is BAD_TOKEN:
            about = f"for {request.method} {shown(request.path)}"
            security_log.write(request, Event.WRONG_TOKEN, about)
        raise


@web.middleware
async def check_token(request: web.Request, handler: Handler) -> web.StreamResponse:
    """Refuse a bearer token that nobody knows, whatever is asked, also what is for everybody.

    A script whose token is wrong learns it at once, not when it does what guests may not do.
    Raises `CollabError` ``bad_token``.
    """
    if bearer_token(request) is not None and not takes_own_tokens(request.match_info.handler):
        await identify(request)
    return await handler(request)


def _command(request: web.Request) -> User | None:
    """The operator's command line, when that sends the request."""
    token, operator = bearer_token(request), request.config_dict.get(OPERATOR)
    accepted = token is not None and operator is not None and operator.accepts_command(token)
    return COMMAND_USER if accepted else None


def is_operator(request: web.Request) -> bool:
    """Whether a visitor who was identified has proved to be the operator.

    By a token (one of the settings, or the command line's), or by the operator's link. Nothing
    else counts. Whom a plugin vouches for is the operator when the plugin's ``authorize`` says so.
    """
    shown = bearer_token(request) is not None and not is_vouched(request)
    return shown or _is_signed_in(request)


def _is_signed_in(request: web.Request) -> bool:
    operator = request.config_dict.get(OPERATOR)
    return operator is not None and operator.is_signed_in(request)


def is_vouched(request: web.Request) -> bool:
    """Whether a plugin said who it is, when the visitor was identified."""
    return _VOUCHED in request and request[_VOUCHED]


def is_new(request: web.Request) -> bool:
    """Whether a visitor who was identified has brought nothing that says who it is."""
    return _NEW in request


async def is_recognized(request: web.Request) -> bool:
    """Whether plugins still say the same of who sent a request as when it was identified.

    Raises `CollabError` ``forbidden`` when a plugin that authenticates does not work.
    """
    before = request[_USER] if is_vouched(request) else None
    now = await request.config_dict[PLUGINS].gate.authenticate(lambda: seen(request))
    return (now and now.id) == (before and before.id)


async def change(request: web.Request, name: str | None, color: str | None) -> User:
    """Give the visitor another name or colour; None leaves it as it is.

    Raises `CollabError`: ``bad_request`` for what is none, ``forbidden`` when it is not theirs
    to change.
    """
    await identify(request)
    if is_vouched(request):
        raise CollabError(FORBIDDEN, "Your name comes from where you have logged in.")
    user = await request.config_dict[IDENTITIES].change(request, name, color)
    request[_USER] = user
    return user


async def _remember(request: web.Request, response: web.StreamResponse) -> None:
    request.config_dict[IDENTITIES].remember(request, response)


def setup(app: web.Application, identities: Authenticator) -> None:
    """Let ``identities`` say who visits ``app``."""
    app[IDENTITIES] = identities
    app[SECURITY_LOG] = SecurityLog()
    app.on_response_prepare.append(_remember)
