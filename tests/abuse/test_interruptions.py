"""Lost acknowledgements, broken connections, gaps: every edit counts once, none is lost."""

from __future__ import annotations

import asyncio
from random import Random
from typing import Any

import aiohttp
import pytest

from collab.client import Backoff, connect
from collab.client.connection import Connection
from collab.ot import Delta
from collab.protocol import messages
from collab.rooms import Room
from collab.testing import RawSession, Server, SocketClosed, Strand, Wire
from tests.patience import patient


def _quick() -> Backoff:
    return Backoff(first=0.01, longest=0.05)



def _lossy(random: Random, share: float) -> Any:
    """A tap that cuts the wire at a share of what the server says, after it has done it."""

    def tap(strand: Strand, direction: str, data: bytes) -> bytes | None:
        lost = direction == "down" and data[:4] != b"HTTP" and random.random() < share
        return None if lost else data

    return tap


async def _type_through_losses(server: Server, seed: int) -> tuple[str, int]:
    """Two people make 40 edits each over a wire that loses 3 answers of 10."""
    document = await server.create_document()
    async with Wire("127.0.0.1", server.port) as wire:
        wire.tap = _lossy(Random(seed), 0.3)
        url = wire.through(server.page(document))
        clients = [
            await patient(_persistent(url), 30) for _ in range(2)
        ]
        for number in range(40):
            for client in clients:
                if client.status == "closed":
                    break
                # A character of its own for every edit, in the order of typing.
                await patient(client.insert(0, chr(0x4E00 + number)))
        wire.tap = None
        for client in clients:
            await patient(client.close())
    return await server.text(document), len(await server.operations(document))


async def _persistent(url: str) -> Any:
    return await connect(url, backoff=_quick(), timeout=30)


async def test_an_edit_whose_acknowledgement_was_lost_is_not_doubled(server: Server) -> None:
    text, operations = await _type_through_losses(server, seed=1)
    assert sorted(text) == sorted([chr(0x4E00 + number) for number in range(40)] * 2)
    assert operations == 80


class Storm:
    """Clients whose sockets are cut at some moment of their operation's commit, and who come
    back and send it again, whether or not it was committed."""

    def __init__(self, server: Server, document: str) -> None:
        self.server = server
        self.document = document
        self.random = Random(7)
        self.known: set[tuple[str, int]] = set()

    async def blow(self, rounds: int) -> None:
        for _ in range(rounds):
            await patient(asyncio.gather(*(self._one() for _ in range(10))))

    async def _one(self) -> None:
        session = await self.server.raw(self.document)
        hello = {key: session.welcome[key] for key in ("client", "secret", "epoch")}
        base = session.revision
        await session.operate(base, 1, [{"insert": "x"}])
        for _ in range(self.random.randrange(6)):
            await asyncio.sleep(0)  # another turn of the loop, another moment of the commit
        transport = session.socket._response.connection.transport
        assert transport is not None
        transport.abort()
        await session.close()
        again = await self.server.raw(self.document, revision=base, **hello)
        await again.operate(base, 1, [{"insert": "x"}])
        committed = again.welcome["operations"]
        while not any(one["client"] == hello["client"] for one in committed):
            committed = (await again.next()).get("operations", ())
        self.known.add((hello["client"], 1))
        await again.close()

    async def written(self) -> list[tuple[str, int]]:
        log = await self.server.operations(self.document)
        return [(entry["client"], entry["sequence"]) for entry in log]


async def test_sockets_cut_at_every_moment_of_a_commit(server: Server) -> None:
    """Cancel storm: the outcome is always found by (document, client, sequence)."""
    storm = Storm(server, await server.create_document())
    other = await server.raw(storm.document)
    busy = asyncio.create_task(_keep_busy(other))
    await storm.blow(60)
    busy.cancel()
    await asyncio.wait([busy])
    await other.close()
    written = await storm.written()
    assert len(written) == len(set(written))
    assert len(storm.known) == 600 and storm.known <= set(written)


async def _send_twice(server: Server) -> tuple[RawSession, dict[str, Any]]:
    """Sends what is committed once more; returns what the server says to it."""
    session = await server.raw(await server.create_document())
    await session.operate(0, 1, [{"insert": "x"}])
    await patient(session.committed(1))
    await session.operate(0, 1, [{"insert": "x"}])
    while (answer := await patient(session.next()))["type"] not in ("operations", "goodbye"):
        pass
    return session, answer


async def test_what_is_sent_twice_is_answered_with_what_was_committed(server: Server) -> None:
    session, answer = await _send_twice(server)
    assert [one["revision"] for one in answer["operations"]] == [1]
    await session.close()


async def test_negative_control_without_the_record_it_counts_again_or_the_store_objects(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    submit = Room.submit

    def forgetful(room: Room, session: Any, operation: messages.Operation) -> None:
        room._ordering._sequences[session.client] = (operation.sequence - 1, 0)
        submit(room, session, operation)

    monkeypatch.setattr(Room, "submit", forgetful)
    session, answer = await _send_twice(server)
    counted_again = [one["revision"] for one in answer.get("operations", ())] == [2]
    assert counted_again or answer.get("code") == "storage_failed"
    await session.close()


async def _keep_busy(session: RawSession) -> None:
    revision, sequence = session.revision, 0
    while True:
        sequence += 1
        await session.operate(revision, sequence, [{"insert": "."}])
        while True:
            message = await session.next()
            own = [
                one["revision"]
                for one in message.get("operations", ())
                if one["client"] == session.client
            ]
            revision = max([revision] + [one["revision"] for one in message.get("operations", ())])
            if own:
                break


async def test_nobody_takes_anothers_client_id(server: Server) -> None:
    document = await server.create_document()
    victim = await server.raw(document)
    for code, close, hello in (
        ("bad_client", 4401, {"client": victim.client}),
        ("bad_client", 4401, {"client": victim.client, "secret": ""}),
        ("bad_client", 4401, {"client": victim.client, "secret": "guess"}),
        ("bad_json", 4400, {"client": victim.client, "secret": "guess\u00e9\ud800"}),
        ("bad_client", 4401, {"client": "another", "secret": victim.welcome["secret"]}),
        ("bad_client", 4401, {"client": "", "secret": ""}),
        # Too long for any id: not of the form of a message, which has no close code of its own.
        ("bad_message", 1000, {"client": "x" * 10_000, "secret": victim.welcome["secret"]}),
    ):
        thief = await server.raw(document, greet=False)
        await thief.send({"type": "hello", "protocol": 1, **hello})
        assert await patient(thief.ended()) == close, hello
        assert [one["code"] for one in thief.received] == [code], hello
    thief = await server.raw(document)
    await thief.operate(0, 1, [{"insert": "thief"}])
    await patient(thief.committed(1))
    await victim.operate(1, 1, [{"insert": "victim "}])
    operation = await patient(victim.committed(2))
    assert (operation["client"], operation["sequence"]) == (victim.client, 1)
    await victim.close()
    await thief.close()


async def test_a_client_belongs_to_a_document_only_by_its_own_sequence(server: Server) -> None:
    """The same client on two documents counts in each of them."""
    first, second = [await server.create_document() for _ in range(2)]
    one = await server.raw(first)
    hello = {key: one.welcome[key] for key in ("client", "secret")}
    other = await server.raw(second, **hello)
    for session in (one, other):
        await session.operate(0, 1, [{"insert": "x"}])
        await patient(session.committed(1))
        await session.close()


async def test_a_gap_under_ten_editors_loses_nothing(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    """HedgeDoc's revision gap: frames get lost while others go on typing."""
    random = Random(3)
    lost = 0
    receive = Connection.receive

    async def forgetful(connection: Connection) -> list[messages.ServerMessage]:
        nonlocal lost
        received = await receive(connection)
        if isinstance(received[0], messages.Operations) and random.random() < 0.1:
            lost += 1
            return []
        return received

    monkeypatch.setattr(Connection, "receive", forgetful)
    document = await server.create_document()
    url = server.page(document)
    editors = [await connect(url, backoff=_quick()) for _ in range(10)]

    async def type_all(place: int) -> None:
        for number in range(20):
            await editors[place].insert(0, chr(0x4E00 + 20 * place + number))

    await patient(asyncio.gather(*(type_all(place) for place in range(10))), 60)
    monkeypatch.undo()
    for editor in editors:
        await patient(editor.wait_for(lambda copy: copy.revision >= 200 and not copy.unsaved))
    text = await server.text(document)
    assert sorted(text) == [chr(0x4E00 + number) for number in range(200)]
    assert {editor.text for editor in editors} == {text}
    assert not any(editor.rescues for editor in editors)
    assert lost > 10
    for editor in editors:
        await editor.close()


async def test_a_difference_is_found_told_and_healed(
    server: Server, caplog: pytest.LogCaptureFixture
) -> None:
    """Checksum tripwire: one character of a client's copy is another one."""
    document = await server.create_document("x", "The cat sat.")
    async with server.connect(document) as broken, server.connect(document) as sound:
        broken._replica.content.apply(Delta().retain(4).insert("b").delete(1))
        await sound.insert(0, "! ")
        await patient(broken.wait_for(lambda copy: copy.rescues))
        (rescue,) = broken.rescues
        assert (rescue.code, rescue.text) == ("mismatch", "! The bat sat.")
        await patient(
            broken.wait_for(lambda copy: copy.status == "connected" and copy.revision == 1)
        )
        assert broken.text == sound.text == "! The cat sat."
        assert sound.rescues == []
    assert any("checksum" in record.message for record in caplog.records)


async def test_the_tripwire_is_silent_in_a_clean_run(server: Server) -> None:
    document = await server.create_document("x", "😀 é")
    async with server.connect(document) as ada, server.connect(document) as bob:
        compared = 0
        compare = ada._replica._compare

        def counted(checksum: messages.Checksum) -> Any:
            nonlocal compared
            compared += 1
            return compare(checksum)

        ada._replica._compare = counted
        while compared < 5:
            await patient(bob.insert(0, "x"))
        assert ada.rescues == bob.rescues == []


async def test_a_second_connection_of_a_client_ends_the_first(server: Server) -> None:
    document = await server.create_document()
    first = await server.raw(document)
    hello = {key: first.welcome[key] for key in ("client", "secret", "epoch")}
    second = await server.raw(document, revision=0, **hello)
    assert await patient(first.ended()) == 4409
    assert first.received[-1]["code"] == "superseded"
    await second.operate(0, 1, [{"insert": "x"}])
    await patient(second.committed(1))
    await second.close()


async def test_out_of_sequence_is_refused(server: Server) -> None:
    document = await server.create_document()
    for sequence in (2, 0, -1, 2**40):
        session = await server.raw(document)
        await session.operate(0, sequence, [{"insert": "x"}])
        assert await patient(session.ended()) == 4400, sequence
        assert session.received[-2]["code"] == "bad_sequence", sequence
    assert await server.text(document) == ""


async def test_revisions_that_never_were(server: Server) -> None:
    document = await server.create_document()
    for revision in (1, -1, 2**40):
        session = await server.raw(document)
        await session.operate(revision, 1, [{"insert": "x"}])
        error = await patient(session.expect("error"))
        assert (error["code"], error["sequence"]) == ("bad_revision", 1), revision
        await session.close()
    for revision in (1, -1, 2**40):
        session = await server.raw(document, greet=False)
        await session.send({"type": "hello", "protocol": 1, "revision": revision})
        await patient(session.ended())
        assert session.received[-1]["code"] == "bad_revision", revision
    assert await server.text(document) == ""


async def test_closing_while_everything_is_under_way(server: Server) -> None:
    document = await server.create_document()
    session = await server.raw(document)
    for sequence in range(1, 20):
        await session.operate(0, sequence, [{"insert": "x"}])
    await session.socket.close()
    with pytest.raises(SocketClosed):
        await session.next()
    other = await server.raw(document)
    await other.operate(other.revision, 1, [{"insert": "y"}])
    await patient(other.expect("operations"))
    await other.close()


async def test_errors_of_http_come_before_the_upgrade(server: Server) -> None:
    with pytest.raises(aiohttp.WSServerHandshakeError) as refused:
        await server.raw("no-such-document")
    assert refused.value.status == 404
