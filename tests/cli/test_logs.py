"""Nothing that a visitor or a plugin causes fills the disk with the log."""

from __future__ import annotations

import io
import logging
import sys
import threading
from collections.abc import Iterator

import pytest

from collab.cli.logs import (
    BURST,
    LINES,
    LINES_RATE,
    MESSAGE_LENGTH,
    OVERHEAD,
    RATE,
    RESUME,
    TRACEBACK_LENGTH,
    BoundedFormatter,
    LogLimiter,
    prints_logged,
)


def line(name: str, message: object = "", *arguments: object) -> logging.LogRecord:
    return logging.LogRecord(name, logging.INFO, "file", 1, message, arguments, None)


@pytest.mark.parametrize("name", ["collab.plugins.bad", "bad", "aiohttp.server", "printed.bad"])
def test_who_floods_is_left_out_until_it_rests(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    now = 0.0
    limiter = LogLimiter(lambda: now)
    long = line(name, "x" * 1000)
    each = 1000 + OVERHEAD
    taken = sum(limiter.filter(long) for _ in range(2 * BURST // each))
    assert BURST / each - 1 <= taken <= BURST / each
    assert caplog.messages == [f"{name} writes too much: lines are left out for a while"]
    assert limiter.filter(line("another"))
    now = RESUME * BURST / RATE - 1
    assert not limiter.filter(long)
    now += 2
    assert limiter.filter(long)
    left = 2 * BURST // each - taken + 1
    assert caplog.messages[-1] == f"{name} wrote too much: {left} lines were left out"


@pytest.mark.parametrize("name", ["collab.plugins", "collab.web.app", "collab.rooms.room"])
def test_a_line_of_the_server_that_comes_again_and_again(
    name: str, caplog: pytest.LogCaptureFixture
) -> None:
    """Whatever is filled in: one visitor can fill in something else each time."""
    now = 0.0
    limiter = LogLimiter(lambda: now)
    taken = sum(limiter.filter(line(name, "session %s did it", n)) for n in range(100_000))
    assert taken == LINES
    assert limiter.filter(line(name, "something else")), "other lines are as good as before"
    now = RESUME * LINES / LINES_RATE + 1
    assert limiter.filter(line(name, "session %s did it", "last"))
    assert caplog.messages[-1] == f"{name} wrote too much: {100_000 - LINES} lines were left out"


def test_tracebacks_count_and_wrong_arguments_do_no_harm() -> None:
    limiter = LogLimiter(lambda: 0.0)
    wrong = line("bad", "%d", "no number")
    wrong.exc_info = (None, None, None)
    assert sum(limiter.filter(wrong) for _ in range(BURST)) <= BURST / TRACEBACK_LENGTH + 1
    assert limiter.filter(line("collab.web.app", RuntimeError("no text")))


def written(record: logging.LogRecord) -> str:
    return BoundedFormatter("%(levelname)s %(name)s: %(message)s").format(record)


def test_a_line_has_a_bound() -> None:
    long = written(line("bad", "%s", "x" * 10**6))
    assert MESSAGE_LENGTH < len(long) < MESSAGE_LENGTH + 200
    assert "characters left out" in long
    try:
        raise ValueError("y" * 10**6)
    except ValueError:
        record = line("bad", "failed")
        record.exc_info = sys.exc_info()
    long = written(record)
    assert TRACEBACK_LENGTH < len(long) < TRACEBACK_LENGTH + 200
    assert long.startswith("INFO bad: failed\n") and "ValueError" in long


@pytest.mark.parametrize(
    "break_", ["\n", "\r\n", "\r", "\x0b", "\x0c", "\x1c", "\x85", "\u2028", "\u2029"]
)
def test_what_is_filled_in_can_not_forge_a_line(break_: str) -> None:
    shown = written(line("collab.web", "user %s", f"a{break_}ERROR collab: forged"))
    assert all(part.startswith(("INFO ", "    ")) for part in shown.splitlines())


def test_terminals_are_not_told_what_to_do() -> None:
    shown = written(line("collab.web", "user %s", "\x1b[2J\x9b\u202eevil\x00"))
    assert shown == r"INFO collab.web: user \x1b[2J\x9b\u202eevil\x00"


@pytest.fixture
def log() -> Iterator[io.StringIO]:
    """What the root logger's only handler writes."""
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.addFilter(LogLimiter())
    handler.setFormatter(BoundedFormatter("%(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    before, level = root.handlers[:], root.level
    root.handlers[:] = [handler]
    root.setLevel(logging.INFO)
    yield stream
    root.handlers[:] = before
    root.setLevel(level)


def test_what_is_printed_goes_to_the_log(log: io.StringIO) -> None:
    with prints_logged() as out:
        assert out is not sys.stdout
        print("one\ntwo")
        print("to errors", file=sys.stderr)
        print("re", end="")
        print("st", end="", flush=True)
        plugin = {"__name__": "collab_plugins_dir.noisy.inner"}
        exec("for number in range(5000): print(number, 'x' * 100)", plugin)
    written = log.getvalue()
    name = f"printed.{__name__}"
    assert written.startswith(f"INFO {name}: one\nINFO {name}: two\n")
    assert f"WARNING {name}: to errors\nINFO {name}: rest\n" in written
    assert "INFO collab.plugins.noisy: 0 xxx" in written
    assert len(written) < 2 * BURST
    assert "collab.plugins.noisy writes too much" in written


def test_a_thread_that_dies_is_logged(log: io.StringIO) -> None:
    with prints_logged():
        thread = threading.Thread(target=lambda: 1 / 0)
        hook, threading.excepthook = threading.excepthook, threading.__excepthook__
        try:
            thread.start()
            thread.join()
        finally:
            threading.excepthook = hook
    assert "ZeroDivisionError" in log.getvalue()


def test_a_log_that_can_not_be_written_does_not_go_round_in_circles(log: io.StringIO) -> None:
    with prints_logged():
        log.close()
        print("to nowhere")  # logging tells of the closed stream on standard error
