"""Every editor's adapter does what `LiveDocument` and the plugins count on, in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.browser.people import House

pytestmark = pytest.mark.browser

SUITE = Path(__file__).parents[1] / "static" / "editor-contract.mjs"

ADAPTERS = {
    "CodeMirror": """
      const { TextEditor } = await import("/static/editor/codemirror.js");
      const { nonce } = document.querySelector("script[nonce]");
      const make = (parent) => new TextEditor(parent, { nonce });
    """,
}


@pytest.fixture
def server_arguments(tmp_path: Path) -> list[str]:
    """The suite comes to the page the way everything of a plugin does."""
    folder = tmp_path / "plugins" / "contract"
    (folder / "static").mkdir(parents=True)
    (folder / "__init__.py").write_text(
        "from collab import Plugin\n\n\nclass Contract(Plugin):\n    pass\n"
    )
    (folder / "static" / "suite.js").write_text(SUITE.read_text(encoding="utf-8"))
    return ["--plugins-dir", str(tmp_path / "plugins")]


@pytest.mark.parametrize("adapter", ADAPTERS)
async def test_adapter(house: House, adapter: str) -> None:
    document = await house.document()
    ada = await house.person()
    await ada.open(document)
    results = await ada.page.evaluate(
        f"""async () => {{
          {ADAPTERS[adapter]}
          const {{ runContract }} = await import("/plugins/contract/static/suite.js");
          const {{ Delta }} = await import("/static/engine/ot.js");
          return runContract(make, {{ Delta }});
        }}"""
    )
    assert len(results) > 20
    problems = [f"{one['name']}: {one['problem']}" for one in results if one["problem"]]
    assert not problems, "\n".join(problems)
