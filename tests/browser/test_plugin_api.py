"""What a browser half may do, that its failures stay with it, and that nothing of it is left."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Any

import pytest
from playwright.async_api import expect

from tests.browser.people import House, Person

pytestmark = pytest.mark.browser

SERVER_HALF = """from aiohttp import web

from collab import Plugin, hookimpl


class Half(Plugin):
    @hookimpl
    def routes(self):
        return [("GET", "/ping", self.ping)]

    async def ping(self, request):
        return web.json_response({"pong": request.query.get("with")})
"""

BROWSER_HALVES = {
    # Gives the test its `collab`, to do with it what it likes.
    "open": """export default function activate(collab) { globalThis.collab = collab; }""",
    "mute": """export default function activate(collab) {
      collab.editor.onChange(() => { throw Object.create(null); });
    }""",
    "other": """export default function activate(collab) { globalThis.other = collab; }""",
    "everything": """export default function activate(collab) {
      const { editor, ui } = collab;
      globalThis.gone = [];
      ui.addStatus("something");
      ui.addToHeader(document.createElement("i"));
      ui.addOverlay(document.createElement("b"));
      const panel = ui.addPanel({ title: "Everything", icon: "chat", badge: "7" });
      panel.onShow(() => gone.push("shown"));
      panel.onHide(() => gone.push("hidden"));
      panel.show();
      ui.addToolbarButton({ label: "Button", onClick() {} }).setActive(true);
      ui.addCommand({ name: "c", title: "Do everything", key: "Mod-Alt-e", run() {} });
      ui.openDialog({ title: "A dialog", body: "…", actions: [{ label: "Fine" }] });
      ui.notify("A note that would stay", { kind: "error" });
      const widget = document.createElement("u");
      editor.decorate([{ from: 0, to: 3, class: "x" }, { line: 5, class: "y" }, { at: 2, widget }]);
      const cara = { key: 1, name: "Cara", color: "#000000", anchor: 0, head: 2 };
      editor.setCarets([cara], editor.toServer(0).revision);
      globalThis.place = editor.track(3);
      editor.onChange(() => gone.push("change"));
      editor.onSelection(() => gone.push("selection"));
      collab.preferences.onChange(() => gone.push("preference"));
      collab.preferences.set("a", Math.random());
      collab.share("everything", 1);
      globalThis.late = () => {
        ui.addStatus("late");
        ui.addPanel({ title: "Late" });
        ui.notify("late");
        ui.addToolbarButton({ label: "Late", onClick() {} });
        const range = { from: 0, to: 3, class: "late" };
        editor.decorate([range]).update([range]);
        editor.setCarets([{ ...cara, key: 2 }], 0);
        return [editor.replace(0, 1, "late"), collab.send("late")];
      };
      collab.onDispose(() => gone.push("disposed"));
    }""",
    "endless": """export default function activate() {
      console.info("round and round");
      for (;;);
    }""",
    "angry": """export default function activate(collab) {
      collab.ui.addStatus("angry");
      collab.editor.onChange(() => { throw new Error("in onChange"); });
      collab.editor.onSelection(async () => { throw new Error("in onSelection"); });
      const run = () => { throw new Error("at a press"); };
      collab.ui.addToolbarButton({ label: "Angry", onClick: run });
      collab.ui.addCommand({ name: "angry", title: "Be angry", run });
    }""",
    "echo": """export default function activate(collab) {
      // Two of these would answer each other for ever.
      collab.editor.onChange(() => {
        if (collab.editor.text().startsWith("go")) collab.editor.replace(2, 2, "!");
      });
    }""",
}  # fmt: skip

COUNT_LISTENERS = """
const heard = new Set();
const ids = new Map();
const id = (thing) => ids.get(thing) ?? ids.set(thing, ids.size).get(thing);
const key = (target, type, listener) => `${id(target)} ${type} ${id(listener)}`;
const { addEventListener: add, removeEventListener: remove } = EventTarget.prototype;
const counts = (target) => target === window || target === document || target === document.body;
EventTarget.prototype.addEventListener = function (type, listener, how) {
  const target = this ?? window;
  if (counts(target) && !how?.once) heard.add(key(target, type, listener));
  return add.call(target, type, listener, how);
};
EventTarget.prototype.removeEventListener = function (type, listener, how) {
  const target = this ?? window;
  heard.delete(key(target, type, listener));
  return remove.call(target, type, listener, how);
};
globalThis.measure = () => ({
  elements: document.querySelectorAll("*").length,
  listeners: heard.size,
  hidden: document.querySelectorAll("[hidden]").length,
});
"""


@pytest.fixture
def server_arguments(tmp_path: Path, request: pytest.FixtureRequest) -> list[str]:
    wanted = getattr(request, "param", ["open", "other"])
    for name in wanted:
        folder = tmp_path / "plugins" / name
        (folder / "static").mkdir(parents=True)
        (folder / "__init__.py").write_text(SERVER_HALF)
        (folder / "static" / f"{name}.js").write_text(BROWSER_HALVES[name])
    return ["--plugins-dir", str(tmp_path / "plugins")]


async def switch(house: House, name: str, state: str) -> None:
    url = f"{house.server.url}/api/plugins/{name}"
    async with house.http.post(
        url, json={"state": state}, headers=house.server.operator
    ) as response:
        assert response.status == 200, await response.text()


async def arrive(house: House, text: str = "The quick brown fox.\n", **how: Any) -> Person:
    document = await house.document(text)
    person = await house.person(name="Ada", **how)
    await person.open(document)
    await person.page.wait_for_function("() => globalThis.collab !== undefined")
    return person


@pytest.mark.parametrize("server_arguments", [["endless", "open"]], indirect=True)
async def test_a_plugin_that_froze_the_page_is_left_out_the_next_time(house: House) -> None:
    document = await house.document("The quick brown fox.\n")
    ada = await house.person(name="Ada")
    address = f"{house.url}/d/{document}"
    started = ada.page.wait_for_event("console", lambda said: said.text == "round and round")
    await asyncio.gather(ada.page.goto(address, wait_until="commit"), started)
    await ada.page.close()
    again = await house.another_page(ada)
    again.plugin_faults_expected = True
    # Later: a page that has begun just now may yet come back.
    await again.page.add_init_script("const now = Date.now; Date.now = () => now() + 10_000")
    await again.open(document)
    await again.page.wait_for_function("() => globalThis.collab !== undefined")
    await expect(again.page.get_by_text("“endless” has a problem")).to_be_visible()
    async with house.http.get(
        f"{house.server.url}/api/plugins", headers=house.server.operator
    ) as response:
        found = {one["name"]: one for one in (await response.json())["plugins"]}
    assert "it froze the page the last time" in found["endless"]["health"]["last_browser_error"]
    assert await again.page.evaluate("localStorage.getItem('collab:activating:open')") is None


@pytest.mark.parametrize("server_arguments", [["everything"]], indirect=True)
async def test_nothing_is_left_of_a_plugin_that_goes(house: House) -> None:
    document = await house.document("The quick brown fox.\n")
    ada = await house.person(name="Ada")
    await ada.context.add_init_script(COUNT_LISTENERS)
    await switch(house, "everything", "off")
    await ada.open(document)
    before = await ada.page.evaluate("measure()")

    async def come_and_go() -> Any:
        await switch(house, "everything", "on")
        await expect(ada.page.locator("dialog h2")).to_have_text("A dialog")
        await expect(ada.page.locator(".x").first).to_be_visible()
        await expect(ada.page.locator(".cm-remoteCaret")).to_have_count(1)
        during = await ada.page.evaluate("measure()")
        assert during["elements"] > before["elements"] + 20
        assert during["listeners"] > before["listeners"]
        await switch(house, "everything", "off")
        await expect(ada.page.locator("dialog h2")).to_have_count(0)
        await expect(ada.page.locator(".cm-remoteCaret")).to_have_count(0)
        return await ada.page.evaluate("measure()")

    assert await come_and_go() == before
    assert await come_and_go() == before

    # And nothing comes when it does something after its end.
    assert await ada.page.evaluate("late()") == [False, False]
    assert await ada.page.evaluate("measure()") == before
    await ada.put_caret(0)
    await ada.type("More: ")
    await ada.saved()
    gone = await ada.page.evaluate("gone")
    assert "disposed" in gone and gone[gone.index("disposed") :] == ["disposed"]
    assert await ada.page.evaluate("place.position") == 3


@pytest.mark.parametrize("server_arguments", [["angry"]], indirect=True)
async def test_a_plugin_that_keeps_failing_is_switched_off_for_a_while(house: House) -> None:
    document = await house.document()
    ada = await house.person()
    ada.plugin_faults_expected = True
    await ada.page.clock.install()
    await ada.open(document)
    foot = ada.page.locator("#foot")
    await expect(foot).to_have_text("angry")
    await ada.page.get_by_role("button", name="Angry").click()
    await expect(ada.page.locator(".notice")).to_contain_text("“angry” has a problem")
    await ada.put_caret(0)
    await ada.type("Whatever it does, one can write.")
    await expect(foot).to_be_hidden()
    await expect(ada.page.locator(".notice").last).to_contain_text("kept failing")
    written = await house.everybody_sees_the_same(document)
    assert written == "Whatever it does, one can write."
    await ada.page.clock.fast_forward(60_000)
    await expect(foot).to_have_text("angry")


@pytest.mark.parametrize("server_arguments", [["mute", "open"]], indirect=True)
async def test_what_is_thrown_may_have_no_text(house: House) -> None:
    ada = await arrive(house, "")
    ada.plugin_faults_expected = True
    await ada.page.evaluate(
        "() => { globalThis.told = 0; collab.editor.onChange(() => { globalThis.told += 1; }); }"
    )
    await ada.put_caret(0)
    await ada.type("abc" * 8)
    await ada.saved()
    await expect(ada.page.locator(".notice").last).to_contain_text("“mute” kept failing")
    assert await ada.page.evaluate("globalThis.told") == 24
    assert await ada.text() == "abc" * 8


@pytest.mark.parametrize("server_arguments", [["open", "echo"]], indirect=True)
async def test_plugins_that_answer_each_other_for_ever_are_stopped(house: House) -> None:
    ada = await arrive(house, "")
    ada.plugin_faults_expected = True
    await ada.put_caret(0)
    await ada.type("go")
    await expect(ada.page.locator(".notice").first).to_contain_text("“echo” has a problem")
    await ada.saved()


async def test_the_text_and_its_changes(house: House) -> None:
    ada = await arrive(house)
    bob = await house.person(name="Bob")
    await bob.open(ada.page.url.rsplit("/", 1)[1])
    page = ada.page
    await page.evaluate(
        """() => {
          globalThis.changes = [];
          collab.editor.onChange(({ delta, local, operations }) => {
            const mine = operations[0]?.author === collab.user.id;
            changes.push([delta.ops, local, operations.length, mine, collab.editor.text().length]);
          });
          globalThis.place = collab.editor.track(4);
          globalThis.before = collab.editor.track(4, { side: -1 });
        }"""
    )
    assert await page.evaluate("collab.editor.replace(4, 9, 'slow')") is True
    assert await page.evaluate("[place.position, before.position]") == [8, 4]
    await ada.saved()
    await bob.put_caret(0)
    await bob.type(">")
    await ada.sees(">The slow brown fox.\n")
    assert await page.evaluate("changes") == [
        [[{"retain": 4}, {"insert": "slow"}, {"delete": 5}], True, 0, False, 20],
        [[{"insert": ">"}], False, 1, False, 21],
    ]
    assert await page.evaluate("[place.position, before.position]") == [9, 5]
    # Positions as the server counts them, and back.
    await ada.saved()
    there = await page.evaluate("collab.editor.toServer(9)")
    await bob.type("> ")
    await ada.sees(">> The slow brown fox.\n")
    here = await page.evaluate("(at) => collab.editor.fromServer(at.revision, at.position)", there)
    assert here == 11
    assert await page.evaluate("collab.editor.fromServer(10_000, 1)") is None
    # Ctrl+Z takes the plugin's edit back as it does one's own.
    await ada.put_caret(3)
    await page.keyboard.press("Control+z")
    await ada.sees(">> The quick brown fox.\n")


async def test_what_the_server_told_is_drawn_when_its_revision_is_here(house: House) -> None:
    ada = await arrive(house)
    bob = await house.person(name="Bob")
    await bob.open(ada.page.url.rsplit("/", 1)[1])
    page, marked = ada.page, ada.page.locator(".told")
    await page.evaluate(
        """() => {
          const { editor } = collab;
          globalThis.now = editor.toServer(0).revision;
          const word = { class: "told" };
          globalThis.drawn = editor.decorate([{ ...word, from: 4, to: 9 }], now);
          drawn.update([{ ...word, from: 6, to: 11 }], now + 1);
          globalThis.never = editor.decorate([{ class: "never", line: 0 }], now + 1);
          never.remove();
          never.update([{ class: "never", line: 0 }], now + 2);
        }"""
    )
    # The newer list waits for its revision; what was drawn stays until then.
    await expect(marked).to_have_text("quick")
    await bob.put_caret(0)
    await bob.type("A")
    await ada.sees("AThe quick brown fox.\n")
    await expect(marked).to_have_text("uick ")
    # What is told for a revision before moves along with what came after.
    lines = [{"class": "told", "line": 0}, {"class": "told", "from": 4, "to": 9}]
    await page.evaluate("(list) => drawn.update(list, now)", lines)
    await expect(page.locator("span.told")).to_have_text("quick")
    await expect(page.locator(".cm-line.told")).to_have_count(1)
    # A revision that is long past can't be followed, and what is there stays.
    await page.evaluate("drawn.update([{ class: 'never', from: 0, to: 3 }], -1)")
    await expect(page.locator("span.told")).to_have_text("quick")
    assert await page.locator(".never").count() == 0


async def test_several_edits_are_one_operation_and_one_step(house: House) -> None:
    ada = await arrive(house)
    document = ada.page.url.rsplit("/", 1)[1]
    await ada.saved()
    before = await ada.page.evaluate("collab.editor.toServer(0).revision")
    edits = [{"from": 16, "to": 19, "insert": "cat"}, {"from": 0, "to": 3, "insert": "A"}]
    assert await ada.page.evaluate("(edits) => collab.editor.edit(edits)", edits) is True
    wrong = await ada.page.evaluate(
        """(edits) => {
          try { collab.editor.edit([...edits, ...edits]); } catch (error) { return error.message; }
        }""",
        edits,
    )
    assert wrong == "the edits 0–3 and 0–3 overlap"
    assert await house.everybody_sees_the_same(document) == "A quick brown cat.\n"
    assert await ada.page.evaluate("collab.editor.toServer(0).revision") == before + 1
    assert await ada.page.evaluate("collab.editor.lineAt(3).text") == "A quick brown cat."
    await ada.put_caret(3)
    await ada.page.keyboard.press("Control+z")
    await ada.sees("The quick brown fox.\n")


async def test_a_shortcut_that_is_taken_is_said_not_silent(house: House) -> None:
    ada = await arrive(house)
    ada.plugin_faults_expected = True
    said: list[str] = []
    ada.page.on("console", lambda message: said.append(message.text))
    await ada.page.evaluate(
        """() => {
          globalThis.done = [];
          const add = (who, title, key) =>
            who.ui.addCommand({ name: title, title, key, run: () => done.push(title) });
          add(other, "Wave", "Mod-Alt-w");
          add(collab, "Walk", "Mod-Alt-W");
          add(collab, "Unwrite", "Mod-z");
          add(collab, "Emphasise", "Mod-i");
        }"""
    )
    assert said == [
        "The plugin open: its command “Walk” has no shortcut,"
        " because Ctrl+Alt+W belongs to “Wave” of the plugin other.",
        "The plugin open: its command “Unwrite” has no shortcut,"
        " because Ctrl+Z belongs to the text editor.",
    ]
    await ada.put_caret(0)
    await ada.page.keyboard.press("Control+Alt+w")
    await ada.page.keyboard.press("Control+i")
    await ada.page.keyboard.press("Control+Shift+P")
    walk = ada.page.get_by_role("option", name="Walk")
    await expect(walk).to_contain_text("Ctrl+Alt+W belongs to “Wave” of the plugin other")
    await ada.screenshot("palette-taken")
    await walk.click()
    assert await ada.page.evaluate("done") == ["Wave", "Emphasise", "Walk"]


async def test_commands_are_found_and_have_keys(house: House) -> None:
    ada = await arrive(house)
    page = ada.page
    await page.evaluate(
        """() => {
          globalThis.done = [];
          const wave = () => done.push("wave");
          const sing = () => done.push(collab.editor.selection.head);
          const key = "Mod-Alt-w";
          collab.ui.addCommand({ name: "w", title: "Wave at everybody", key, run: wave });
          collab.ui.addCommand({ name: "s", title: "Sing", run: sing });
        }"""
    )
    await ada.put_caret(7)
    await page.keyboard.press("Control+Alt+w")
    assert await page.evaluate("done") == ["wave"]
    await page.keyboard.press("Control+Shift+P")
    palette = page.get_by_role("dialog", name="Commands")
    wave = palette.get_by_role("option", name="Wave at everybody")
    await expect(wave).to_contain_text("Ctrl+Alt+W")
    await page.keyboard.type("sin")
    await expect(palette.get_by_role("option")).to_have_count(1)
    await page.keyboard.press("Enter")
    await expect(palette).to_be_hidden()
    assert await page.evaluate("done") == ["wave", 7]
    # The text has the keyboard again.
    await ada.type("!")
    await ada.sees("The qui!ck brown fox.\n")
    # The list has a button, where there is a row of them.
    await page.evaluate("collab.ui.addToolbarButton({ label: 'A button', onClick() {} })")
    await page.get_by_role("button", name="Commands").click()
    await page.keyboard.type("no such thing")
    await expect(palette).to_contain_text("There is no such command.")
    await page.keyboard.press("Escape")
    await expect(palette).to_be_hidden()


async def test_one_panel_is_open_at_a_time(house: House) -> None:
    ada = await arrive(house)
    page = ada.page
    await page.evaluate(
        """() => {
          globalThis.told = [];
          for (const title of ["One", "Two"]) {
            const panel = collab.ui.addPanel({ title, icon: "list" });
            panel.element.append(`This is ${title}`);
            panel.onShow(() => told.push(`show ${title} ${panel.visible}`));
            panel.onHide(() => told.push(`hide ${title} ${panel.visible}`));
            globalThis[title] = panel;
          }
        }"""
    )
    await page.get_by_role("button", name="One", exact=True).click()
    await expect(page.get_by_text("This is One")).to_be_visible()
    await page.get_by_role("button", name="Two", exact=True).click()
    await expect(page.get_by_text("This is One")).to_be_hidden()
    await expect(page.get_by_text("This is Two")).to_be_visible()
    await page.evaluate("Two.setBadge(3)")
    await expect(page.get_by_role("button", name="Two 3", exact=True)).to_be_visible()
    await page.evaluate("Two.setBadge('')")
    await page.get_by_role("button", name="Close Two").focus()
    await page.keyboard.press("Escape")
    await expect(page.get_by_text("This is Two")).to_be_hidden()
    assert await page.evaluate("told") == [
        "show One true", "hide One false", "show Two true", "hide Two false",
    ]  # fmt: skip


async def test_dialogs_ask_and_answer(house: House) -> None:
    ada = await arrive(house)
    page = ada.page
    await page.evaluate(
        """() => {
          const field = document.createElement("input");
          Object.assign(field, { required: true, ariaLabel: "Name" });
          globalThis.answers = [];
          const onClick = () => field.value !== "no";
          const dialog = collab.ui.openDialog({
            title: "What is it called?", body: field,
            actions: [{ label: "Cancel" }, { label: "Save", kind: "primary", onClick }],
          });
          dialog.closed.then((label) => answers.push(label, field.value));
        }"""
    )
    dialog = page.get_by_role("dialog", name="What is it called?")
    save = dialog.get_by_role("button", name="Save")
    await save.click()  # nothing is filled in
    await dialog.get_by_label("Name").fill("no")
    await save.click()  # its `onClick` says false
    await expect(dialog).to_be_visible()
    await dialog.get_by_label("Name").fill("yes")
    await page.keyboard.press("Enter")
    await expect(dialog).to_have_count(0)
    assert await page.evaluate("answers") == ["Save", "yes"]
    await page.evaluate(
        "() => void collab.ui.openDialog({ title: 'Well' }).closed.then((l) => answers.push(l))"
    )
    await expect(page.get_by_role("dialog", name="Well")).to_be_visible()
    await page.keyboard.press("Escape")
    await page.wait_for_function("() => answers.length === 3 && answers[2] === null")


async def test_preferences_are_kept_and_the_same_in_all_tabs(house: House) -> None:
    ada = await arrive(house)
    second = await house.another_page(ada)
    await second.open(ada.page.url.rsplit("/", 1)[1])
    await second.page.wait_for_function("() => globalThis.other !== undefined")
    await second.page.evaluate(
        """() => {
          globalThis.heard = [];
          collab.preferences.onChange((key, value) => heard.push([key, value]));
          other.preferences.onChange(() => heard.push("not mine"));
        }"""
    )
    assert await ada.page.evaluate("collab.preferences.get('size', 12)") == 12
    await ada.page.evaluate("collab.preferences.set('size', 14)")
    await second.page.wait_for_function("() => heard.length === 1")
    assert await second.page.evaluate("heard") == [["size", 14]]
    assert await second.page.evaluate("other.preferences.get('size')") is None
    await second.page.reload()
    await second.page.wait_for_function("() => globalThis.collab !== undefined")
    assert await second.page.evaluate("collab.preferences.get('size')") == 14


async def test_a_plugin_asks_its_own_routes(house: House) -> None:
    ada = await arrive(house)
    assert await ada.page.evaluate("collab.fetch('api/ping?with=me')") == {"pong": "me"}
    assert await ada.page.evaluate("collab.url('/api/ping')") == "/plugins/open/api/ping"
    ada.network_faults_expected = True
    refused = await ada.page.evaluate(
        "collab.fetch('api/nothing').catch(({ name, code }) => [name, code])"
    )
    assert refused[0] == "RequestFailed"


async def test_plugins_share_what_others_may_use(house: House) -> None:
    ada = await arrive(house)
    await ada.page.wait_for_function("() => globalThis.other !== undefined")
    heard = await ada.page.evaluate(
        """() => {
          const heard = [];
          collab.use("voice", (voice) => heard.push(voice?.say() ?? null));
          const shared = other.share("voice", { say: () => "hello" });
          other.use("voice", (voice) => heard.push(voice?.say() ?? null));
          try { collab.share("voice", 1); } catch (error) { heard.push(error.message); }
          shared.remove();
          return heard;
        }"""
    )
    assert heard == ["hello", "hello", "the plugin other shares “voice” already", None, None]


async def test_a_failure_outside_of_callbacks_names_the_plugin(house: House) -> None:
    ada = await arrive(house)
    ada.plugin_faults_expected = True
    await ada.page.evaluate(
        """() => {
          const error = new Error("in a timer");
          const filename = `${location.origin}/plugins/open/static/open.js`;
          dispatchEvent(new ErrorEvent("error", { error, filename }));
        }"""
    )
    await expect(ada.page.locator(".notice")).to_contain_text("“open” has a problem")


async def test_a_reader_is_told_nothing_can_be_written(house: House) -> None:
    ada = await arrive(house)
    assert await ada.page.evaluate("collab.editor.readOnly") is False
    house.unplug()
    await ada.status("offline")
    # Offline one goes on writing; what is sent at once can't be.
    assert await ada.page.evaluate("[collab.editor.readOnly, collab.send(1)]") == [False, False]
    assert await ada.page.evaluate("collab.editor.toServer(1)") is None
    house.plug_in()
    await asyncio.gather(ada.saved(), ada.page.dispatch_event(".status-retry", "click"))
