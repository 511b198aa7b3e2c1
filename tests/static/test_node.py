"""Runs the browser client's own tests, which Node's test runner executes as they are."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path

import pytest

HERE = Path(__file__).parent
NODE = shutil.which("node")


def node() -> str:
    """Node's program; the test is skipped without one, and fails in CI."""
    if NODE is None:
        if os.environ.get("CI"):
            pytest.fail("CI has to have Node: the browser client was not tested.")
        pytest.skip("Node is not installed.")
    return NODE


@pytest.mark.parametrize("file", sorted(path.name for path in HERE.glob("*.test.mjs")))
def test_browser_client(file: str) -> None:
    run = subprocess.run(
        [node(), "--test", "--test-reporter=tap", str(HERE / file)],
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert run.returncode == 0, run.stdout + run.stderr
