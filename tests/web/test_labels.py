"""Names and titles can be seen, at every door, and who has only a cookie is marked as a guest."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from collab.protocol.labels import MARKS, clean_label, label_or
from collab.protocol.messages import NAMELESS, User
from collab.protocol.settings import Settings
from collab.rooms.new import clean_title
from collab.storage.backup.reading import read as read_backup
from collab.testing.server import serve
from plugins.chat.transcript import transcript
from plugins.chat.wire import Entry
from plugins.comments.importing import read
from plugins.history.versions import clean as clean_version
from tests.storage.files import AUTHOR, LINES, sealed

UNSEEN = [
    "\u3164", "\u2800", "\u200b", "\u00ad", "\u115f", "\u1160", "\uffa0", "\u034f", "\u17b4",
    "\u180e", "\u2060", "\ufeff", "\u202e", "\u2066", "\u200d", "\u200c", "\ufe0f",
    "\U000e0041", "\U000e0100", "\U0001d159", "\u0301", "\u20dd", " ", "\u00a0", "\u3000",
]  # fmt: skip
ZALGO = "Z" + "\u0301" * 62


@pytest.mark.parametrize("unseen", UNSEEN, ids=ascii)
def test_what_is_not_seen_is_no_name(unseen: str) -> None:
    for text in (unseen, unseen * 10, f" {unseen} {unseen}"):
        with pytest.raises(ValueError, match="visible"):
            clean_label(text, 64)
    assert User("guest:x", unseen, "").name == NAMELESS
    assert clean_label(f"{unseen}Ada{unseen}", 64).startswith("Ada")


@pytest.mark.parametrize(
    ("text", "label"),
    [
        ("Ada\u3164Lovelace", "AdaLovelace"),
        ("Ada\u2800Lovelace", "Ada Lovelace"),
        (ZALGO, "Z" + "\u0301" * MARKS),
        ("\u0301\u0301Ada", "Ada"),
        ("Việt Nguyễn", "Việt Nguyễn"),
        ("Vi\u0065\u0323\u0302t", "Vi\u0065\u0323\u0302t"),
        ("שָׁלוֹם", "שָׁלוֹם"),
        ("สวัสดี", "สวัสดี"),
        ("می\u200cخواهم", "می\u200cخواهم"),
        ("a\u200d\u200d\u200db", "a\u200db"),
        ("Ada\u200d", "Ada"),
        ("👨‍👩‍👧‍👦", "👨‍👩‍👧‍👦"),
        ("❤\ufe0f", "❤\ufe0f"),
        ("葛\U000e0100城", "葛\U000e0100城"),
        ("🏴󠁧󠁢󠁳󠁣󠁴󠁿", "🏴󠁧󠁢󠁳󠁣󠁴󠁿"),
        ("Ada\U000e0041\U000e0042", "Ada"),
        ("क्षत्रिय", "क्षत्रिय"),
    ],
    ids=ascii,
)
def test_a_name_keeps_what_its_script_needs(text: str, label: str) -> None:
    assert clean_label(text, 64) == label
    assert clean_label(label, 64) == label, "cleaning it again changes nothing"


def test_what_is_too_long_is_refused_or_cut() -> None:
    with pytest.raises(ValueError, match="64 characters, not 65"):
        clean_label("x" * 65, 64)
    with pytest.raises(ValueError, match="64 characters, not 1000001"):
        clean_label("x" * 1_000_001, 64)
    assert label_or("x" * 1_000_001, "?", 64) == "x" * 64


def test_every_door_cleans_names() -> None:
    assert clean_title(f"Plans\u3164 {ZALGO}") == "Plans Z" + "\u0301" * MARKS
    assert clean_version(f"\u2800{ZALGO}") == "\u0179" + "\u0301" * MARKS
    assert clean_version("\u3164") == ""
    assert User("member:x", f"Ada\u202e{ZALGO}", "").name == "AdaZ" + "\u0301" * MARKS
    with pytest.raises(ValueError, match="id"):
        User("", "Ada", "")


def test_an_imported_person_has_a_name_that_is_seen() -> None:
    author = {"id": "x", "name": "\u3164\u2800", "color": ""}
    comment = {"id": 1, "author": author, "time": 1.0, "key": "k", "text": "!"}
    thread = {"quote": "a", "revision": 0, "comments": [comment]}
    file = {
        "title": "T", "type": "text", "content": [{"insert": "abc"}],
        "threads": [{"id": "1", "start": 0, "end": 1, "thread": thread}],
    }
    state: Any = read(json.dumps(file).encode(), 10).state
    (placed,) = state["arrived 0"]
    assert placed["thread"]["comments"][0]["author"]["name"] == f"{NAMELESS} (imported)"


def test_an_author_in_a_backup_has_a_name_that_is_seen() -> None:
    line = {"kind": "author", "id": "guest:x", "name": f"\u3164{ZALGO}", "color": "", "since": 1}

    def authors(**changed: Any) -> Any:
        lines = [line | changed if one is AUTHOR else one for one in LINES]
        return read_backup(sealed(lines)).belongings.authors

    (author,) = authors()
    assert author.name == "Z" + "\u0301" * MARKS
    for wrong in ({"id": ""}, {"color": "red"}):
        with pytest.raises(ValueError, match="user"):
            authors(**wrong)


async def test_nobody_takes_a_name_or_title_that_is_not_seen(tmp_path: Path) -> None:
    async with serve(Settings(data_dir=tmp_path)) as server:
        browser = {"Origin": server.url}
        for name in ("\u3164", "\u2800", "\u200b\u00ad"):
            async with server.http.put(
                f"{server.url}/api/me", json={"name": name}, headers=browser
            ) as response:
                assert response.status == 400, name
                assert "visible" in await response.text()
            async with server.http.post(
                f"{server.url}/api/documents", json={"title": name}, headers=browser
            ) as response:
                assert response.status == 400, name
        async with server.http.put(
            f"{server.url}/api/me", json={"name": ZALGO}, headers=browser
        ) as response:
            assert (await response.json())["name"] == "Z" + "\u0301" * MARKS


def test_guests_are_marked_where_there_is_only_text() -> None:
    guest, member = User("guest:x", "Ada", ""), User("member:ada", "Ada", "")
    assert (guest.guest, guest.label, member.guest, member.label) == (
        True, "Ada (guest)", False, "Ada",
    )
    messages = [Entry(1, guest, 0.0, "a", "Hi"), Entry(2, member, 0.0, "b", "Ho")]
    written = transcript("Plans", messages)
    assert "Ada (guest): Hi" in written and "Ada: Ho" in written
