/** What a browser keeps of unsent work, when it may say so, and what becomes of it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Delta } from "../../collab/static/engine/ot.js";
import { Browser, Room, settled } from "./world.mjs";

async function opened(text = "", overrides) {
  const room = new Room(text);
  const browser = new Browser(room);
  const page = await browser.page(overrides);
  return { room, browser, clock: browser.clock, page, live: page.live };
}

/** Holds the database's writes back; returns how to let them go. */
function held({ database }) {
  let go;
  database.pause = new Promise((resolve) => (go = resolve));
  return () => {
    database.pause = null;
    go();
    return settled();
  };
}

test("edits count as kept when they are on the disk, not before", async () => {
  const { room, browser, page, live } = await opened("x");
  room.up = false;
  room.cut();
  const go = held(browser);
  page.type(1, "1");
  await settled();
  assert.equal(live.status.kept, false);
  assert.equal(live.status.keeps, true);
  await go();
  assert.equal(live.status.kept, true);
  assert.equal(browser.database.writes.at(-1).strict, true);
});

test("what is typed while one write is on its way goes into the next, in its newest state", async () => {
  const { room, browser, page, live } = await opened("");
  room.up = false;
  room.cut();
  const go = held(browser);
  page.type(0, "a");
  await settled();
  for (let i = 1; i < 100; i++) page.type(i, "a");
  await settled();
  assert.equal(live.status.kept, false);
  await go();
  assert.equal(browser.database.writes.length, 2);
  assert.equal(browser.database.all("unsent")[0].buffer?.[1].insert.length ?? 0, 99);
  assert.equal(live.status.kept, true);
});

test("the disk is waited for only when the server is away or late", async () => {
  const { room, browser, clock, page, live } = await opened("");
  page.type(0, "fine");
  await clock.pass(100);
  assert.ok(browser.database.writes.every(({ strict }) => !strict));
  room.deaf = true;
  page.type(4, " late");
  await clock.pass(1000);
  assert.ok(browser.database.writes.every(({ strict }) => !strict));
  await clock.pass(1500);
  assert.equal(live.status.atRisk, true);
  assert.equal(browser.database.writes.at(-1).strict, true);
  assert.equal(live.status.kept, true);
});

test("what was on its way to the storage when the line broke is put on the disk", async () => {
  const { room, browser, clock, page, live } = await opened("");
  room.deaf = true;
  page.type(0, "typed before");
  await clock.pass(10);
  assert.equal(live.status.kept, false);
  room.up = false;
  room.cut();
  await settled();
  assert.equal(live.status.kept, true);
  assert.equal(browser.database.writes.at(-1).strict, true);
});

test("a page that is left writes at once what waits", async () => {
  const { room, browser, page } = await opened("");
  room.up = false;
  room.cut();
  const started = [];
  const { write } = browser.database;
  browser.database.write = (changes, how) => {
    started.push(changes.length);
    return write.call(browser.database, changes, how);
  };
  const go = held(browser);
  page.type(0, "a");
  await settled();
  page.type(1, "b");
  assert.equal(started.length, 1);
  browser.leave();
  assert.equal(started.length, 2, "without waiting for the first");
  await go();
  assert.deepEqual(browser.database.all("unsent")[0].buffer, [{ retain: 1 }, { insert: "b" }]);
});

test("a rescue copy is told of when it is on the disk", async () => {
  const { room, browser, clock, page } = await opened("");
  room.intercept = ({ sequence }, socket) => {
    socket.tell({ type: "error", code: "vetoed", message: "No.", sequence });
    return true;
  };
  const go = held(browser);
  page.type(0, "x");
  await clock.pass(50);
  assert.deepEqual(page.told("rescue"), []);
  await go();
  assert.deepEqual(page.told("rescue").map(({ text, kept }) => [text, kept]), [["x", true]]);
});

test("a storage that never answers is not waited for", async () => {
  const { room, browser, clock, page } = await opened("");
  room.intercept = ({ sequence }, socket) => {
    socket.tell({ type: "error", code: "vetoed", message: "No.", sequence });
    return true;
  };
  held(browser);
  page.type(0, "x");
  await clock.pass(6000);
  assert.deepEqual(page.told("rescue").map(({ text, kept }) => [text, kept]), [["x", false]]);
});

test("without any storage, what was typed when the page failed still arrives", async () => {
  const refuses = () => Promise.reject(new Error("SecurityError"));
  const { room, clock, page } = await opened("x", { database: { entries: refuses, write: refuses } });
  room.intercept = () => true;
  page.type(1, "typed");
  await clock.pass(10);
  room.intercept = () => false;
  page.fault = () => {
    page.fault = () => {};
    throw new Error("once");
  };
  room.edit(new Delta().insert("> "));
  await clock.pass(3000);
  assert.equal(room.text, "> xtyped");
  assert.equal(page.text, room.text);
});

/** A tab whose record in the database is older than what it sent last, and that is killed then. */
async function killedWithOldRecord(first, then, limits = {}) {
  const { room, browser, clock, page } = await opened("");
  Object.assign(room.limits, limits);
  room.intercept = () => true;
  page.type(0, first);
  page.type(0, "> ");
  await settled();
  held(browser);
  room.intercept = () => false;
  room.cut();
  await clock.pass(3000);
  page.type(room.text.length, then);
  await clock.pass(100);
  browser.database.write = () => new Promise(() => {}); // nothing of it gets there any more
  page.crash();
  const { database } = browser;
  delete database.write;
  database.pause = null;
  const next = await browser.page();
  await clock.pass(3000);
  return { room, next, browser };
}

test("a record that is older than what arrived is neither delivered again nor a rescue copy", async () => {
  const { room, next, browser } = await killedWithOldRecord("one", ", two");
  assert.equal(room.text, "> one, two");
  assert.deepEqual(await next.live.rescues(), []);
  assert.deepEqual(browser.database.all("unsent"), []);
});

test("what an earlier version kept in localStorage is taken over", async () => {
  const room = new Room("x");
  const browser = new Browser(room);
  const page = await browser.page();
  room.up = false;
  room.cut();
  page.type(1, "1");
  await settled();
  const [{ title, ...record }] = browser.database.all("unsent");
  assert.equal(title, "Title");
  page.crash();
  const { storage } = browser;
  await browser.database.write([[["", "unsent", "d", record.client], undefined]], { strict: false });
  storage.setItem(`collab::unsent:d:${record.client}`, JSON.stringify(record));
  const rescue = { id: "r", document: "d", title: "T", reason: "vetoed", sentence: "No.", text: "kept", whole: false, saved: 1 };
  storage.setItem("collab::rescue:d:r", JSON.stringify(rescue));
  storage.setItem("collab::rescue:d:s", "not JSON");
  storage.setItem("collab:/other:rescue:d:r", "another one's");
  room.up = true;
  const next = await browser.page();
  await browser.clock.pass(2000);
  assert.equal(room.text, "x1");
  assert.deepEqual(await next.live.rescues(), [rescue]);
  assert.deepEqual([...storage.keys("unsent"), ...storage.keys("rescue")], ["collab::rescue:d:s", "collab:/other:rescue:d:r"]);
});

test("what an earlier version kept stays where it is while the database refuses", async () => {
  const browser = new Browser(new Room("x"));
  browser.storage.setItem("collab::rescue:d:r", JSON.stringify({ text: "kept" }));
  browser.database.quota = 1;
  const page = await browser.page();
  assert.deepEqual((await page.live.rescues()).map(({ text }) => text), ["kept"]);
  assert.deepEqual(browser.storage.keys("rescue"), ["collab::rescue:d:r"]);
});
