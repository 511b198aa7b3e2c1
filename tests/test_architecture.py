"""The house: each floor imports from floors below it, each library is used where it belongs."""

from __future__ import annotations

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

PACKAGE = Path(__file__).parents[1] / "collab"

FLOORS = ["ot", "protocol", "bus", "storage", "rooms", "plugins", "web", "cli"]
"""From the ground up."""

BESIDE = {"client": {"ot", "protocol"}, "testing": {*FLOORS, "client"}}
"""What does not lie in the stack, and what it stands on."""

LIBRARIES = {
    "aiohttp": {"web", "client", "testing"},
    "aiohttp_jinja2": {"web"},
    "jinja2": {"web"},
    "pluggy": {"plugins"},
    # A plugin's statements on its own tables are handed to the store as they are. (The bundled
    # plugins, which stand above the house as anybody's do, make theirs with SQLAlchemy.)
    "sqlalchemy": {"storage"},
    "alembic": {"storage"},
    "aiosqlite": {"storage"},
    "uvloop": {"cli"},
    "pytest": {"testing"},
    "pytest_asyncio": {"testing"},
    "playwright": {"testing"},
    # Values on the wire, in settings and in the log: every floor but the algebra handles them.
    "msgspec": {*FLOORS, "client", "testing"} - {"ot"},
}


def modules() -> list[Path]:
    return sorted(
        path
        for path in PACKAGE.rglob("*.py")
        if path.parent != PACKAGE and "static" not in path.parts
    )


def imports(path: Path) -> Iterator[str]:
    """Every absolute name that a module imports, also inside functions."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{path}: a relative import"
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


@pytest.mark.parametrize("path", modules(), ids=lambda path: str(path.relative_to(PACKAGE)))
def test_imports_go_down(path: Path) -> None:
    floor = path.relative_to(PACKAGE).parts[0]
    below = BESIDE.get(floor) or set(FLOORS[: FLOORS.index(floor)])
    for name in imports(path):
        top, *rest = name.split(".")
        if top == "collab":
            room = rest[0] if rest else ""
            if room in {*FLOORS, *BESIDE}:
                assert room == floor or room in below, f"{path} imports {name}"
        elif top in LIBRARIES:
            assert floor in LIBRARIES[top], f"{path} imports {top}"
        else:
            assert top in sys.stdlib_module_names, f"{path} imports {top}, which no floor uses"


ROOMS = {
    "engine": set(),
    "ui": set(),
    "editor": {"engine", "ui"},
    "plugins": {"ui"},
    "pages": {"engine", "ui", "editor", "plugins"},
}
"""The rooms of the browser's half, and which others each may know: the engine runs without a page,
and nothing but a page knows which editor there is."""


def scripts() -> list[Path]:
    """Our own modules for the browser."""
    return sorted(path for room in ROOMS for path in (PACKAGE / "static" / room).rglob("*.js"))


@pytest.mark.parametrize("path", scripts(), ids=lambda path: "/".join(path.parts[-2:]))
def test_modules_of_the_browser_keep_to_their_rooms(path: Path) -> None:
    static = PACKAGE / "static"
    room = path.relative_to(static).parts[0]
    # Without comments, which name types.
    code = re.sub(r"/\*.*?\*/", "", path.read_text("utf-8"), flags=re.DOTALL)
    for match in re.finditer(r"""(?:from|import\()\s*["'](\.[^"']+)["']""", code):
        imported = (path.parent / match[1]).resolve()
        assert imported.is_file(), f"{path} imports {match[1]}"
        other = imported.relative_to(static).parts[0]
        assert other in {room, "vendor", *ROOMS[room]}, f"{path} imports {match[1]}"


def test_the_core_names_no_plugin() -> None:
    plugins = [folder.name for folder in (PACKAGE.parent / "plugins").iterdir() if folder.is_dir()]
    sources = [*PACKAGE.rglob("*.py"), *scripts()]
    for path in sources:
        text = path.read_text(encoding="utf-8").lower()
        for plugin in plugins:
            if plugin != "__pycache__":
                assert f'"{plugin}"' not in text, f"{path} names the plugin {plugin}"


def test_nothing_of_ours_lies_at_the_top_of_site_packages() -> None:
    """The wheel maps the folders into the package; see tests/test_wheel.py."""
    settings = (PACKAGE.parent / "pyproject.toml").read_text(encoding="utf-8")
    for folder in ("plugins", "templates", "migrations"):
        assert f'{folder} = "collab/{folder}"' in settings
