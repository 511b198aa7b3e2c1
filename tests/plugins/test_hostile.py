"""What plugins raise, return, keep and name that nobody expects: it stays theirs, and is named."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

import collab.web.app
from collab.ot import Delta
from collab.plugins.document import Document
from collab.plugins.loading import Bounds
from collab.plugins.manager import PluginManager
from collab.plugins.raised import TEXT_LENGTH, text_of
from collab.plugins.state import KEY_LENGTH, State
from collab.plugins.switchboard import Switchboard
from collab.protocol.errors import CollabError
from collab.protocol.settings import Settings
from collab.storage.memory import MemoryStore
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS
from tests.plugins.fake import FakeRoom, make_manager, the, until, write_plugin

# What is raised. (In every hook: `test_isolation`.)


@pytest.mark.parametrize("what", ["KeyboardInterrupt", "GeneratorExit", "BaseException"])
async def test_background_work_that_raises_no_exception_is_a_failure(
    tmp_path: Path, what: str
) -> None:
    source = f"""
        class Bad(Plugin):
            @hookimpl
            def server_started(self):
                self.spawn(self.work())

            @hookimpl
            def schedules(self):
                return [(0.001, self.work)]

            async def work(self):
                raise {what}
        """
    write_plugin(tmp_path, "bad", source)
    manager = make_manager(tmp_path)
    await manager.start(store=MemoryStore())
    # The schedule goes on after a turn that failed.
    await until(lambda: manager.health()["bad"].failures >= 3)
    await manager.stop()


@pytest.mark.parametrize(
    "veto",
    [
        "Veto('later', retry_after='soon')",
        "Veto('later', retry_after=float('nan'))",
        "Veto('later', retry_after=-1)",
        "type('Odd', (Veto,), {'__init__': lambda self: None})()",
    ],
)
async def test_a_veto_that_cannot_be_told_is_a_failure_and_the_edit_passes(
    tmp_path: Path, veto: str
) -> None:
    source = f"""
        class Bad(Plugin):
            @hookimpl
            def before_operation(self):
                raise {veto}
        """
    write_plugin(tmp_path, "bad", source)
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    await room.submit(None, Delta().insert("a"))
    assert room.content.text() == "a"
    assert manager.health()["bad"].failures == 1


@pytest.mark.parametrize(
    ("sentence", "told"),
    [("'half \\ud800 of it'", "half ? of it"), ("5", "5"), ("Mute()", "(its text can't be told)")],
)
async def test_the_sentence_of_a_veto_can_always_be_sent(
    tmp_path: Path, sentence: str, told: str
) -> None:
    source = f"""
        class Mute:
            def __str__(self): raise KeyboardInterrupt

        class Bad(Plugin):
            @hookimpl
            def before_operation(self):
                raise Veto({sentence})
        """
    write_plugin(tmp_path, "bad", source)
    room = FakeRoom(make_manager(tmp_path))
    with pytest.raises(CollabError) as refused:
        await room.submit(None, Delta().insert("a"))
    assert refused.value.sentence == told


# What is returned.


@pytest.mark.parametrize(
    "answer",
    [
        "type('Mine', (Delta,), {'parts': property(lambda self: 1 / 0), 'ops': 5})()",
        "type('Odd', (), {'__class__': property(lambda self: exit())})()",
        "self.junk(Delta().insert('x'))",
    ],
)
async def test_an_answer_that_is_no_delta_inside_leaves_the_edit_as_it_was(
    tmp_path: Path, answer: str
) -> None:
    source = f"""
        from collab.ot import Delta

        class Bad(Plugin):
            @hookimpl
            def before_operation(self):
                return {answer}

            def junk(self, delta):
                delta.parts[0] = ("x", {{"bold": {{1, 2}}}})
                return delta
        """
    write_plugin(tmp_path, "bad", source)
    manager = make_manager(tmp_path)
    room = FakeRoom(manager)
    await room.submit(None, Delta().insert("a"))
    assert room.content.text() == "a"
    assert "before_operation" in str(manager.health()["bad"].last_error)


@pytest.mark.parametrize("how", ["def", "async def"])
def test_a_hook_with_a_yield_is_refused(tmp_path: Path, how: str) -> None:
    source = f"""
        class Bad(Plugin):
            @hookimpl
            {how} operation_committed(self):
                yield
        """
    write_plugin(tmp_path, "bad", source)
    (problem,) = make_manager(tmp_path).problems
    assert "operation_committed has a yield in it" in problem.sentence


@pytest.mark.parametrize(
    "contribution", ["head=5", "links=5", "links=[('/a',)]", "links=[(5, 5)]", "head='\\ud800'"]
)
async def test_a_contribution_that_cannot_be_rendered_is_the_plugins_failure(
    tmp_path: Path, contribution: str
) -> None:
    source = f"""
        from collab import Contribution

        class Bad(Plugin):
            @hookimpl
            def page_contributions(self):
                return Contribution({contribution})
        """
    write_plugin(tmp_path, "bad", source)
    manager = make_manager(tmp_path)
    assert await manager.gate.contributions("editor", None) == []
    assert "page_contributions" in str(manager.health()["bad"].last_error)


@pytest.mark.parametrize(
    "offer",
    [
        "exporters(self): return [Format('odd', object(), 'txt', 'text/plain', print)]",
        "document_types(self): return [document_type('text').variant(object())]",
        "document_types(self): return [document_type('text').variant('odd', title=object())]",
    ],
)
def test_offers_whose_names_are_no_texts_are_failures(tmp_path: Path, offer: str) -> None:
    source = f"""
        from collab import Format, document_type

        class Bad(Plugin):
            @hookimpl
            def {offer}
        """
    write_plugin(tmp_path, "bad", source)
    assert "has to be a str" in str(make_manager(tmp_path).health()["bad"].last_error)


# What plugins are.


@pytest.mark.parametrize(
    ("body", "sentence"),
    [
        ("name = property(lambda self: 'mine')", "can't be made: AttributeError"),
        ("def __setattr__(self, key, value): 1 / 0", "can't be made: ZeroDivisionError"),
        ("def __init__(self): raise GeneratorExit", "can't be made: GeneratorExit"),
        ("def __eq__(self, other): return True", "it has an __eq__"),
    ],
)
def test_a_plugin_that_cannot_be_made_leaves_the_others(
    tmp_path: Path, body: str, sentence: str
) -> None:
    write_plugin(tmp_path, "bad", f"class Bad(Plugin):\n    {body}\n")
    write_plugin(tmp_path, "good", "class Good(Plugin): pass\n")
    manager = make_manager(tmp_path)
    assert list(manager.loaded) == ["good"]
    (problem,) = manager.problems
    assert problem.name == "bad" and problem.sentence.startswith(sentence)


def test_what_stands_in_a_class_is_not_asked_whether_it_is_a_hook(tmp_path: Path) -> None:
    source = """
        class Proxy:
            def __getattr__(self, name): raise RuntimeError("outside of a request")

        class Whole(Plugin):
            __doc__ = 5
            request = Proxy()

            def wants(self, hook):
                return Proxy()  # whatever that is

            @hookimpl
            def session_joined(self): pass
        """
    write_plugin(tmp_path, "whole", source)
    manager = make_manager(tmp_path)
    assert list(manager.loaded) == ["whole"]
    assert [one.description for one in manager.listing() if one.name == "whole"] == [""]


async def test_who_blocks_the_loop_while_it_is_imported_is_named(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    folder = write_plugin(tmp_path, "slow", "class Slow(Plugin): pass\n")
    store = MemoryStore()
    manager = make_manager(tmp_path)
    await manager.start(store=store)
    with (folder / "__init__.py").open("a") as file:
        file.write("import time\ntime.sleep(0.3)\n")
    await Switchboard(manager, lambda: store).reload("slow")
    assert "plugin slow blocked the event loop for 0.3 s while it was imported" in caplog.text
    await manager.stop()


# What they keep, and what they hand over.


async def test_what_a_plugin_does_to_its_delta_later_stays_out_of_the_document(
    tmp_path: Path,
) -> None:
    source = """
        class Keeps(Plugin):
            @hookimpl
            def before_operation(self, delta):
                self.kept = delta.slice()
                return self.kept
        """
    write_plugin(tmp_path, "keeps", source)
    manager = make_manager(tmp_path)
    committed: list[Delta] = []

    class Noting(FakeRoom):
        def commit(self, *deltas: Delta, **how: Any) -> None:
            committed.extend(deltas)

    room = Noting(manager)
    document = manager.house.document_of(room)
    await room.submit(None, Delta().insert("a"))
    the(manager, "keeps").kept.insert("later")
    delta = Delta().insert("b")
    await document.apply(delta, author="ada")
    delta.insert("later")
    assert committed == [Delta().insert("a"), Delta().insert("b")]


async def test_an_open_document_is_not_read_in_a_thread(tmp_path: Path) -> None:
    room = FakeRoom(make_manager(tmp_path), "text")
    document = Document(room.document, room)
    with pytest.raises(RuntimeError, match="in the event loop, not in a thread"):
        await asyncio.to_thread(lambda: document.text)
    assert document.text == "text"


@pytest.mark.parametrize("key", [("a",), b"a", 5, "", "x" * (KEY_LENGTH + 1), "\ud800", "a\0"])
async def test_a_key_that_the_database_cannot_take_is_refused_before_the_edit(
    tmp_path: Path, key: Any
) -> None:
    room = FakeRoom(make_manager(tmp_path), "text")
    document = Document(room.document, room)
    state = State("bad", MemoryStore())
    with pytest.raises((TypeError, ValueError), match="key"):
        await state.transaction(document, {key: 1}, operation=Delta().insert("x"), author="ada")
    assert room.revision == 0


async def test_a_background_task_is_a_coroutine(tmp_path: Path) -> None:
    write_plugin(tmp_path, "bad", "class Bad(Plugin): pass\n")
    with pytest.raises(TypeError, match="a background task is a coroutine, not int"):
        the(make_manager(tmp_path), "bad").spawn(5)


def test_an_error_that_quotes_a_whole_file_is_cut_before_it_is_read() -> None:
    class Counted(str):
        def split(self, *given: Any) -> list[str]:
            raise AssertionError("all of it was taken apart")

    class Quoting(ValueError):
        def __str__(self) -> str:
            return Counted("a " * 100_000)

    assert text_of(Quoting()) == ("a " * TEXT_LENGTH)[:TEXT_LENGTH]


# Types of documents.


@pytest.mark.parametrize("raised", ["RuntimeError('no')", "SystemExit", "KeyboardInterrupt"])
async def test_a_type_that_fails_to_check_an_edit_refuses_it(tmp_path: Path, raised: str) -> None:
    """What somebody writes would else end the server, or come again and again."""
    source = f"""
        from dataclasses import replace
        from collab.ot import document_type

        def admit(delta):
            if "boom" in str(delta.ops):
                raise {raised}

        class Odd(Plugin):
            @hookimpl
            def document_types(self):
                return [replace(document_type("text").variant("odd"), admit=admit)]
        """
    write_plugin(tmp_path / "plugins", "odd", source)
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("odd",)
    )
    async with serve(settings) as server:
        documents = f"{server.url}/api/documents"
        new = {"title": "Notes", "type": "odd", "content": "fine"}
        async with server.http.post(documents, json=new) as made:
            assert made.status == 201
            id = (await made.json())["id"]
        async with server.http.post(documents, json=new | {"content": "boom"}) as refused:
            assert refused.status == 422
            assert "odd can't tell" in (await refused.json())["error"]["message"]
        async with server.http.put(f"{documents}/{id}/content", data="boom") as refused:
            assert refused.status == 422
        async with server.http.put(f"{documents}/{id}/content", data="better") as taken:
            assert taken.status == 200


# Routes, on a running server.

ROUTES = """
import asyncio
from aiohttp import web

class Bad(Plugin):
    @hookimpl
    def routes(self):
        return [("GET", f"/{name}", getattr(self, name)) for name in
                ("nothing", "upstream", "cancels", "waits", "shared", "elsewhere", "odd")]

    response = web.Response(text="for all")
    redirect = web.HTTPSeeOther("/")

    async def shared(self, request):
        return self.response

    async def elsewhere(self, request):
        raise self.redirect

    async def odd(self, request):
        class Odd:
            __class__ = property(lambda self: exit())
        return Odd()

    async def nothing(self, request):
        pass

    async def upstream(self, request):
        await self.http.get(str(request.url.with_path("/gone")), raise_for_status=True)

    async def cancels(self, request):
        raise asyncio.CancelledError

    async def waits(self, request):
        await asyncio.Event().wait()
"""


@pytest_asyncio.fixture
async def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Server]:
    write_plugin(tmp_path / "plugins", "bad", ROUTES)
    bounds = Bounds(failures=100, pause=0.05)
    monkeypatch.setattr(collab.web.app, "PluginManager", partial(PluginManager, bounds=bounds))
    folder = tmp_path / "plugins"
    async with serve(
        Settings(data_dir=tmp_path / "data", plugins_dir=folder, plugins_on=("bad",))
    ) as running:
        yield running


@pytest.mark.parametrize("route", ["nothing", "upstream", "cancels", "odd"])
async def test_a_route_without_an_answer_is_a_failure_of_the_plugin(
    server: Server, route: str
) -> None:
    async with server.http.get(f"{server.url}/plugins/bad/api/{route}") as response:
        assert response.status == 500
        assert (await response.json())["error"]["code"] == "internal"
    health = server.app[PLUGINS].health()["bad"]
    assert health.failures == 1 and route in str(health.last_error)


@pytest.mark.parametrize(("route", "status"), [("shared", 200), ("elsewhere", 303)])
async def test_a_response_that_was_an_answer_before_is_a_failure_and_keeps_nobody_waiting(
    server: Server, route: str, status: int
) -> None:
    for wanted in (status, 500, 500):
        address = f"{server.url}/plugins/bad/api/{route}"
        async with (
            asyncio.timeout(20), server.http.get(address, allow_redirects=False) as response,
        ):
            assert response.status == wanted
    assert "make another one for each" in str(server.app[PLUGINS].health()["bad"].last_error)


async def test_a_route_that_takes_hours_is_not_the_only_one_who_may_close_the_breaker(
    server: Server,
) -> None:
    plugins = server.app[PLUGINS]
    guard = plugins.loaded["bad"].services.guard
    guard.breaker.open()
    await until(lambda: not guard.breaker.refuses)
    waiting = asyncio.create_task(server.http.get(f"{server.url}/plugins/bad/api/waits"))
    await until(lambda: guard.breaker.state == "trial")
    assert not guard.admits()
    await until(guard.admits)
    guard.finished("another call", 0.0)
    assert plugins.health()["bad"].state == "closed"
    waiting.cancel()


GREEDY = """
class Bad(Plugin):
    @hookimpl
    def session_joined(self, session):
        for name in ("id", "client", "user", "permissions"):
            try:
                setattr(session, name, None)
            except AttributeError:
                continue
            raise RuntimeError(f"{name} is another now")
        session.user.name = "Eve"
"""


async def test_who_somebody_is_and_what_they_may_do_is_not_a_plugins_to_change(
    tmp_path: Path,
) -> None:
    write_plugin(tmp_path / "plugins", "bad", GREEDY)
    folder = tmp_path / "plugins"
    settings = Settings(data_dir=tmp_path / "data", plugins_dir=folder, plugins_on=("bad",))
    async with serve(settings) as running:
        id = await running.create_document("Notes", "one")
        async with running.connect(id) as ada:
            await until(lambda: running.app[PLUGINS].health()["bad"].failures)
            assert "immutable" in str(running.app[PLUGINS].health()["bad"].last_error)
            await ada.insert(3, " two")
            assert await running.text(id) == "one two"
