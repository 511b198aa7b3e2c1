"""The reference of the browser API: every member of `collab` is in it, and its examples run."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from tests.browser.people import House

pytestmark = pytest.mark.browser

PAGE = Path(__file__).parents[2] / "docs" / "plugins-browser.md"
ICONS = Path(__file__).parents[2] / "collab" / "static" / "icons.svg"

MEMBERS = """() => {
  const members = (thing, path) => Object.keys(thing).flatMap((key) => {
    const { value } = Object.getOwnPropertyDescriptor(thing, key);
    const nested = value !== null && typeof value === "object";
    return nested ? members(value, `${path}.${key}`) : [`${path}.${key}`];
  });
  return members(globalThis.collab, "collab");
}"""


@pytest.fixture
def server_arguments(tmp_path: Path) -> list[str]:
    folder = tmp_path / "plugins" / "reader"
    (folder / "static").mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from collab import Plugin\n\n\nclass Reader(Plugin):\n    pass\n"
    )
    (folder / "static" / "reader.js").write_text(
        "export default function activate(collab) { globalThis.collab = collab; }"
    )
    return ["--plugins-dir", str(tmp_path / "plugins")]


async def test_the_reference_is_complete_and_its_examples_run(house: House) -> None:
    text = PAGE.read_text(encoding="utf-8")
    prose, *blocks = re.split(r"^```js\n", text, flags=re.MULTILINE)
    examples = []
    for block in blocks:
        example, rest = block.split("\n```\n", 1)
        examples.append(example)
        prose += rest

    document = await house.document("A text in which something is still TODO.\n")
    ada = await house.person(name="Ada")
    ada.network_faults_expected = True  # an example asks for what this plugin does not have
    await ada.open(document)
    await ada.page.wait_for_function("() => globalThis.collab !== undefined")

    members = await ada.page.evaluate(MEMBERS)
    assert len(members) > 50
    missing = [member for member in members if not re.search(rf"`{re.escape(member)}\b", prose)]
    assert not missing, f"{PAGE.name} does not say what these are: {missing}"
    unused = [member for member in members if member.split(".", 1)[1] not in "\n".join(examples)]
    assert not unused, f"{PAGE.name} has no example for {unused}"

    for example in examples:
        if example.startswith("// static/"):
            example = example.split("{\n", 1)[1].rsplit("}", 1)[0]
        await ada.page.evaluate(f"(async (collab) => {{\n{example}\n}})(globalThis.collab)")
        await ada.saved()
    await ada.sees_text("text.startsWith('**')")


def test_icons_are_listed() -> None:
    names = re.findall(r'<symbol id="(\w+)"', ICONS.read_text(encoding="utf-8"))
    text = PAGE.read_text(encoding="utf-8")
    assert [name for name in names if f"`{name}`" not in text] == ["close"]
