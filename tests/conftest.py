"""``pytest --without NAME``: every test that is not about a bundled plugin, with that plugin
switched off as an operator would do it. Nothing else may depend on it.
"""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from collab.plugins.loading import Loader


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption("--without", metavar="PLUGIN", help="switch a bundled plugin off")


def pytest_configure(config: pytest.Config) -> None:
    config.addinivalue_line(
        "markers", "bundled(*names): needs these bundled plugins (see --without)"
    )
    off = config.getoption("--without")
    if off is None:
        return
    if not (Path(__file__).parents[1] / "plugins" / off / "__init__.py").is_file():
        raise pytest.UsageError(f"--without: there is no bundled plugin {off}.")
    os.environ["COLLAB_PLUGINS_OFF"] = off  # for servers in processes of their own
    wants = Loader.wants
    Loader.wants = lambda self, name: name != off and wants(self, name)


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    off = config.getoption("--without")
    if off is not None:
        about = [item for item in items if _is_about(item, off)]
        items[:] = [item for item in items if not _is_about(item, off)]
        config.hook.pytest_deselected(items=about)


def _is_about(item: pytest.Item, plugin: str) -> bool:
    stem = item.path.stem
    if stem == f"test_{plugin}" or stem.startswith(f"test_{plugin}_"):
        return True
    if any(plugin in mark.args for mark in item.iter_markers("bundled")):
        return True
    given = item.callspec.params.values() if hasattr(item, "callspec") else ()
    return any(plugin in (one, getattr(one, "name", None)) for one in map(_plain, given))


def _plain(value: object) -> object:
    """A parameter as far as it may name a plugin."""
    return value if isinstance(value, str | Path) else None
