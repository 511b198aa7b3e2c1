"""authorship: who wrote what, asked of a running server."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from collab.plugins.authorship import replay
from collab.plugins.authorship.attribution import BEGINNING, Attribution, Run
from collab.plugins.authorship.authors import shown
from collab.plugins.authorship.replay import Progress, Replays

from collab.ot import Delta
from collab.plugins.archive import Operation
from collab.protocol.errors import CollabError
from collab.protocol.messages import User
from collab.protocol.settings import Settings
from collab.storage.port import StoredOperation
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS


async def runs(server: Server, id: str) -> dict[str, Any]:
    """The runs, with the authors' names for their numbers."""
    url = f"{server.url}/plugins/authorship/api/documents/{id}/runs"
    while True:
        async with server.http.get(url) as response:
            answer = await response.json()
        if response.status != 202:
            assert response.status == 200, answer
            return dict(answer)


def named(answer: dict[str, Any]) -> list[tuple[str, int]]:
    names = [author["name"] for author in answer["authors"]]
    pairs = zip(answer["runs"][::2], answer["runs"][1::2], strict=True)
    return [(names[number], length) for number, length in pairs]


async def test_everybodys_text_is_told_apart(tmp_path: Any) -> None:
    async with serve(Settings(data_dir=tmp_path)) as server:
        id = await server.create_document("Together", "Hello 👩")
        async with server.connect(id) as one, server.connect(id) as two:
            await one.insert(0, "Oh! ")
            await two.wait_for(lambda document: document.revision == 1, timeout=10)
            await two.insert(2, "é汉")
            await two.delete(9, 2)
            await one.wait_for(lambda document: document.revision == 3, timeout=10)
            told = await runs(server, id)
            assert told["revision"] == 3
            first, second = one.user.name, two.user.name
            begun = "From the beginning"
            assert named(told) == [(first, 2), (second, 2), (first, 2), (begun, 6)]
            colors = {author["id"]: author["color"] for author in told["authors"]}
            assert colors[one.user.id] == one.user.color
        # They are gone, their names are not: also after a restart.
        assert named(await runs(server, id))[1] == (second, 2)
    async with serve(Settings(data_dir=tmp_path)) as server:
        again = await runs(server, id)
        assert named(again) == [(first, 2), (second, 2), (first, 2), (begun, 6)]
        async with server.connect(id) as three:
            await three.insert(0, "x")
            assert named(await runs(server, id))[0] == (three.user.name, 1)


async def test_a_document_that_is_not_there_has_no_authors(tmp_path: Any) -> None:
    async with serve(Settings(data_dir=tmp_path)) as server:
        url = f"{server.url}/plugins/authorship/api/documents/nothing/runs"
        async with server.http.get(url) as response:
            assert response.status == 404
            assert (await response.json())["error"]["code"] == "no_document"


class Log:
    """A document with a long log, which counts what is read."""

    id = "doc"

    def __init__(self, length: int) -> None:
        self.operations = [
            Operation(
                StoredOperation(n, "client", n, f"user{n % 3}", 0.0, b"", b""),
                Delta().retain(n % 7).insert("x"),
            )
            for n in range(1, length + 1)
        ]
        self.read = 0
        self.gate = asyncio.Event()
        self.gate.set()

    async def history(self, since: int = 0, until: int | None = None) -> list[Operation]:
        await self.gate.wait()
        part = self.operations[since:until]
        assert len(part) <= replay.PART, "no more is read at once"
        self.read += len(part)
        return part

    async def content_at(self, revision: int) -> Any:
        class Sized:
            length = 7

        assert revision == 0
        return Sized()

    def expected(self, revision: int) -> list[Run]:
        found = Attribution([Run(BEGINNING, 7)])
        found.extend(self.operations[:revision])
        runs: list[Run] = found.runs()
        return runs


@pytest.fixture
def replays() -> Replays:
    return Replays(asyncio.ensure_future)


async def at(replays: Replays, log: Log, revision: int) -> Attribution:
    found = await replays.at(log, revision, patience=60)
    assert isinstance(found, Attribution)
    return found


async def test_any_revision_of_a_long_log_is_found_from_nearby(replays: Replays) -> None:
    log = Log(20_000)
    for revision in (20_000, 0, 1, 12_345, 19_999, 500):
        found = await at(replays, log, revision)
        assert (found.revision, found.runs()) == (revision, log.expected(revision))
    log.read = 0
    for revision in (12_000, 3_000, 18_500):
        await at(replays, log, revision)
    assert log.read <= 3 * 2 * 20_000 / replay.CHECKPOINTS


async def test_who_does_not_want_to_wait_is_told_how_far_it_is(replays: Replays) -> None:
    log = Log(2_000)
    log.gate.clear()
    told = await replays.at(log, 2_000, patience=0.01)
    assert told == Progress(0, 2_000)
    log.gate.set()
    assert (await at(replays, log, 2_000)).revision == 2_000
    assert log.read == 2_000, "the work that was begun is the one that is waited for"


async def test_too_many_at_once_are_told_to_come_back(replays: Replays) -> None:
    log = Log(100)
    log.gate.clear()
    for revision in range(1, replay.WAITING + 1):
        assert isinstance(await replays.at(log, revision, patience=0), Progress)
    with pytest.raises(CollabError, match="slow_down"):
        await replays.at(log, 50, patience=0)
    log.gate.set()
    assert (await at(replays, log, 1)).revision == 1


async def test_a_revision_that_is_not_there_is_an_error(replays: Replays) -> None:
    with pytest.raises(CollabError, match="bad_revision"):
        await at(replays, Log(10), 11)


async def test_work_that_is_broken_off_or_fails_is_begun_anew() -> None:
    tasks: list[asyncio.Task[None]] = []

    def spawn(work: Any) -> None:
        tasks.append(asyncio.ensure_future(work))

    replays = Replays(spawn)
    log = Log(100)
    log.gate.clear()
    assert isinstance(await replays.at(log, 50, patience=0.01), Progress)
    asking = asyncio.create_task(replays.at(log, 50, patience=60))
    await asyncio.sleep(0)
    tasks.pop().cancel()
    with pytest.raises(CollabError, match="broken off"):
        await asking
    log.gate.set()
    operations, log.operations = log.operations, log.operations[5:]
    with pytest.raises(CollabError, match="internal"):
        await at(replays, log, 50)
    with pytest.raises(ValueError, match="does not follow"):
        await tasks.pop()
    log.operations = operations
    assert (await at(replays, log, 50)).runs() == log.expected(50)


async def test_what_is_kept_is_bounded(replays: Replays) -> None:
    log = Log(3_000)
    for revision in range(0, 3_000, 50):
        await at(replays, log, revision)
    assert len(replays._lines["doc"].kept) <= replay.CHECKPOINTS
    for number in range(100):
        replays.keep(str(number), Attribution())
    assert len(replays._lines) <= replay.DOCUMENTS


async def test_authors_of_one_colour_are_told_apart(tmp_path: Any) -> None:
    async with serve(Settings(data_dir=tmp_path)) as server:
        id = await server.create_document("Together", "")
        async with server.connect(id) as one, server.connect(id) as two:
            await one.insert(0, "a")
            await two.wait_for(lambda document: document.revision == 1, timeout=10)
            await two.insert(1, "b")
            async with server.rooms.use(id) as room:
                document = server.app[PLUGINS].house.document_of(room)
                for name in ("x1", "x2"):
                    async with document.edit(author=User(name, "X", one.user.color)) as edit:
                        edit.insert(0, "x")
                named = await shown(document, ["x2", "x1", one.user.id, "bot:it"])
                again = await shown(document, ["x1"])
        assert named[2].color == one.user.color, "who wrote first keeps it"
        assert len({author.color for author in named}) == 4
        assert again == [named[1]]
