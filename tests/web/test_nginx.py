"""Collab behind a real nginx, mounted at ``/team/docs/`` as ``deploy/nginx.conf`` does it."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from urllib.parse import urljoin, urlsplit

import aiohttp
import pytest
from aiohttp import web
from aiohttp.typedefs import Handler

from collab.protocol.settings import Limits, Settings
from collab.testing.raw import RawSession
from collab.web import create_app
from collab.web.identity import COOKIE
from collab.web.listening import listen
from collab.web.proxies import Peer, peer
from tests.web.nginx import run_nginx

pytestmark = pytest.mark.nginx

BASE = "/team/docs"
TOKEN = "a-token-that-nobody-guesses"


class Site:
    """The server behind nginx, and what has reached it."""

    def __init__(self, settings: Settings) -> None:
        self.requests: list[tuple[str, str]] = []
        """Method and path of every request that was dispatched."""
        self.peers: list[Peer] = []
        self.headers: list[dict[str, str]] = []
        self.app = create_app(settings)
        self.app.middlewares.append(self._notice)
        self.url = ""

    @web.middleware
    async def _notice(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        self.requests.append((request.method, request.path))
        self.peers.append(peer(request))
        self.headers.append(dict(request.headers))
        return await handler(request)


@pytest.fixture
async def site(tmp_path: Path) -> AsyncIterator[Site]:
    settings = Settings(
        unix_socket=tmp_path / "collab.sock",
        data_dir=tmp_path / "data",
        base_path=BASE,
        trusted_proxies=("unix",),
        tokens={"bot": TOKEN},
        limits=Limits(hello_timeout=0.2),
    )
    site = Site(settings)
    assert settings.unix_socket is not None
    async with listen(site.app, settings), run_nginx(tmp_path, settings.unix_socket) as address:
        site.url = address + BASE
        yield site


@pytest.fixture
async def http() -> AsyncIterator[aiohttp.ClientSession]:
    async with aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True)) as http:
        yield http


async def operations(session: RawSession, count: int) -> list[dict[str, Any]]:
    """The first operations that a client is told."""
    found: list[dict[str, Any]] = []
    while len(found) < count:
        found += (await session.expect("operations"))["operations"]
    return found


async def make_document(http: aiohttp.ClientSession, site: Site, content: str = "") -> str:
    body = {"title": "Minutes", "content": content}
    async with http.post(f"{site.url}/api/documents", json=body) as response:
        assert response.status == 201, await response.text()
        made: dict[str, Any] = await response.json()
        assert response.headers["Location"] == f"{BASE}/api/documents/{made['id']}"
        return str(made["id"])


async def test_two_edit_one_document(site: Site, http: aiohttp.ClientSession) -> None:
    document = await make_document(http, site, "Hello")
    socket = f"{site.url}/api/documents/{document}/socket"
    one, other = await RawSession.open(http, socket), await RawSession.open(http, socket)
    assert one.welcome["content"] == [{"insert": "Hello"}]
    await one.operate(0, 1, [{"retain": 5}, {"insert": " you"}])
    await other.operate(0, 1, [{"insert": "> "}])
    seen = [await operations(session, 2) for session in (one, other)]
    assert seen[0] == seen[1]
    assert {operation["client"] for operation in seen[0]} == {one.client, other.client}
    async with http.get(
        f"{site.url}/api/documents/{document}/content", headers={"Accept": "text/plain"}
    ) as response:
        assert await response.text() == "> Hello you"
    await one.close()
    await other.close()


async def test_a_browser_keeps_its_identity_under_the_prefix(
    site: Site, http: aiohttp.ClientSession
) -> None:
    async with http.get(f"{site.url}/", headers={"Accept": "text/html"}) as response:
        assert response.status == 200
        cookie = response.cookies[COOKIE]
        assert cookie["path"] == BASE
    origin = site.url.removesuffix(BASE)
    for wrong in (origin + "0", "https" + origin[4:], "http://evil.example", "null"):
        async with http.put(
            f"{site.url}/api/me", json={"name": "Ada"}, headers={"Origin": wrong}
        ) as response:
            assert response.status == 403
    async with http.put(
        f"{site.url}/api/me", json={"name": "Ada"}, headers={"Origin": origin}
    ) as response:
        assert response.status == 200, await response.text()
    document = await make_document_as_script(http, site)
    socket = f"{site.url}/api/documents/{document}/socket"
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await http.ws_connect(socket, origin="http://evil.example")
    assert refused.value.status == 403
    session = RawSession(await http.ws_connect(socket, origin=origin))
    welcome = await session.hello()
    assert welcome["user"]["name"] == "Ada"
    await session.close()


async def make_document_as_script(http: aiohttp.ClientSession, site: Site) -> str:
    async with http.post(
        f"{site.url}/api/documents", json={}, headers={"Authorization": f"Bearer {TOKEN}"}
    ) as response:
        assert response.status == 201, await response.text()
        return str((await response.json())["id"])


async def test_what_a_browser_claims_of_itself_does_not_pass(
    site: Site, http: aiohttp.ClientSession
) -> None:
    spoof = {
        "X-Forwarded-For": "6.6.6.6",
        "X-Forwarded-Proto": "https",
        "X-Forwarded-Host": "evil.example",
        "X-Forwarded-Prefix": "/evil",
        "Forwarded": "for=6.6.6.6",
        "Remote-User": "admin",
        "Upgrade": "websocket",
        "Connection": "Upgrade",
    }
    document = await make_document_as_script(http, site)
    for path in ("/api/me", f"/api/documents/{document}/socket"):
        async with http.get(site.url + path, headers=spoof):
            host = urlsplit(site.url).netloc
            assert site.peers[-1] == Peer("127.0.0.1", "http", host, BASE)
            assert "Remote-User" not in site.headers[-1]
            assert "Forwarded" not in site.headers[-1]
            assert ("Upgrade" in site.headers[-1]) is path.endswith("/socket")


class Links(HTMLParser):
    """Every URL on a page, and the JSON in its scripts; not what scripts fill in later."""

    def __init__(self) -> None:
        super().__init__()
        self.urls: list[str] = []
        self.json: list[Any] = []
        self._in_json = False
        self._templates = 0

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self._templates += tag == "template"
        if not self._templates:
            self.urls += filter(None, (given.get(name) for name in ("href", "src", "action")))
        self._in_json = tag == "script" and given.get("type") in ("importmap", "application/json")

    def handle_data(self, data: str) -> None:
        if self._in_json:
            self.json.append(json.loads(data))

    def handle_endtag(self, tag: str) -> None:
        self._in_json = False
        self._templates -= tag == "template"


_IMPORT = re.compile(r"""(?:\bfrom\s*|\bimport\s*\(?\s*)["']([^"'\s]+)["']""")
_CSS_URL = re.compile(r"""url\(["']?([^"')]+)""")


def paths_in(value: Any) -> list[str]:
    """Every text in a JSON value that looks like a path from the host's root."""
    if isinstance(value, dict):
        return [path for one in value.values() for path in paths_in(one)]
    if isinstance(value, list):
        return [path for one in value for path in paths_in(one)]
    return [value] if isinstance(value, str) and value.startswith("/") else []


def links_of(kind: str, text: str, imports: dict[str, str]) -> list[str]:
    """Where a page, a script or a style sheet leads to, as it is written there."""
    if kind == "text/html":
        page = Links()
        page.feed(text)
        for value in page.json:
            imports.update(value.get("imports", {}))
        # A socket or an API is no page: that it is under the prefix is all there is to see.
        paths = [path for value in page.json for path in paths_in(value)]
        assert all(f"{path}/".startswith(f"{BASE}/") for path in paths), paths
        loaded = [path for path in paths if path.endswith((".js", ".css"))]
        return page.urls + list(imports.values()) + loaded
    if "javascript" in kind:
        return [imports.get(name, name) for name in _IMPORT.findall(text)]
    return _CSS_URL.findall(text) if kind == "text/css" else []


async def test_no_url_leaves_the_prefix(site: Site, http: aiohttp.ClientSession) -> None:
    document = await make_document(http, site, "Hello")
    imports: dict[str, str] = {}
    todo = [f"{BASE}/", f"{BASE}/d/{document}", f"{BASE}/d/nowhere"]
    seen: dict[str, str] = {}
    while todo:
        path = todo.pop(0)
        if path in seen:
            continue
        async with http.get(
            urljoin(site.url, path), headers={"Accept": "text/html"}, allow_redirects=False
        ) as response:
            assert response.status == (404 if "nowhere" in path else 200), path
            kind = seen[path] = response.content_type
            text = await response.text()
        for link in links_of(kind, text, imports):
            if link.startswith(("data:", "#")) or (kind != "text/html" and _is_bare(link)):
                continue
            found = urlsplit(urljoin(urljoin(site.url, path), link))
            assert f"http://{found.netloc}" == site.url.removesuffix(BASE), (path, link)
            assert found.path.startswith(f"{BASE}/"), (path, link)
            todo.append(found.path + (f"?{found.query}" if found.query else ""))
    kinds = list(seen.values())
    assert kinds.count("text/html") >= 3
    assert sum("javascript" in kind for kind in kinds) >= 10
    assert any(path.startswith(f"{BASE}/plugins/") for path in seen)


def _is_bare(name: str) -> bool:
    """A module that stands in no import map: a word in a comment or a string of a bundle."""
    return not name.startswith(("/", "./", "../"))


async def test_without_the_slash_one_gets_there_too(
    site: Site, http: aiohttp.ClientSession
) -> None:
    async with http.get(site.url) as response:
        assert response.status == 200
        assert response.url.path == f"{BASE}/"
