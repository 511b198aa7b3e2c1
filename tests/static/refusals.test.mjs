/** What becomes of a text whose server won't have it: what the person saw is kept, whole. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Browser, Room } from "./world.mjs";

/** A page with something saved and something unsent, when the line is cut and the server says `code`. */
async function refused(code, change = () => {}) {
  const room = new Room("text");
  const browser = new Browser(room);
  const page = await browser.page();
  const { clock } = browser;
  page.type(4, " saved");
  await clock.pass(10);
  room.intercept = () => true;
  page.type(10, " unsent");
  await clock.pass(10);
  room.intercept = () => false;
  change(room);
  room.refusal = code;
  room.cut();
  await clock.pass(400);
  return { room, browser, clock, page, live: page.live };
}

for (const code of ["deleted", "no_document", "forbidden", "bad_token", "unsupported_protocol", "some_code_of_later"]) {
  test(`${code}: the whole text is a rescue copy, and the page says that it is closed`, async () => {
    const { clock, page, live } = await refused(code);
    await clock.pass(60_000);
    assert.deepEqual((await live.rescues()).map(({ text, whole }) => [text, whole]), [["text saved unsent", true]]);
    assert.equal(live.status.connection, "refused");
    assert.ok(live.status.sentence);
    assert.equal(page.writable, false);
    assert.equal(page.text, "text saved unsent", "it can still be read");
  });
}

for (const code of ["bad_revision", "bad_sequence", "epoch_changed", "history_changed"]) {
  test(`${code}: the whole text is a rescue copy, and writing goes on`, async () => {
    const older = (room) => {
      room.content = new Room("text").content;
      room.history = [];
    };
    const { room, clock, page, live } = await refused(code, older);
    room.refusal = null;
    await clock.pass(2000);
    assert.deepEqual((await live.rescues()).map(({ text, whole }) => [text, whole]), [["text saved unsent", true]]);
    assert.equal(live.status.connection, "connected");
    assert.equal(page.text, "text");
    assert.equal(page.writable, true);
    page.type(4, " again");
    await clock.pass(10);
    assert.equal(room.text, "text again");
    assert.equal(live.status.saving, false);
  });
}

test("a server that has everything brings no rescue copy", async () => {
  const { room, clock, page, live } = await refused("bad_client");
  room.refusal = null;
  await clock.pass(2000);
  assert.deepEqual((await live.rescues()).map(({ text, whole }) => [text, whole]), [[" unsent", false]]);
  assert.equal(page.text, "text saved");
});

test("what another version of the server does not take is left for the next page, too", async () => {
  const { room, browser, clock, live } = await refused("unsupported_protocol");
  live.close();
  room.refusal = null;
  await browser.page();
  await clock.pass(2000);
  assert.equal(room.text, "text saved unsent");
});

test("the sentences are for the person who wrote", async () => {
  const { room, clock, live } = await refused("bad_revision", (room) => {
    room.content = new Room("").content;
    room.history = [];
  });
  room.refusal = null;
  await clock.pass(2000);
  assert.match((await live.rescues())[0].sentence, /older copy of this document/);
});
