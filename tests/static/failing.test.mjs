/** Whatever throws, the page loads the document again, keeps what was typed, or says that it stopped. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { concernsText } from "../../collab/static/pages/uncaught.js";
import { guarded } from "../../collab/static/engine/guarding.js";
import { Delta } from "../../collab/static/engine/ot.js";
import { Browser, Room, settled } from "./world.mjs";

async function opened(text = "") {
  const room = new Room(text);
  const browser = new Browser(room);
  const page = await browser.page();
  return { room, browser, clock: browser.clock, page, live: page.live };
}

/** An editor that throws the first `times` times that it is asked to do `what`. */
function failing(page, what, times = 1) {
  let left = times;
  page.fault = (asked) => {
    if (asked === what && left-- > 0) throw new RangeError("Invalid change range 7 to 9 (in doc of length 4)");
  };
}

test("an editor that throws at a remote edit is given the document again", async () => {
  const { room, browser, clock, page, live } = await opened("text");
  failing(page, "applyRemote");
  room.edit(new Delta().insert("> "));
  await clock.pass(2000);
  assert.equal(page.text, "> text");
  assert.equal(page.writable, true);
  assert.equal(page.contentsSet, 2);
  assert.equal(browser.reports.length, 1);
  assert.match(browser.reports[0].message, /Invalid change range/);
  page.type(6, "!");
  await clock.pass(10);
  assert.equal(room.text, "> text!");
  assert.equal(live.status.saving, false);
  assert.deepEqual(await live.rescues(), []);
});

test("an editor that does not throw is left alone", async () => {
  const { room, clock, page } = await opened("text");
  room.edit(new Delta().insert("> "));
  await clock.pass(2000);
  assert.equal(page.contentsSet, 1);
});

test("what was typed and is unsent when a remote edit fails arrives, once", async () => {
  const { room, clock, page, live } = await opened("text");
  room.intercept = () => true;
  page.type(4, " one");
  page.type(8, " two");
  await clock.pass(10);
  failing(page, "applyRemote");
  room.edit(new Delta().insert("> "));
  await clock.pass(500);
  assert.equal(live.status.connection, "connected");
  assert.equal(live.status.unsaved, 2, "it is not called saved before it has arrived");
  room.intercept = () => false;
  room.cut();
  await clock.pass(3000);
  assert.equal(live.status.saving, false);
  assert.equal(room.text, "> text one two");
  assert.equal(page.text, room.text);
  assert.deepEqual(await live.rescues(), []);
});

test("the acknowledgement that comes with a failing edit does not double anything", async () => {
  const { room, clock, page } = await opened("text");
  room.intercept = (operation, socket) => {
    const mine = room.submit(socket.client, operation);
    const theirs = room.commit("other", 1, new Delta().insert("> "));
    room.intercept = () => false;
    room.broadcast({ type: "operations", operations: [mine, theirs] });
    return true;
  };
  failing(page, "applyRemote");
  page.type(4, " one");
  page.type(8, " two");
  await clock.pass(3000);
  assert.equal(room.text, "> text one two");
  assert.equal(page.text, room.text);
});

test("a typed change that the engine can't take is in the rescue copy, and typing goes on", async () => {
  const { room, clock, page, live } = await opened("text");
  page.content = page.content.compose(new Delta().retain(4).insert(" typed"));
  const unreadable = {
    get insert() {
      throw new TypeError("unreadable");
    },
  };
  live.edit([{ retain: 4 }, unreadable]);
  await clock.pass(2000);
  assert.equal(page.text, "text");
  assert.deepEqual((await live.rescues()).map(({ text, whole }) => [text, whole]), [["text typed", true]]);
  assert.equal(page.writable, true);
  page.type(0, "> ");
  await clock.pass(10);
  assert.equal(room.text, "> text");
});

for (const what of ["applyRemote", "setContent"]) {
  test(`a page that fails three times in a row stops, and says so (${what})`, async () => {
    const { room, browser, clock, page, live } = await opened("text");
    room.intercept = () => true;
    page.type(4, " typed");
    page.fault = (asked) => {
      if (asked === what || (what === "setContent" && asked === "applyRemote")) throw new Error("always");
    };
    for (let i = 0; i < 4; i++) {
      room.edit(new Delta().insert("."));
      await clock.pass(4000);
    }
    assert.equal(live.status.connection, "refused");
    assert.equal(live.status.code, "page_stopped");
    assert.match(live.status.sentence, /reload/);
    assert.equal(page.writable, false);
    assert.equal(browser.reports.length, 3);
    // What was typed is at the server, or waits for the next page.
    room.intercept = () => false;
    live.close();
    await browser.page();
    await clock.pass(3000);
    assert.equal(room.text.match(/ typed/g)?.length, 1);
  });
}

test("failures with a minute of calm between them are not in a row", async () => {
  const { room, clock, page, live } = await opened("text");
  for (let i = 0; i < 6; i++) {
    failing(page, "applyRemote");
    room.edit(new Delta().insert("."));
    await clock.pass(61_000);
  }
  assert.equal(page.text, room.text);
  assert.equal(live.status.connection, "connected");
});

test("a text that keeps differing from the server's does not look alive for ever", async () => {
  const { room, clock, page, live } = await opened("same");
  const differ = async () => {
    page.content = new Delta().insert("other");
    room.announceChecksum();
    await clock.pass(3000);
  };
  await differ();
  await differ();
  assert.equal(live.status.connection, "connected");
  room.announceChecksum(); // it agrees: what failed before is over
  await clock.pass(10);
  await differ();
  await differ();
  assert.equal(page.text, "same");
  await differ();
  assert.equal(live.status.code, "page_stopped");
  assert.equal(page.writable, false);
});

test("timers, wake-up calls and promises that fail are told", async () => {
  const failures = [];
  const calls = [];
  const environment = guarded(
    { setTimeout: (fn) => calls.push(fn), onWake: (fn) => calls.push(fn) },
    ({ message }) => failures.push(message),
  );
  const fail = (message) => () => {
    throw new Error(message);
  };
  environment.setTimeout(fail("timer"), 1);
  environment.onWake(fail("wake"));
  environment.setTimeout(async () => fail("promise")(), 1);
  for (const call of calls) call();
  await settled();
  assert.deepEqual(failures, ["timer", "wake", "promise"]);
});

test("a frame that can't be read starts the connection again", async () => {
  const { room, browser, clock, page, live } = await opened("text");
  for (const socket of room.sockets) socket.onmessage({ data: "no JSON" });
  await clock.pass(2000);
  assert.equal(browser.reports.length, 1);
  assert.equal(live.status.connection, "connected");
  page.type(4, "!");
  await clock.pass(10);
  assert.equal(room.text, "text!");
});

test("which uncaught exceptions concern the text", () => {
  const thrown = (...places) => ({ stack: ["Error: x", ...places.map((one) => `at f (http://h/${one}.js:1:2)`)].join("\n") });
  assert.equal(concernsText(thrown("static/engine/client", "static/engine/document")), true);
  assert.equal(concernsText(thrown("static/vendor/codemirror-view", "static/editor/codemirror")), true);
  assert.equal(concernsText(thrown("static/vendor/codemirror-view")), true);
  assert.equal(concernsText(thrown("static/ui/status", "static/engine/document")), false);
  assert.equal(concernsText(thrown("static/editor/decorations", "plugins/links/static/links")), false);
  assert.equal(concernsText(null), false);
});
