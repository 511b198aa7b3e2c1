/** comments' browser half: what can be tested without a page. (test_comments_page.py has the rest.) */

import assert from "node:assert/strict";
import test from "node:test";

import { Outbox } from "../../plugins/comments/static/outbox.js";
import { Place, selected } from "../../plugins/comments/static/place.js";
import { open, signature, Threads } from "../../plugins/comments/static/threads.js";

/** An editor whose positions move by what the test says, as a browser's do. */
class Editor {
  revision = 5;
  acknowledged = true;
  content = "The quick brown fox";
  selection = { anchor: 0, head: 0 };
  tracked = new Set();
  text() {
    return this.content;
  }
  track(position, { side }) {
    const tracked = { position, side, remove: () => this.tracked.delete(tracked) };
    this.tracked.add(tracked);
    return tracked;
  }
  fromServer(revision, position) {
    return revision > this.revision ? null : position;
  }
  toServer(position) {
    return this.acknowledged ? { revision: this.revision, position } : null;
  }
  insert(at, text) {
    this.content = this.content.slice(0, at) + text + this.content.slice(at);
    for (const one of this.tracked) if (one.position > at || (one.position === at && one.side > 0)) one.position += text.length;
  }
  delete(at, length) {
    this.content = this.content.slice(0, at) + this.content.slice(at + length);
    for (const one of this.tracked) if (one.position > at) one.position = Math.max(at, one.position - length);
  }
}

const placed = (id, start, end, more = {}) => ({ id, start, end, thread: { quote: id, comments: [{ id: 1, time: 1, author: { id: "a" } }], ...more } });
const seen = (threads) => threads.inOrder().map(({ id, from, to, lost }) => [id, from, to, lost]);

test("threads are in the order of the text and move with it", () => {
  const editor = new Editor();
  const threads = new Threads(editor);
  threads.put(placed("fox", 16, 19), 5);
  threads.put(placed("quick", 4, 9), 5);
  assert.deepEqual(seen(threads), [["quick", 4, 9, false], ["fox", 16, 19, false]]);
  editor.insert(4, "very ");
  editor.insert(24, "!");
  assert.deepEqual(seen(threads), [["quick", 9, 14, false], ["fox", 21, 24, false]], "edges don't grow");
  editor.insert(10, "u");
  assert.deepEqual(seen(threads)[0], ["quick", 9, 15, false]);
  assert.equal(threads.get("quick").quote, "quick");
  threads.remove("quick");
  assert.deepEqual([threads.get("quick"), editor.tracked.size], [null, 2]);
  threads.clear();
  assert.deepEqual([seen(threads), editor.tracked.size], [[], 0]);
});

test("a thread whose text is deleted is kept, and found again where the server says", () => {
  const editor = new Editor();
  const threads = new Threads(editor);
  threads.put(placed("fox", 16, 19), 5);
  const before = signature(threads.inOrder());
  editor.delete(10, 9);
  assert.deepEqual(seen(threads), [["fox", 10, 10, true]]);
  assert.notEqual(signature(threads.inOrder()), before);
  editor.insert(10, "brown fox");
  assert.deepEqual(seen(threads)[0][3], true);
  editor.revision = 7;
  threads.move("fox", 16, 19, 7);
  assert.deepEqual(seen(threads), [["fox", 16, 19, false]]);
  threads.move("nobody", 1, 2, 7);
  assert.equal(editor.tracked.size, 2);
});

test("a thread of a revision that is not here yet waits for it", () => {
  const editor = new Editor();
  const threads = new Threads(editor);
  threads.put(placed("fox", 16, 19), 6);
  assert.deepEqual(seen(threads), [["fox", 16, 19, true]]);
  assert.ok(!threads.placeLate());
  editor.revision = 6;
  assert.ok(threads.placeLate());
  assert.ok(!threads.placeLate());
  assert.deepEqual(seen(threads), [["fox", 16, 19, false]]);
});

test("open threads are counted", () => {
  const threads = new Threads(new Editor());
  threads.put(placed("a", 1, 2), 5);
  threads.put(placed("b", 1, 2, { resolved: { by: {}, time: 1 } }), 5);
  assert.equal(open(threads.inOrder()), 1);
});

test("what was selected moves until the server can be told", () => {
  const editor = new Editor();
  assert.equal(selected(editor), null);
  editor.selection = { anchor: 19, head: 16 };
  const place = selected(editor);
  assert.equal(place.quote, "fox");
  editor.insert(0, "See: ");
  editor.acknowledged = false;
  assert.equal(place.forServer(), null);
  editor.acknowledged = true;
  editor.revision = 6;
  assert.deepEqual(place.forServer(), { revision: 6, start: 21, end: 24 });
  editor.delete(0, editor.content.length);
  assert.deepEqual([place.from, place.to], [0, 0]);
  place.end();
  assert.equal(editor.tracked.size, 0);
  assert.ok(new Place(editor, 0, 0));
});

test("what was written is sent when it can be, and again after the connection was lost", () => {
  const sent = [];
  let connected = true;
  let where = null;
  let ended = 0;
  let number = 0;
  const outbox = new Outbox((data) => connected && Boolean(sent.push(data)), () => `${++number}`);
  outbox.add("Why?", null, () => where && { kind: "open", ...where }, () => ended++);
  outbox.add("So.", "t", () => ({ kind: "reply", thread: "t" }));
  assert.deepEqual(sent, [{ kind: "reply", thread: "t", key: "2", text: "So." }]);
  where = { revision: 1, start: 0, end: 3 };
  outbox.flush();
  outbox.flush();
  assert.deepEqual(sent[1], { kind: "open", revision: 1, start: 0, end: 3, key: "1", text: "Why?" });
  assert.equal(sent.length, 2, "once");
  connected = false;
  outbox.lost();
  outbox.flush();
  connected = true;
  where = { revision: 2, start: 5, end: 8 };
  outbox.flush();
  assert.deepEqual(sent.slice(2).map(({ key, revision }) => [key, revision]), [["1", 2], ["2", undefined]]);
  assert.ok(outbox.confirm("1"));
  assert.equal(ended, 1);
  assert.ok(outbox.refuse("2", "Too fast."));
  outbox.lost();
  outbox.flush();
  assert.equal(sent.length, 4, "what was refused is not sent by itself");
  outbox.retry("2");
  assert.equal(sent.length, 5);
  outbox.discard("2");
  assert.deepEqual([outbox.waiting, outbox.confirm("2"), outbox.refuse("2", "")], [[], false, false]);
});
