"""The pages tell the truth: what they print from the code is what the code says."""

from __future__ import annotations

import re
from pathlib import Path
from typing import get_args

import msgspec
import pytest
from aiohttp import web

from collab.protocol import messages
from collab.protocol.errors import CODES
from collab.protocol.settings import Settings
from collab.storage.memory import MemoryStore
from collab.web import create_app
from docs.__main__ import PARTS, written

ROOT = Path(__file__).parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PROTOCOL = (ROOT / "docs" / "protocol.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("name", PARTS)
def test_generated_parts_are_up_to_date(name: str) -> None:
    file, part = PARTS[name]
    page = (ROOT / file).read_text(encoding="utf-8")
    assert written(page, name, part()) == page, "run: python -m docs"


def test_ci_runs_what_the_readme_calls_the_tests() -> None:
    section = README.split("## Tests")[1]
    match = re.search(r"```sh\n(.+?)\n```", section, re.DOTALL)
    assert match is not None
    assert match[1] in (ROOT / ".ci" / "run").read_text(encoding="utf-8").splitlines()


@pytest.mark.parametrize(
    "message",
    [*get_args(messages.ClientMessage), *get_args(messages.ServerMessage), messages.Committed],
    ids=lambda message: message.__name__,
)
def test_every_message_and_member_is_documented(message: type[msgspec.Struct]) -> None:
    tag = message.__struct_config__.tag
    if tag is not None:
        sections = re.findall(rf"### `{tag}`\n(.*?)(?=\n##)", PROTOCOL, re.DOTALL)
        assert sections, f"{tag} has no section"
        text = "\n".join(sections)
    else:
        text = PROTOCOL
    for field in msgspec.structs.fields(message):
        assert f"`{field.encode_name}`" in text, f"{tag}.{field.encode_name}"


def test_every_error_is_documented_and_used() -> None:
    sources = "\n".join(
        path.read_text(encoding="utf-8")
        for path in (ROOT / "collab").rglob("*.py")
        if path.name != "errors.py"
    )
    for code in CODES:
        assert f"| `{code}` |" in PROTOCOL
        assert re.search(rf"\b{code.upper()}\b", sources), f"nothing raises {code}"


def test_every_route_is_documented(tmp_path: Path) -> None:
    app = create_app(Settings(data_dir=tmp_path), MemoryStore())
    for route in app.router.routes():
        if not isinstance(route, web.AbstractRoute) or route.resource is None:
            continue
        path = route.resource.canonical
        if "/api" in path and not path.startswith("/plugins") and route.method != "HEAD":
            if path.endswith("/socket"):
                assert path in PROTOCOL
                continue
            assert re.search(rf"`{route.method} {re.escape(path)}[`? ]", PROTOCOL), (
                f"{route.method} {path}"
            )


@pytest.mark.parametrize("page", [ROOT / "README.md", *(ROOT / "docs").glob("*.md")], ids=str)
def test_links_between_pages_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)#:]+)(?:#[^)]*)?\)", page.read_text(encoding="utf-8")):
        assert (page.parent / link).exists(), link


THREATS = (ROOT / "docs" / "threat-model.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("named", sorted(set(re.findall(r"`(tests/[^`]+)`", THREATS))))
def test_what_holds_a_threat_exists(named: str) -> None:
    """A line of the threat model that no test holds any more is not to be read as one."""
    file, _, test = named.partition("::")
    text = (ROOT / file).read_text(encoding="utf-8")
    assert not test or re.search(rf"def {test}\(", text), f"{file} has no {test}"
