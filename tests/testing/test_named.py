"""Clients that go by a name."""

from __future__ import annotations

from pathlib import Path

from collab.protocol.settings import Settings
from collab.testing.server import Server, serve


async def test_everybody_has_the_name_they_give(server: Server) -> None:
    id = await server.create_document("Notes", "one")
    async with server.connect(id, name="Ada") as ada, server.connect(id, name="Bob") as bob:
        assert ada.user is not None and bob.user is not None
        assert (ada.user.name, bob.user.name) == ("Ada", "Bob")
        assert ada.user.id != bob.user.id
        await ada.insert(0, "zero ")
        await bob.wait_for(lambda notes: notes.text == "zero one", timeout=10)
    (operation,) = await server.operations(id)
    assert operation["author"] == ada.user.id
    later = await server.connect(id, name="Cleo", timeout=10)
    assert later.user is not None and later.user.name == "Cleo"
    await later.close()


async def test_below_a_base_path_too(tmp_path: Path) -> None:
    async with serve(Settings(data_dir=tmp_path, base_path="/team/docs")) as server:
        id = await server.create_document("Notes", "one")
        async with server.connect(id, name="Ada") as ada:
            assert ada.user is not None and ada.user.name == "Ada"
