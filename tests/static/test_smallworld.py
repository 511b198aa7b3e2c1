"""The browser's algebra on every case of the small world that Python's was tried on."""

from __future__ import annotations

import io
import subprocess
from contextlib import redirect_stdout
from pathlib import Path

from tests.ot import smallworld
from tests.static.test_node import node


def test_every_small_case_comes_out_the_same() -> None:
    printed = io.StringIO()
    with redirect_stdout(printed):
        smallworld.main()
    cases = printed.getvalue()
    run = subprocess.run(
        [node(), str(Path(__file__).parent / "smallworld.mjs")],
        input=cases,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stderr
    assert int(run.stdout) == cases.count("\n") > 2000
