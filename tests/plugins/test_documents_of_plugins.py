"""Documents as plugins use them: what was, edits of their own, what belongs together."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest

from collab import User
from collab.ot import Delta
from collab.protocol.errors import CollabError
from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS, STORE
from tests.plugins.fake import write_plugin

BOT = User("bot:it", "It", "#512da8")


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_plugin(
        tmp_path / "plugins",
        "it",
        """
        class It(Plugin):
            saved = ()

            @hookimpl
            async def snapshot_saved(self, document, revision):
                contents = await document.content_at(revision)
                self.saved = (*self.saved, (document.title, revision, contents.text))

            @hookimpl
            def initial_content(self, document):
                return f"# {document.title}" if document.type == "text" else 7

            @hookimpl
            async def find_document(self, id):
                from collab import NewDocument

                if id == "welcome":
                    return NewDocument("Welcome", content="Hello")
                if id == "wrong":
                    return NewDocument("Wrong", type="none")

            @hookimpl
            def exporters(self):
                from collab import Format

                return [Format("names", "Names", "txt", "text/plain", self.names)]

            async def names(self, document):
                return " ".join(one.name for one in await document.authors())
        """,
    )
    return Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("it",)
    )


def it(server: Server) -> Any:
    return server.app[PLUGINS].plugins["it"]


async def test_what_was_can_be_read(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Notes", "one")
        async with it(server).server.document(id) as document:
            await document.apply(Delta().retain(3).insert(" two"), author=BOT)
            await document.apply(Delta().delete(4), author="ada")
        (closed,), following = await it(server).server.documents(search="Notes")
        assert following is None and closed.id == id
        one, two = await closed.history()
        assert (one.revision, one.author, two.author) == (1, "bot:it", "ada")
        assert one.delta == Delta().retain(3).insert(" two")
        assert [op.revision for op in await closed.history(1)] == [2]
        assert await closed.history(0, 0) == []
        texts = [(await closed.content_at(revision)).text for revision in (0, 1, 2)]
        assert texts == ["one", "one two", "two"]
        then = await closed.content_at(1)
        assert (then.revision, then.length) == (1, 7) and then.delta == Delta().insert("one two")
        with pytest.raises(CollabError, match="no revision 3"):
            await closed.content_at(3)
        assert closed.created > 0


async def test_an_exporter_is_told_who_had_written_by_then(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Notes", "one")
        async with it(server).server.document(id) as document:
            for name in ("Ada", "Bob", "Ada"):
                author = User(f"test:{name}", name, "#512da8")
                await document.apply(Delta().insert(f"{name} "), author=author)
        names = {}
        for revision in (0, 1, 2, 3):
            address = f"{server.url}/api/documents/{id}/export/names?revision={revision}"
            async with server.http.get(address) as answer:
                names[revision] = await answer.text()
        assert names == {0: "", 1: "Ada", 2: "Ada Bob", 3: "Ada Bob"}


async def test_an_edit_is_put_together_and_committed_as_one(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Notes", "one two")
        async with it(server).server.document(id) as document:
            async with document.edit(author=BOT) as edit:
                edit.insert(0, "zero ").replace(5, 3, "1").delete(6, 1).insert(6, "+")
                # What is typed meanwhile stays.
                await document.apply(Delta().retain(7).insert("!"), author="ada")
            assert document.text == "zero 1+two!" and edit.revision == 2
            assert [op.author for op in await document.history()] == ["ada", "bot:it"]

            async def fails() -> None:
                async with document.edit(author=BOT) as edit:
                    edit.delete(0, 4)
                    raise ValueError("no")

            with pytest.raises(ValueError, match="no"):
                await fails()
            async with document.edit(author=BOT) as edit:
                pass
            assert edit.revision is None and document.revision == 2
            for unheard in (edit, document.edit(author=BOT)):
                with pytest.raises(RuntimeError, match=r"async with document\.edit"):
                    unheard.insert(0, "lost")


async def test_whose_edit_it_was(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Notes", "")
        async with server.connect(id) as notes:
            (document,) = it(server).server.open_documents()
            session = document.session_of(notes.client)
            assert session is not None and session.id == notes.session
            assert document.session_of("nobody") is None


async def test_an_edit_and_what_is_kept_with_it_are_saved_together(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Notes", "")
        state = it(server).state
        async with it(server).server.document(id) as document:
            await state.set("old", 1, document=document)
            values = {"seen": [1, 2], "old": None}
            revision = await state.transaction(
                document, values, operation=Delta().insert("x"), author=BOT
            )
            assert revision == 1 and document.text == "x"
            assert await state.list(document=document) == {"seen": [1, 2]}
            store = server.app[STORE]
            with pytest.raises(CollabError):
                await state.transaction(
                    document, {"seen": 3}, operation=Delta().delete(9), author=BOT
                )
            assert await store.get_state("it", id, "seen") == b"[1,2]"
            with pytest.raises(ValueError, match="1 to 200 characters"):
                await state.transaction(
                    document, {"": 3}, operation=Delta().insert("y"), author=BOT
                )


async def test_a_new_document_begins_with_what_a_plugin_says(settings: Settings) -> None:
    async with serve(settings) as server:
        api = f"{server.url}/api/documents"
        async with server.http.post(api, json={"title": "Plan"}) as response:
            plan = (await response.json())["id"]
        assert await server.text(plan) == "# Plan"
        assert await server.text(await server.create_document("Plan", "")) == ""
        made = await it(server).server.create_document("Bare", content="given")
        assert await server.text(made.id) == "given"
        # An answer that does not fit is the plugin's failure, not the visitor's.
        async with server.http.post(api, json={"title": "Rich", "type": "richtext"}) as response:
            assert response.status == 201
        assert it(server).server.health()["it"].failures == 1


async def test_a_document_comes_from_elsewhere_when_it_is_asked_for(settings: Settings) -> None:
    async with serve(settings) as server:
        async with server.connect("welcome") as notes:
            assert notes.text == "Hello"
        assert await server.text("welcome") == "Hello"
        for path in ("/d/nowhere", "/api/documents/wrong", "/api/documents/w%20r"):
            async with server.http.get(server.url + path) as response:
                assert response.status == 404
        async with it(server).server.document("welcome") as document:
            assert document.title == "Welcome"
        assert it(server).server.health()["it"].failures == 1


async def test_a_plugin_is_told_of_snapshots(settings: Settings) -> None:
    async with serve(settings) as server:
        plugin = it(server)
        id = await server.create_document("Notes", "one")
        async with plugin.server.document(id) as document:
            for _ in range(100):
                await document.apply(Delta().insert("x"), author=BOT)
    assert plugin.saved == (("Notes", 100, "x" * 100 + "one"),)


async def test_what_belongs_to_a_running_server_is_there_once_it_runs(tmp_path: Path) -> None:
    from tests.plugins.fake import make_manager, the

    write_plugin(tmp_path / "plugins", "it", "class It(Plugin): ...")
    manager = make_manager(tmp_path / "plugins")
    for name in ("server", "http"):
        with pytest.raises(LookupError, match="has not started"):
            getattr(the(manager, "it"), name)
    await manager.start()
    assert the(manager, "it").server.open_documents() == []
    with pytest.raises(LookupError, match="no HTTP client"):
        _ = the(manager, "it").http
    await manager.stop()


async def test_plugins_share_an_http_client(settings: Settings) -> None:
    async with serve(settings) as server:
        async with it(server).http.get(f"{server.url}/livez") as response:
            assert (await response.json()) == {"status": "alive"}
        http = it(server).http
    assert http.closed


ELSEWHERE = """
import asyncio
from collab import NewDocument

class Elsewhere(Plugin):
    def __init__(self):
        self.asked = []
        self.go = asyncio.Event()

    @hookimpl
    async def find_document(self, id):
        self.asked.append(id)
        await self.go.wait()
        if id == "fails" and len(self.asked) == 1:
            raise RuntimeError("no")
        return NewDocument("From elsewhere", content="Hello")
"""


@pytest.mark.parametrize("id", ["found", "fails"])
async def test_one_that_many_ask_for_at_once_is_looked_for_once(tmp_path: Path, id: str) -> None:
    write_plugin(tmp_path / "plugins", "elsewhere", ELSEWHERE)
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins", plugins_on=("elsewhere",)
    )
    async with serve(settings) as server:
        plugin: Any = server.app[PLUGINS].plugins["elsewhere"]

        async def ask(path: str) -> int:
            async with server.http.get(f"{server.url}/{path}") as answer:
                return answer.status

        paths = [f"api/documents/{id}", f"api/documents/{id}/content", f"d/{id}"]
        asking = [asyncio.create_task(ask(path)) for path in paths * 4]
        async with asyncio.timeout(20):
            while not plugin.asked:
                await asyncio.sleep(0)
            # All of them have come as far as they get, whatever that is.
            assert await ask("livez") == 200
            plugin.go.set()
            first = await asyncio.gather(*asking)
        assert first[0] == (200 if id == "found" else 404)
        # Whoever came after the failure was told of may have asked again, together with others.
        assert len(plugin.asked) == 1 or (id == "fails" and len(plugin.asked) == 2)
        assert await ask(paths[0]) == 200, "what failed is looked for again"
        assert len(plugin.asked) <= 2
