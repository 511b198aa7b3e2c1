"""The reference says what is: printed from the specifications, complete, up to date."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collab.plugins.reference import hooks_page
from collab.plugins.specs import HOOKS, Hook
from tests.plugins.fake import BUNDLED, make_manager

ROOT = Path(__file__).parents[2]


def test_the_hook_reference_is_up_to_date() -> None:
    assert (ROOT / "docs/hooks.md").read_text(encoding="utf-8") == hooks_page(), (
        "run `python -m collab.plugins.reference > docs/hooks.md`"
    )


@pytest.mark.parametrize("hook", HOOKS.values(), ids=lambda hook: hook.name)
def test_every_hook_says_when_what_it_returns_and_what_a_failure_does(hook: Hook) -> None:
    for label in ("- When: ", "- Returns: ", "- Failure: "):
        assert hook.documentation.count(label) == 1
    if hook.name.startswith("before_"):
        assert hook.kind == "asked"
    if hook.kind == "collected":
        assert hook.name.endswith("s") and not hook.arguments
    # Tense is grammar: what is told has happened.
    assert (hook.kind == "told") == bool(
        re.search(r"(ed|joined|left)$", hook.name) and hook.kind != "awaited"
    )


@pytest.mark.parametrize("name", make_manager(None, off=()).plugins)
def test_the_readme_of_a_bundled_plugin_is_true(name: str) -> None:
    manager = make_manager(None, off=())
    folder = ROOT / "plugins" / name
    readme = (folder / "README.md").read_text(encoding="utf-8")
    source = "".join(
        path.read_text() for path in [*folder.glob("*.py"), *folder.glob("static/*.js")]
    )
    (listed,) = [one for one in manager.listing() if one.name == name]
    assert listed.description in readme
    hooks = set(re.findall(r"`([a-z_]+)`", readme)) & set(HOOKS)
    assert hooks == set(listed.hooks)
    # Every kind of message it sends is described, and the other way round.
    sent = set(re.findall(r'"kind": "(\w+)"', source))
    assert set(re.findall(r'"kind": "(\w+)"', readme)) == sent
    # Every setting with its default.
    settings = manager.plugins[name].settings
    for setting in settings.__struct_fields__:
        value = getattr(settings, setting)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        assert f"| `{setting}` |" + (f" {value:g} |" if number else "") in readme
    for file in folder.rglob("*"):
        if file.is_file() and file.suffix in (".py", ".js", ".css"):
            assert f"`{file.relative_to(folder)}`" in readme


@pytest.mark.bundled(*BUNDLED)
def test_every_hook_is_used_by_a_bundled_plugin() -> None:
    manager = make_manager(None, off=())
    used = {hook for one in manager.listing() for hook in one.hooks}
    assert set(HOOKS) <= used


def test_every_hook_is_tested() -> None:
    """The story tells of every hook, and a plugin that fails or hangs in each harms nobody."""
    story = (ROOT / "tests/plugins/test_story.py").read_text(encoding="utf-8")
    for hook in HOOKS:
        assert re.search(rf"    @hookimpl\n    (async )?def {hook}\(self", story), hook


def test_the_framework_names_no_plugin() -> None:
    names = [path.name for path in (ROOT / "plugins").iterdir() if path.is_dir()]
    names = [name for name in names if not name.startswith("_")]
    assert {"presence", "cursors"} <= set(names)
    for path in [*(ROOT / "collab/plugins").glob("*.py"), *(ROOT / "collab/rooms").glob("*.py")]:
        source = path.read_text(encoding="utf-8").lower()
        for name in names:
            assert f'"{name}"' not in source and f"plugins.{name}" not in source, (path, name)
