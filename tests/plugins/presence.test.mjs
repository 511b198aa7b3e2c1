/** presence's browser half. */

import assert from "node:assert/strict";
import test from "node:test";

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
  assert.equal(summary([]), "Nobody else is here");
  assert.equal(summary([person("a"), person("b", { idle: true })]), "Also here: Name a, Name b (idle)");
});

test("people are drawn as text in the header, and not while the server is away", () => {
  class Node {
    children = [];
    dataset = {};
    attributes = {};
    toggleAttribute(name, on) { this.attributes[name] = on; }
    setAttribute(name, value) { this.attributes[name] = value; }
    replaceChildren(...children) { this.children = children; }
  }
  const window = new EventTarget();
  Object.assign(globalThis, { document: { createElement: () => new Node() }, window });
  const page = { sent: [], dispose: [] };
  activate({
    user: { id: "me" },
    send: (data) => page.sent.push(data),
    onMessage: (listener) => (page.message = listener),
    onConnection: (listener) => (page.connection = listener),
    onDispose: (listener) => page.dispose.push(listener),
    ui: {
      addToHeader: (row) => (page.row = row),
      initials: (name) => name.slice(0, 1),
      paint: (item, color) => (item.painted = color),
    },
  });
  page.connection("connected");
  page.message({ kind: "people", idle_after: 300, people: [person("me"), person("<b>", { idle: true })] });
  const [item] = page.row.children;
  assert.equal(page.row.children.length, 1);
  assert.deepEqual([item.textContent, item.title, item.painted], ["N", "Name <b> (idle)", "#1d4ed8"]);
  assert.equal(item.attributes["data-idle"], true);
  assert.equal(page.row.attributes["aria-label"], "Also here: Name <b> (idle)");
  page.message({ kind: "of a later version" });
  assert.equal(page.row.children.length, 1);
  page.connection("offline");
  assert.equal(page.row.children.length, 0);
  const many = Array.from({ length: 9 }, (_, i) => person(`${i}`));
  page.message({ kind: "people", idle_after: 300, people: many });
  assert.equal(page.row.children.at(-1).textContent, "+5");
  for (const end of page.dispose) end();
});
