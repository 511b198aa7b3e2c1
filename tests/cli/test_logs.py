"""The log of a running server is not to be flooded, save by what the server itself says."""

from __future__ import annotations

import logging

import pytest

from collab.cli.logs import BURST, OVERHEAD, RATE, REST, TRACEBACK, Bounded


def line(name: str, message: str = "", *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, "file", 1, message, arguments, None)


@pytest.mark.parametrize("name", ["collab.plugins.bad", "bad", "aiohttp.server"])
def test_who_floods_is_left_out_until_it_rests(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    bounded = Bounded(lambda: now)
    long = line(name, "x" * 1000)
    each = 1000 + OVERHEAD
    taken = sum(bounded.filter(long) for _ in range(2 * BURST // each))
    assert BURST / each <= taken < BURST / each + 2
    assert f"{name} writes too much: it is left out of the log for a while" in caplog.text
    assert bounded.filter(line("another"))
    now = (REST - 2 * each) / RATE
    assert not bounded.filter(long)
    now = (REST + each) / RATE
    assert bounded.filter(long)
    left = 2 * BURST // each - taken + 1
    assert caplog.messages[-1] == f"{name} wrote too much: {left} lines were left out"


@pytest.mark.parametrize("name", ["collab.plugins", "collab.web.app", "collab.cli.logs"])
def test_what_the_server_says_is_never_left_out(name: str) -> None:
    bounded = Bounded(lambda: 0.0)
    assert all(bounded.filter(line(name, "x" * 1000)) for _ in range(BURST // 500))


def test_tracebacks_count_and_wrong_arguments_do_no_harm() -> None:
    bounded = Bounded(lambda: 0.0)
    wrong = line("bad", "%d", "no number")
    wrong.exc_info = (None, None, None)
    assert sum(bounded.filter(wrong) for _ in range(BURST)) <= BURST / TRACEBACK + 1
