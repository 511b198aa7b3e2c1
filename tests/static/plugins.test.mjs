/** What plugins are given, as far as it needs no page. */

import assert from "node:assert/strict";
import test from "node:test";

import { Changes } from "../../collab/static/plugins/changes.js";
import { addCommand, find, pressed, reserve } from "../../collab/static/ui/commands.js";
import { Delta } from "../../collab/static/engine/ot.js";
import { Positions } from "../../collab/static/engine/positions.js";
import { described } from "../../collab/static/plugins/running.js";
import { Sharing } from "../../collab/static/plugins/sharing.js";
import { matches, parse, shown } from "../../collab/static/ui/shortcuts.js";
import { Tracked } from "../../collab/static/plugins/tracking.js";
import { withSeeds } from "./random.mjs";

const key = (key, { code = "", ctrl = false, alt = false, shift = false, meta = false, altGraph = false } = {}) => ({
  key, code, ctrlKey: ctrl, altKey: alt, shiftKey: shift, metaKey: meta,
  getModifierState: (name) => name === "AltGraph" && altGraph,
  preventDefault() { this.defaultPrevented = true; },
});

test("a shortcut is Ctrl here and Command on a Mac", () => {
  assert.equal(shown(parse("Mod-Shift-p", false), false), "Ctrl+Shift+P");
  assert.equal(shown(parse("Mod-Alt-c", true), true), "⌥⌘C");
  assert.ok(matches(parse("Mod-Shift-p", false), key("P", { ctrl: true, shift: true })));
  assert.ok(!matches(parse("Mod-Shift-p", false), key("p", { ctrl: true })));
  assert.ok(matches(parse("Mod-Alt-c", true), key("ç", { code: "KeyC", meta: true, alt: true })));
});

test("AltGr writes letters and is no shortcut", () => {
  const event = key("ć", { code: "KeyC", ctrl: true, alt: true, altGraph: true });
  assert.ok(!matches(parse("Mod-Alt-c", false), event));
});

test("a shortcut that would be typed is refused", () => {
  for (const wrong of ["x", "Shift-x", "Alt-x", "Mod-", "Hyper-x", ""]) {
    assert.throws(() => parse(wrong, false), TypeError, wrong);
  }
  assert.equal(parse("F8", false).key, "F8");
});

/** What the console is told meanwhile. */
function told(run) {
  const { warn } = console;
  const heard = [];
  console.warn = (...words) => heard.push(words.join(" "));
  try {
    run();
  } finally {
    console.warn = warn;
  }
  return heard;
}

test("commands are found by words, the best first", () => {
  const done = [];
  const made = ["Show the history", "History", "Rename", "Prehistory"].map((title, index) =>
    addCommand({ name: title, title, key: index ? undefined : "Ctrl-h", run: () => done.push(title) }),
  );
  assert.deepEqual(find("hist").map(({ title }) => title), ["History", "Show the history", "Prehistory"]);
  assert.deepEqual(find("the his").map(({ title }) => title), ["Show the history"]);
  assert.deepEqual(find("(").length, 0);
  const event = key("h", { ctrl: true });
  assert.ok(pressed(event));
  assert.ok(event.defaultPrevented);
  assert.ok(!pressed(event), "what somebody took already is not taken again");
  made[0].remove();
  assert.ok(!pressed(key("h", { ctrl: true })));
  assert.deepEqual(done, ["Show the history"]);
  for (const command of made) command.remove();
  assert.deepEqual(find(), []);
});

test("a command whose key is taken has none, and it is said who has it", () => {
  const done = [];
  reserve(["Mod-y", "Shift-Mod-k", "ArrowLeft", "Mod--"], "the text editor");
  const add = (plugin, title, key) => addCommand({ name: title, title, key, plugin, run: () => done.push(plugin) });
  const made = [];
  const said = told(() => {
    made.push(add("", "Save", "Ctrl-s"), add("first", "Sing", "Ctrl-Alt-S"), add("second", "Shout", "Ctrl-Alt-s"));
    made.push(add("second", "Store", "Mod-s"), add("second", "Cut", "Ctrl-Shift-K"), add("second", "List", "Mod-Shift-P"));
    made.push(add("second", "Free", "Ctrl-k"));
  });
  assert.deepEqual(said.map((sentence) => sentence.replace(/^The plugin second: its command /, "")), [
    "“Shout” has no shortcut, because Ctrl+Alt+S belongs to “Sing” of the plugin first.",
    "“Store” has no shortcut, because Ctrl+S belongs to “Save” of Collab.",
    "“Cut” has no shortcut, because Ctrl+Shift+K belongs to the text editor.",
    "“List” has no shortcut, because Ctrl+Shift+P belongs to Collab’s list of commands.",
  ]);
  const [shout] = find("shout");
  assert.deepEqual([shout.keys, shout.taken], ["", "Ctrl+Alt+S belongs to “Sing” of the plugin first"]);
  shout.run();
  pressed(key("s", { ctrl: true, alt: true }));
  assert.deepEqual(done, ["second", "first"]);
  // Who came too late does not take over in the middle of somebody's work.
  made[1].remove();
  assert.ok(!pressed(key("s", { ctrl: true, alt: true })));
  for (const command of made) command.remove();
});

test("changes are told one after the other, with what they came with", () => {
  const told = [];
  const changes = new Changes((change) => {
    told.push([change.delta, change.local, change.operations.length]);
    if (change.delta === "first") {
      changes.add("answer", { local: true });
      changes.flush(); // as the page does after an edit
    }
  });
  changes.add("first", { local: true });
  changes.add("second", { local: false });
  changes.cameWith([{ revision: 1, client: "c", author: "a", sequence: 1, time: 0, delta: [] }]);
  assert.deepEqual(told, []);
  changes.flush();
  assert.deepEqual(told, [["first", true, 0], ["second", false, 1], ["answer", true, 0]]);
});

test("plugins that answer each other for ever are stopped", () => {
  let rounds = 0;
  const changes = new Changes(() => {
    rounds += 1;
    changes.made(() => changes.add("again", { local: true }));
  });
  changes.add("first", { local: true });
  assert.throws(() => changes.flush(), /without end/);
  assert.ok(rounds < 200);
});

test("tracked positions move exactly as the server moves them", () =>
  withSeeds(50, ({ edit, below, text }) => {
    let content = new Delta().insert(text(20));
    const tracked = new Tracked();
    const positions = new Positions();
    positions.reset(0);
    const all = Array.from({ length: 10 }, () => below(content.length() + 1)).map((at) => ({
      at, after: tracked.add(at), before: tracked.add(at, { side: -1 }),
    }));
    for (let round = 0; round < 20; round++) {
      const delta = edit(content);
      content = content.compose(delta);
      tracked.move(delta);
      positions.push({ client: "writer", delta });
    }
    for (const { at, after, before } of all) {
      assert.equal(before.position, positions.latest(0, at, "somebody else"));
      assert.equal(after.position, positions.latest(0, at, "writer"));
      after.remove();
      before.remove();
    }
    assert.equal(tracked.size, 0);
  }));

test("what a plugin threw says what and where, in each browser", () => {
  const error = new TypeError("no such thing");
  assert.equal(described(error), error.stack);
  error.stack = "activate@http://localhost/plugins/bad/static/bad.js:1:7";
  assert.equal(described(error), `TypeError: no such thing\n${error.stack}`);
  assert.equal(described("a word"), "a word");
  assert.equal(described(undefined), "undefined");
  assert.equal(described(Object.create(null)), "something that has no text");
});

test("what is shared is told to whoever uses it, before and after", () => {
  const sharing = new Sharing();
  const heard = [];
  const use = sharing.use("voice", (voice) => heard.push(voice));
  const first = sharing.share("a", "voice", 1);
  const second = sharing.share("a", "voice", 2);
  first.remove(); // its place was taken by its own plugin
  assert.throws(() => sharing.share("b", "voice", 3), /the plugin a shares/);
  second.remove();
  sharing.share("b", "voice", 3);
  use.remove();
  sharing.share("b", "voice", 4);
  assert.deepEqual(heard, [1, 2, null, 3]);
});
