"""Typed settings: what an operator gets wrong is said in a sentence, and the start stops."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from collab.plugins.settings import WrongSettings
from tests.plugins.fake import make_manager, write_plugin

SOURCE = """
from typing import Annotated, Literal
from msgspec import Meta, Struct

class Typed(Plugin):
    class Settings(Struct):
        url: Annotated[str, Meta(min_length=1, description="Where to.")]
        count: Annotated[int, Meta(ge=1, le=9)] = 5
        mode: Literal["fast", "slow"] = "fast"
        share: float | None = None
        names: list[str] = []
        on: bool = True

        def __post_init__(self):
            if self.mode == "slow" and self.count > 5:
                raise ValueError("slow takes a count of 5 at most")
"""


def test_settings_are_read_into_the_declared_types(tmp_path: Path) -> None:
    write_plugin(tmp_path, "typed", SOURCE)
    table = {"url": "x", "count": "7", "share": 1, "on": "false", "names": ["a"]}
    settings = make_manager(tmp_path, plugins={"typed": table}).plugins["typed"].settings
    assert (settings.url, settings.count, settings.mode) == ("x", 7, "fast")
    assert (settings.share, settings.on, settings.names) == (1.0, False, ["a"])


@pytest.mark.parametrize(
    ("table", "parts"),
    [
        ({"url": "x", "count": 0}, ["plugins.typed.count is 0", "at least 1 and at most 9"]),
        ({"url": "x", "count": "many"}, ["plugins.typed.count is 'many'", "a whole number"]),
        ({"url": "x", "mode": "swift"}, ["plugins.typed.mode", "one of 'fast', 'slow'"]),
        ({"url": "x", "share": "half"}, ["plugins.typed.share", "a number or null"]),
        ({"url": "x", "names": [1]}, ["plugins.typed.names", "a list (each a text)"]),
        ({"url": ""}, ["plugins.typed.url", "of at least 1 characters", "Where to."]),
        ({"url": "x", "cuont": 1}, ["no setting 'cuont'", "url, count, mode, share, names, on"]),
        ({}, ["needs the setting plugins.typed.url", "a text"]),
        ({"url": "x", "mode": "slow", "count": 8}, ["slow takes a count of 5 at most"]),
        ("fast", ["plugins.typed has to be a table", "'fast'"]),
    ],
)
def test_a_wrong_setting_stops_the_start_in_a_sentence(
    tmp_path: Path, table: Any, parts: list[str]
) -> None:
    write_plugin(tmp_path, "typed", SOURCE)
    with pytest.raises(WrongSettings) as caught:
        make_manager(tmp_path, plugins={"typed": table})
    for part in parts:
        assert part in str(caught.value)


def test_a_plugin_without_settings_takes_none(tmp_path: Path) -> None:
    write_plugin(tmp_path, "plain", "class Plain(Plugin): ...")
    with pytest.raises(WrongSettings, match=r"no setting 'x'.*it takes: none"):
        make_manager(tmp_path, plugins={"plain": {"x": 1}})


def test_settings_for_a_plugin_that_is_not_there_stop_the_start(tmp_path: Path) -> None:
    with pytest.raises(WrongSettings, match=r"plugins\.presense .*perhaps presence"):
        make_manager(tmp_path, plugins={"presense": {}})


def test_settings_of_a_plugin_that_is_off_or_broken_are_not_looked_at(tmp_path: Path) -> None:
    write_plugin(tmp_path, "broken", "1 / 0")
    make_manager(tmp_path, plugins={"broken": {"x": 1}, "presence": {"nonsense": 1}})


@pytest.mark.parametrize("name", ["presence", "cursors"])
def test_the_bundled_plugins_refuse_nonsense(name: str) -> None:
    with pytest.raises(WrongSettings, match=rf"plugins.{name}.interval .* more than 0"):
        make_manager(None, off=(), plugins={name: {"interval": 0}})
