"""Addresses that nobody should send: answered with what a missing thing is answered with."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from aiohttp import web
from yarl import URL

from collab.web.paths import LONGEST_PATH, LONGEST_SEGMENT, is_usable
from tests.web.conftest import Client, make

HOSTILE = (
    "a" * 256, "a" * 300, "a" * 4000, "%c3%a9" * 200, "/".join(["a"] * 2000), "%00", "a%00b", "%0a",
    "%7f", "%ff", "%ff%fe", "%ed%a0%80", "%c0%af", "%", "%zz", "%25", "%2f", "..%2f..%2fetc",
    "%2e%2e", "%2e%2e%2f%2e%2e", "..", ".", "...", "%5c", "a%5cb", "%e2%80%ae", "%f0%9f%98%80",
    "c%3a", "con", "%20", "+", "-", "'", '"', "%3cscript%3e", "999999999999999999999999999",
    "-1", "%d9%a1", "~", "a:b", ";", "*", "{id}",
)
"""Values of a parameter of a path, as they are on the wire."""


def routes(app: web.Application) -> Iterator[tuple[str, str]]:
    """Every route's method and path, those of plugins too."""
    for resource in app.router.resources():
        if isinstance(resource, web.StaticResource):
            yield "GET", f"{resource.canonical}/{{filename}}"
            yield "GET", f"{resource.canonical}/vendor/{{filename}}"
            continue
        for route in resource:
            yield route.method, resource.canonical
    for plugin in ("chat", "history", "formats", "nothing"):
        yield "GET", f"/plugins/{plugin}/static/{{filename}}"
        yield "GET", f"/plugins/{plugin}/static.1.2/{{filename}}"
        yield "GET", f"/plugins/{plugin}/{{filename}}"
    yield "GET", "/plugins/{name}/static/x.js"
    yield "GET", "/plugins/history/api/documents/{id}/revisions"
    yield "GET", "/plugins/history/api/documents/DOCUMENT/revisions/{revision}"
    yield "GET", "/plugins/history/api/documents/{id}/difference"
    yield "GET", "/plugins/history/api/documents/{id}/versions"
    yield "GET", "/plugins/markdown/api/documents/{id}/preview"
    yield "GET", "/plugins/authorship/api/documents/{id}"
    yield "PUT", "/plugins/members/api/documents/{id}"
    yield "GET", "/{anything}"


def queries() -> Iterator[str]:
    yield from (
        "/api/documents?search={}", "/api/documents?cursor={}", "/api/documents?limit={}",
        "/api/documents/DOCUMENT/content?revision={}",
        "/api/documents/DOCUMENT/operations?since={}",
        "/api/documents/DOCUMENT/operations?limit={}",
        "/api/documents/DOCUMENT/export/text?revision={}", "/?search={}", "/?cursor={}", "/?{}",
        "/plugins/history/api/documents/DOCUMENT/difference?from={}",
        "/plugins/history/api/documents/DOCUMENT/revisions?before={}",
    )




async def test_no_path_and_no_query_is_an_error_of_the_servers(client: Client) -> None:
    made = await make(client)
    addresses = [
        (method, re.sub(r"\{[^}]*\}", lambda _: value, path.replace("DOCUMENT", made["id"])))
        for method, path in routes(client.app)
        if "{" in path
        for value in HOSTILE
    ] + [
        ("GET", path.replace("DOCUMENT", made["id"]).format(value[:2000]))
        for path in queries()
        for value in HOSTILE
    ]
    assert len(addresses) > 1000
    wrong = []
    for method, path in addresses:
        url = URL(str(client.make_url("/")).rstrip("/") + path, encoded=True)
        async with client.session.request(
            method, url, json={} if method in ("POST", "PUT", "PATCH") else None,
            allow_redirects=False,
        ) as response:
            if response.status >= 500:
                wrong.append((response.status, method, path[:100]))
    assert not wrong


@pytest.mark.parametrize("folder", ["/static/", "/plugins/chat/static/", "/d/"])
async def test_a_name_that_no_file_can_have_is_not_found(client: Client, folder: str) -> None:
    async with client.get(folder + "a" * 300) as response:
        assert response.status == 404


async def test_the_longest_usable_path_is_looked_for(client: Client) -> None:
    assert is_usable("/" + "a" * LONGEST_SEGMENT)
    assert not is_usable("/" + "a" * (LONGEST_SEGMENT + 1))
    assert not is_usable("/a" * LONGEST_PATH)
    for path in ("/static/" + "a" * LONGEST_SEGMENT, "/static" + "/a" * ((LONGEST_PATH - 7) // 2)):
        async with client.get(path) as response:
            assert response.status == 404
