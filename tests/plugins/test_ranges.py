"""Ranges move with the text, survive restarts, and come back when a deletion is undone."""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import pytest

from collab.ot import Delta
from collab.plugins.earlier import before
from collab.plugins.positions import OutOfReach
from collab.plugins.ranges import STALE, Range, Ranges
from collab.protocol.errors import CollabError
from collab.protocol.settings import Settings
from collab.testing.server import Server, serve
from collab.web.keys import PLUGINS, ROOMS, STORE
from tests.plugins.fake import until, write_plugin

TEXT = "The quick brown fox"


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    write_plugin(tmp_path / "plugins", "it", "class It(Plugin): ...")
    return Settings(
        data_dir=tmp_path / "data",
        plugins_dir=tmp_path / "plugins",
        plugins_on=("it",),
        idle_close=0.01,
    )


def it(server: Server) -> Any:
    return server.app[PLUGINS].plugins["it"]


def insert(index: int, text: str) -> Delta:
    return Delta().retain(index).insert(text)


def delete(index: int, length: int) -> Delta:
    return Delta().retain(index).delete(length)


async def after(server: Server, start: int, end: int, *deltas: Delta) -> tuple[str, Range]:
    """The text of a range after some edits, and where it is."""
    document_id = await server.create_document("Notes", TEXT)
    async with it(server).server.document(document_id) as document:
        ranges: Ranges = it(server).ranges(document)
        await ranges.add("a", start, end, {"n": 1})
        for delta in deltas:
            await document.apply(delta, author="it")
        found = await ranges.get("a")
        assert found is not None and found.data == {"n": 1}
        assert await ranges.all() == {"a": found}
        return document.text[found.start : found.end], found


async def test_a_range_moves_with_its_text(settings: Settings) -> None:
    async with serve(settings) as server:
        cases: list[tuple[list[Delta], str]] = [
            ([], "quick"),
            ([insert(0, "Oh! ")], "quick"),
            ([insert(4, "very ")], "quick"),
            ([insert(9, "er")], "quick"),
            ([insert(6, "--")], "qu--ick"),
            ([delete(0, 4)], "quick"),
            ([delete(0, 6)], "ick"),
            ([delete(7, 9)], "qui"),
            ([delete(0, 19)], ""),
            ([delete(2, 10), insert(0, "Oh! "), insert(23 - 10, "!")], ""),
            # Undone: in one step, letter by letter, at either end, after something else.
            ([delete(4, 5), insert(4, "quick")], "quick"),
            ([delete(2, 9), insert(2, TEXT[2:11])], "quick"),
            ([delete(2, 4), insert(2, TEXT[2:6])], "quick"),
            ([delete(7, 5), insert(7, TEXT[7:12])], "quick"),
            ([delete(8, 1), delete(7, 1), delete(6, 1), insert(6, "ick")], "quick"),
            ([delete(*at) for at in ((8, 1), (7, 1), (6, 1), (5, 1), (4, 1), (3, 1))]
             + [insert(3, " quick")], "quick"),
            ([delete(4, 1)] * 5 + [insert(4, "quick")], "quick"),
            ([delete(4, 5), insert(0, "Oh! "), insert(8, "quick")], "quick"),
            ([delete(4, 5), insert(4, "slow")], ""),
            ([Delta().retain(4).insert("s").delete(5)], ""),
        ]
        for deltas, expected in cases:
            text, _ = await after(server, 4, 9, *deltas)
            assert text == expected, (deltas, text)


async def test_a_range_is_a_range_whatever_happens(settings: Settings) -> None:
    """The model: a range is what is left of its letters, and what came between them."""
    pace = random.Random(7)
    async with serve(settings) as server:
        document_id = await server.create_document("Notes", "abcdefghij" * 3)
        async with it(server).server.document(document_id) as document:
            ranges: Ranges = it(server).ranges(document)
            for number in range(10):
                await ranges.add(str(number), number * 2, number * 2 + pace.randrange(1, 9))
            for _ in range(300):
                at = pace.randrange(document.length + 1)
                if pace.random() < 0.5 or at == document.length:
                    change = insert(at, "xy"[: pace.randrange(1, 3)])
                else:
                    change = delete(at, min(pace.randrange(1, 6), document.length - at))
                await document.apply(change, author="it")
                for found in (await ranges.all()).values():
                    assert 0 <= found.start <= found.end <= document.length


async def test_ranges_survive_a_restart_and_what_happened_since_they_were_stored(
    settings: Settings,
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Notes", TEXT)
        async with it(server).server.document(id) as document:
            ranges = it(server).ranges(document)
            await ranges.add("fox", 16, 19, "F")
            await document.apply(insert(0, "Oh! "), author="it")
            await ranges.add("quick", 8, 13, "Q")
            await ranges.add("gone", 0, 1)
            await ranges.remove("gone")
            await document.apply(delete(8, 5), author="it")
    async with serve(settings) as server:
        async with it(server).server.document(id) as document:
            await document.apply(insert(8, "quick"), author="it")
            ranges = it(server).ranges(document)
            await document.apply(insert(0, "Ah! "), author="it")
            found = await ranges.all()
            shown = {key: (document.text[a:b], data) for key, (a, b, data) in found.items()}
            assert shown == {"quick": ("quick", "Q"), "fox": ("fox", "F")}
            assert await ranges.update("fox", "G") and not await ranges.update("gone", 1)
            assert (await ranges.get("fox")).data == "G"
            assert await ranges.get("gone") is None and not await ranges.remove("gone")
            assert await it(server).state.list(document=document) == {}
        assert await server.app[STORE].delete(id)
        assert await server.app[STORE].list_state("it:ranges", id) == {}


async def test_ranges_are_stored_anew_when_much_has_happened(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Notes", TEXT)
        plugin = it(server)
        async with plugin.server.document(id) as document:
            ranges = plugin.ranges(document)
            await ranges.add("fox", 16, 19)
            for _ in range(STALE):
                await document.apply(insert(0, "x"), author="it")
            assert ranges.stale
            await ranges.flush()
            assert not ranges.stale
        stored = await server.app[STORE].list_state("it:ranges", id)
        assert b'"start":%d' % (16 + STALE) in stored["fox"]


async def test_positions_of_an_earlier_revision_are_moved_and_wrong_ones_refused(
    settings: Settings,
) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Notes", TEXT)
        async with it(server).server.document(id) as document:
            ranges = it(server).ranges(document)
            await document.apply(insert(0, "Oh! "), author="it")
            assert await ranges.add("fox", 16, 19, revision=0) == (20, 23, None)
            for start, end in ((-1, 3), (3, 2), (0, 24)):
                with pytest.raises(ValueError, match="range can't"):
                    await ranges.add("wrong", start, end)
            with pytest.raises(OutOfReach):
                await ranges.add("wrong", 0, 1, revision=2)
            assert list(await ranges.all()) == ["fox"] and ranges.revision == 1


async def test_what_can_not_be_kept_leaves_all_that_is_held_as_it_is(settings: Settings) -> None:
    """Half of a length was stored, and no range of the document could be read ever again."""
    async with serve(settings) as server:
        id = await server.create_document("Notes", TEXT)
        async with it(server).server.document(id) as document:
            ranges: Ranges = it(server).ranges(document)
            await ranges.add("a", 0, 3, "kept")
            odd_ones: list[tuple[Any, Any, Any, type[Exception]]] = [
                ("a", len(TEXT) / 2, None, TypeError),
                ("a", True, None, TypeError),
                ("a", 3, object(), TypeError),
                ("a", 3, "x" * 2**20, ValueError),
                ("a\0", 3, None, ValueError),
                (5, 3, None, TypeError),
            ]
            for key, end, data, raised in odd_ones:
                with pytest.raises(raised):
                    await ranges.add(key, 0, end, data)
            with pytest.raises(TypeError):
                await ranges.update("a", object())
            assert await ranges.all() == {"a": Range(0, 3, "kept")}
            positions = it(server).positions(document)
            for odd in (1.5, float("nan"), True, "1"):
                with pytest.raises(TypeError, match="a whole number"):
                    positions.set("p", odd)
            assert len(positions) == 0
    async with serve(settings) as server, it(server).server.document(id) as document:
        assert await it(server).ranges(document).all() == {"a": Range(0, 3, "kept")}


async def test_of_a_frozen_document_they_are_as_they_were(settings: Settings) -> None:
    async with serve(settings) as server:
        id = await server.create_document("Notes", TEXT)
        async with it(server).server.document(id) as document:
            live: Ranges = it(server).ranges(document)
            await live.add("fox", 16, 19)
            await document.apply(insert(0, "Oh! "), author="it")
            await live.add("quick", 8, 13)
            await live.update("fox", "F")  # is stored as of now
            await document.apply(delete(0, 8), author="it")
            await live.add("fox", 12, 15, "G")
            for revision, wanted in (
                (0, {"fox": "fox"}),
                (1, {"fox": "fox", "quick": "quick"}),
                (2, {"fox": "fox", "quick": "quick"}),
                (None, {"fox": "fox", "quick": "quick"}),
            ):
                frozen = await server.app[PLUGINS].house.document_at(id, revision)
                ranges = it(server).ranges(frozen)
                found = await ranges.all()
                shown = {key: frozen.text[one.start : one.end] for key, one in found.items()}
                assert shown == wanted and ranges.revision == frozen.revision
                assert (await ranges.get("fox")).data == "G"
            with pytest.raises(CollabError, match="can't be changed"):
                await ranges.add("new", 0, 1)
            with pytest.raises(CollabError, match="can't be changed"):
                await ranges.update("fox", "x")
            with pytest.raises(CollabError, match="can't be changed"):
                await ranges.remove("fox")
            with pytest.raises(CollabError, match="can't be changed"):
                await ranges.flush()
            assert (await live.all()).keys() == {"fox", "quick"}


@pytest.mark.parametrize(
    ("ops", "now", "then"),
    [
        ([], (2, 4), (2, 4)),
        ([{"insert": "👋"}], (3, 5), (1, 3)),
        ([{"retain": 9}, {"insert": "x"}], (2, 4), (2, 4)),
        ([{"retain": 3}, {"insert": "abc"}], (2, 7), (2, 4)),
        ([{"retain": 3}, {"insert": "abc"}], (4, 5), (3, 3)),
        ([{"delete": 5}], (0, 2), (5, 7)),
        ([{"retain": 4}, {"delete": 5}], (2, 4), (2, 4)),
        ([{"retain": 2}, {"delete": 5}], (2, 2), (2, 7)),
        ([{"retain": 2}, {"insert": {"image": "x"}}, {"delete": 1}], (3, 4), (3, 4)),
    ],
)
def test_where_a_range_was(
    ops: list[dict[str, object]], now: tuple[int, int], then: tuple[int, int]
) -> None:
    assert before(*now, Delta(ops)) == then


def test_where_a_range_was_after_many_edits_around_it() -> None:
    choose = random.Random(3)
    for _ in range(100):
        text = "." * 20 + "<fox>" + "." * 20
        deltas = []
        for _ in range(10):
            start = text.index("<fox>")
            index = choose.choice([choose.randrange(start), choose.randrange(start + 6, len(text))])
            index = max(0, index)
            if choose.random() < 0.5:
                deltas.append(Delta().retain(index).insert("ab"))
                text = text[:index] + "ab" + text[index:]
            else:
                room = (start if index < start else len(text)) - index
                length = min(3, room)
                if not length or (index < start and start < 4) or len(text) - start < 15:
                    continue
                deltas.append(Delta().retain(index).delete(length))
                text = text[:index] + text[index + length :]
        start = text.index("<fox>")
        place = start, start + 5
        for delta in reversed(deltas):
            place = before(*place, delta)
        assert place == (20, 25)


async def test_what_is_stored_at_the_end_is_there_before_a_document_is_read_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Found by a review: ranges that were changed, or removed, right after were as before."""
    monkeypatch.setattr("collab.plugins.ranges.STALE", 2)
    write_plugin(tmp_path / "plugins", "keeper", "class Keeper(Plugin): pass")
    settings = Settings(
        data_dir=tmp_path / "data", plugins_dir=tmp_path / "plugins",
        plugins_on=("keeper",), idle_close=0.01,
    )  # fmt: skip
    async with serve(settings) as server:
        keeper = server.app[PLUGINS].plugins["keeper"]
        id = await server.create_document("Notes", "word " * 100)
        async with keeper.server.document(id) as document:
            for number in range(50):
                await keeper.ranges(document).add(f"{number:02}", number, number + 1, "old")
            for _ in range(3):
                await document.apply(Delta().insert("x"), author="bot:x")
        await until(lambda: not server.app[ROOMS].all())
        async with keeper.server.document(id) as document:
            ranges = keeper.ranges(document)
            await ranges.update("49", "new")
            await ranges.remove("48")
            await until(lambda: not len(keeper._services.tasks))
            stored = await keeper._services.kept.list(document=document)
            assert stored["49"]["data"] == "new" and "48" not in stored
