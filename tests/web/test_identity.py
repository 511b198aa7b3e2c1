"""Identities: what a browser keeps, what it can't make up, and what scripts are called."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from http.cookies import Morsel
from pathlib import Path

import pytest
from aiohttp import ClientSession, CookieJar, web
from aiohttp.test_utils import TestServer, make_mocked_request

from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.web import identity, proxies
from collab.web.clients import Clients
from collab.web.cookies import cookies
from collab.web.identity import COOKIE, Identities, Issued
from collab.web.names import PALETTE, clean_name, color_of, is_color, random_color, random_name
from collab.web.secret import load_secret, sign

SECRET = bytes(range(32))
HTML = {"Accept": "text/html"}


class Site:
    """A server whose only page tells who visits it; PUT changes the visitor."""

    def __init__(self, settings: Settings, secret: bytes = SECRET) -> None:
        self.identities = Identities(secret, settings.tokens)
        app = web.Application(middlewares=[proxies.middleware(settings)])
        identity.setup(app, self.identities)
        app.router.add_get("/{tail:.*}", self.me)
        app.router.add_put("/{tail:.*}", self.change)
        self.server = TestServer(app)

    async def me(self, request: web.Request) -> web.Response:
        try:
            user = await identity.identify(request)
            assert await identity.identify(request) is user
        except CollabError as error:
            return web.json_response(error.json(), status=error.code.status)
        return web.json_response({"id": user.id, "name": user.name, "color": user.color})

    async def change(self, request: web.Request) -> web.Response:
        body = await request.json()
        try:
            user = await identity.change(request, body.get("name"), body.get("color"))
            assert await identity.identify(request) is user
        except CollabError as error:
            return web.json_response(error.json(), status=error.code.status)
        return web.json_response({"id": user.id, "name": user.name, "color": user.color})


class Visitor:
    """A client that remembers nothing, so that a test sees every cookie."""

    def __init__(self, site: Site, session: ClientSession) -> None:
        self.url, self.session = site.server.make_url("/"), session
        self.identities = site.identities

    async def visit(
        self, headers: dict[str, str] | None = None
    ) -> tuple[dict[str, str], Morsel[str] | None]:
        async with self.session.get(self.url, headers=headers) as response:
            return await response.json(), response.cookies.get(COOKIE)

    async def put(
        self, body: dict[str, object], headers: dict[str, str]
    ) -> tuple[int, dict[str, str], Morsel[str] | None]:
        async with self.session.put(self.url, json=body, headers=headers) as response:
            return response.status, await response.json(), response.cookies.get(COOKIE)


@pytest.fixture
async def visitor(request: pytest.FixtureRequest) -> AsyncIterator[Visitor]:
    settings = getattr(request, "param", Settings(tokens={"bot": "s3cret", "backup": "ⓣoken"}))
    site = Site(settings)
    await site.server.start_server()
    async with ClientSession(cookie_jar=DoNotKeep()) as session:
        yield Visitor(site, session)
    await site.server.close()


class DoNotKeep(CookieJar):
    def update_cookies(self, *args: object, **kwargs: object) -> None:
        pass


async def test_a_browser_gets_a_name_a_colour_and_a_cookie_that_brings_them_back(
    visitor: Visitor,
) -> None:
    first, cookie = await visitor.visit(HTML)
    assert first["id"].startswith("guest:")
    assert first["color"] in PALETTE
    assert len(first["name"].split()) == 2
    assert cookie is not None
    again, no_cookie = await visitor.visit({**HTML, "Cookie": f"{COOKIE}={cookie.value}"})
    assert again == first
    assert no_cookie is None
    other, _ = await visitor.visit(HTML)
    assert other["id"] != first["id"]


async def test_a_script_gets_no_cookie(visitor: Visitor) -> None:
    assert (await visitor.visit())[1] is None
    assert (await visitor.visit({"Origin": "http://x"}))[1] is not None
    assert (await visitor.visit({"Sec-Fetch-Site": "same-origin"}))[1] is not None


PROXIED = Settings(trusted_proxies=("127.0.0.1",))
MOUNTED = Settings(trusted_proxies=("127.0.0.1",), base_path="/team/docs")


@pytest.mark.parametrize(
    ("visitor", "headers", "path", "secure"),
    [
        (PROXIED, {}, "/", False),
        (PROXIED, {"X-Forwarded-Proto": "https"}, "/", True),
        (PROXIED, {"X-Forwarded-Prefix": "/pad"}, "/pad", False),
        (MOUNTED, {"X-Forwarded-Proto": "https"}, "/team/docs", True),
        (Settings(), {"X-Forwarded-Proto": "https", "X-Forwarded-Prefix": "/pad"}, "/", False),
    ],
    indirect=["visitor"],
)
async def test_the_cookie_goes_no_further_than_it_must(
    visitor: Visitor, headers: dict[str, str], path: str, secure: bool
) -> None:
    _, cookie = await visitor.visit({**HTML, **headers})
    assert cookie is not None
    assert cookie["httponly"]
    assert cookie["samesite"] == "Lax"
    assert cookie["path"] == path
    assert bool(cookie["secure"]) is secure
    assert not cookie["domain"]


def forged(identities: Identities) -> list[str]:
    """What may stand in a cookie without our having signed it."""
    good = identities.issue(User("guest:1", "Quiet Otter", "#0b6e4f"))
    payload, _, signature = good.partition(".")
    other = Identities(bytes(32), {}).issue(User("token:bot", "bot", "#0b6e4f"))
    signed = [b"", b"{}", b"null", b"[]", b'{"id":1}', b"\xff\xfe", b'"' * 9]
    return [
        "", ".", "..", "=", "x", "x.y", "é.é", good[:-1], good + "A", good[1:], "A" + good,
        payload, payload + ".", "." + signature, payload[:-2] + "AA." + signature,
        payload + "." + signature[::-1], good + "." + signature, other, '"' + good + '"',
        "A" * 5000 + "." + signature, "%00", "\\x00.y", payload + "." + other.partition(".")[2],
        payload + "." + Clients(SECRET).bind_client(payload),
        *(
            f"{body.decode('latin-1').encode().hex()}.{sign(SECRET, b'identity', body)}"
            for body in signed
        ),
    ]  # fmt: skip


async def test_garbage_in_the_cookie_makes_a_new_visitor(visitor: Visitor) -> None:
    for value in forged(visitor.identities):
        assert visitor.identities.read(value) is None, value
        body, cookie = await visitor.visit({**HTML, "Cookie": f"{COOKIE}={value}"})
        assert body["id"].startswith("guest:"), value
        assert body["id"] != "guest:1"
        assert cookie is not None, value


async def test_of_several_cookies_the_one_that_is_ours_counts(visitor: Visitor) -> None:
    ours = visitor.identities.issue(User("guest:1", "Quiet Otter", "#0b6e4f"))
    above = Identities(bytes(32), {}).issue(User("guest:2", "Loud Otter", "#0b6e4f"))
    header = f"theme=dark; {COOKIE}={ours}; {COOKIE}={above}; x{COOKIE}=1; {COOKIE}"
    assert (await visitor.visit({"Cookie": header}))[0]["id"] == "guest:1"
    header = f"{COOKIE}={above}; {COOKIE}={ours}"
    assert (await visitor.visit({"Cookie": header}))[0]["id"] == "guest:1"


@pytest.mark.parametrize(
    ("age", "known", "renewed"),
    [
        (0, True, False),
        (29 * 86400, True, False),
        (31 * 86400, True, True),
        (364 * 86400, True, True),
        (366 * 86400, False, True),
        (-3600, True, False),
        (-3 * 86400, False, True),
    ],
)
async def test_a_cookie_is_renewed_while_it_is_used_and_forgotten_when_it_is_not(
    visitor: Visitor, monkeypatch: pytest.MonkeyPatch, age: int, known: bool, renewed: bool
) -> None:
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now - age)
    cookie = visitor.identities.issue(User("guest:1", "Quiet Otter", "#0b6e4f"))
    monkeypatch.setattr(time, "time", lambda: now)
    body, fresh = await visitor.visit({**HTML, "Cookie": f"{COOKIE}={cookie}"})
    assert (body["id"] == "guest:1") is known
    assert (fresh is not None) is renewed
    if fresh is not None:
        issued = visitor.identities.read(fresh.value)
        assert issued is not None
        assert issued == Issued(body["id"], body["name"], body["color"], int(now))


async def test_a_visitor_changes_name_and_colour(visitor: Visitor) -> None:
    me, cookie = await visitor.visit(HTML)
    assert cookie is not None
    headers = {"Cookie": f"{COOKIE}={cookie.value}"}
    status, changed, fresh = await visitor.put({"name": " Ada\n Lovelace "}, headers)
    assert status == 200 and fresh is not None
    assert changed == {**me, "name": "Ada Lovelace"}
    again, _ = await visitor.visit({"Cookie": f"{COOKIE}={fresh.value}"})
    assert again == changed
    status, changed, fresh = await visitor.put(
        {"color": "#123abc"}, {"Cookie": f"{COOKIE}={fresh.value}"}
    )
    assert (status, changed["name"], changed["color"]) == (200, "Ada Lovelace", "#123abc")


@pytest.mark.parametrize(
    "body",
    [
        {"name": ""}, {"name": " \u200b "}, {"name": "x" * 65}, {"name": "👩" * 33},
        {"color": ""}, {"color": "red"}, {"color": "#FFF000"}, {"color": "#fff"},
        {"color": "#12345g"}, {"color": "#123456\n"}, {"color": "#1234567"},
        {"name": "Ada", "color": "javascript:"},
    ],
)  # fmt: skip
async def test_what_is_no_name_or_colour_is_refused(
    visitor: Visitor, body: dict[str, object]
) -> None:
    status, _, cookie = await visitor.put(body, HTML)
    assert status == 400
    assert cookie is None or "Ada" not in str(visitor.identities.read(cookie.value))


@pytest.mark.parametrize(
    ("authorization", "id"),
    [
        ("Bearer s3cret", "token:bot"),
        ("bearer  s3cret ", "token:bot"),
        ("Bearer ⓣoken", "token:backup"),
        ("Bearer s3cre", None),
        ("Bearer s3crett", None),
        ("Bearer S3CRET", None),
        ("Bearer", None),
        ("Bearer \udc80", None),
        ("Basic czNjcmV0", "guest:"),
        ("s3cret", "guest:"),
    ],
)
async def test_scripts_are_known_by_their_token(
    visitor: Visitor, authorization: str, id: str | None
) -> None:
    host = visitor.url
    assert host.port is not None
    reader, writer = await asyncio.open_connection(host.host, host.port)
    writer.write(b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\nAccept: text/html\r\n")
    writer.write(b"Authorization: %b\r\n\r\n" % authorization.encode("utf-8", "surrogateescape"))
    answer = (await reader.read()).decode()
    writer.close()
    await writer.wait_closed()
    if id is None:
        assert answer.startswith("HTTP/1.1 401")
        assert "bad_token" in answer
    else:
        assert f'"id": "{id}' in answer
    assert ("Set-Cookie" in answer) is (id == "guest:")


@pytest.mark.parametrize("visitor", [Settings(tokens={"bot": ""})], indirect=True)
async def test_an_empty_token_opens_nothing(visitor: Visitor) -> None:
    answer, _ = await visitor.visit({"Authorization": "Bearer "})
    assert "bad_token" in str(answer)


async def test_a_script_keeps_the_name_the_operator_gave_it(visitor: Visitor) -> None:
    headers = {"Authorization": "Bearer s3cret"}
    me, _ = await visitor.visit(headers)
    assert me == {"id": "token:bot", "name": "bot", "color": color_of("bot")}
    status, _, _ = await visitor.put({"name": "root"}, headers)
    assert status == 403


def test_a_client_is_bound_to_its_secret() -> None:
    clients = Clients(SECRET)
    one, other = clients.new_client(), clients.new_client()
    secret = clients.bind_client(one)
    assert one != other and one.isascii()
    assert clients.bind_client(one) == secret
    assert clients.verify_client(one, secret)
    for client, wrong in [
        (other, secret), (one, ""), (one, secret[:-1]), (one, secret + "A"), (one, "é"),
        (one, "\ud800"), ("", secret), ("\ud800", secret), (one, clients.bind_client(other)),
        (one, Clients(bytes(32)).bind_client(one)), (one, sign(SECRET, b"identity", one.encode())),
    ]:  # fmt: skip
        assert not clients.verify_client(client, wrong)


@pytest.mark.parametrize(
    ("header", "found"),
    [("", []), (";;=;", []), (f"{COOKIE}", []), (f"{COOKIE}=a=b", ["a=b"])],
)
def test_identity_cookies_are_found_among_others(header: str, found: list[str]) -> None:
    request = make_mocked_request("GET", "/", {"Cookie": header})
    assert cookies(request, COOKIE) == found


@pytest.mark.parametrize(
    ("text", "name"),
    [
        ("Ada", "Ada"),
        ("  Ada \t\r\n Lovelace\x00 ", "Ada Lovelace"),
        ("\u202eadA\u2066\u200f", "adA"),
        ("Ada\u2028Lovelace", "Ada Lovelace"),
        ("\ufeffAda\u200b\u00ad", "Ada"),
        ("\ud83dAda", "Ada"),
        ("Zoë Åström", "Zoë Åström"),
        ("李 小龍", "李 小龍"),
        ("👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿 Scot", "🏴󠁧󠁢󠁳󠁣󠁴󠁿 Scot"),
        ("<b>Ada</b>", "<b>Ada</b>"),
        ("x" * 64, "x" * 64),
        ("👩" * 32, "👩" * 32),
    ],
)
def test_a_name_is_cleaned(text: str, name: str) -> None:
    assert clean_name(text) == name


def contrast_with_white(color: str) -> float:
    """As WCAG 2.2 computes it."""
    parts = [int(color[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    )
    return 1.05 / (0.2126 * red + 0.7152 * green + 0.0722 * blue + 0.05)


def test_every_colour_that_is_given_can_be_read() -> None:
    for color in PALETTE:
        assert is_color(color)
        assert contrast_with_white(color) >= 4.5
    assert len(set(PALETTE)) == 12
    assert random_color() in PALETTE
    assert clean_name(random_name())


def test_the_secret_is_made_once_and_only_its_owner_reads_it(tmp_path: Path) -> None:
    folder = tmp_path / "new" / "data"
    secret = load_secret(folder)
    assert len(secret) == 32
    assert load_secret(folder) == secret
    assert (folder / "secret").stat().st_mode & 0o777 == 0o600
    assert [path.name for path in folder.iterdir()] == ["secret"]
    assert load_secret(tmp_path / "other") != secret


async def test_of_many_that_make_the_secret_all_get_the_same(tmp_path: Path) -> None:
    for turn in range(20):
        folder = tmp_path / str(turn)
        found = await asyncio.gather(*(asyncio.to_thread(load_secret, folder) for _ in range(8)))
        assert len(set(found)) == 1
        assert [path.name for path in folder.iterdir()] == ["secret"]


@pytest.mark.parametrize("content", [b"", b"00", b"x" * 64, b"\xff" * 64, b"00" * 33])
def test_a_secret_that_is_none_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "secret").write_bytes(content)
    with pytest.raises(ValueError, match="32 bytes in hexadecimal"):
        load_secret(tmp_path)
