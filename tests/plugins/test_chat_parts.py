"""chat: what it is made of, each alone."""

from __future__ import annotations

import asyncio

import msgspec
import pytest
from collab.plugins.chat.conversation import KNOWN, PAGE, Conversation, messages
from collab.plugins.chat.mentions import MOST, find
from collab.plugins.chat.texts import Unfit, clean
from collab.plugins.chat.transcript import transcript
from collab.plugins.chat.wire import Entry, Mention

from collab import Violation
from collab.plugins import BUNDLED
from collab.plugins.tables import Tables
from collab.protocol.messages import User
from collab.storage.memory import MemoryStore
from collab.storage.port import DocumentRecord

ADA = User("ada", "Ada", "#1d4ed8")
LOVELACE = User("lovelace", "Ada Lovelace", "#1d4ed8")
BOB = User("bob", "Bob", "#be123c")
BOBBY = User("bobby", "bob", "#be123c")
EVE = User("eve", "Ève 👩‍💻", "#be123c")
EVERYBODY = [ADA, LOVELACE, BOB, BOBBY, EVE]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        ("nobody @ all", []),
        ("@Ada", [(0, 4, "ada")]),
        ("@ADA!", [(0, 4, "ada")]),
        ("@Ada Lovelace", [(0, 13, "lovelace")]),
        ("@Ada  Lovelace", [(0, 4, "ada")]),
        ("@Adam and Ada", []),
        ("me@Ada", []),
        ("_@Ada", []),
        ("(@Ada)", [(1, 5, "ada")]),
        ("👩‍💻 @Bob", [(6, 10, "bob"), (6, 10, "bobby")]),
        ("@Ève 👩‍💻, @Ada", [(0, 10, "eve"), (12, 16, "ada")]),
        ("@Ada@Ada", [(0, 4, "ada")]),
    ],
)
def test_mentions(text: str, expected: list[tuple[int, int, str]]) -> None:
    assert find(text, EVERYBODY) == [Mention(*one) for one in expected]


def test_mentions_are_bounded() -> None:
    assert len(find("@Ada " * 100, EVERYBODY)) == MOST
    people = [User(str(number), "x" * (number % 64 + 1), "#000000") for number in range(1000)]
    assert find("@y" * 2500, people) == []


def test_texts_are_plain() -> None:
    assert clean("  a\r\nb\rc\x00\x07\x85 \n", 10) == "a\nb\nc"
    assert clean("\ud83d", 1) == "\ufffd"
    assert clean("👋", 2) == "👋"
    with pytest.raises(Unfit, match="may have 1 characters, this one has 2"):
        clean("👋", 1)
    with pytest.raises(Unfit, match="nothing"):
        clean(" \x00\n", 10)


async def conversation(store: MemoryStore) -> Conversation:
    await store.tables.migrate("chat", BUNDLED / "chat" / "migrations")
    return Conversation(Tables("chat", store), "doc")


@pytest.fixture
async def store() -> MemoryStore:
    store = MemoryStore()
    await store.create(DocumentRecord("doc", "Title", "text", "epoch", 0, 0.0, 0.0), b"[]")
    return store


async def add(conversation: Conversation, number: int, author: User = ADA) -> Entry:
    message, _ = await conversation.add(author, f"text {number}", [], f"key {number}", number)
    return message


async def test_the_migrations_make_the_table_that_the_code_means(store: MemoryStore) -> None:
    await conversation(store)
    [made] = (await store.tables.of_documents())["chat"]
    assert [(one.name, one.nullable) for one in made.columns] == [
        (one.name, one.nullable) for one in messages.columns
    ]
    assert made.primary_key.columns.keys() == messages.primary_key.columns.keys()


async def test_pages_are_read_backwards(store: MemoryStore) -> None:
    written = await conversation(store)
    assert await written.before() == ([], False)
    for number in range(1, 2 * PAGE + 11):
        assert (await add(written, number)).id == number
    for one in (written, await conversation(store)):
        newest, more = await one.before()
        assert [message.id for message in newest] == list(range(PAGE + 11, 2 * PAGE + 11))
        assert more
        middle, more = await one.before(newest[0].id)
        assert [message.id for message in middle] == list(range(11, PAGE + 11)) and more
        oldest, more = await one.before(11)
        assert [message.id for message in oldest] == list(range(1, 11)) and not more
        assert await one.before(1) == ([], False)
        assert (await one.before(10**9))[0] == newest
        assert [message.id for message in await one.all()] == list(range(1, 2 * PAGE + 11))


async def test_what_is_handed_out_at_once_is_bounded(store: MemoryStore) -> None:
    one = await conversation(store)
    for number in range(PAGE):
        await one.add(ADA, "汉" * 5000, [], str(number), number)
    found, more = await one.before()
    assert 0 < len(found) < PAGE and more
    assert len(msgspec.json.encode(found)) < 200_000


async def test_a_message_is_replaced_wherever_it_is(store: MemoryStore) -> None:
    one = await conversation(store)
    for number in range(1, 3 * PAGE):
        await add(one, number)
    for id in (1, PAGE, 3 * PAGE - 1):
        await one.replace(Entry(id, ADA, 0.0, "k", deleted=True))
    again = await conversation(store)
    assert [message.id for message in await again.all() if message.deleted] == [
        1, PAGE, 3 * PAGE - 1,
    ]
    assert await again.get(3 * PAGE) is None
    assert await again.get(10**6) is None
    kept = await again.get(2)
    assert kept is not None and kept.text == "text 2"


async def test_time_goes_on_and_people_are_remembered(store: MemoryStore) -> None:
    one = await conversation(store)
    first, _ = await one.add(ADA, "a", [], "1", 100.0)
    second, _ = await one.add(BOB, "b", [], "2", 50.0)
    assert (first.time, second.time) == (100.0, 100.0)
    renamed = User("ada", "Countess", "#1d4ed8")
    await one.add(renamed, "c", [], "3", 101.0)
    for number in range(KNOWN - 1):
        await one.add(User(str(number), "x", "#000000"), "d", [], "k", 102.0)
    again = await conversation(store)
    people = await again.people()
    assert len(people) == KNOWN
    assert people[0] == renamed and people[-1].id == str(KNOWN - 2)
    assert "bob" not in {user.id for user in people}


async def test_a_message_that_is_sent_again_is_found_however_old_it_is(store: MemoryStore) -> None:
    one = await conversation(store)
    first = await add(one, 1)
    for number in range(2, 3 * PAGE):
        await add(one, number)
    assert await one.add(ADA, "another text", [], "key 1", 99.0) == (first, False)
    assert len(await one.all()) == 3 * PAGE - 1


async def test_messages_that_come_at_once_have_numbers_of_their_own(store: MemoryStore) -> None:
    one, other = await conversation(store), await conversation(store)
    adding = [add(talk, n, who) for n in range(20) for talk, who in [(one, ADA), (other, BOB)]]
    await asyncio.gather(*adding)
    assert [message.id for message in await one.all()] == list(range(1, 41))


async def test_nobody_talks_about_a_document_that_is_gone(store: MemoryStore) -> None:
    one = await conversation(store)
    await add(one, 1)
    await store.delete("doc")
    assert await one.all() == []
    with pytest.raises(Violation, match="no document doc"):
        await add(one, 2)


def test_a_transcript_has_days_and_hours() -> None:
    assert transcript("", []) == "Chat about Untitled (times are UTC)\n"
    text = transcript(
        "Plans",
        [
            Entry(1, ADA, 0.0, "k", "one\ntwo", edited=1.0),
            Entry(2, BOB, 86_400.0 + 3600, "k", "three", edited=1.0),
            Entry(3, BOB, 86_400.0 + 3660, "k", deleted=True),
        ],
    )
    assert text == (
        "Chat about Plans (times are UTC)\n\n1970-01-01\n\n00:00 Ada: one\n      two (edited)\n"
        "\n1970-01-02\n\n01:00 Bob: three (edited)\n01:01 Bob (deleted)\n"
    )
