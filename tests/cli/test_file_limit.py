"""How many files may be open is raised to what the settings need, or it is said that it is not."""

from __future__ import annotations

import logging
import resource
import subprocess
import sys

import pytest

from collab.cli import file_limit
from collab.cli.file_limit import RESERVE, raise_file_limit


class Limits:
    """Stands in for the operating system's."""

    RLIMIT_NOFILE = resource.RLIMIT_NOFILE
    RLIM_INFINITY = resource.RLIM_INFINITY

    def __init__(self, soft: int, hard: int) -> None:
        self.now = soft, hard

    def getrlimit(self, which: int) -> tuple[int, int]:
        return self.now

    def setrlimit(self, which: int, limits: tuple[int, int]) -> None:
        self.now = limits


@pytest.mark.parametrize(
    ("soft", "hard", "after", "told"),
    [
        (1024, 10_000, 5000 + RESERVE, False),
        (1024, resource.RLIM_INFINITY, 5000 + RESERVE, False),
        (1024, 4096, 4096, True),
        (100_000, 100_000, 100_000, False),
        (resource.RLIM_INFINITY, resource.RLIM_INFINITY, resource.RLIM_INFINITY, False),
    ],
)
def test_the_limit_that_there_is(
    soft: int, hard: int, after: int, told: bool,
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture,
) -> None:
    limits = Limits(soft, hard)
    monkeypatch.setattr(file_limit, "resource", limits)
    raise_file_limit(5000)
    assert limits.now == (after, hard)
    assert [record.levelno for record in caplog.records] == [logging.WARNING] * told
    assert told == ("LimitNOFILE" in caplog.text)


WITHOUT_FILES = """
import os, resource
import collab.ot, collab.web, collab.plugins.ranges
resource.setrlimit(resource.RLIMIT_NOFILE, (len(os.listdir("/proc/self/fd")) - 1, 100))
try:
    open("/dev/null")
except OSError:
    pass
else:
    raise SystemExit("there is a file left")
for name in ("text", "richtext"):
    content = collab.ot.document_type(name).content(collab.ot.Delta().insert("é😀"))
    content.checksum()
for charset in collab.web.content.CHARSETS:
    b"".decode(charset)
"""


def test_checksums_need_no_file() -> None:
    """Python imports a codec at its first use, which failed when connections held every file."""
    result = subprocess.run([sys.executable, "-c", WITHOUT_FILES], capture_output=True, text=True)
    assert result.returncode == 0, result.stderr
