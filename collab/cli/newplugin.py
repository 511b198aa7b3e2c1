"""What ``collab plugins new`` writes: a small plugin that works, to be changed into another."""

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

- `__init__.py`: the hooks `session_joined` and `operation_committed`
- `static/{name}.js`: the browser half
- `tests/test_{name}.py`: run it with `pytest`
"""

_TEST = '''"""{title} on a running server."""

from pathlib import Path

import pytest

from collab.protocol.settings import Settings
from collab.testing.fixtures import server

__all__ = ["server"]

FOLDER = Path(__file__).parents[1]


@pytest.fixture
def server_settings(tmp_path):
    return Settings(
        data_dir=tmp_path,
        plugins_dir=FOLDER.parent,
        plugins_on=("{name}",),
        plugins={{"{name}": {{"delay": 0.01}}}},
    )


@pytest.mark.asyncio
async def test_everybody_is_told_the_length(server):
    id = await server.create_document("Notes", "one")
    async with server.connect(id) as notes:
        messages = notes.messages("{name}")
        await notes.insert(0, "twenty-")
        async for message in messages:
            if message == {{"length": 10}}:
                break
'''

_FILES = {
    "__init__.py": _MODULE,
    "static/{name}.js": _SCRIPT,
    "README.md": _README,
    "tests/test_{name}.py": _TEST,
}


def files(name: str) -> dict[str, str]:
    """The files of a new plugin: paths in its folder and what they hold."""
    words = name.split("_")
    known = {
        "name": name,
        "title": " ".join(words).capitalize(),
        "klass": "".join(word.capitalize() for word in words),
    }
    return {path.format(**known): text.format(**known) for path, text in _FILES.items()}
