"""What ``collab plugins new`` writes: a small plugin that works, to be changed into another.

It is a folder of plugins' own form, or with ``--package`` a Python package to be published.
"""

from __future__ import annotations

_MODULE = '''"""{title}: show everybody how long the document is."""

from typing import Annotated

from msgspec import Meta, Struct

from collab import Plugin, hookimpl


class {klass}(Plugin):
    """Show everybody how long the document is."""

    api = 1

    class Settings(Struct, frozen=True, forbid_unknown_fields=True):
        delay: Annotated[
            float, Meta(gt=0, description="Seconds from an edit until everybody is told.")
        ] = 0.2

    settings: Settings

    @hookimpl
    async def session_joined(self, document, session):
        await self.send(document, session, {{"length": document.length}})

    @hookimpl
    def operation_committed(self, document):
        self.soon(document.id, self.settings.delay, self.tell, document)

    async def tell(self, document):
        await self.broadcast(document, {{"length": document.length}})
'''

_SCRIPT = """// The browser half of {name}: loaded by the page because it is there.
export default function activate(collab) {{
  const status = collab.ui.addStatus("");
  collab.onMessage(({{ length }}) => status.setText(`${{length}} characters`));
}}
"""

_README = """# {title}

Show everybody how long the document is.

| setting | default | |
|---|---|---|
| `delay` | 0.2 | seconds from an edit until everybody is told |

- `{within}__init__.py`: the hooks `session_joined` and `operation_committed`
- `{within}static/{name}.js`: the browser half
- `tests/test_{name}.py`: run it with `{pytest}`
"""

_TEST = '''"""{title} on a running server."""

import asyncio
{imports}

import pytest

from collab.protocol.settings import Settings
from collab.testing.fixtures import server

__all__ = ["server"]


@pytest.fixture
def server_settings(tmp_path):
{settings}


@pytest.mark.asyncio
async def test_everybody_is_told_the_length(server):
    id = await server.create_document("Notes", "one")
    async with asyncio.timeout(10), server.connect(id) as notes:
        messages = notes.messages("{name}")
        await notes.insert(0, "twenty-")
        async for message in messages:
            if message == {{"length": 10}}:
                break
'''

_IN_A_FOLDER = """    return Settings(
        data_dir=tmp_path,
        plugins_dir=Path(__file__).parents[2],
        plugins_on=("{name}",),
        plugins={{"{name}": {{"delay": 0.01}}}},
    )"""

_INSTALLED = """    installed = entry_points(group="collab.plugins").names
    assert "{name}" in installed, "install the package first: pip install -e ."
    return Settings(
        data_dir=tmp_path,
        plugins_on=("{name}",),
        plugins={{"{name}": {{"delay": 0.01}}}},
    )"""

_PROJECT = """[build-system]
requires = ["hatchling"]
build-backend = "hatchling.build"

[project]
name = "{project}"
version = "1.0"
description = "Show everybody how long the document is, for Collab"
readme = "README.md"
requires-python = ">=3.11"
dependencies = ["collab"]

[project.optional-dependencies]
test = ["pytest", "pytest-asyncio"]

[project.entry-points."collab.plugins"]
{name} = "{module}"

[tool.pytest.ini_options]
asyncio_default_fixture_loop_scope = "function"
"""

_PYTEST = """[pytest]
asyncio_default_fixture_loop_scope = function
"""

_FILES = {
    "{within}__init__.py": _MODULE,
    "{within}static/{name}.js": _SCRIPT,
    "README.md": _README,
    "tests/test_{name}.py": _TEST,
}


def project_name(name: str) -> str:
    """What the package of a plugin is called."""
    return "collab-" + name.replace("_", "-")


def files(name: str, *, package: bool = False) -> dict[str, str]:
    """The files of a new plugin: paths in its folder and what they hold."""
    words = name.split("_")
    module = f"collab_{name}"
    known = {
        "name": name,
        "title": " ".join(words).capitalize(),
        "klass": "".join(word.capitalize() for word in words),
        "project": project_name(name),
        "module": module,
    }
    if package:
        known |= {
            "within": f"{module}/",
            "pytest": 'pip install -e ".[test]"` and `pytest',
            "imports": "from importlib.metadata import entry_points",
            "settings": _INSTALLED.format(**known),
        }
    else:
        known |= {
            "within": "",
            "pytest": "pip install pytest pytest-asyncio` and `pytest",
            "imports": "from pathlib import Path",
            "settings": _IN_A_FOLDER.format(**known),
        }
    wanted = _FILES | ({"pyproject.toml": _PROJECT} if package else {"pytest.ini": _PYTEST})
    return {path.format(**known): text.format(**known) for path, text in wanted.items()}
