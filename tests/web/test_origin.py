"""Which origins may open a socket or change something: the whole matrix."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request
from multidict import CIMultiDict

from collab.protocol.errors import BAD_ORIGIN, CollabError
from collab.protocol.settings import Settings
from collab.web import proxies
from collab.web.origin import check_origin, parse_origin

COOKIE = ("Cookie", "theme=dark; collab_identity=x.y")
BEARER = ("Authorization", "Bearer secret")
UPGRADE = [("Upgrade", "websocket"), ("Connection", "Upgrade")]

Headers = list[tuple[str, str]]


class Connection(asyncio.Transport):
    """From a proxy on the same machine."""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return ("127.0.0.1", 4711) if name == "peername" else default


def make_request(method: str, headers: CIMultiDict[str]) -> web.Request:
    return make_mocked_request(method, "/api/documents", headers, transport=Connection())


async def accepted(
    method: str,
    headers: Headers,
    *,
    host: str = "docs.example",
    scheme: str = "https",
    allowed: tuple[str, ...] = (),
) -> bool:
    """Whether a request is not refused; a trusted proxy has told its ``scheme``."""
    settings = Settings(allowed_origins=allowed, trusted_proxies=("unix", "127.0.0.1"))
    sent = CIMultiDict([("Host", host), ("X-Forwarded-Proto", scheme), *headers])
    request = make_request(method, sent)

    async def handler(request: web.Request) -> web.StreamResponse:
        check_origin(request, settings)
        return web.Response()

    try:
        await proxies.middleware(settings)(request, handler)
    except CollabError as error:
        return error.code is not BAD_ORIGIN
    return True


EXACT: list[tuple[str, str, str, bool]] = [
    # scheme, Host, Origin, accepted
    ("https", "docs.example", "https://docs.example", True),
    ("https", "docs.example:443", "https://docs.example", True),
    ("https", "docs.example", "https://docs.example:443", True),
    ("http", "docs.example", "http://docs.example", True),
    ("http", "docs.example:80", "http://docs.example", True),
    ("http", "docs.example:8080", "http://docs.example:8080", True),
    ("http", "127.0.0.1:8080", "http://127.0.0.1:8080", True),
    ("http", "[::1]:8080", "http://[::1]:8080", True),
    ("http", "[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080", True),
    ("https", "DOCS.example", "https://docs.example", True),
    ("https", "docs.example", "HTTPS://DOCS.EXAMPLE", True),
    # another scheme
    ("https", "docs.example", "http://docs.example", False),
    ("http", "docs.example", "https://docs.example", False),
    ("https", "docs.example", "ws://docs.example", False),
    ("https", "docs.example", "file://docs.example", False),
    # another port
    ("https", "docs.example", "https://docs.example:8443", False),
    ("https", "docs.example:8443", "https://docs.example", False),
    ("http", "docs.example:8080", "http://docs.example:8081", False),
    ("http", "docs.example:443", "https://docs.example:443", False),
    ("https", "docs.example", "https://docs.example:0", False),
    ("https", "docs.example", "https://docs.example:99999", False),
    ("https", "docs.example", "https://docs.example:", False),
    # another host that looks alike
    ("https", "docs.example", "https://docs.example.evil", False),
    ("https", "docs.example", "https://evil-docs.example", False),
    ("https", "docs.example", "https://evil.docs.example", False),
    ("https", "docs.example", "https://example", False),
    ("https", "docs.example", "https://docs.exampl", False),
    ("https", "docs.example", "https://docs.example.", False),
    ("https", "docs.example", "https://docsxexample", False),
    ("https", "docs.example", "https://docs.example@evil.example", False),
    ("https", "docs.example", "https://evil.example#docs.example", False),
    ("https", "docs.example", "https://evil.example/docs.example", False),
    ("https", "docs.example", "https://docs.example/", False),
    ("https", "docs.example", "https://docs.example/page", False),
    ("https", "docs.example", "https://docs.example, https://evil.example", False),
    ("https", "docs.example", "https://docs.example https://evil.example", False),
    ("https", "docs.example", "https://döcs.example", False),
    ("http", "127.0.0.1:8080", "http://localhost:8080", False),
    ("http", "[::1]:8080", "http://[::2]:8080", False),
    ("http", "[::1]:8080", "http://[::1", False),
    ("http", "[::1]:8080", "http://[:::::]:8080", False),
    # no origin at all
    ("https", "docs.example", "null", False),
    ("https", "docs.example", "", False),
    ("https", "docs.example", "docs.example", False),
    ("https", "docs.example", "//docs.example", False),
    ("https", "docs.example", "*", False),
    ("https", "", "https://docs.example", False),
    ("https", "", "https://", False),
]


@pytest.mark.parametrize(("scheme", "host", "origin", "expected"), EXACT)
@pytest.mark.parametrize("method", ["GET upgrade", "POST", "PUT", "PATCH", "DELETE"])
async def test_origins_are_compared_whole(
    method: str, scheme: str, host: str, origin: str, expected: bool
) -> None:
    word, _, upgrade = method.partition(" ")
    headers = [("Origin", origin), COOKIE, *(UPGRADE if upgrade else [])]
    assert await accepted(word, headers, host=host, scheme=scheme) is expected


@pytest.mark.parametrize("extra", [[], [COOKIE], [BEARER]])
async def test_an_alien_origin_is_refused_whoever_it_says_it_is(extra: Headers) -> None:
    headers = [("Origin", "https://evil.example"), *extra]
    assert not await accepted("GET", [*headers, *UPGRADE])
    assert not await accepted("POST", headers)


@pytest.mark.parametrize(
    ("origin", "expected"),
    [
        ("https://wiki.example", True),
        ("https://wiki.example:443", True),
        ("http://wiki.example", False),
        ("https://wiki.example:8443", False),
        ("https://intranet:8443", True),
        ("https://intranet", False),
        ("https://docs.example", True),
    ],
)
async def test_allowed_origins_are_further_ones(origin: str, expected: bool) -> None:
    allowed = ("https://Wiki.example", "https://intranet:8443")
    headers = [("Origin", origin), ("Sec-Fetch-Site", "cross-site"), COOKIE]
    own = origin == "https://docs.example"
    if own:
        headers[1] = ("Sec-Fetch-Site", "same-origin")
    assert await accepted("POST", headers, allowed=allowed) is expected
    assert await accepted("GET", [*headers, *UPGRADE], allowed=allowed) is expected


async def test_two_origins_are_none() -> None:
    twice = [("Origin", "https://docs.example")] * 2
    assert not await accepted("POST", twice)
    assert not await accepted("GET", [*twice, *UPGRADE])


@pytest.mark.parametrize(
    ("headers", "expected"),
    [([], True), ([BEARER], True), ([BEARER, COOKIE], True), ([COOKIE], False),
     ([COOKIE, ("Authorization", "Basic bWU6bWU=")], False)],
)
async def test_without_an_origin_only_who_has_no_cookie_or_a_token(
    headers: Headers, expected: bool
) -> None:
    assert await accepted("GET", [*headers, *UPGRADE]) is expected
    assert await accepted("POST", headers) is expected


@pytest.mark.parametrize("method", ["GET", "HEAD", "OPTIONS", "POST", "PUT", "PATCH", "DELETE"])
@pytest.mark.parametrize("site", ["same-origin", "none", "same-site", "cross-site", "", "Cross"])
@pytest.mark.parametrize("origin", [None, "https://docs.example", "https://evil.example"])
async def test_fetch_metadata(method: str, site: str, origin: str | None) -> None:
    headers: Headers = [COOKIE, ("Sec-Fetch-Site", site)]
    if origin is not None:
        headers.append(("Origin", origin))
    safe = method in ("GET", "HEAD", "OPTIONS")
    ours = site in ("same-origin", "none") and origin != "https://evil.example"
    assert await accepted(method, headers) is (safe or ours)


@pytest.mark.parametrize("method", ["GET", "POST", "OPTIONS", "HEAD"])
async def test_any_upgrade_is_checked_whatever_its_method(method: str) -> None:
    headers = [("Origin", "https://evil.example"), ("Upgrade", "h2c")]
    assert not await accepted(method, headers)


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1:8080", True),
        ("[::1]:8080", True),
        ("localhost:8080", True),
        ("LOCALHOST", True),
        ("docs.localhost:8080", True),
        ("192.168.1.5:8080", True),
        ("wiki.example:8080", True),
        ("", True),
        ("evil.example:8080", False),
        ("evil.example", False),
        ("localhost.evil.example", False),
        ("127.0.0.1.evil.example", False),
        ("evil.wiki.example", False),
    ],
)
@pytest.mark.parametrize("method", ["GET", "POST"])
async def test_another_sites_name_for_this_machine_is_refused(
    host: str, expected: bool, method: str
) -> None:
    """DNS rebinding: what the page of evil.example would send when its name leads here."""
    headers = CIMultiDict({"Host": host, "Sec-Fetch-Site": "same-origin"})
    if method == "POST":
        headers["Origin"] = f"http://{host}" if host else "http://127.0.0.1:8080"

    async def ask(settings: Settings) -> bool:
        async def handler(request: web.Request) -> web.StreamResponse:
            check_origin(request, settings)
            return web.Response()

        try:
            await proxies.middleware(settings)(make_request(method, headers), handler)
        except CollabError as error:
            return error.code is not BAD_ORIGIN
        return True

    allowed = ("http://wiki.example:8080",)
    if host or method == "GET":
        assert await ask(Settings(allowed_origins=allowed)) is expected
    for open_to_others in (
        Settings(host="0.0.0.0", allowed_origins=allowed),
        Settings(trusted_proxies=("10.0.0.1",), allowed_origins=allowed),
        Settings(unix_socket=Path("collab.sock"), allowed_origins=allowed),
    ):
        if host or method == "GET":
            assert await ask(open_to_others)


async def test_the_refusal_says_what_the_operator_can_do() -> None:
    settings = Settings(host="0.0.0.0")  # the proxy is not trusted, so https is not known
    request = make_request(
        "POST", CIMultiDict({"Host": "docs.example", "Origin": "https://docs.example"})
    )

    async def handler(request: web.Request) -> web.StreamResponse:
        check_origin(request, settings)
        return web.Response()

    with pytest.raises(CollabError, match=r"http://docs\.example.*trusted_proxies"):
        await proxies.middleware(settings)(request, handler)


def test_an_origin_is_written_without_its_default_port() -> None:
    for text in ("https://docs.example", "http://[::1]:8080", "http://docs.example:443"):
        assert str(parse_origin(text)) == text
    assert str(parse_origin("https://docs.example:443")) == "https://docs.example"
