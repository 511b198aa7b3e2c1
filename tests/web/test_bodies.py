"""Bodies of requests: lengths are looked at before anything is done with what they carry."""

from __future__ import annotations

import asyncio
import gzip
import io
import typing
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import ClientSession, web
from msgspec.structs import replace

from collab.plugins.manager import PluginManager
from collab.protocol import messages
from collab.protocol.errors import CollabError
from collab.protocol.settings import Limits, Settings
from collab.testing import serve
from collab.web import administration, create_app, documents
from collab.web.app import Me
from collab.web.bodies import BODIES, SMALL_BODY
from collab.web.budget import ByteBudget
from collab.web.guard import GUARD, Guard
from collab.web.listening import listen
from tests.patience import patient
from tests.web.conftest import Client, make, talk

MEBIBYTE = 1024 * 1024
JSON = {"Content-Type": "application/json"}


async def pieces(*parts: bytes) -> AsyncIterator[bytes]:
    """A body that is sent without its length."""
    for part in parts:
        yield part


@pytest.mark.parametrize(
    ("method", "path"), [("PUT", "/api/me"), ("PATCH", "/api/documents/{id}")]
)
@pytest.mark.parametrize("announced", [True, False])
async def test_a_route_for_small_bodies_reads_no_large_one(
    client: Client, method: str, path: str, announced: bool
) -> None:
    path = path.format(**await make(client))
    body = b'{"name": "' + b"a" * MEBIBYTE + b'"}'
    data: Any = io.BytesIO(body) if announced else pieces(body[:100_000], body[100_000:])
    async with client.request(method, path, data=data, headers=JSON) as response:
        answer = await response.json()
    assert (response.status, answer["error"]["code"]) == (413, "message_too_large")
    assert str(SMALL_BODY) in answer["error"]["message"]


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("PUT", "/api/me", {"name": "a" * 50_000}),
        ("PUT", "/api/me", {"color": "a" * 50_000}),
        ("PUT", "/api/me", {"a" * 50_000: 1}),
        ("POST", "/api/documents", {"title": "a" * (2 * MEBIBYTE)}),
        ("POST", "/api/documents", {"type": "a" * (2 * MEBIBYTE)}),
        ("POST", "/api/documents", {"a" * (2 * MEBIBYTE): 1}),
        ("PATCH", "/api/documents/{id}", {"title": "a" * 50_000}),
        ("GET", "/api/documents?limit=" + "9" * 7000, None),
        ("GET", "/api/documents?cursor=" + "9" * 7000, None),
    ],
)
async def test_no_answer_repeats_what_was_sent(
    client: Client, method: str, path: str, body: Any
) -> None:
    path = path.format(**await make(client))
    data = None if body is None else pieces(msgspec.json.encode(body))
    async with client.request(method, path, data=data, headers=JSON) as response:
        answer = await response.read()
    assert response.status == 400
    assert len(answer) < 1000


async def test_no_refusal_of_a_socket_repeats_what_was_sent(client: Client) -> None:
    conversation = await talk(client, await make(client))
    await conversation.hear("welcome")
    await conversation.say({"type": "a" * 100_000})
    refused = await conversation.hear("error")
    assert refused["code"] == "bad_message"
    assert len(refused["message"]) < 1000


def bodies() -> Iterator[Any]:
    """Every type that something from outside is decoded into."""
    yield from (Me, documents.NewDocument, documents.Change, administration.Change)
    yield messages.ClientMessage
    manager = PluginManager(Settings())
    manager.load()
    for name, plugin in manager.plugins.items():
        assert name
        yield type(plugin).Message


def unbounded(type: Any, where: str) -> list[str]:
    """The texts in a type that may have any length."""
    found: list[str] = []
    seen: set[int] = set()

    def walk(schema: Any, where: str) -> None:
        if isinstance(schema, dict):
            if id(schema) in seen:
                return
            seen.add(id(schema))
            if schema.get("type") == "string" and "maxLength" not in schema:
                found.append(where)
            for key, inner in schema.items():
                walk(inner, f"{where}.{key}")
        elif isinstance(schema, list):
            for number, inner in enumerate(schema):
                walk(inner, f"{where}[{number}]")

    walk(list(msgspec.json.schema_components([type])), where)
    return found


def test_every_text_of_every_body_and_message_has_a_longest_length() -> None:
    assert not [
        where
        for type in bodies()
        if type is not None
        for where in unbounded(type, getattr(type, "__name__", str(type)))
    ]


def test_a_text_without_a_longest_length_is_found() -> None:
    class Loose(msgspec.Struct):
        text: str

    assert unbounded(typing.Optional[Loose], "Loose")  # noqa: UP045


async def test_a_compressed_body_is_refused_and_not_inflated(settings: Settings) -> None:
    bomb = gzip.compress(b'{"content": "' + b"a" * (8 * MEBIBYTE) + b'"}')
    async with serve(settings) as server:
        for path in ("/api/documents", "/api/me", "/api/import/text", "/nothing"):
            async with server.http.post(
                server.url + path, data=bomb, headers={**JSON, "Content-Encoding": "gzip"}
            ) as response:
                assert response.status == 415, path
                assert "uncompressed" in (await response.json())["error"]["message"]
        async with server.http.post(
            server.url + "/api/documents",
            data=b"{}",
            headers={**JSON, "Content-Encoding": "identity"},
        ) as response:
            assert response.status == 201


async def test_what_a_handler_reads_is_what_was_on_the_wire(settings: Settings) -> None:
    """Without `bodies` as well, such as in the time before a middleware runs."""

    async def measure(request: web.Request) -> web.Response:
        return web.json_response(len(await request.read()))

    app = web.Application(client_max_size=64 * MEBIBYTE)
    app[GUARD] = Guard()
    app.router.add_post("/", measure)
    bomb = gzip.compress(b"a" * MEBIBYTE)
    async with (
        listen(app, replace(settings, port=0)) as url,
        ClientSession() as http,
        http.post(url, data=bomb, headers={"Content-Encoding": "gzip"}) as response,
    ):
        assert await response.json() == len(bomb)


def test_a_budget_has_room_again_when_it_is_given_back() -> None:
    budget = ByteBudget(total=100, share=60, sentence="Too much is being sent.")
    budget.take("a", 60)
    with pytest.raises(CollabError) as refused:
        budget.take("a", 1)
    assert refused.value.code.code == "slow_down"
    with pytest.raises(CollabError) as refused:
        budget.take("b", 41)
    assert refused.value.code.code == "busy"
    budget.take("b", 40)
    budget.give_back("a", 60)
    budget.take("c", 60)
    assert budget.used == 100


def test_of_one_ipv6_network_all_share() -> None:
    budget = ByteBudget(total=200, share=60, sentence="Too much is being sent.")
    budget.take("2001:db8:0:1::1", 60)
    for same in ("2001:db8:0:1::2", "2001:db8:0:1:ffff:ffff:ffff:ffff"):
        with pytest.raises(CollabError) as refused:
            budget.take(same, 1)
        assert refused.value.code.code == "slow_down"
    budget.take("2001:db8:0:2::1", 60)
    budget.give_back("2001:db8:0:1::1", 60)
    budget.take("2001:db8:0:1::2", 60)


@pytest.fixture
def tight(tmp_path: Path) -> Settings:
    return Settings(data_dir=tmp_path, limits=Limits(body_size=40_000, bodies_size=50_000))


async def test_bodies_that_are_being_read_share_a_budget(
    aiohttp_client: Any, tight: Settings
) -> None:
    app = create_app(tight)
    client = await aiohttp_client(app)
    more = asyncio.Event()

    async def slowly() -> AsyncIterator[bytes]:
        yield b'{"title": "a", "content": "' + b"a" * 20_000
        await more.wait()
        yield b'"}'

    async def send(data: Any) -> Any:
        async with client.post("/api/documents", data=data, headers=JSON) as response:
            return response.status, response.headers.get("Retry-After"), await response.json()

    slow = asyncio.create_task(send(slowly()))
    while not app[BODIES].used:
        await asyncio.sleep(0)
    status, wait, answer = await patient(send(b'{"content": "' + b"a" * 30_000 + b'"}'))
    assert (status, answer["error"]["code"]) == (429, "slow_down")
    assert wait is not None and int(wait) > 0
    more.set()
    assert (await patient(slow))[0] == 201
    assert app[BODIES].used == 0
    assert (await send(b'{"content": "' + b"a" * 30_000 + b'"}'))[0] == 201
    assert app[BODIES].used == 0
