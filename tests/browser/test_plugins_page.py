"""Browser halves of plugins: what they may add, and that a broken one stays alone with it."""

from __future__ import annotations

from pathlib import Path

import pytest
from playwright.async_api import expect

from collab.web.operator import operator_link
from collab.web.secret import read_secret
from tests.browser.people import House

pytestmark = pytest.mark.browser

SERVER_HALF = '''"""For a test."""

from collab import Plugin, hookimpl


class Half(Plugin):
    """Echo what the browser says, and greet it."""

    @hookimpl
    async def session_joined(self, document, session):
        await self.send(document, session, {"hello": session.user.name})

    @hookimpl
    async def message_received(self, document, session, data):
        await self.broadcast(document, {"echo": data})
'''

BROWSER_HALVES = {
    "raises": "export default function activate() { throw new Error('at once'); }",
    "rejects": "export default async function activate() { throw new Error('a little later'); }",
    "nonsense": "export default 17;",
    "unreadable": "this is not JavaScript",
    "hangs": "export default () => new Promise(() => {});",
    "stumbles": """export default function activate(collab) {
      const status = collab.ui.addStatus("fine so far");
      collab.onMessage(() => { throw new Error("in onMessage"); });
      collab.onConnection(() => { throw new Error("in onConnection"); });
      collab.editor.onSelection(async () => { throw new Error("in onSelection"); });
      collab.onDispose(() => { throw new Error("in onDispose"); });
    }""",
    "works": """export default function activate(collab) {
      const status = collab.ui.addStatus("no message");
      const panel = collab.ui.addPanel({ title: "Works" });
      panel.element.textContent = "A panel";
      const button = document.createElement("button");
      button.textContent = "Say";
      button.onclick = () => collab.send("spoken");
      collab.ui.addToHeader(button);
      const heard = [];
      collab.onMessage((data) => {
        heard.push(data.hello ? "hello" : data.echo);
        status.setText(heard.join(" "));
      });
    }""",
}
TIDY = """export default function activate(collab) {
  globalThis.tidied = [];
  collab.ui.addStatus("tidy");
  collab.ui.addPanel({ title: "Tidy" });
  collab.ui.addToHeader(document.createElement("i")).remove();
  const caret = { name: "Cara", color: "#000000", anchor: 0, head: 1 };
  collab.editor.setCarets([{ key: 1, ...caret }], 1);
  collab.editor.setCarets([{ key: 2, ...caret }], 2); // a revision that has not come
  collab.onDispose(() => tidied.push("disposed"));
  collab.onMessage(() => tidied.push("message"));
}"""
BROKEN = sorted(set(BROWSER_HALVES) - {"works", "hangs"})


@pytest.fixture
def server_arguments(tmp_path: Path) -> list[str]:
    for name, source in BROWSER_HALVES.items():
        folder = tmp_path / "plugins" / name
        (folder / "static").mkdir(parents=True)
        (folder / "__init__.py").write_text(SERVER_HALF)
        (folder / "static" / f"{name}.js").write_text(source)
    static = tmp_path / "plugins" / "works" / "static"
    (static / "tidy.js").write_text(TIDY)
    (static / "tidy.css").write_text("/* nothing */")
    return ["--plugins-dir", str(tmp_path / "plugins")]


async def test_the_operator_switches_a_plugin_by_its_button(house: House) -> None:
    ada, operator = await house.person(), await house.person()
    ada.plugin_faults_expected = True
    await ada.open(await house.document("Text"))
    button = ada.page.get_by_role("button", name="Works", exact=True)
    await expect(button).to_be_visible()
    link = operator_link(house.url, read_secret(house.server.data_dir))
    await operator.page.goto(link)
    await operator.page.wait_for_url(f"{house.url}/operator")  # the key is gone from the address
    await operator.page.get_by_role("button", name="Sign in as operator").click()
    await operator.page.wait_for_url(f"{house.url}/plugins")
    await operator.page.get_by_role("button", name="Switch off: works", exact=True).click()
    await expect(operator.page.get_by_role("button", name="Switch on: works")).to_be_visible()
    await expect(button).to_have_count(0)
    await operator.page.get_by_role("button", name="Switch on: works", exact=True).click()
    await expect(button).to_be_visible()
    await operator.page.get_by_role("button", name="Sign out as operator").click()
    # The link that was used says so, also when it is opened where that page is shown already.
    await expect(operator.page.get_by_label("The link that")).to_be_visible()
    await operator.page.goto(link)
    await operator.page.wait_for_url(f"{house.url}/operator")
    operator.network_faults_expected = True
    await operator.page.get_by_role("button", name="Sign in as operator").click()
    await expect(operator.page.get_by_text("collab open")).to_be_visible()
    assert "#" not in operator.page.url


async def test_a_broken_plugin_is_named_and_breaks_nothing(house: House) -> None:
    document = await house.document("Text: ")
    ada = await house.person()
    ada.plugin_faults_expected = True
    await ada.open(document)
    # Four notices fit; which plugins they name depends on who failed last.
    notices = ada.page.locator(".notice")
    await expect(notices).to_have_count(4)
    for text in await notices.all_inner_texts():
        assert any(f"“{name}”" in text for name in BROKEN), text
    await ada.put_caret(6)
    await ada.type("typed in spite of all")
    assert await house.everybody_sees_the_same(document) == "Text: typed in spite of all"
    await notices.first.get_by_role("button", name="Close").click()
    await expect(notices).to_have_count(3)
    # The operator sees which ones failed, and of whose page that was told.
    async with house.http.get(
        f"{house.server.url}/api/plugins", headers=house.server.operator
    ) as response:
        seen = {one["name"]: one["health"] for one in (await response.json())["plugins"]}
    failed = {name for name, health in seen.items() if health and health["browser_failures"]}
    assert failed == set(BROKEN)
    assert "at once" in seen["raises"]["last_browser_error"]
    assert all(seen[name]["state"] == "closed" for name in BROKEN), "anybody may claim a failure"
    assert any(
        "plugin raises failed in the browser of guest:" in line for line in house.server.log
    )

    # The one that works does.
    await expect(ada.page.locator("#foot")).to_contain_text("hello")
    await ada.page.get_by_role("button", name="Say").click()
    await expect(ada.page.locator("#foot")).to_contain_text("hello spoken")
    panel = ada.page.get_by_text("A panel")
    await expect(panel).to_be_hidden()
    await ada.page.get_by_role("button", name="Works", exact=True).click()
    await expect(panel).to_be_visible()
    await ada.screenshot("panel")
    await ada.page.get_by_role("button", name="Close Works").click()
    await expect(panel).to_be_hidden()


async def test_everything_added_goes_when_a_plugin_is_disposed(house: House) -> None:
    document = await house.document("abc")
    ada = await house.person()
    ada.plugin_faults_expected = True
    await ada.open(document)
    await ada.page.get_by_role("button", name="Works", exact=True).wait_for()
    before, during, after, announced = await ada.page.evaluate(
        """async () => {
          const { startPlugins } = await import("./../static/plugins/host.js");
          const { TextEditor } = await import("./../static/editor/codemirror.js");
          const { Delta } = await import("./../static/engine/ot.js");
          const live = Object.assign(new EventTarget(), {
            document: {}, status: { connection: "connected" }, revision: 1,
            toLocal: (revision, position) => (revision === 1 ? position : null),
          });
          const place = document.body.appendChild(document.createElement("div"));
          const { nonce } = document.querySelector("script[nonce]");
          const editor = new TextEditor(place, { nonce });
          editor.setContent(new Delta().insert("abc"));
          const carets = () => place.querySelectorAll(".cm-remoteCaret").length;
          const added = "#foot > *, .panel, #header-slot > *, #panel-buttons button, link";
          const config = { basePath: "", api: "/api" };
          const count = () => carets() + document.querySelectorAll(added).length;
          const until = async (what) => {
            while (!what()) await new Promise(requestAnimationFrame);
          };

          const before = count();
          const path = "/plugins/works/static/tidy";
          const tidy = { name: "tidy", script: `${path}.js`, styles: [`${path}.css`] };
          const host = startPlugins({ live, editor, plugins: [tidy], config });
          live.dispatchEvent(new CustomEvent("ready", { detail: {} }));
          await host.started;
          await until(() => carets() === 1);
          const during = count();
          host.dispose("tidy");
          await until(() => carets() === 0);
          live.dispatchEvent(new CustomEvent("message", { detail: { plugin: "tidy", data: 1 } }));
          return [before, during, count(), globalThis.tidied];
        }"""
    )
    assert during == before + 5
    assert after == before
    assert announced == ["disposed"]
