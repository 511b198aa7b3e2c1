"""The client against a running server."""

from __future__ import annotations

import asyncio

import pytest

from collab.client import Closed, ConnectError, Gone, Refused, Rescue, connect
from collab.ot import Delta, InvalidOperation
from collab.testing import Server, Wire
from tests.patience import patient


async def test_two_people_edit_one_document(server: Server) -> None:
    document_id = await server.create_document("Notes", "cat")
    async with server.connect(document_id) as ada, server.connect(document_id) as bob:
        assert (ada.text, ada.revision, ada.title, ada.type) == ("cat", 0, "Notes", "text")
        assert ada.permissions == {"read", "write"}
        assert ada.client != bob.client
        assert await ada.insert(3, "s") == 1
        await patient(bob.wait_for(lambda document: document.text == "cats"))
        assert await bob.replace(0, 1, "b") == 2
        assert await bob.delete(3, 1) == 3
        await patient(ada.wait_for(lambda document: document.revision == 3))
        assert ada.text == bob.text == await server.text(document_id) == "bat"
        assert ada.delta == Delta().insert("bat")
        assert ada.length == 3


async def test_connect_can_be_awaited(server: Server) -> None:
    document_id = await server.create_document()
    document = await connect(server.socket(document_id))
    statuses = document.statuses()
    assert document.status == "connected"
    await document.close()
    assert await statuses.__anext__() == "closed"
    with pytest.raises(Closed):
        document.edit_nowait(Delta().insert("a"))


async def test_edits_show_at_once_and_arrive_in_order(server: Server) -> None:
    document_id = await server.create_document()
    async with server.connect(document_id) as document:
        for number in range(200):
            document.edit_nowait(Delta().retain(document.length).insert(f"{number} "))
        expected = "".join(f"{number} " for number in range(200))
        assert document.text == expected
        assert document.unsaved == 200
        await patient(document.saved())
        assert document.unsaved == 0
        assert await server.text(document_id) == expected


async def test_changes_are_ones_own_and_those_of_others(server: Server) -> None:
    document_id = await server.create_document()
    async with server.connect(document_id) as ada, server.connect(document_id) as bob:
        changes = ada.changes()
        await ada.insert(0, "a")
        await bob.insert(0, "b")
        first = await patient(changes.__anext__())
        second = await patient(changes.__anext__())
        assert (first.revision, first.own, first.applied) == (1, True, None)
        assert (second.revision, second.own) == (2, False)
        assert second.applied == second.delta
        assert second.client == bob.client
        assert second.author == bob.user.id
    with pytest.raises(StopAsyncIteration):
        await patient(changes.__anext__())


async def test_what_does_not_fit_is_refused_at_once_and_changes_nothing(server: Server) -> None:
    document_id = await server.create_document("x", "abc")
    async with server.connect(document_id) as document:
        with pytest.raises(InvalidOperation):
            await document.delete(2, 5)
        with pytest.raises(InvalidOperation):
            await document.edit(Delta().insert("bold", {"bold": True}))
        assert document.text == "abc"
        assert document.unsaved == 0


async def test_a_large_insert_leaves_in_parts(server: Server) -> None:
    document_id = await server.create_document()
    text = "0123456789😀" * 60_000
    async with server.connect(document_id) as document, server.connect(document_id) as reader:
        saved = document.edit_nowait(Delta().insert(text))
        document.edit_nowait(Delta().insert("!"))
        assert await patient(saved) > 3
        await patient(document.saved())
        assert document.text == "!" + text
        await patient(reader.wait_for(lambda copy: copy.length == document.length))
        assert reader.text == document.text == await server.text(document_id)


async def test_a_new_title_is_told(server: Server) -> None:
    document_id = await server.create_document("Old")
    async with server.connect(document_id) as document:
        url = f"{server.url}/api/documents/{document_id}"
        async with server.http.patch(url, json={"title": "New"}) as response:
            assert response.status == 200
        await patient(document.wait_for(lambda copy: copy.title == "New"))


async def test_a_cut_wire_is_mended_and_nothing_is_doubled(server: Server) -> None:
    document_id = await server.create_document()
    async with (
        Wire("127.0.0.1", server.port) as wire,
        connect(wire.through(server.page(document_id))) as document,
        server.connect(document_id) as other,
    ):
        statuses = document.statuses()
        await document.insert(0, "a")
        wire.cut()
        assert await patient(statuses.__anext__()) == "offline"
        document.edit_nowait(Delta().insert("b"))
        await other.insert(0, "c")
        assert await patient(statuses.__anext__()) == "connected"
        await patient(document.saved())
        await patient(document.wait_for(lambda copy: copy.revision == 3))
        assert sorted(document.text) == ["a", "b", "c"]
        assert document.text == await server.text(document_id)


async def test_a_lost_acknowledgement_is_found_again(server: Server) -> None:
    """The server has it, the client does not know: sent again, it counts once."""
    document_id = await server.create_document()
    async with (
        Wire("127.0.0.1", server.port) as wire,
        connect(wire.through(server.page(document_id))) as document,
    ):
        wire.tap = lambda strand, direction, data: None if direction == "down" else data
        saved = document.edit_nowait(Delta().insert("once"))
        await patient(document.wait_for(lambda copy: copy.status == "offline"))
        wire.tap = None
        assert await patient(saved) == 1
        assert await server.text(document_id) == document.text == "once"


async def test_a_refused_edit_is_kept_and_the_document_read_afresh(server: Server) -> None:
    document_id = await server.create_document("x", "good ")
    rescues: list[Rescue] = []
    async with server.connect(document_id, on_rescue=rescues.append) as document:
        # What the client believes is allowed, and the server does not.
        document._replica.limits["operation_size"] = 10**9
        document._replica.limits["message_size"] = 10**9
        with pytest.raises(Refused) as refused:
            await patient(document.edit(Delta().retain(5).insert("x" * 200_000)))
        assert refused.value.code == "operation_too_large"
        assert refused.value.rescue is not None
        assert refused.value.rescue.text == "good " + "x" * 200_000
        assert rescues == document.rescues == [refused.value.rescue]
        await patient(document.wait_for(lambda copy: copy.status == "connected"))
        assert document.text == "good "
        assert await document.insert(5, "again") == 1


async def test_a_deleted_document_says_so_and_keeps_what_was_typed(server: Server) -> None:
    document_id = await server.create_document()
    async with Wire("127.0.0.1", server.port) as wire:
        document = await connect(wire.through(server.page(document_id)))
        changes = document.changes()
        wire.cut()
        await patient(document.wait_for(lambda copy: copy.status == "offline"))
        saved = document.edit_nowait(Delta().insert("words"))
        async with server.http.delete(f"{server.url}/api/documents/{document_id}") as response:
            assert response.status == 204
        with pytest.raises(Gone) as gone:
            await patient(saved)
        assert gone.value.code == "no_document"
        assert gone.value.rescue is not None and gone.value.rescue.text == "words"
        with pytest.raises(Gone):
            await patient(changes.__anext__())
        with pytest.raises(Gone):
            document.edit_nowait(Delta().insert("more"))
        await document.close()


async def test_deleting_under_an_open_connection_ends_it(server: Server) -> None:
    document_id = await server.create_document()
    document = await server.connect(document_id)
    async with server.http.delete(f"{server.url}/api/documents/{document_id}") as response:
        assert response.status == 204
    await patient(document.wait_for(lambda copy: copy.status == "closed"))
    with pytest.raises(Gone, match="deleted"):
        await document.wait_for(lambda copy: False)
    await document.close()


async def test_no_such_document(server: Server) -> None:
    with pytest.raises(Gone, match="no_document"):
        await server.connect("nothing-here")


async def test_no_such_server() -> None:
    with pytest.raises(ConnectError, match=r"0\.3 seconds"):
        await connect("http://127.0.0.1:9/d/x", timeout=0.3)


async def test_a_wrong_token_is_said(server: Server) -> None:
    document_id = await server.create_document()
    with pytest.raises(Gone, match="bad_token"):
        await server.connect(document_id, token="wrong")


async def test_closing_without_a_connection_raises_what_was_not_saved(server: Server) -> None:
    document_id = await server.create_document()
    async with Wire("127.0.0.1", server.port) as wire:
        document = await connect(wire.through(server.page(document_id)))
        wire.refusing = True
        wire.cut()
        await patient(document.wait_for(lambda copy: copy.status == "offline"))
        document.edit_nowait(Delta().insert("lost?"))
        with pytest.raises(Closed) as closed:
            await document.close(timeout=0.01)
        assert closed.value.rescue is not None
        assert closed.value.rescue.text == "lost?"
        assert closed.value.rescue.unsaved == Delta().insert("lost?")


async def test_leaving_the_block_delivers_what_was_typed_last(server: Server) -> None:
    document_id = await server.create_document()
    async with server.connect(document_id) as document:
        document.edit_nowait(Delta().insert("last words"))
    assert await server.text(document_id) == "last words"


async def test_an_exception_in_the_block_is_the_one_that_is_seen(server: Server) -> None:
    document_id = await server.create_document()
    async def fail() -> None:
        async with server.connect(document_id) as document:
            document.edit_nowait(Delta().insert("a"))
            _ = 1 / 0

    with pytest.raises(ZeroDivisionError):
        await fail()


async def test_a_condition_that_raises_tells_the_one_who_waits(server: Server) -> None:
    document_id = await server.create_document()
    async with server.connect(document_id) as document:
        waiting = asyncio.create_task(document.wait_for(lambda copy: 1 // (copy.revision - 1) > 0))
        await asyncio.sleep(0)
        await document.insert(0, "a")
        with pytest.raises(ZeroDivisionError):
            await patient(waiting)


async def test_restarting_the_server_is_an_interruption(server: Server) -> None:
    document_id = await server.create_document()
    async with server.connect(document_id) as document:
        for room in server.rooms.all():
            room.failed(RuntimeError("the disk is full"))
        await patient(document.wait_for(lambda copy: copy.status == "offline"))
        assert await patient(document.insert(0, "a")) == 1
