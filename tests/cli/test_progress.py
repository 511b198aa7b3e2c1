"""The bar: for people at a terminal, on long work only."""

from __future__ import annotations

import io
import time

import pytest

from collab.cli.progress import progress


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    now = [100.0]
    monkeypatch.setattr(time, "monotonic", lambda: now[0])
    return now


def test_long_work_shows_how_far_it_is(clock: list[float]) -> None:
    terminal = Terminal()
    with progress("importing", 200, terminal) as bar:
        clock[0] += 1
        bar.advance(50)
        assert terminal.getvalue() == "\rimporting [########......................]  25%"
        clock[0] += 0.01
        bar.advance()
        assert terminal.getvalue().count("\r") == 1
        bar.advance(1000)
        assert terminal.getvalue().endswith("] 100%")
    assert terminal.getvalue().endswith(" \r")


def test_short_work_shows_nothing(clock: list[float]) -> None:
    terminal = Terminal()
    with progress("importing", 2, terminal) as bar:
        bar.advance()
        clock[0] += 0.1
        bar.advance()
    assert terminal.getvalue() == ""


def test_a_file_gets_no_bar(clock: list[float]) -> None:
    file = io.StringIO()
    with progress("importing", 2, file) as bar:
        clock[0] += 10
        bar.advance(2)
    assert file.getvalue() == ""


def test_nothing_to_do_is_done(clock: list[float]) -> None:
    terminal = Terminal()
    with progress("exporting", 0, terminal) as bar:
        clock[0] += 10
        bar.advance(0)
    assert "100%" in terminal.getvalue()
