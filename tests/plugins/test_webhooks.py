"""webhooks: what receivers are told, by real requests from a real server."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import re
import tomllib
from base64 import b64encode
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest
from aiohttp import web
from aiohttp.test_utils import TestServer
from collab.plugins.webhooks import signing
from collab.plugins.webhooks.events import LOST, NAMES

from collab.plugins.settings import WrongSettings
from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import make_manager, the

SECRET = "a secret of some length"
ROOT = Path(__file__).parents[2]
README = (ROOT / "plugins/webhooks/README.md").read_text(encoding="utf-8")


class Receiver:
    """An HTTP server that takes events, or not."""

    def __init__(self) -> None:
        self.url = ""
        self.answers: list[web.Response] = []
        """What the next requests are answered; then 204."""
        self.hanging = False
        self.requests: list[tuple[dict[str, str], bytes]] = []
        self._came = asyncio.Event()

    async def handle(self, request: web.Request) -> web.Response:
        self.requests.append((dict(request.headers), await request.read()))
        self._came.set()
        if self.hanging:
            await asyncio.Event().wait()
        return self.answers.pop(0) if self.answers else web.Response(status=204)

    @property
    def events(self) -> list[Any]:
        return [msgspec.json.decode(body) for _, body in self.requests]

    async def has(self, count: int) -> list[Any]:
        """The events that came, once they are so many."""
        async with asyncio.timeout(20):
            while len(self.requests) < count:
                self._came.clear()
                await self._came.wait()
        return self.events


@asynccontextmanager
async def listening() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    app = web.Application()
    app.router.add_post("/hook", receiver.handle)
    async with TestServer(app, shutdown_timeout=0.01) as running:
        receiver.url = str(running.make_url("/hook"))
        yield receiver


@pytest.fixture
async def receiver() -> AsyncIterator[Receiver]:
    async with listening() as running:
        yield running


def settings(tmp_path: Path, *receivers: Receiver, events: Any = None, **more: Any) -> Settings:
    urls = [
        {"url": one.url, "secret": SECRET, **({"events": events} if events else {})}
        for one in receivers
    ]
    how = {"urls": urls, "retry": 0.001, "interval": 0.05, **more}
    return Settings(data_dir=tmp_path, plugins_on=("webhooks",), plugins={"webhooks": how})


async def rename(server: Server, id: str, title: str) -> None:
    address = f"{server.url}/api/documents/{id}"
    async with server.http.patch(address, json={"title": title}) as response:
        assert response.status == 200


async def delete(server: Server, id: str) -> None:
    async with server.http.delete(f"{server.url}/api/documents/{id}") as response:
        assert response.status == 204


async def test_the_life_of_a_document_is_told_in_order(
    tmp_path: Path, receiver: Receiver
) -> None:
    async with serve(settings(tmp_path, receiver)) as server:
        id = await server.create_document("Notes", "")
        await rename(server, id, "Better notes")
        async with server.connect(id) as one:
            for _ in range(3):
                await one.insert(0, "x")
            await one.saved()
            author = one.user.id
            told = await receiver.has(3)
        await delete(server, id)
        *_, deleted = await receiver.has(4)
    assert [event["event"] for event in [*told, deleted]] == [
        "document_created", "document_renamed", "document_changed", "document_deleted",
    ]  # fmt: skip
    document = {"id": id, "title": "Better notes", "type": "text"}
    assert deleted == {
        "id": deleted["id"], "event": "document_deleted", "time": deleted["time"],
        "document": document,
    }
    changed = told[2]
    assert changed["document"] == document
    assert (changed["since"], changed["authors"]) == (0, [author])
    assert 1 <= changed["revision"] <= 3
    assert told[0]["time"] <= told[1]["time"] <= told[2]["time"] <= deleted["time"]
    assert len({event["id"] for event in [*told, deleted]}) == 4


async def test_a_burst_of_edits_is_one_event(tmp_path: Path, receiver: Receiver) -> None:
    how = settings(tmp_path, receiver, events=["document_changed"], interval=0.3)
    async with serve(how) as server:
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one, server.connect(id) as two:
            for _ in range(10):
                await one.insert(0, "x")
                await two.insert(0, "y")
            (event,) = await receiver.has(1)
            authors = sorted([one.user.id, two.user.id])
        assert event["since"] == 0 and event["authors"] == authors
        assert event["revision"] > 2


async def test_sessions_are_told_where_they_are_asked_for(
    tmp_path: Path, receiver: Receiver
) -> None:
    how = settings(tmp_path, receiver, events=["session_joined", "session_left"])
    async with serve(how) as server:
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one:
            session = {"id": one.session, "user": {"id": one.user.id, "name": one.user.name}}
            await one.insert(0, "x")
        joined, left = await receiver.has(2)
    assert (joined["event"], left["event"]) == ("session_joined", "session_left")
    assert joined["session"] == left["session"] == session
    assert joined["document"]["id"] == id


async def test_requests_are_signed(tmp_path: Path, receiver: Receiver) -> None:
    (source,) = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    recipe: dict[str, Any] = {}
    exec(source, recipe)
    verify = recipe["verify"]
    async with serve(settings(tmp_path, receiver)) as server:
        await server.create_document("Notes – “signed”", "")
        await receiver.has(1)
    ((headers, body),) = receiver.requests
    assert headers["Content-Type"] == "application/json"
    assert headers["User-Agent"].startswith("Collab/")
    assert headers["webhook-id"] == receiver.events[0]["id"]
    assert verify(SECRET, headers, body)
    assert not verify(SECRET + "x", headers, body)
    assert not verify(SECRET, headers, body + b" ")
    for header, value in (("webhook-id", "msg_other"), ("webhook-timestamp", "1600000000")):
        assert not verify(SECRET, {**headers, header: value}, body)


def test_signatures_are_those_of_standard_webhooks() -> None:
    """The example of its specification."""
    key = signing.key_of("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw")
    headers = signing.headers(
        key, "msg_p5jXN8AQM9LWM0D4loKWxJek", 1614265330.9, b'{"test": 2432232314}'
    )
    assert headers["webhook-signature"] == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    assert headers["webhook-timestamp"] == "1614265330"
    plain = hmac.new(b"plain", b"id.0.body", hashlib.sha256).digest()
    signed = signing.headers(signing.key_of("plain"), "id", 0, b"body")["webhook-signature"]
    assert signed == f"v1,{b64encode(plain).decode()}"


async def test_what_is_refused_is_sent_again_before_anything_else(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [
        web.Response(status=500),
        web.Response(status=302, headers={"Location": receiver.url}),
        web.Response(status=404),
        web.Response(status=503, headers={"Retry-After": "soon"}),
    ]
    async with serve(settings(tmp_path, receiver)) as server:
        first = await server.create_document("First", "")
        second = await server.create_document("Second", "")
        events = await receiver.has(6)
    assert [event["document"]["id"] for event in events] == [first] * 5 + [second]
    assert len({event["id"] for event in events}) == 2, "it is the same event"
    assert "took no event (status 500)" in caplog.text
    assert "takes events again" in caplog.text


async def test_one_receiver_that_hangs_holds_up_neither_others_nor_writers(
    tmp_path: Path, receiver: Receiver
) -> None:
    receiver.hanging = True
    async with listening() as other, serve(settings(tmp_path, receiver, other)) as server:
        id = await server.create_document("Notes", "")
        await receiver.has(1)
        async with server.connect(id) as one:
            await one.insert(0, "x")
            await one.saved()
        created, changed = await other.has(2)
    assert (created["event"], changed["event"]) == ("document_created", "document_changed")
    assert len(receiver.requests) == 1


async def test_a_receiver_that_does_not_answer_in_time_is_asked_again(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.hanging = True
    async with serve(settings(tmp_path, receiver, timeout=0.05)) as server:
        await server.create_document("Notes", "")
        await receiver.has(1)
        receiver.hanging = False
        first, second = (await receiver.has(2))[:2]
    assert first["id"] == second["id"]
    assert "no answer within 0.05 s" in caplog.text


async def test_a_restart_loses_nothing(tmp_path: Path) -> None:
    async with listening() as receiver:
        how = settings(tmp_path, receiver, interval=60.0)
        receiver.answers = [web.Response(status=500) for _ in range(1000)]
        async with serve(how) as server:
            id = await server.create_document("Notes", "")
            async with server.connect(id) as one:
                await one.insert(0, "x")
                await one.insert(0, "y")
                await one.saved()
                author = one.user.id
            await rename(server, id, "Better notes")
            await receiver.has(2)
        receiver.answers.clear()
        before = len(receiver.requests)
        async with serve(how):
            created, renamed, changed = (await receiver.has(before + 3))[before:]
    assert created["id"] == receiver.events[0]["id"]
    assert [created["event"], renamed["event"], changed["event"]] == [
        "document_created", "document_renamed", "document_changed",
    ]  # fmt: skip
    assert (changed["since"], changed["revision"], changed["authors"]) == (0, 2, [author])


async def test_a_document_that_is_gone_after_a_restart_is_not_told_of(
    tmp_path: Path, receiver: Receiver
) -> None:
    how = settings(tmp_path, receiver, events=["document_changed"], interval=60.0)
    async with serve(how) as server:
        id = await server.create_document("Notes", "")
        async with server.connect(id) as one:
            await one.insert(0, "x")
            await one.saved()
    async with serve(Settings(data_dir=tmp_path, plugins_on=())) as server:
        await delete(server, id)
    async with serve(how) as server:
        plugin = the(server.app[PLUGINS], "webhooks")
        await plugin.shelf.flush()
        assert await plugin.state.list() == {}
    assert receiver.requests == []


async def test_events_of_a_url_that_is_not_set_any_more_are_dropped(
    tmp_path: Path, receiver: Receiver, caplog: pytest.LogCaptureFixture
) -> None:
    receiver.answers = [web.Response(status=500) for _ in range(1000)]
    async with serve(settings(tmp_path, receiver)) as server:
        await server.create_document("Notes", "")
        await receiver.has(1)
    async with listening() as other, serve(settings(tmp_path, other)) as server:
        plugin = the(server.app[PLUGINS], "webhooks")
        await plugin.shelf.flush()
        assert await plugin.state.list() == {}
    assert "1 events dropped" in caplog.text


async def test_without_receivers_nothing_is_listened_to() -> None:
    manager = make_manager(None, plugins_on=("webhooks",))
    assert not manager.implements("operation_committed")
    assert not manager.implements("session_joined")
    urls = [{"url": "http://127.0.0.1:1/", "secret": SECRET, "events": ["document_changed"]}]
    manager = make_manager(None, plugins_on=("webhooks",), plugins={"webhooks": {"urls": urls}})
    assert manager.implements("operation_committed")
    assert not manager.implements("session_joined")


@pytest.mark.parametrize(
    ("change", "sentence"),
    [
        ({"url": "example.org"}, "urls"),
        ({"url": "ftp://example.org/x"}, "urls"),
        ({"secret": "short"}, "length >= 16"),
        ({"secret": "whsec_?!?!?!?!?!?!"}, "has to be base64"),
        ({"events": ["document_eaten"]}, "document_eaten"),
        ({"evnets": []}, "evnets"),
    ],
)
def test_a_wrong_receiver_stops_the_start(change: dict[str, Any], sentence: str) -> None:
    target = {"url": "https://example.org/x", "secret": SECRET, **change}
    with pytest.raises(WrongSettings, match=rf"plugins\.webhooks.*{re.escape(sentence)}"):
        make_manager(
            None, plugins_on=("webhooks",), plugins={"webhooks": {"urls": [target]}}
        )


def test_a_url_may_be_there_once() -> None:
    target = {"url": "https://example.org/x", "secret": SECRET}
    with pytest.raises(WrongSettings, match="a url may be there once"):
        make_manager(
            None, plugins_on=("webhooks",), plugins={"webhooks": {"urls": [target, target]}}
        )


def test_the_readme_names_every_event() -> None:
    table = README.split("## Events")[1].split("## Signatures")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    assert re.findall(r"`(\w+)`", "".join(rows)) == [
        "document_created", "document_renamed", "document_deleted", "document_changed",
        "session_joined", "session_left", LOST,
    ]  # fmt: skip
    assert set(re.findall(r"`(\w+)`", "".join(rows))) == {*NAMES, LOST}


def test_the_examples_are_settings_that_work() -> None:
    pages = ["docs/plugins/webhooks.md", "plugins/webhooks/README.md"]
    examples = [
        block
        for page in pages
        for block in re.findall(
            r"```toml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL
        )
    ]
    assert examples
    for example in examples:
        make_manager(None, plugins_on=("webhooks",), plugins=tomllib.loads(example)["plugins"])
