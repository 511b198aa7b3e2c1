"""``pytest --without NAME``: every test that is not about a bundled plugin, with that plugin
switched off as an operator would do it. Nothing else may depend on it.

About a plugin are the tests in ``test_NAME.py`` and ``test_NAME_….py``, those with a parameter
that names it or one of its files, and those marked ``@pytest.mark.bundled("NAME", …)``.
"""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from collab.plugins import BUNDLED
from collab.plugins.loading import Loader


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without", metavar="PLUGIN", help="switch a bundled plugin off")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "bundled(*names): needs these bundled plugins (see --without)"
    )
    off = config.getoption("--without")
    if off is not None:
        if not (BUNDLED / off / "__init__.py").is_file():
            raise pytest.UsageError(f"--without: there is no bundled plugin {off!r}.")
        _switch_off(config, off)


def _switch_off(config: pytest.Config, off: str) -> None:
    """Until pytest ends, in this process and in those that tests start."""
    patch = pytest.MonkeyPatch()
    config.add_cleanup(patch.undo)
    wants = Loader.wants

    def wants_others(self: Loader, name: str) -> bool:
        return name != off and wants(self, name)

    patch.setattr(Loader, "wants", wants_others)
    # A server whose command line has --plugins-off as well does not read this one.
    patch.setenv("COLLAB_PLUGINS_OFF", off)


def pytest_report_header(config: pytest.Config) -> str | None:
    off = config.getoption("--without")
    return f"without the bundled plugin {off}" if off is not None else None


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    off = config.getoption("--without")
    if off is not None:
        about = {item for item in items if _is_about(item, off)}
        items[:] = [item for item in items if item not in about]
        config.hook.pytest_deselected(items=list(about))


def _is_about(item: pytest.Item, plugin: str) -> bool:
    if any(plugin in mark.args for mark in item.iter_markers("bundled")):
        return True
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return any(_names(value, plugin) for value in (item.path, *given))


def _names(value: object, plugin: str) -> bool:
    """Whether this is ``NAME``, or the name of a file such as ``test_NAME_page.py`` or
    ``NAME.test.mjs``.
    """
    if isinstance(value, Path):
        value = value.name
    file = rf"(test_)?{plugin}(_\w+)?(\.\w+)+"
    return isinstance(value, str) and (value == plugin or re.fullmatch(file, value) is not None)
