"""``pytest --without NAME``, on a few tests of its own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]

ABOUT = "def test_it() -> None: raise AssertionError"
OTHERS = """
import json, subprocess, sys
import pytest
from tests.plugins.fake import make_manager

@pytest.mark.bundled("presence", "chat")
def test_marked(): raise AssertionError

@pytest.mark.parametrize("name", ["chat", "chat.test.mjs", "test_chat_page.py", "chatter"])
def test_parameters(name): assert name == "chatter"

def test_it_is_off_here():
    states = {one.name: one.state for one in make_manager(None, off=()).listing()}
    assert {name for name, state in states.items() if state != "on"} == {"chat"}

def test_it_is_off_in_other_processes():
    words = [sys.executable, "-m", "collab", "plugins", "list", "--json"]
    listed = subprocess.run(words, check=True, capture_output=True, text=True).stdout
    states = {one["name"]: one["state"] for one in map(json.loads, listed.splitlines())}
    assert {name for name, state in states.items() if state != "on"} == {"chat"}
"""


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "pytest.ini").write_text("[pytest]\n")
    for name, text in {"chat": ABOUT, "chat_page": ABOUT, "others": OTHERS}.items():
        (tmp_path / f"test_{name}.py").write_text(text)
    return tmp_path


def run(folder: Path, *words: str) -> tuple[int, str]:
    """Run that folder's tests with this project's options."""
    done = subprocess.run(
        [
            sys.executable, "-m", "pytest", "-q", "-p", "tests.conftest", "-p", "no:cacheprovider",
            *words,
        ],
        cwd=folder, env=os.environ | {"PYTHONPATH": str(ROOT)}, capture_output=True, text=True,
    )  # fmt: skip
    return done.returncode, done.stdout + done.stderr


def test_the_tests_about_a_plugin_are_left_out_and_the_others_run_without_it(
    folder: Path,
) -> None:
    code, said = run(folder, "--without", "chat")
    assert (code, "3 passed, 6 deselected" in said) == (0, True), said


def test_a_plugin_that_there_is_not_is_said(folder: Path) -> None:
    code, said = run(folder, "--without", "chatt")
    assert code == pytest.ExitCode.USAGE_ERROR
    assert "there is no bundled plugin 'chatt'" in said
