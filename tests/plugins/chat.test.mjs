/** chat's browser half: what can be tested without a page. (test_chat_page.py has the rest.) */

import assert from "node:assert/strict";
import test from "node:test";

import { candidates, complete, MOST, tokenAt } from "../../plugins/chat/static/completion.js";
import { badge, mentions, Messages, unread } from "../../plugins/chat/static/messages.js";
import { Outbox } from "../../plugins/chat/static/outbox.js";
import { day, goesOn, newDay } from "../../plugins/chat/static/times.js";

const message = (id, author = "a", more = {}) => ({ id, author: { id: author, name: author }, time: id, text: `text ${id}`, ...more });

test("a name is completed after an @ that begins a word", () => {
  assert.deepEqual(tokenAt("@qu", 3), { start: 0, query: "qu" });
  assert.deepEqual(tokenAt("hi @Quiet O", 11), { start: 3, query: "Quiet O" });
  assert.deepEqual(tokenAt("@", 1), { start: 0, query: "" });
  for (const [text, caret] of [["x@qu", 4], ["@ qu", 4], ["@a\nb", 4], ["none", 4], [`@${"x".repeat(70)}`, 71], ["@a", 0]]) {
    assert.equal(tokenAt(text, caret), null, text);
  }
  const people = ["Quiet Otter", "Loud Quokka", "Ada", "quick", "Quiet Otter", "Me"].map((name, index) => ({ id: `${index}`, name }));
  const names = (query) => candidates(people, query, "5").map(({ name }) => name);
  assert.deepEqual(names("qu"), ["quick", "Quiet Otter", "Loud Quokka"]);
  assert.deepEqual(names("quiet o"), ["Quiet Otter"]);
  assert.deepEqual(names("quick"), [], "it is complete");
  assert.deepEqual(names("m"), [], "oneself");
  assert.equal(candidates(Array.from({ length: 99 }, (_, id) => ({ id, name: `A${id}` })), "a").length, MOST);
  assert.deepEqual(complete("hi @qu there", { start: 3, query: "qu" }, "Quiet Otter"), { text: "hi @Quiet Otter there", caret: 15 });
  assert.deepEqual(complete("@q", { start: 0, query: "q" }, "Ada"), { text: "@Ada ", caret: 5 });
});

test("all that somebody wrote is deleted at once", () => {
  const messages = new Messages();
  messages.newest([message(1), message(2, "b"), message(3)], false);
  assert.ok(messages.deleteAll("a"));
  assert.ok(!messages.deleteAll("a"), "nothing is left of it");
  assert.deepEqual(messages.list.map(({ id, text, deleted }) => [id, text, deleted]), [[1, undefined, true], [2, "text 2", undefined], [3, undefined, true]]);
});

test("messages come in order and once, and each can change", () => {
  const messages = new Messages();
  messages.newest([message(51), message(52)], true);
  assert.ok(messages.add(message(53)));
  assert.ok(!messages.add(message(53)));
  assert.ok(messages.older([message(49), message(50)], false));
  assert.ok(!messages.older([message(49), message(50)], false), "asked twice");
  assert.deepEqual([messages.list.map(({ id }) => id), messages.more], [[49, 50, 51, 52, 53], false]);
  assert.ok(messages.change(message(50, "a", { deleted: true })));
  assert.ok(!messages.change(message(1)));
  assert.equal(messages.lastOf("a").id, 53);
  messages.change(message(53, "a", { deleted: true }));
  assert.equal(messages.lastOf("a").id, 52);
  assert.equal(messages.lastOf("nobody"), null);
});

test("what is new to the reader is counted", () => {
  const messages = new Messages();
  messages.newest([message(1), message(2, "me"), message(3, "a", { deleted: true }), message(4, "b", { mentions: [[0, 3, "me"]] })], false);
  assert.deepEqual(unread(messages, 0, "me"), { count: 2, mentioned: true, all: false });
  assert.deepEqual(unread(messages, 4, "me"), { count: 0, mentioned: false, all: false });
  messages.newest([message(10), message(11)], true);
  assert.equal(badge(unread(messages, 3, "me")), "2+");
  assert.equal(badge(unread(messages, 9, "me")), "2");
  assert.equal(badge({ count: 1, mentioned: true, all: false }), "@1");
  assert.equal(badge({ count: 0, mentioned: false, all: true }), "");
  assert.ok(!mentions(message(1, "me", { mentions: [[0, 3, "me"]] }), "me"), "oneself");
});

test("what was written is sent until the server has it", () => {
  const sent = [];
  let connected = false;
  let number = 0;
  const outbox = new Outbox((data) => connected && Boolean(sent.push(data)), () => `${++number}`);
  outbox.add("one");
  outbox.add("two");
  assert.deepEqual([sent.length, outbox.waiting.length], [0, 2]);
  connected = true;
  outbox.resend();
  assert.deepEqual(sent.map(({ key, text }) => [key, text]), [["1", "one"], ["2", "two"]]);
  assert.ok(outbox.confirm("1"));
  assert.ok(!outbox.confirm("1"));
  assert.ok(outbox.refuse("2", "Too fast."));
  assert.ok(!outbox.refuse("9", "What?"));
  outbox.resend();
  assert.equal(sent.length, 2, "what was refused is not sent by itself");
  outbox.retry("2");
  assert.deepEqual([sent.length, outbox.waiting[0].problem], [3, null]);
  outbox.discard("2");
  assert.deepEqual(outbox.waiting, []);
});

test("messages are put together by day and author", () => {
  const at = (hours, author = "a") => ({ time: new Date(2024, 4, 3, hours).getTime() / 1000, author: { id: author } });
  assert.ok(newDay(at(1), null));
  assert.ok(newDay(at(25), at(23)));
  assert.ok(!newDay(at(23), at(1)));
  assert.ok(goesOn(at(1.05), at(1)) && !goesOn(at(2), at(1)) && !goesOn(at(1), at(1, "b")));
  const now = new Date(2024, 4, 3, 12).getTime();
  assert.equal(day(at(1).time, now), "Today");
  assert.equal(day(at(-1).time, now), "Yesterday");
  assert.match(day(at(-72).time, now), /30/);
  assert.match(day(new Date(2020, 0, 1).getTime() / 1000, now), /2020/);
});
