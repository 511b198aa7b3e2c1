/** An older copy of the database is put back, and others may have written past what a page had seen. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Delta } from "../../collab/static/engine/ot.js";
import { Browser, Room } from "./world.mjs";

async function opened(text) {
  const room = new Room(text);
  const browser = new Browser(room);
  const page = await browser.page();
  return { room, browser, clock: browser.clock, page, live: page.live };
}

const hellos = ({ received }) => received.filter(({ type }) => type === "hello");

/** Seen by the page up to revision 3; the copy is of revision 1. */
async function seenMore() {
  const world = await opened("base");
  const { room, clock, page } = world;
  for (const word of ["one ", "two ", "tre "]) {
    page.type(0, word);
    await clock.pass(50);
  }
  room.up = false;
  room.cut();
  return world;
}

async function back({ room, browser, clock }) {
  room.up = true;
  browser.wake();
  await clock.pass(5000);
}

const PAST = {
  "nobody writes": () => {},
  "others write as far": (room) => ["uno ", "dos "].forEach((word) => room.edit(new Delta().insert(word))),
  "others write past it": (room) => {
    for (let line = 0; line < 40; line++) room.edit(new Delta().insert(`line ${line}\n`));
  },
};

for (const [past, write] of Object.entries(PAST)) {
  for (const unsent of ["", "unsent "]) {
    test(`${past}, ${unsent || "nothing "}unsent: told apart at once, the whole text is kept`, async () => {
      const world = await seenMore();
      const { room, page, live, browser, clock } = world;
      if (unsent) page.type(0, unsent);
      room.putBack(1);
      write(room);
      await back(world);
      assert.equal(page.text, room.text);
      assert.equal(live.status.connection, "connected");
      assert.equal(live.status.saving, false);
      const rescues = await live.rescues();
      assert.deepEqual(
        rescues.map(({ text, reason, whole }) => ({ text, reason, whole })),
        [{ text: `${unsent}tre two one base`, reason: "history_changed", whole: true }],
      );
      assert.equal(browser.database.all("unsent").length, 0);
      // And it goes on from there.
      page.type(0, "on ");
      await clock.pass(100);
      assert.ok(room.text.startsWith("on "));
      assert.equal(page.text, room.text);
      assert.deepEqual(browser.reports, []);
    });
  }
}

test("a copy that has all that the page has seen: what is unsent is delivered", async () => {
  const world = await seenMore();
  const { room, page, live } = world;
  page.type(0, "unsent ");
  room.edit(new Delta().insert("lost "));
  room.putBack(3);
  PAST["others write past it"](room);
  await back(world);
  assert.ok(room.text.includes("unsent "));
  assert.equal(page.text, room.text);
  assert.deepEqual(await live.rescues(), []);
});

test("a closed tab's work is not merged into another history", async () => {
  const world = await seenMore();
  const { room, browser, clock, page } = world;
  page.type(0, "unsent ");
  await clock.pass(100);
  page.crash();
  room.putBack(1);
  PAST["others write past it"](room);
  room.up = true;
  const next = await browser.page();
  await clock.pass(5000);
  assert.equal(next.text, room.text);
  assert.ok(!room.text.includes("unsent"));
  const [rescue] = await next.live.rescues();
  assert.deepEqual([rescue.text, rescue.reason], ["unsent ", "history_changed"]);
  assert.equal(hellos(room).at(-1).hash !== undefined, true);
});

test("a page says the hash of the last revision that it has seen", async () => {
  const { room, clock, page } = await opened("base");
  const said = async () => {
    room.cut();
    await clock.pass(5000);
    const { revision, hash } = hellos(room).at(-1);
    assert.equal(hash, room.hashes[revision]);
    return revision;
  };
  assert.equal(await said(), 0);
  page.type(0, "mine ");
  await clock.pass(100);
  assert.equal(await said(), 1);
  room.edit(new Delta().insert("theirs "));
  await clock.pass(100);
  assert.equal(await said(), 2);
  room.up = false;
  room.cut();
  for (let n = 0; n < 5; n++) room.edit(new Delta().insert("more "));
  room.up = true;
  await clock.pass(60_000);
  assert.equal(await said(), 7);
});

test("a server of before there were hashes is told none", async () => {
  const room = new Room("base");
  room.hashes = [];
  const browser = new Browser(room);
  const page = await browser.page();
  page.type(0, "x");
  await browser.clock.pass(100);
  room.hashes = [];
  room.cut();
  await browser.clock.pass(5000);
  assert.equal(hellos(room).length, 2);
  assert.equal(hellos(room)[1].hash, null);
  assert.equal(page.live.status.connection, "connected");
});
