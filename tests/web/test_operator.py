"""The operator proves it: by the link, a token or a key of the command line, and nothing else."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from http.cookies import SimpleCookie
from pathlib import Path
from typing import Any

import aiohttp
import pytest
from aiohttp import web
from aiohttp.test_utils import make_mocked_request

from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from collab.web.operator import (
    COMMAND_LIFETIME,
    LINK_LIFETIME,
    OPERATOR,
    SESSION_LIFETIME,
    Operator,
    command_key,
    link_key,
    operator_link,
)
from collab.web.secret import read_secret, sign
from tests.web.nginx import run_bare_nginx

SECRET = bytes(range(32))
TOKEN = "a-token-that-nobody-guesses"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, plugins_on=("metrics",), tokens={"ops": TOKEN})


@pytest.fixture
async def server(settings: Settings) -> AsyncIterator[Server]:
    async with serve(settings) as running:
        yield running


def secret(server: Server, settings: Settings) -> bytes:
    return read_secret(settings.data_dir)


async def ask(
    http: aiohttp.ClientSession, method: str, url: str, **how: Any
) -> tuple[int, str, Any]:
    async with http.request(method, url, allow_redirects=False, **how) as response:
        return response.status, await response.text(), response.headers


def administering(id: str) -> list[tuple[str, str, dict[str, Any]]]:
    """Everything that is for the operator only."""
    return [
        ("GET", "/plugins", {}),
        ("GET", "/api/plugins", {}),
        ("GET", "/plugins/metrics/api", {}),
        ("GET", f"/api/documents/{id}/export/backup", {}),
        ("POST", "/api/import/backup", {"data": b"x"}),
        ("POST", "/api/plugins/metrics", {"json": {"state": "off"}}),
        ("POST", "/plugins", {"data": {"name": "metrics", "state": "off"}}),
    ]


FORWARDED = ("Forwarded", "Via", "X-Forwarded-For", "X-Forwarded-Host", "X-Real-IP")


@pytest.mark.bundled("metrics")
async def test_nothing_that_is_missing_makes_anybody_the_operator(server: Server) -> None:
    id = await server.create_document("Notes", "one")
    here = [{}, *({"Host": host} for host in ("localhost", "127.0.0.1", "[::1]", "localhost:80"))]
    forwarded = [{name: value} for name in FORWARDED for value in ("127.0.0.1", "", "::1")]
    for headers in [*here, *forwarded]:
        for method, path, how in administering(id):
            status, said, _ = await ask(
                server.http, method, server.url + path, headers=headers, **how
            )
            assert status == 403, (method, path, headers)
            assert "collab open" in said
    assert "metrics" in server.app[PLUGINS].plugins


@pytest.mark.bundled("metrics")
@pytest.mark.parametrize("more", ["", "proxy_set_header Host $http_host;"], ids=["bare", "host"])
async def test_behind_a_proxy_that_only_passes_nobody_is_the_operator(
    server: Server, settings: Settings, tmp_path: Path, more: str
) -> None:
    (tmp_path / "nginx").mkdir()
    id = await server.create_document("Notes", "one")
    async with run_bare_nginx(tmp_path / "nginx", server.url, more) as proxied:
        for method, path, how in administering(id):
            assert (await ask(server.http, method, proxied + path, **how))[0] == 403, path
        # The same with the link's cookie: here a browser uses it through the proxy, which says
        # where the browser believes to be only when it passes the Host on.
        headers = {"Origin": proxied if more else server.url}
        key = operator_link(proxied, secret(server, settings)).partition("#")[2]
        async with aiohttp.ClientSession(
            cookie_jar=aiohttp.CookieJar(unsafe=True), headers=headers
        ) as browser:
            form = {"key": key}
            status, _, _ = await ask(browser, "POST", f"{proxied}/operator", data=form)
            assert status == 303
            for method, path, how in administering(id):
                if "import" not in path:
                    assert (await ask(browser, method, proxied + path, **how))[0] < 400, path
    assert "metrics" not in server.app[PLUGINS].plugins, "switched off with the cookie"


async def sign_in(
    server: Server, key: str, **headers: str
) -> tuple[int, SimpleCookie, Any]:
    """Press the button of the link's page in a fresh browser; the cookies that it sets."""
    async with aiohttp.ClientSession(cookie_jar=aiohttp.DummyCookieJar()) as browser:
        origin = "/".join(server.url.split("/")[:3])
        headers = {"Origin": origin, **headers}
        async with browser.post(
            f"{server.url}/operator", data={"key": key}, headers=headers, allow_redirects=False
        ) as response:
            cookies = SimpleCookie()
            for line in response.headers.getall("Set-Cookie", ()):
                cookies.load(line)
            return response.status, cookies, response.headers


async def is_operator(server: Server, cookie: str) -> bool:
    headers = {"Cookie": cookie}
    status, _, _ = await ask(server.http, "GET", f"{server.url}/api/plugins", headers=headers)
    assert status in (200, 403)
    return status == 200


async def test_the_link_becomes_a_cookie_once(server: Server, settings: Settings) -> None:
    link = operator_link(f"{server.url}/", secret(server, settings))
    address, _, key = link.partition("#")
    assert address == f"{server.url}/operator"
    # Looking at it, which a link preview or a scanner does, uses nothing up.
    for _ in range(3):
        for method in ("GET", "HEAD"):
            status, _, headers = await ask(server.http, method, link)
            assert status == 200 and server.app[OPERATOR].cookie not in str(headers)
            assert headers["Cache-Control"] == "no-store"
    status, cookies, headers = await sign_in(server, key)
    assert status == 303 and headers["Location"] == "/plugins"
    assert headers["Cache-Control"] == "no-store" and headers["Referrer-Policy"] == "no-referrer"
    cookie = cookies[server.app[OPERATOR].cookie]
    assert cookie["httponly"] and cookie["samesite"] == "Strict" and cookie["path"] == "/"
    assert not cookie["secure"] and int(cookie["max-age"]) == SESSION_LIFETIME
    assert await is_operator(server, f"{cookie.key}={cookie.value}")
    assert not await is_operator(server, "")
    for again in (key, link):
        status, cookies, headers = await sign_in(server, again)
        assert status == 403 and server.app[OPERATOR].cookie not in cookies
    # Somebody pastes the whole link into the page.
    assert (await sign_in(server, operator_link(server.url, secret(server, settings))))[0] == 303


async def test_of_two_browsers_that_use_a_link_at_once_one_gets_it(
    server: Server, settings: Settings
) -> None:
    key = link_key(secret(server, settings))
    answers = await asyncio.gather(*(sign_in(server, key) for _ in range(20)))
    assert sorted(status for status, _, _ in answers) == [303] + [403] * 19


async def test_a_page_says_what_to_do_when_a_link_is_used_up(server: Server) -> None:
    headers = {"Accept": "text/html", "Origin": server.url}
    url = f"{server.url}/operator"
    status, page, _ = await ask(
        server.http, "POST", url, data={"key": "x"}, headers=headers
    )
    assert status == 403 and "collab open" in page and "<h1>" in page


async def test_what_the_server_did_not_sign_for_that_opens_nothing(
    server: Server, settings: Settings
) -> None:
    ours = secret(server, settings)
    good = link_key(ours)
    signed, _, signature = good.rpartition(".")
    when, _, nonce = signed.partition(".")
    for key in (
        "", ".", "..", "x", "é" * 10, "x" * 2000, good[:-1], good + "A", f"{signed}.",
        f"{int(when) + 1}.{nonce}.{signature}", link_key(SECRET), command_key(ours),
        server.app[OPERATOR].session(), f"{signed}.{sign(ours, b'identity', signed.encode())}",
    ):  # fmt: skip
        assert (await sign_in(server, key))[0] == 403, key
    for wrong in (good, link_key(ours), command_key(ours), command_key(SECRET), TOKEN):
        assert not await is_operator(server, f"{server.app[OPERATOR].cookie}={wrong}")
    assert (await sign_in(server, good))[0] == 303


def _with(cookie: str) -> web.Request:
    return make_mocked_request("GET", "/", {"Cookie": cookie})


async def test_no_other_site_signs_a_browser_in_or_acts_with_its_cookie(
    server: Server, settings: Settings
) -> None:
    key = link_key(secret(server, settings))
    for headers in (
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Sec-Fetch-Site": "cross-site", "Origin": server.url},
    ):
        assert (await sign_in(server, key, **headers))[0] == 403
    operator = server.app[OPERATOR]
    mine = {"Cookie": f"{operator.cookie}={operator.session()}"}
    url, body = f"{server.url}/api/plugins/metrics", {"state": "off"}
    for headers in (
        {},
        {"Origin": "https://evil.example"},
        {"Sec-Fetch-Site": "same-site"},
    ):
        how = {"json": body, "headers": {**mine, **headers}}
        assert (await ask(server.http, "POST", url, **how))[0] == 403
    assert "metrics" in server.app[PLUGINS].plugins
    own = {**mine, "Origin": server.url}
    assert (await ask(server.http, "POST", url, json=body, headers=own))[0] == 200
    assert (await sign_in(server, key))[0] == 303, "what was refused did not use the link up"


async def test_who_signs_out_is_signed_out_with_every_copy_of_the_cookie(
    server: Server, settings: Settings
) -> None:
    operator = server.app[OPERATOR]
    one, other = (f"{operator.cookie}={operator.session()}" for _ in range(2))
    page = await ask(server.http, "GET", f"{server.url}/plugins", headers={"Cookie": one})
    assert 'action="/operator/sign-out"' in page[1]
    headers = {"Cookie": one, "Origin": server.url}
    status, _, answer = await ask(
        server.http, "POST", f"{server.url}/operator/sign-out", headers=headers
    )
    assert status == 303 and answer["Location"] == "/operator"
    assert "Max-Age=0" in answer["Set-Cookie"]
    assert not await is_operator(server, one)
    assert await is_operator(server, other)


async def test_who_has_signed_out_is_signed_out_after_a_restart_too(settings: Settings) -> None:
    async with serve(settings) as server:
        operator = server.app[OPERATOR]
        one, other = (f"{operator.cookie}={operator.session()}" for _ in range(2))
        headers = {"Cookie": one, "Origin": server.url}
        status, _, _ = await ask(
            server.http, "POST", f"{server.url}/operator/sign-out", headers=headers
        )
        assert status == 303
    kept = settings.data_dir / "signed-out"
    assert kept.stat().st_mode & 0o777 == 0o600
    assert one.partition("=")[2] not in kept.read_text()
    async with serve(settings) as server:
        assert not await is_operator(server, one)
        assert await is_operator(server, other)
    # When it can't be read, nobody is believed to be signed in still.
    kept.write_bytes(b"{")
    async with serve(settings) as server:
        assert not await is_operator(server, one)
        assert not await is_operator(server, other)
        assert (await sign_in(server, link_key(secret(server, settings))))[0] == 303
        assert await is_operator(server, f"{operator.cookie}={server.app[OPERATOR].session()}")
        # What can't be kept is said, and holds until the server ends.
        kept.unlink()
        kept.mkdir()
        third = f"{operator.cookie}={server.app[OPERATOR].session()}"
        headers = {"Cookie": third, "Origin": server.url}
        status, said, _ = await ask(
            server.http, "POST", f"{server.url}/operator/sign-out", headers=headers
        )
        assert status == 503 and "until the server is started again" in said
        assert not await is_operator(server, third)
        assert [one.name for one in settings.data_dir.glob("signed-out*")] == ["signed-out"]


async def test_servers_that_share_a_host_keep_their_operators_apart(tmp_path: Path) -> None:
    one = Settings(data_dir=tmp_path / "one", plugins_on=())
    other = Settings(data_dir=tmp_path / "other", plugins_on=(), base_path="/team")
    async with serve(one) as first, serve(other) as second:
        names = {running.app[OPERATOR].cookie for running in (first, second)}
        assert len(names) == 2, "a cookie knows no port: one would overwrite the other's"
        status, cookies, headers = await sign_in(second, link_key(read_secret(other.data_dir)))
        assert status == 303 and headers["Location"] == "/team/plugins"
        assert cookies[second.app[OPERATOR].cookie]["path"] == "/team"
        theirs = first.app[OPERATOR].session()
        mine = second.app[OPERATOR].session()
        name = second.app[OPERATOR].cookie
        assert not await is_operator(first, f"{first.app[OPERATOR].cookie}={mine}")
        # What a neighbour below another path has set stands beside ours, before it or behind it.
        for both in ((theirs, mine), (mine, theirs), ("junk", mine)):
            cookie = "; ".join(f"{name}={value}" for value in both)
            assert await is_operator(second, cookie)
        assert not await is_operator(second, f"{name}={theirs}")


async def test_on_https_the_cookie_is_secure_and_keeps_to_the_prefix(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, plugins_on=(), trusted_proxies=("127.0.0.1",))
    async with serve(settings) as server:
        headers = {
            "X-Forwarded-Proto": "https", "X-Forwarded-Host": "docs.example",
            "X-Forwarded-Prefix": "/team/docs", "Origin": "https://docs.example",
        }  # fmt: skip
        status, cookies, answer = await sign_in(server, link_key(read_secret(tmp_path)), **headers)
        assert status == 303 and answer["Location"] == "/team/docs/plugins"
        cookie = cookies[server.app[OPERATOR].cookie]
        assert cookie["secure"] and cookie["path"] == "/team/docs"


async def test_a_key_of_the_command_line_is_good_for_one_request(
    server: Server, settings: Settings
) -> None:
    async def status(token: str) -> int:
        headers = {"Authorization": f"Bearer {token}"}
        return (await ask(server.http, "GET", f"{server.url}/api/plugins", headers=headers))[0]

    key = command_key(secret(server, settings))
    assert [await status(key), await status(key)] == [200, 401]
    for wrong in (link_key(secret(server, settings)), command_key(SECRET)):
        assert await status(wrong) == 401
    assert await status(TOKEN) == await status(TOKEN) == 200


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_keys_and_sessions_end(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("time.time", clock)
    clock.now = 1_000_000.5
    operator = Operator(SECRET, clock)
    link, command = link_key(SECRET), command_key(SECRET)
    cookie = _with(f"{operator.cookie}={operator.session()}")
    assert operator.use_link(link_key(SECRET)) == "taken", "made in the same moment as the start"
    clock.now += COMMAND_LIFETIME
    assert not operator.accepts_command(command)
    clock.now += LINK_LIFETIME - COMMAND_LIFETIME - 0.01
    early = link_key(SECRET)
    assert operator.use_link(link) == "taken"
    assert operator.use_link(link) == "used"
    clock.now += LINK_LIFETIME + 0.01
    assert operator.use_link(early) == operator.use_link(link) == "expired"
    assert operator.is_signed_in(cookie)
    clock.now = 1_000_000.5 + SESSION_LIFETIME
    assert not operator.is_signed_in(cookie)
    # What was used is forgotten when it has expired anyway.
    assert operator.use_link(link_key(SECRET)) == "taken" and len(operator._used) == 1


def test_a_clock_that_was_put_back_keeps_no_link_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    clock = Clock()
    monkeypatch.setattr("time.time", clock)
    clock.now = 2_000_000.0
    ahead = link_key(SECRET)
    clock.now -= 3600
    assert Operator(SECRET, clock).use_link(ahead) == "unknown"


async def test_a_link_that_was_used_is_used_after_a_restart_too(settings: Settings) -> None:
    async with serve(settings) as server:
        key, other = (link_key(secret(server, settings)) for _ in range(2))
        session = f"{server.app[OPERATOR].cookie}={server.app[OPERATOR].session()}"
        assert (await sign_in(server, key))[0] == 303
    async with serve(settings) as server:
        for before in (key, other):
            assert (await sign_in(server, before))[0] == 403
        assert await is_operator(server, session), "a browser stays signed in"
    # Without the secret nothing that it signed is worth anything.
    (settings.data_dir / "secret").unlink()
    async with serve(settings) as server:
        assert not await is_operator(server, session)
        name = server.app[OPERATOR].cookie
        assert not await is_operator(server, f"{name}={session.partition('=')[2]}")
