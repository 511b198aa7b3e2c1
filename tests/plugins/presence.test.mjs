/** presence's browser half. */

import assert from "node:assert/strict";
import test from "node:test";

import { isGuest } from "../../collab/static/ui/people.js";
import { Idle } from "../../plugins/presence/static/idle.js";
import { arrange, describe, MOST, summary } from "../../plugins/presence/static/people.js";
import activate from "../../plugins/presence/static/presence.js";

/** Time that the test moves on. */
class Clock {
  time = 0;
  #due = new Map();
  #next = 0;
  now = () => this.time;
  setTimeout = (run, after) => {
    this.#due.set(++this.#next, { run, at: this.time + after });
    return this.#next;
  };
  clearTimeout = (timer) => void this.#due.delete(timer);
  pass(milliseconds) {
    const end = this.time + milliseconds;
    for (;;) {
      const [timer, next] = [...this.#due].sort(([, a], [, b]) => a.at - b.at)[0] ?? [];
      if (!next || next.at > end) break;
      this.#due.delete(timer);
      this.time = next.at;
      next.run();
    }
    this.time = end;
  }
  get waiting() {
    return this.#due.size;
  }
}

const person = (id, more = {}) => ({ id, name: `Name ${id}`, color: "#1d4ed8", idle: false, sessions: ["s"], clients: ["c"], ...more });

test("idleness begins after a while without activity and ends with it", () => {
  const clock = new Clock();
  const target = new EventTarget();
  const changes = [];
  const idle = new Idle(target, (is) => changes.push(is), clock);
  clock.pass(1e9);
  assert.deepEqual(changes, [], "before it knows how long, nobody is idle");
  target.dispatchEvent(new Event("keydown"));
  idle.after(60);
  clock.pass(59_000);
  target.dispatchEvent(new Event("pointermove"));
  clock.pass(59_999);
  assert.deepEqual(changes, []);
  clock.pass(1);
  assert.deepEqual(changes, [true]);
  clock.pass(1000);
  target.dispatchEvent(new Event("wheel"));
  target.dispatchEvent(new Event("wheel"));
  assert.deepEqual(changes, [true, false]);
  clock.pass(60_000);
  assert.deepEqual(changes, [true, false, true]);
  target.dispatchEvent(new Event("wheel"));
  idle.stop();
  target.dispatchEvent(new Event("wheel"));
  clock.pass(60_000);
  assert.deepEqual([changes.length, clock.waiting], [4, 0]);
});

test("everybody but oneself is shown, whoever is active first", () => {
  const people = [person("me"), person("a", { idle: true }), person("b"), person("c")];
  assert.deepEqual(arrange(people, "me").shown.map(({ id }) => id), ["b", "c", "a"]);
  assert.deepEqual(arrange(people, "me").more, []);
  const many = Array.from({ length: MOST + 1 }, (_, i) => person(`${i}`));
  assert.equal(arrange(many, "me").shown.length, MOST - 1);
  assert.equal(arrange(many, "me").more.length, 2);
  assert.equal(arrange(many.slice(1), "me").shown.length, MOST);
});

test("people are described in words", () => {
  assert.equal(describe(person("a")), "Name a");
  assert.equal(describe(person("a", { idle: true, sessions: ["1", "2"] })), "Name a (idle, 2 tabs)");
  assert.equal(describe(person("a", { guest: true, idle: true })), "Name a (guest, idle)");
  assert.equal(summary([]), "Nobody else is here");
  assert.equal(summary([person("a"), person("b", { idle: true })]), "Also here: Name a, Name b (idle)");
});

class Element {
  children = [];
  dataset = {};
  attributes = {};
  setAttribute(name, value) { this.attributes[name] = value; }
  toggleAttribute(name, on) { this.attributes[name] = on; }
  addEventListener(_, listener) { this.press = listener; }
  append(...children) { for (const child of children) this.insertBefore(child, null); }
  insertBefore(child, before) {
    this.children = this.children.filter((other) => other !== child);
    this.children.splice(before ? this.children.indexOf(before) : this.children.length, 0, child);
    child.parent = this;
  }
  remove() { this.parent.children = this.parent.children.filter((other) => other !== this); }
  get firstChild() { return this.children[0]; }
}

function open({ narrow = false } = {}) {
  const page = { sent: [], dispose: [], width: Object.assign(new EventTarget(), { matches: narrow }) };
  const window = Object.assign(new EventTarget(), { matchMedia: () => page.width });
  globalThis.document = { createElement: () => new Element() };
  activate({
    user: { id: "me" },
    send: (data) => page.sent.push(data),
    onMessage: (listener) => (page.message = listener),
    onConnection: (listener) => (page.connection = listener),
    onDispose: (listener) => page.dispose.push(listener),
    use: (name, listener) => (page.use = listener),
    ui: {
      addToHeader: (row) => (page.row = row),
      initials: (name) => name.slice(0, 1),
      isGuest,
      paint: (item, color) => (item.painted = color),
      openDialog: ({ body }) => {
        page.dialog = body;
        return { close: () => (page.dialog = null) };
      },
    },
  }, { window });
  page.people = (...people) => page.message({ kind: "people", idle_after: 300, people });
  page.end = () => page.dispose.forEach((end) => end());
  page.connection("connected");
  return page;
}

test("people are drawn as text in the header, and not while the server is away", () => {
  const page = open();
  page.people(person("me"), person("<b>", { idle: true }));
  const [item] = page.row.children.map(({ firstChild }) => firstChild);
  assert.equal(page.row.children.length, 1);
  assert.deepEqual([item.textContent, item.title, item.painted], ["N", "Name <b> (idle)", "#1d4ed8"]);
  assert.equal(item.attributes["data-idle"], true);
  assert.equal(item.disabled, true, "there is nothing to press");
  assert.equal(page.row.attributes["aria-label"], "Also here: Name <b> (idle)");
  page.message({ kind: "of a later version" });
  assert.equal(page.row.children.length, 1);
  page.connection("offline");
  assert.equal(page.row.children.length, 0);
  page.end();
});

test("a press on somebody goes where they write, as long as that is known", () => {
  const page = open();
  page.people(person("a"), person("b"));
  const done = [];
  page.use({ goTo: (id) => done.push(`go ${id}`), follow: (id) => done.push(`follow ${id}`), following: null });
  const [a, b] = page.row.children.map(({ firstChild }) => firstChild);
  assert.equal(a.disabled, false);
  b.press();
  page.use({ goTo() {}, follow: (id) => done.push(`follow ${id}`), following: "b" });
  assert.equal(page.row.children[1].firstChild, b, "the same element, which may have the keyboard");
  assert.deepEqual([a.attributes["data-following"], b.attributes["data-following"]], [false, true]);
  b.press();
  assert.deepEqual(done, ["go b", "follow null"]);
  page.use(null);
  assert.equal(b.disabled, true);
  page.end();
});

test("who has no room in the header is in a list", () => {
  const page = open();
  const many = Array.from({ length: 9 }, (_, i) => person(`${i}`));
  page.people(...many);
  const last = page.row.children.at(-1).firstChild;
  assert.equal(last.textContent, "+5");
  const done = [];
  page.use({ goTo: (id) => done.push(id), following: null });
  page.row.children.at(-1).firstChild.press();
  assert.equal(page.dialog.children.length, 9);
  page.dialog.children[8].children[2].press();
  assert.deepEqual([done, page.dialog], [["8"], null]);
  page.people(...many.slice(7));
  assert.equal(page.row.children.length, 2);
  page.width.matches = true;
  page.people(...many);
  assert.deepEqual(page.row.children.length, 3, "a narrow header has room for fewer");
  page.end();
});
