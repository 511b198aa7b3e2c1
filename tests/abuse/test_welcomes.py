"""What a client is sent when it opens a document: bounded in memory, and true once it was read."""

from __future__ import annotations

import pytest

from collab.protocol.frames import Frame
from collab.rooms import Room
from collab.testing import Server
from collab.web.connection import Connection
from collab.web.socket import WELCOMES
from tests.abuse.frames import TEXT, HandMade
from tests.patience import patient

LENGTH = 8 * 1024 * 1024
"""Units of a document, more than the sockets of a machine hold."""

HERE = "127.0.0.1"


async def test_long_documents_that_nobody_reads_are_counted(server: Server) -> None:
    """Opened again and again by clients that never read, they would fill the memory."""
    document = await server.create_document(content="x" * LENGTH)
    budget = server.app[WELCOMES]
    deaf = await HandMade.upgrade(server.socket(document))
    deaf.writer.transport.pause_reading()
    deaf.send(TEXT, b'[{"type":"hello","protocol":1}]')
    while budget.used < LENGTH:
        await server.operations(document)
    # Whoever comes when an address has its share is asked to come again.
    budget.take(HERE, budget.share - budget.used)
    late = await server.raw(document, greet=False)
    await late.send({"type": "hello", "protocol": 1})
    refused = await patient(late.next())
    assert (refused["type"], refused["code"], refused["retry_after"]) == (
        "goodbye", "slow_down", 5.0,
    )
    # Negative control: short ones are opened all the same.
    short = await server.raw(await server.create_document(content="short"))
    await short.close()
    deaf.close()
    while budget.used == budget.share:
        await server.operations(document)
    reader = await server.raw(document)
    assert reader.welcome["content"] == [{"insert": "x" * LENGTH}]
    await reader.operate(0, 1, [{"insert": "y"}])
    await patient(reader.committed(1))
    assert budget.used == budget.share - LENGTH - len('[{"insert":""}]')
    await reader.close()


async def test_a_title_that_changed_while_somebody_caught_up_is_told(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await server.create_document()
    first = await server.raw(document)
    for number in range(6):
        await first.operate(number, number + 1, [{"insert": "x"}])
        await first.committed(number + 1)
    monkeypatch.setattr(Room, "recent", lambda self, since: None)
    monkeypatch.setattr("collab.web.socket.CATCH_UP", 2)
    deliver = Connection.deliver

    async def slowly(self: Connection, frame: Frame) -> None:
        await server.rooms.rename(document, "Another")
        await deliver(self, frame)

    monkeypatch.setattr(Connection, "deliver", slowly)
    late = await server.raw(document, revision=0)
    assert late.welcome["document"]["title"] == "Untitled"
    told = await patient(late.expect("document"))
    assert told["title"] == "Another"
    await first.close()
    await late.close()


async def test_a_document_that_is_deleted_while_somebody_catches_up_is_gone(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    document = await server.create_document()
    first = await server.raw(document)
    for number in range(6):
        await first.operate(number, number + 1, [{"insert": "x"}])
        await first.committed(number + 1)
    monkeypatch.setattr(Room, "recent", lambda self, since: None)
    monkeypatch.setattr("collab.web.socket.CATCH_UP", 2)
    deliver = Connection.deliver

    async def slowly(self: Connection, frame: Frame) -> None:
        await server.rooms.delete(document)
        await deliver(self, frame)

    monkeypatch.setattr(Connection, "deliver", slowly)
    late = await server.raw(document, revision=0)
    assert (await patient(late.expect("goodbye")))["code"] == "deleted"
    await first.close()
    await late.close()
