/** cursors' browser half. */

import assert from "node:assert/strict";
import test from "node:test";

import { nameOf } from "../../collab/static/ui/people.js";
import activate from "../../plugins/cursors/static/cursors.js";
import { People } from "../../plugins/cursors/static/people.js";

class Element {
  children = [];
  attributes = {};
  constructor(page) { this.page = page; }
  setAttribute() {}
  toggleAttribute(name, on) { this.attributes[name] = on; }
  addEventListener(_, listener) { this.press = listener; }
  append(...children) { this.children.push(...children); }
  matches() { return false; }
  remove() { if (this.page.pill === this) this.page.pill = null; }
  get text() { return this.children.map((child) => child.text ?? child).join("") || this.textContent; }
}

/** A page whose timers the test lets go off. */
function open() {
  const page = {
    sent: [], carets: new Map(), caret: { revision: 0, anchor: 0, head: 0 }, timer: null, dispose: [],
    commands: new Map(), notes: [], shown: [], scrolled: [], pill: null,
  };
  const collab = {
    session: "me",
    send: (data) => page.sent.push(data),
    onMessage: (listener) => (page.message = listener),
    onConnection: (listener) => (page.connection = listener),
    onDispose: (listener) => page.dispose.push(listener),
    editor: {
      selectionForServer: () => page.caret,
      onSelection: (listener) => (page.selection = listener),
      onChange: (listener) => (page.changed = listener),
      onScroll: (listener) => (page.scroll = listener),
      setCarets: (list, revision) =>
        list.forEach(({ onClick, ...caret }) => {
          page.carets.set(caret.key, { ...caret, revision });
          page.press = onClick;
        }),
      caret: (key) => page.carets.get(key) ?? null,
      showCaret: (key) => page.carets.has(key) && page.shown.push(key) > 0,
      scrollTo: (position) => page.scrolled.push(position),
      removeCaret: (key) => page.carets.delete(key),
      clearCarets: () => page.carets.clear(),
    },
    ui: {
      notify: (text) => page.notes.push(text),
      paint() {},
      nameOf,
      person: nameOf,
      addOverlay: (pill) => (page.pill = pill),
      addCommand: ({ title, run }) => {
        page.commands.set(title, run);
        return { remove: () => page.commands.delete(title) };
      },
    },
    share: (name, value) => {
      assert.equal(name, "cursors");
      page.shared = value;
      return { remove() {} };
    },
  };
  globalThis.document = { createElement: () => new Element(page) };
  activate(collab, { setTimeout: (run) => (page.timer = run), clearTimeout: () => (page.timer = null) });
  page.pause = () => {
    const run = page.timer;
    page.timer = null;
    run?.();
  };
  page.connection("connected");
  return page;
}

const cursor = (session, anchor, head = anchor) => ({
  session, client: `c-${session}`, user: { id: "u", name: "Ada", color: "#1d4ed8" }, anchor, head,
});

test("one's own caret is told when it moved, at most once in a while", () => {
  const page = open();
  assert.deepEqual(page.sent, [{ revision: 0, anchor: 0, head: 0 }]);
  for (let at = 1; at <= 9; at++) {
    page.caret = { revision: 0, anchor: at, head: at };
    page.selection();
  }
  assert.equal(page.sent.length, 1);
  page.pause();
  assert.deepEqual(page.sent.slice(1), [{ revision: 0, anchor: 9, head: 9 }]);
  page.pause();
  page.selection();
  assert.equal(page.sent.length, 2, "where it was before is not said again");
  page.caret = { revision: 1, anchor: 9, head: 9 };
  page.selection();
  assert.equal(page.sent.length, 3, "the same place of another revision is another place");
});

test("nothing is told while an edit is on its way", () => {
  const page = open();
  page.pause();
  page.caret = null;
  page.selection();
  assert.equal(page.sent.length, 1);
  page.caret = { revision: 1, anchor: 4, head: 2 };
  page.selection();
  assert.deepEqual(page.sent.at(-1), { revision: 1, anchor: 4, head: 2 });
});

test("a new connection is told anew, and shows the carets it is told", () => {
  const page = open();
  page.message({ kind: "cursors", revision: 3, cursors: [cursor("a", 1), cursor("me", 2)] });
  assert.deepEqual([...page.carets.keys()], ["a"]);
  assert.deepEqual(page.carets.get("a"), {
    key: "a", client: "c-a", name: "Ada", color: "#1d4ed8", anchor: 1, head: 1, revision: 3,
  });
  page.connection("offline");
  assert.equal(page.carets.size, 0);
  page.pause();
  page.connection("connected");
  assert.equal(page.sent.length, 2);
});

test("carets move and go", () => {
  const page = open();
  page.message({ kind: "cursors", revision: 3, cursors: [cursor("a", 1), cursor("b", 2)] });
  page.message({ kind: "moved", revision: 4, cursors: [cursor("b", 5, 7), cursor("me", 1)] });
  assert.deepEqual([page.carets.get("a").anchor, page.carets.get("b").head], [1, 7]);
  page.message({ kind: "gone", session: "a" });
  page.message({ kind: "of a later version" });
  assert.deepEqual([...page.carets.keys()], ["b"]);
  page.message({ kind: "cursors", revision: 5, cursors: [cursor("c", 0)] });
  assert.deepEqual([...page.carets.keys()], ["c"]);
  for (const end of page.dispose) end();
  assert.equal(page.timer, null);
});

test("one goes where somebody writes, and is offered to follow", () => {
  const page = open();
  page.message({ kind: "cursors", revision: 3, cursors: [cursor("a", 1), cursor("b", 9)] });
  page.pause();
  page.shared.goTo("u");
  assert.deepEqual(page.shown, ["b"], "where the user's caret moved last");
  assert.equal(page.pill.text, "Ada is hereFollow");
  page.pause();
  assert.equal(page.pill, null);
  page.press();
  assert.deepEqual(page.shown, ["b", "b"], "the name in the text does the same");
  page.shared.goTo("nobody");
  assert.equal(page.notes.length, 1);
});

test("whom one follows is kept in sight until one types or scrolls, or they go", () => {
  const page = open();
  page.message({ kind: "cursors", revision: 3, cursors: [cursor("a", 1)] });
  page.pause();
  page.commands.get("Follow Ada")();
  assert.equal(page.shared.following, "u");
  assert.equal(page.pill.text, "Following AdaStop");
  page.message({ kind: "moved", revision: 4, cursors: [cursor("a", 50)] });
  page.changed({ local: false });
  assert.deepEqual(page.scrolled, [1, 50, 50]);
  page.changed({ local: true });
  assert.deepEqual([page.shared.following, page.pill], [null, null]);
  page.shared.follow("u");
  page.scroll();
  assert.equal(page.shared.following, null);
  page.shared.follow("u");
  page.pill.children[1].press();
  assert.equal(page.shared.following, null);
  page.shared.follow("u");
  page.message({ kind: "gone", session: "a" });
  assert.equal(page.shared.following, null);
  assert.deepEqual([...page.commands.keys()], []);
});

test("a person may have several carets", () => {
  const people = new People();
  const [ada, bob] = [{ id: "1", name: "Ada" }, { id: "2", name: "Bob" }];
  people.moved("a", ada);
  people.moved("b", bob);
  people.moved("c", ada);
  assert.deepEqual(people.users, [ada, bob]);
  assert.equal(people.sessionOf("1"), "c");
  people.moved("a", ada);
  assert.equal(people.sessionOf("1"), "a");
  people.gone("a");
  people.gone("c");
  assert.deepEqual([people.sessionOf("1"), people.userOf("1"), people.sessions], [null, null, ["b"]]);
});
