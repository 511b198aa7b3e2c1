/** A server that is there, and no WebSocket that gets through to it. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { inquire, readOver } from "../../collab/static/engine/inquiry.js";
import { Delta } from "../../collab/static/engine/ot.js";
import { describe } from "../../collab/static/ui/status.js";
import { Browser, Page, Room } from "./world.mjs";

async function opening(change) {
  const room = new Room("text");
  Object.assign(room, change);
  const browser = new Browser(room);
  const page = new Page(browser);
  page.live.open();
  await browser.clock.pass(5000);
  return { room, browser, clock: browser.clock, page, live: page.live };
}

test("the text can be read, and the page says that it can't be written", async () => {
  const { room, clock, page, live } = await opening({ blocked: true });
  assert.equal(page.text, "text");
  assert.equal(page.writable, false);
  assert.equal(live.status.blocked, true);
  assert.equal(live.status.taken, false);
  const { text } = describe(live.status, false);
  assert.equal(text, "Read only");
  room.commit("other", 1, new Delta().insert("> "));
  await clock.pass(60_000);
  assert.equal(page.text, "> text", "it is read again");
  room.blocked = false;
  await clock.pass(60_000);
  assert.equal(live.status.connection, "connected");
  assert.equal(live.status.blocked, false);
  assert.equal(page.writable, true);
  page.type(6, "!");
  await clock.pass(10);
  assert.equal(room.text, "> text!");
});

test("a server that is away is not called blocked", async () => {
  const { page, live } = await opening({ up: false });
  assert.equal(live.status.connection, "offline");
  assert.equal(live.status.blocked, false);
  assert.equal(page.text, "");
});

test("a page that was open goes on, and says that it can't send", async () => {
  const room = new Room("text");
  const browser = new Browser(room);
  const page = await browser.page();
  room.blocked = true;
  room.cut();
  page.type(4, " typed");
  await browser.clock.pass(5000);
  assert.equal(page.live.status.blocked, true);
  assert.equal(page.text, "text typed");
  const { text, title } = describe(page.live.status, true);
  assert.equal(text, "Can’t send · unsaved changes kept");
  assert.match(title, /kept in this browser/);
  room.blocked = false;
  await browser.clock.pass(30_000);
  assert.equal(room.text, "text typed");
});

/** What HTTP answers, by the end of the address. */
async function answered(answers, ask) {
  const { fetch } = globalThis;
  globalThis.fetch = async (address) => {
    const [status, body] = answers[new URL(address).pathname.split("/").at(-1)] ?? assert.fail(address);
    if (status === 0) throw new TypeError("Failed to fetch");
    return new Response(typeof body === "string" ? body : JSON.stringify(body), { status });
  };
  try {
    return await ask("ws://h/api/documents/d/socket");
  } finally {
    globalThis.fetch = fetch;
  }
}

const error = (code) => ({ error: { code, message: "M." } });

test("what plain HTTP tells", async () => {
  const nothing = { refused: null, blocked: false };
  const told = (answers) => answered(answers, inquire);
  assert.deepEqual(await told({ d: [0] }), nothing);
  assert.deepEqual(await told({ d: [502, "<html>Bad Gateway</html>"] }), nothing);
  assert.deepEqual(await told({ d: [503, error("shutting_down")] }), nothing);
  assert.deepEqual(await told({ d: [404, error("no_document")] }), {
    refused: { code: "no_document", message: "M." }, blocked: false,
  });
  const d = [200, { id: "d" }];
  const blocked = { refused: null, blocked: true };
  assert.deepEqual(await told({ d, socket: [400, error("bad_request")] }), blocked);
  assert.deepEqual(await told({ d, socket: [502, "<html>Bad Gateway</html>"] }), blocked);
  assert.deepEqual(await told({ d, socket: [403, "Forbidden by a firewall"] }), blocked);
  assert.deepEqual(await told({ d, socket: [503, error("too_many_sessions")] }), nothing);
  assert.deepEqual(await told({ d, socket: [0] }), nothing);
});

test("the content over HTTP", async () => {
  const content = [{ insert: "text" }];
  assert.deepEqual((await answered({ content: [200, content] }, readOver)).ops, content);
  assert.equal(await answered({ content: [404, error("no_document")] }, readOver), null);
  assert.equal(await answered({ content: [200, "a page of the network's"] }, readOver), null);
});
