"""Anything at all on the socket: a documented error, nobody else's text, a server that lives."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from collab.ot import Delta, document_type
from collab.protocol.errors import CODES
from collab.testing import RawSession, Server, SocketClosed
from tests.patience import patient

CLOSES = {code.close for code in CODES.values()} | {1000, 1001, 1002, 1006, 1007, 1009}

RECORDED: list[dict[str, Any]] = [
    {"type": "hello", "protocol": 1},
    {"type": "hello", "protocol": 1, "client": "abc", "secret": "x", "revision": 0, "epoch": "e"},
    {"type": "operation", "revision": 0, "sequence": 1, "delta": [{"insert": "abc"}]},
    {
        "type": "operation", "revision": 1, "sequence": 2,
        "delta": [{"retain": 1}, {"insert": "😀", "attributes": {"bold": True}}, {"delete": 1}],
    },
    {"type": "message", "plugin": "cursors", "data": {"anchor": 0, "head": 1, "revision": 0}},
    {"type": "message", "plugin": "presence", "data": {"idle": True}},
    {"type": "mismatch", "revision": 0, "checksum": 1},
    {"type": "fault", "plugin": "presence", "error": "x is not a function"},
    {"type": "ping"},
]

numbers = st.one_of(
    st.integers(-2, 3), st.sampled_from([2**31, 2**53 + 1, 2**63, 2**64, -(2**63) - 1, 10**30]),
    st.floats(),
)
scalars = st.one_of(
    st.none(), st.booleans(), numbers, st.text(max_size=8),
    st.sampled_from(["\x00", "\ud800", "\udc00", "a\ud83d", "__proto__", "😀", "insert", "retain"]),
)
anything = st.recursive(
    scalars,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(st.text(max_size=6), inner, max_size=4)
    ),
    max_leaves=12,
)
op = st.one_of(
    anything,
    st.fixed_dictionaries(
        {}, optional={
            "insert": anything, "retain": numbers, "delete": numbers, "attributes": anything,
        },
    ),
)
delta = st.one_of(anything, st.lists(op, max_size=5))


@st.composite
def mutated(draw: st.DrawFn) -> Any:
    """A message that was good once."""
    message = dict(draw(st.sampled_from(RECORDED)))
    for _ in range(draw(st.integers(0, 3))):
        key = draw(st.sampled_from([*message, "type", "delta", "revision", "sequence", "extra"]))
        if draw(st.booleans()):
            message[key] = draw(delta if key == "delta" else anything)
        else:
            message.pop(key, None)
    return message


@st.composite
def frame(draw: st.DrawFn) -> str | bytes:
    """What a frame holds: mostly JSON, at times damaged."""
    messages = draw(st.one_of(st.lists(mutated(), max_size=4), anything))
    text = json.dumps(messages)
    match draw(st.integers(0, 9)):
        case 0:
            place = draw(st.integers(0, len(text)))
            return text[:place]
        case 1:
            place = draw(st.integers(0, len(text)))
            return text[:place] + draw(st.text(max_size=3).filter(_encodable)) + text[place:]
        case 2:
            return draw(st.binary(max_size=20))
        case _:
            return text


def _encodable(text: str) -> bool:
    return not any("\ud800" <= character <= "\udfff" for character in text)


async def _abuse(session: RawSession, frames: list[str | bytes]) -> int | None:
    """Send it all and read to the pong that answers the last word, or to the end."""
    try:
        for one in frames:
            if isinstance(one, str):
                await session.send_text(one)
            else:
                await session.socket.send_bytes(one)
        await session.send({"type": "ping"})
        while (await session.next())["type"] not in ("pong", "goodbye"):
            pass
        return None
    except SocketClosed as closed:
        return closed.code
    except ConnectionError:
        return 1006


class _Bystander:
    """Somebody who keeps a copy, types now and then, and must not notice anything."""

    def __init__(self, session: RawSession) -> None:
        self.session = session
        self.content = document_type("text").content(Delta(session.welcome["content"]))
        self.revision = session.revision
        self.sequence = 0

    async def type(self) -> None:
        self.sequence += 1
        await self.session.operate(self.revision, self.sequence, [{"insert": "."}])
        while True:
            message = await self.session.next()
            assert message["type"] not in ("error", "goodbye"), message
            mine = False
            for one in message.get("operations", ()):
                assert one["revision"] == self.revision + 1
                self.content.apply(Delta(one["delta"]))
                self.revision += 1
                mine = mine or one["client"] == self.session.client
            if mine:
                return


async def _fuzz(server: Server, greeted: bool, frames: list[str | bytes]) -> None:
    if not hasattr(server, "bystander"):
        document = await server.create_document("x", "start")
        server.bystander = _Bystander(await server.raw(document))
        server.document = document
    bystander: _Bystander = server.bystander
    document = server.document
    attacker = await server.raw(document, greet=greeted)
    code = await patient(_abuse(attacker, frames))
    await attacker.close()
    assert code is None or code in CLOSES, code
    for message in attacker.received:
        if message["type"] in ("error", "goodbye"):
            assert message["code"] in CODES, message
            assert message["code"] != "internal", message
    await patient(bystander.type())
    assert bystander.content.text() == await server.text(document)


_hypothesis = {
    "deadline": None,
    "suppress_health_check": [HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
    "derandomize": True,
}


@settings(max_examples=150, **_hypothesis)
@given(greeted=st.booleans(), frames=st.lists(frame(), max_size=4))
async def test_nothing_said_to_the_socket_hurts_anybody(
    server: Server, caplog: pytest.LogCaptureFixture, greeted: bool, frames: list[str | bytes]
) -> None:
    await _fuzz(server, greeted, frames)
    assert not [record for record in caplog.records if record.exc_info]


@pytest.mark.campaign
@pytest.mark.timeout(0)
@settings(max_examples=5000, **_hypothesis)
@given(greeted=st.booleans(), frames=st.lists(frame(), max_size=4))
async def test_five_thousand_attempts(
    server: Server, greeted: bool, frames: list[str | bytes]
) -> None:
    await _fuzz(server, greeted, frames)


POISON = {
    "half a character": r'[{"insert":"\ud800"}]',
    "the other half": r'[{"insert":"a\udc00b"}]',
    "halves the wrong way round": r'[{"insert":"\udc00\ud800"}]',
    "half a character as a key": r'[{"insert":"a","attributes":{"\ud800":1}}]',
    "half a character in an attribute": r'[{"insert":"a","attributes":{"a":"\ud800"}}]',
    "half a character in an embed": r'[{"insert":{"image":"\ud800"}}]',
    "a NUL": r'[{"insert":"a\u0000b"}]',
    "a NUL in an attribute": r'[{"insert":"a","attributes":{"a":"\u0000"}}]',
    "nothing at all": r"null",
    "a number": r"5",
    "an object": r'{"insert":"a"}',
    "an op of two kinds": r'[{"insert":"a","delete":1}]',
    "an op of no kind": r"[{}]",
    "an op that is a list": r'[["insert","a"]]',
    "an insert of a number": r'[{"insert":1}]',
    "an insert of nothing": r'[{"insert":null}]',
    "an insert of a list": r'[{"insert":["a"]}]',
    "a negative retain": r'[{"retain":-1}]',
    "half a retain": r'[{"retain":0.5}]',
    "a huge retain": r'[{"retain":1e308}]',
    "an infinite retain": r'[{"retain":1e999}]',
    "a retain beyond all integers": r'[{"retain":99999999999999999999999999}]',
    "a true retain": r'[{"retain":true}]',
    "a retain of words": r'[{"retain":"1"}]',
    "past the end": r'[{"retain":1000},{"insert":"a"}]',
    "deleting past the end": r'[{"delete":1000}]',
    "into a surrogate pair": r'[{"retain":1},{"insert":"a"}]',
    "half of a surrogate pair away": r'[{"delete":1}]',
    "attributes that are none": r'[{"insert":"a","attributes":5}]',
    "formatting plain text": r'[{"insert":"a","attributes":{"bold":true}}]',
    "an embed in plain text": r'[{"insert":{"image":"x"}}]',
}


@pytest.mark.parametrize("poison", POISON.values(), ids=POISON.keys())
async def test_poison(
    server: Server, caplog: pytest.LogCaptureFixture, poison: str
) -> None:
    """Refused before it is stored; the next operation of somebody else reaches everybody."""
    document = await server.create_document("x", "😀")
    victim, attacker = await server.raw(document), await server.raw(document)
    await attacker.send_text(
        f'[{{"type":"operation","revision":0,"sequence":1,"delta":{poison}}}]'
    )
    answer = await patient(_refusal(attacker))
    assert answer["code"] in ("bad_operation", "bad_message", "bad_json"), answer
    await victim.operate(0, 1, [{"retain": 2}, {"insert": "!"}])
    await patient(victim.committed(1))
    assert await server.text(document) == "😀!"
    assert not [record for record in caplog.records if record.exc_info]
    await victim.close()
    await attacker.close()


async def _refusal(session: RawSession) -> dict[str, Any]:
    while (message := await session.next())["type"] not in ("error", "goodbye"):
        assert message["type"] != "operations", "it was taken"
    return message


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "bad_json"), ("[", "bad_json"), ("nonsense", "bad_json"), ("[NaN]", "bad_json"),
        ("[" * 1000, "bad_message"), ("[" * 100_000, "bad_message"),
        ('{"a":' * 40_000, "bad_message"),
        ("null", "bad_message"), ("{}", "bad_message"), ("5", "bad_message"),
        ("[null]", "bad_message"), ("[[]]", "bad_message"), ("[{}]", "bad_message"),
        ('[{"type":"unheard_of"}]', "bad_message"), ('[{"type":5}]', "bad_message"),
        ('[{"type":"welcome"}]', "bad_message"), ('[{"type":"operation"}]', "bad_message"),
        ('[{"type":"hello","protocol":1}]', "bad_message"),
        ('[{"type":"message","plugin":"no-such"}]', "no_plugin"),
        ('[{"type":"message","plugin":5}]', "bad_message"),
    ],
)
async def test_named_errors(server: Server, text: str, code: str) -> None:
    session = await server.raw(await server.create_document())
    await session.send_text(text)
    assert (await patient(_refusal(session)))["code"] == code
    await session.close()


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ('[{"type":"hello"}]', "bad_message"),
        ('[{"type":"hello","protocol":2}]', "unsupported_protocol"),
        ('[{"type":"ping"}]', "hello_expected"),
        ('[{"type":"hello","protocol":1},{"type":"ping"}]', "hello_expected"),
        ("[]", "hello_expected"),
        ("[", "bad_json"),
        ('[{"type":"hello","protocol":1,"revision":9}]', "bad_revision"),
        ('[{"type":"hello","protocol":1,"client":"x"}]', "bad_client"),
    ],
)
async def test_named_errors_before_the_welcome(server: Server, text: str, code: str) -> None:
    session = await server.raw(await server.create_document(), greet=False)
    await session.send_text(text)
    assert await patient(session.ended()) is not None
    assert session.received[-1] == {**session.received[-1], "type": "goodbye", "code": code}


@pytest.mark.parametrize("depth", [20, 100, 300, 500, 900, 990, 1000, 1100, 5000, 40_000])
@pytest.mark.parametrize(
    "message",
    [
        '[{"type":"operation","revision":0,"sequence":1,"delta":%s}]',
        '[{"type":"operation","revision":0,"sequence":1,"delta":[{"insert":%s}]}]',
        '[{"type":"operation","revision":0,"sequence":1,"delta":'
        '[{"insert":"a","attributes":{"a":%s}}]}]',
        '[{"type":"message","plugin":"cursors","data":%s}]',
    ],
)
async def test_deep_nesting(
    server: Server, caplog: pytest.LogCaptureFixture, message: str, depth: int
) -> None:
    """At every depth it is either taken or refused by name, and nobody else notices."""
    document = await server.create_document(type="richtext")
    attacker, victim = await server.raw(document), await server.raw(document)
    for start, middle, end in (('{"a":', "1", "}"), ("[", "1", "]"), ('{"a":', "", "")):
        value = start * depth + middle + end * depth
        code = await patient(_abuse(attacker, [message % value]))
        if code is not None:
            await attacker.close()
            attacker = await server.raw(document)
    await victim.operate(0, 1, [{"insert": "!"}])
    while not any(
        one["client"] == victim.client
        for one in (await patient(victim.next())).get("operations", ())
    ):
        pass
    async with server.connect(document) as late:
        await patient(late.insert(0, "?"))
        assert "!" in late.text
    for record in caplog.records:
        assert not record.exc_info, record.getMessage()
    await attacker.close()
    await victim.close()
