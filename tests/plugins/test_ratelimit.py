"""ratelimit: who edits too fast is told so, and nobody else notices."""

from __future__ import annotations

import re
import tomllib
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest
from msgspec.structs import replace

from collab.client import Closed
from collab.ot import Delta
from collab.plugins.manager import PluginManager
from collab.plugins.settings import WrongSettings
from collab.protocol.errors import SLOW_DOWN, CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.testing.server import serve
from tests.plugins.fake import ADA, BOB, FakeRoom, FakeSession, make_manager, the

Start = Callable[..., Awaitable[PluginManager]]

ROOT = Path(__file__).parents[2]
EDIT = Delta().insert("x")


class Clock:
    """Seconds, as the test has them."""

    now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
async def started(clock: Clock) -> AsyncIterator[Start]:
    """Starts a manager with these settings of the plugin; it is stopped at the end."""
    managers = []

    async def start(**settings: Any) -> PluginManager:
        manager = make_manager(
            None, plugins_on=("ratelimit",), plugins={"ratelimit": settings}
        )
        the(manager, "ratelimit").clock = clock
        await manager.start()
        managers.append(manager)
        return manager

    yield start
    for manager in managers:
        await manager.stop()


async def burst(room: FakeRoom, session: FakeSession | None, count: int) -> int:
    """Make so many edits at once; returns how many were taken."""
    taken = 0
    for _ in range(count):
        try:
            await room.submit(session, EDIT)
        except CollabError as error:
            if error.code is not SLOW_DOWN:
                raise
        else:
            taken += 1
    return taken


async def test_a_user_may_make_a_burst_and_then_so_many_a_second(
    started: Start, clock: Clock
) -> None:
    room = FakeRoom(await started(user_rate=2, user_burst=10))
    ada = room.join("1")
    assert await burst(room, ada, 50) == 10
    clock.now += 3
    assert await burst(room, ada, 50) == 6
    clock.now += 1000
    assert await burst(room, ada, 50) == 10


async def test_the_author_is_told_how_long_to_wait(started: Start, clock: Clock) -> None:
    manager = await started(user_rate=0.5, user_burst=1, document_rate=1, document_burst=2)
    room = FakeRoom(manager)
    ada, bob, eve = room.join("1"), room.join("2", BOB), room.join("3", User("eve", "Eve", ""))
    await room.submit(ada, EDIT)
    with pytest.raises(CollabError, match=r"You are editing too fast .* go on in 2 s") as caught:
        await room.submit(ada, EDIT)
    assert caught.value.details["retry_after"] == 2
    await room.submit(bob, EDIT)
    clock.now += 0.25
    with pytest.raises(CollabError, match="too much for this document: go on in a s") as caught:
        await room.submit(eve, EDIT)
    assert caught.value.details["retry_after"] == 0.75


async def test_all_tabs_and_documents_of_a_user_share_a_bucket(started: Start) -> None:
    manager = await started(user_rate=1, user_burst=4)
    room, other = FakeRoom(manager, id="one"), FakeRoom(manager, id="two")
    assert await burst(room, room.join("1", ADA), 3) == 3
    assert await burst(room, room.join("2", ADA), 3) == 1
    assert await burst(other, other.join("3", ADA), 3) == 0


async def test_one_user_does_not_starve_another(started: Start) -> None:
    """Whatever address they come from: it is not even known here."""
    manager = await started(
        user_rate=1, user_burst=5, document_rate=100, document_burst=100
    )
    room = FakeRoom(manager)
    ada, bob = room.join("1", ADA), room.join("2", BOB)
    assert await burst(room, ada, 1000) == 5
    assert await burst(room, bob, 5) == 5, "what was refused took nothing from the document"


async def test_a_document_has_a_limit_of_its_own(started: Start) -> None:
    manager = await started(document_rate=1, document_burst=10)
    room, other = FakeRoom(manager, id="one"), FakeRoom(manager, id="two")
    users = [room.join(str(one), User(f"guest:{one}", "Somebody", "")) for one in range(20)]
    assert sum([await burst(room, user, 1) for user in users]) == 10
    assert await burst(other, other.join("x"), 10) == 10
    assert await burst(room, None, 1) == 0, "edits made on the server count here too"


async def test_scripts_can_be_exempt(started: Start, clock: Clock) -> None:
    manager = await started(
        user_rate=1, user_burst=1, document_rate=1, document_burst=1,
        exempt=["importer"],
    )
    room = FakeRoom(manager)
    importer = room.join("1", User("token:importer", "importer", ""))
    assert await burst(room, importer, 100) == 100
    liar = room.join("2", User("guest:importer", "importer", ""))
    assert await burst(room, liar, 100) == 1, "a name is not a token"
    other = room.join("3", User("token:other", "other", ""))
    clock.now += 1
    assert await burst(room, other, 100) == 1


async def test_any_author_can_be_exempt_by_their_whole_id(started: Start) -> None:
    room = FakeRoom(await started(user_rate=1, user_burst=1, exempt=["bot:bot"]))
    for _ in range(3):
        await room.submit(None, EDIT, "bot:bot")
    await room.submit(None, EDIT, "bot:other")
    with pytest.raises(CollabError, match="slow_down"):
        await room.submit(None, EDIT, "bot:other")


async def test_edits_without_a_session_count_for_their_author(started: Start) -> None:
    room = FakeRoom(await started(user_rate=1, user_burst=2))
    ada = room.join("1")
    await room.submit(None, EDIT, ADA.id)
    assert await burst(room, ada, 5) == 1
    with pytest.raises(CollabError, match="You are editing too fast"):
        await room.submit(None, EDIT, ADA.id)
    await room.submit(None, EDIT, BOB.id)


async def test_without_limits_no_edit_waits_for_it(started: Start) -> None:
    manager = await started()
    assert not manager.observer.vets
    assert (await started(user_rate=1)).observer.vets
    assert (await started(document_rate=1)).observer.vets


@pytest.mark.parametrize(
    ("setting", "value", "sentence"),
    [
        ("user_rate", -1, "plugins.ratelimit.user_rate is -1.*at least 0"),
        ("user_burst", 0, "plugins.ratelimit.user_burst is 0.*at least 1"),
        ("document_rate", "fast", "plugins.ratelimit.document_rate is 'fast'.*a number"),
        ("document_burst", 0.5, "plugins.ratelimit.document_burst is 0.5.*a whole number"),
        ("exempt", "importer", "plugins.ratelimit.exempt is 'importer'.*a list"),
    ],
)
def test_a_wrong_setting_stops_the_start(setting: str, value: Any, sentence: str) -> None:
    with pytest.raises(WrongSettings, match=sentence):
        make_manager(
            None, plugins_on=("ratelimit",), plugins={"ratelimit": {setting: value}}
        )


def limited(tmp_path: Path, **limits: Any) -> Settings:
    return Settings(
        data_dir=tmp_path, plugins_on=("ratelimit",), plugins={"ratelimit": dict(limits)}
    )


async def test_on_a_server_others_go_on_writing(tmp_path: Path) -> None:
    async with serve(limited(tmp_path, user_rate=0.001, user_burst=3)) as server:
        id = await server.create_document("Notes", "")
        async with server.connect(id) as patient:
            eager = await server.raw(id)
            for sequence in (1, 2, 3):
                await eager.operate(eager.revision, sequence, [{"insert": "x"}])
                await eager.committed(sequence)
            await eager.operate(eager.revision, 4, [{"insert": "x"}])
            refused = await eager.expect("error")
            assert (refused["code"], refused["sequence"]) == ("slow_down", 4)
            assert refused["retry"] is True
            assert 0 < refused["retry_after"] <= 1000
            assert "You are editing too fast" in refused["message"]
            await patient.insert(0, "calm ")
            await patient.saved()
            await eager.close()
        assert await server.text(id) == "calm xxx"


async def test_who_writes_too_fast_is_slowed_down_and_loses_nothing(tmp_path: Path) -> None:
    async with serve(limited(tmp_path, user_rate=50, user_burst=5)) as server:
        id = await server.create_document("Notes", "")
        rescued: list[Any] = []
        async with server.connect(id, on_rescue=rescued.append) as eager:
            for number in range(20):
                await eager.insert(eager.length, f"{number} ")
            await eager.saved()
        assert await server.text(id) == "".join(f"{number} " for number in range(20))
        assert rescued == []


async def test_over_http_it_is_said_when_to_come_back(tmp_path: Path) -> None:
    async with serve(limited(tmp_path, document_rate=0.01, document_burst=1)) as server:
        id = await server.create_document("Notes", "")
        address = f"{server.url}/api/documents/{id}/content"
        statuses = []
        for text in ("one", "two"):
            async with server.http.put(
                address, data=text.encode(), headers={"Content-Type": "text/plain"}
            ) as response:
                statuses.append(response.status)
        assert statuses[0] < 300 and statuses[1] == 429
        assert 0 < int(response.headers["Retry-After"]) <= 100
        assert await server.text(id) == "one"


async def test_over_http_edits_count_for_who_sends_them(tmp_path: Path) -> None:
    settings = replace(
        limited(tmp_path, user_rate=0.01, user_burst=2, exempt=["importer"]),
        tokens={"importer": "0123456789abcdef", "other": "fedcba9876543210"},
    )
    async with serve(settings) as server:
        id = await server.create_document("Notes", "")
        address = f"{server.url}/api/documents/{id}/content"

        async def put(token: str, number: int) -> int:
            headers = {"Content-Type": "text/plain", "Authorization": f"Bearer {token}"}
            async with server.http.put(
                address, data=f"{token} {number}".encode(), headers=headers
            ) as response:
                return response.status

        assert [await put("fedcba9876543210", one) for one in range(4)] == [200, 200, 429, 429]
        assert {await put("0123456789abcdef", one) for one in range(6)} == {200}
        async with server.connect(id, token="fedcba9876543210") as other:
            assert other.user.id == "token:other"
            other.edit_nowait(EDIT)  # from the same bucket, which is empty
            async with server.connect(id) as somebody:
                await somebody.insert(0, "calm ")
            assert other.unsaved == 1
            assert not (await server.text(id)).startswith("x")
            with pytest.raises(Closed):
                await other.close(timeout=0.01)


def test_the_examples_are_settings_that_work() -> None:
    pages = ["docs/plugins/ratelimit.md", "plugins/ratelimit/README.md"]
    examples = [
        block
        for page in pages
        for block in re.findall(
            r"```toml\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL
        )
    ]
    assert examples
    for example in examples:
        make_manager(None, plugins_on=("ratelimit",), plugins=tomllib.loads(example)["plugins"])
