"""The client and the plugins of a server: messages, vetoes, rewritten edits."""

from __future__ import annotations

from pathlib import Path

import pytest

from collab.client import Refused
from collab.ot import Delta
from collab.protocol.settings import Settings
from collab.testing import Server
from tests.patience import patient

PLUGIN = '''
from collab import Plugin, Veto, hookimpl
from collab.ot import Delta


class Strict(Plugin):
    """Echoes messages, refuses what is forbidden, spells correctly."""

    @hookimpl
    async def message_received(self, document, session, data):
        await self.send(document, session, {"echo": data})

    @hookimpl
    def before_operation(self, document, session, delta):
        ops = delta.ops
        for op in ops:
            if isinstance(op.get("insert"), str):
                if "forbidden" in op["insert"]:
                    raise Veto("That word is not allowed here.")
                op["insert"] = op["insert"].replace("teh", "the")
        return Delta(ops)
'''


@pytest.fixture
def server_settings(tmp_path: Path) -> Settings:
    folder = tmp_path / "plugins" / "strict"
    folder.mkdir(parents=True)
    (folder / "__init__.py").write_text(PLUGIN)
    return Settings(data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins")


async def test_messages_go_both_ways(server: Server) -> None:
    document_id = await server.create_document()
    async with server.connect(document_id) as document:
        messages = document.messages("strict")
        assert document.send("strict", {"number": 1})
        assert await patient(messages.__anext__()) == {"echo": {"number": 1}}
        with pytest.raises(TypeError):
            document.send("strict", object())
        messages.close()
        with pytest.raises(StopAsyncIteration):
            await messages.__anext__()


async def test_a_veto_is_a_refusal(server: Server) -> None:
    document_id = await server.create_document("x", "good")
    async with server.connect(document_id) as document:
        with pytest.raises(Refused, match="not allowed here") as refused:
            await patient(document.insert(0, "forbidden "))
        assert refused.value.code == "vetoed"
        assert refused.value.rescue is not None
        assert refused.value.rescue.text == "forbidden good"
        await patient(document.wait_for(lambda copy: copy.status == "connected"))
        assert document.text == "good"
        await patient(document.insert(4, " enough"))
        assert await server.text(document_id) == "good enough"


async def test_what_a_plugin_rewrites_is_followed_by_its_writer(server: Server) -> None:
    document_id = await server.create_document("x", "start ")
    async with server.connect(document_id) as ada, server.connect(document_id) as bob:
        ada.edit_nowait(Delta().retain(6).insert("teh cat"))
        ada.edit_nowait(Delta().retain(13).insert(" sat."))
        await patient(ada.saved())
        await patient(bob.wait_for(lambda copy: copy.revision == ada.revision))
        assert ada.text == bob.text == await server.text(document_id) == "start the cat sat."
        assert ada.rescues == []
