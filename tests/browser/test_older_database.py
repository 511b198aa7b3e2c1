"""An older copy of the database is put back, and others write past what a tab had seen."""

from __future__ import annotations

import shutil
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from tests.browser.people import House

pytestmark = pytest.mark.browser


def copied(database: Path) -> Path:
    copy = database.with_name("copy")
    with closing(sqlite3.connect(database)) as one, closing(sqlite3.connect(copy)) as other:
        one.backup(other)
    return copy


@pytest.mark.parametrize("past", [0, 40], ids=["nobody-writes", "others-write-past"])
@pytest.mark.parametrize("unsent", ["", "unsent "], ids=["all-saved", "unsent"])
async def test_another_history_is_told_apart_at_once(house: House, past: int, unsent: str) -> None:
    document = await house.document("base\n")
    ada = await house.person()
    await ada.open(document)
    database = house.server.data_dir / "collab.sqlite3"
    copy = copied(database)
    await ada.put_caret(0)
    for word in ("one ", "two ", "three "):
        await ada.type(word)
        await ada.saved()
    house.unplug()
    await ada.status("offline")
    if unsent:
        await ada.type(unsent)
    await house.server.stop()
    for file in database.parent.glob("collab.sqlite3*"):
        file.unlink()
    shutil.copy(copy, database)
    await house.server.start()
    for number in range(past):
        await house.write(document, await house.text(document) + f"line {number}\n")
    house.plug_in()
    await ada.sees(await house.text(document))
    await ada.saved()
    # Nothing of hers is lost: it is offered to her, whole.
    banner = ada.page.locator(".banner[data-rescue]")
    await banner.wait_for()
    kept = await banner.locator("pre").text_content()
    assert kept == f"one two three {unsent}base\n"
    # And she goes on.
    await ada.put_caret(0)
    await ada.type("on ")
    assert (await house.everybody_sees_the_same(document)).startswith("on base\n")
