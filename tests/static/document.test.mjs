import assert from "node:assert/strict";
import { test } from "node:test";
import { known, summedOf, textOf } from "../../collab/static/engine/content.js";
import { Delta } from "../../collab/static/engine/ot.js";
import { withSeeds } from "./random.mjs";
import { Browser, Clock, Page, Room, settled } from "./world.mjs";

async function opened(text = "", overrides) {
  const room = new Room(text);
  const browser = new Browser(room);
  const page = await browser.page(overrides);
  return { room, browser, clock: browser.clock, page, live: page.live };
}

test("a page shows the document, and what it types is saved", async () => {
  const { room, clock, page, live, browser } = await opened("hello");
  assert.equal(page.text, "hello");
  assert.equal(page.writable, true);
  page.type(5, "!");
  assert.equal(live.status.saving, true);
  assert.equal(live.status.atRisk, false);
  assert.equal(live.status.kept, false, "nothing is said before it is so");
  await settled();
  assert.deepEqual(browser.database.writes[0].changes[0][0], ["", "unsent", "d", "client-1"]);
  assert.equal(room.text, "hello!");
  assert.equal(live.status.saving, false);
  assert.equal(browser.database.all("unsent").length, 0);
  assert.equal(live.revision, 1);
  assert.equal(page.told("synchronized").length, 1);
});

test("others' edits arrive, and own ones go on top", async () => {
  const { room, clock, page } = await opened("ab");
  page.type(2, "c");
  room.edit(new Delta().insert(">"));
  await clock.pass(10);
  assert.equal(page.text, ">abc");
  assert.equal(room.text, ">abc");
});

test("an edit before the document is here is refused", () => {
  const page = new Page(new Browser());
  assert.throws(() => page.live.edit(new Delta().insert("x")), /not here yet/);
});

test("typing offline is kept, shown at risk, and delivered when the line is back", async () => {
  const { room, clock, page, live, browser } = await opened("x");
  room.up = false;
  room.cut();
  page.type(1, "1");
  page.type(2, "2");
  assert.equal(live.status.connection, "offline");
  assert.equal(live.status.atRisk, true);
  assert.equal(live.status.unsaved, 2);
  assert.ok(live.status.retryAt > clock.now / 1000);
  room.up = true;
  browser.wake();
  await clock.pass(50);
  assert.equal(room.text, "x12");
  assert.equal(live.status.connection, "connected");
  assert.equal(live.status.atRisk, false);
  assert.equal(page.contentsSet, 1, "it resumed, it did not start anew");
});

test("a lost acknowledgement does not double the edit", async () => {
  const { room, clock, page } = await opened("x");
  room.intercept = (operation, socket) => {
    room.submit(socket.client, operation);
    room.intercept = () => false;
    socket.cut();
    return true;
  };
  page.type(1, "1");
  page.type(2, "2");
  await clock.pass(5000);
  assert.equal(room.text, "x12");
  assert.equal(page.text, "x12");
  assert.equal(page.live.synchronized, true);
  const sent = room.received.filter(({ type }) => type === "operation");
  assert.deepEqual(sent.map(({ sequence }) => sequence), [1, 2]);
});

test("an overdue acknowledgement is at risk; a dead line is found and left", async () => {
  const { room, clock, page, live } = await opened("x");
  room.deaf = true;
  page.type(1, "1");
  await clock.pass(1999);
  assert.equal(live.status.atRisk, false);
  await clock.pass(1);
  assert.equal(live.status.atRisk, true);
  assert.equal(live.status.connection, "connected");
  await clock.pass(10_000);
  assert.equal(live.status.connection, "offline");
  room.deaf = false;
  await clock.pass(1000);
  assert.equal(room.text, "x1");
  assert.equal(live.status.atRisk, false);
});

test("a refused edit becomes a rescue copy, and the page starts afresh", async () => {
  const { room, clock, page, live, browser } = await opened("base");
  room.intercept = (operation, socket) => {
    const { sequence } = operation;
    socket.tell({ type: "error", code: "vetoed", message: "No swearing.", sequence });
    return true;
  };
  page.type(4, " darn");
  page.type(9, "!");
  await clock.pass(50);
  assert.equal(page.text, "base");
  const [rescue] = await live.rescues();
  assert.equal(rescue.text, " darn!");
  assert.equal(rescue.reason, "vetoed");
  assert.equal(rescue.sentence, "No swearing.");
  assert.equal(page.told("rescue")[0].kept, true);
  assert.equal(browser.database.all("unsent").length, 0);
  assert.equal(page.writable, true);
  room.intercept = () => false;
  page.type(4, "ment");
  await clock.pass(10);
  assert.equal(room.text, "basement");
  live.discardRescue(rescue.id);
  assert.deepEqual(await live.rescues(), []);
});

test("an edit that is refused for now is sent again", async () => {
  const { room, clock, page, live } = await opened("");
  room.intercept = ({ sequence }, socket) => {
    const about = { code: "slow_down", message: "Slower.", retry: true, retry_after: 3 };
    socket.tell({ type: "error", ...about, sequence });
    room.intercept = () => false;
    return true;
  };
  page.type(0, "x");
  await clock.pass(2900);
  assert.equal(room.text, "");
  assert.equal(live.status.atRisk, true);
  await clock.pass(200);
  assert.equal(room.text, "x");
  assert.equal(live.status.saving, false);
});

test("a large paste goes in parts, and what is typed meanwhile stays in its place", async () => {
  const { room, clock, page } = await opened("[]");
  const paste = "0123456789😀".repeat(500);
  page.type(1, paste);
  page.type(1, "!");
  await clock.pass(100);
  assert.equal(room.text, `[!${paste}]`);
  assert.equal(page.text, room.text);
  assert.ok(room.history.length >= 6);
});

test("a differing checksum is reported, the local text kept, and the page healed", async () => {
  const { room, clock, page, live } = await opened("same");
  room.announceChecksum();
  await clock.pass(10);
  assert.equal(room.received.filter(({ type }) => type === "mismatch").length, 0);
  page.content = new Delta().insert("other");
  room.announceChecksum();
  await clock.pass(50);
  assert.equal(room.received.filter(({ type }) => type === "mismatch").length, 1);
  assert.equal(page.text, "same");
  assert.equal((await live.rescues())[0].text, "other");
  assert.equal((await live.rescues())[0].whole, true);
});

test("a checksum of another revision, or while something is unsent, says nothing", async () => {
  const { room, clock, page } = await opened("same");
  room.broadcast({ type: "checksum", revision: 7, value: 1 });
  room.intercept = () => true;
  page.type(0, "x");
  room.announceChecksum(1);
  await clock.pass(10);
  assert.ok(!room.received.some(({ type }) => type === "mismatch"));
});

test("a restored document: the words are kept, nothing is merged", async () => {
  const { room, clock, page, live, browser } = await opened("old and new");
  room.up = false;
  room.cut();
  page.type(11, " unsent");
  Object.assign(room, { up: true, epoch: "epoch-2" });
  room.content = new Delta().insert("old");
  room.history = [];
  browser.wake();
  await clock.pass(2000);
  assert.equal(page.text, "old");
  assert.equal(room.text, "old");
  assert.deepEqual((await live.rescues()).map(({ text }) => text), ["old and new unsent"]);
  assert.equal(browser.database.all("unsent").length, 0);
});

test("a deleted document: refused for good, the text is kept", async () => {
  const { room, clock, page, live } = await opened("text");
  room.intercept = () => true;
  page.type(4, "!");
  for (const socket of room.sockets) room.refuse(socket, "deleted", 4410);
  await clock.pass(60_000);
  assert.equal(live.status.connection, "refused");
  assert.equal(live.status.code, "deleted");
  assert.equal(page.writable, false);
  assert.equal((await live.rescues())[0].text, "text!");
});

test("deleted while the line was cut: the handshake fails, and the reason is found", async () => {
  const { room, clock, page, live } = await opened("text");
  room.up = false;
  room.cut();
  page.type(4, "!");
  room.reason = { code: "deleted", message: "The document was deleted." };
  await clock.pass(2000);
  assert.equal(live.status.connection, "refused");
  assert.equal(live.status.sentence, "The document was deleted.");
  assert.equal((await live.rescues())[0].text, "text!");
});

test("a server that lost revisions: the whole text is kept", async () => {
  const { room, clock, page, live } = await opened("text");
  page.type(4, "!");
  await clock.pass(10);
  room.cut();
  room.refusal = "bad_revision";
  room.content = new Delta().insert("text");
  room.history = [];
  await clock.pass(400);
  room.refusal = null;
  await clock.pass(2000);
  assert.equal(page.text, "text");
  assert.deepEqual((await live.rescues()).map(({ text }) => text), ["text!"]);
});

test("compacted away while offline: what was typed is a rescue copy", async () => {
  const { room, clock, page, live } = await opened("x");
  room.up = false;
  room.cut();
  page.type(1, "mine");
  room.edit(new Delta().insert(">"));
  Object.assign(room, { up: true, oldest: 1 });
  await clock.pass(5000);
  assert.equal(page.text, ">x");
  assert.equal((await live.rescues())[0].text, "mine");
  assert.equal((await live.rescues())[0].reason, "compacted");
});

test("a reader can't write, and is told the server's refusals", async () => {
  const room = new Room("text");
  room.permissions = ["read"];
  const page = await new Browser(room).page();
  assert.equal(page.writable, false);
  room.broadcast({ type: "error", code: "no_plugin", message: "No such plugin." });
  await settled();
  assert.deepEqual(page.told("notice"), [{ code: "no_plugin", message: "No such plugin." }]);
});

test("a writer becomes a reader, keeps what was typed meanwhile, and may write again", async () => {
  const { room, clock, page, live } = await opened("text");
  const change = async (permissions) => {
    room.permissions = permissions;
    room.go({ code: "permissions_changed", message: "It has changed.", retry_after: 0.1 });
    await clock.pass(5000);
  };
  room.intercept = ({ sequence }, socket) => {
    if (room.permissions.includes("write")) return false;
    socket.tell({ type: "error", code: "read_only", message: "You may read it.", sequence });
    return true;
  };
  page.type(4, " saved");
  await clock.pass(10);
  room.permissions = ["read"];
  page.type(10, " and unsaved"); // on its way when the server says goodbye
  await change(["read"]);
  assert.equal(page.writable, false);
  assert.equal(page.text, "text saved");
  assert.equal(room.text, "text saved");
  assert.deepEqual((await live.rescues()).map(({ text, reason }) => [text, reason]), [[" and unsaved", "read_only"]]);
  const [told] = page.told("notice");
  assert.deepEqual([told.code, told.kind], ["permissions_changed", "warning"]);
  assert.match(told.message, /not change it any more/);
  assert.deepEqual(live.permissions, ["read"]);

  const contentsSet = page.contentsSet;
  await change(["read", "write"]);
  assert.equal(page.writable, true);
  assert.match(page.told("notice").at(-1).message, /may write/);
  assert.equal(page.told("notice").length, 2, "once for each change");
  assert.equal(page.contentsSet, contentsSet, "it resumed, it did not start anew");
  page.type(0, "> ");
  await clock.pass(10);
  assert.equal(room.text, "> text saved");
});

test("a full storage stops nobody, and is told", async () => {
  const { room, clock, page, live, browser } = await opened("");
  browser.database.quota = 10;
  room.intercept = () => true;
  page.type(0, "x");
  await clock.pass(10);
  assert.equal(live.status.keeps, false);
  assert.equal(live.status.kept, false);
  assert.equal(live.status.atRisk, true);
  room.intercept = () => false;
  room.cut();
  await clock.pass(1000);
  assert.equal(room.text, "x");
  assert.equal(live.status.kept, true);
  assert.equal(live.status.atRisk, false);
});

test("a rescue copy that the storage has no room for lives as long as the page", async () => {
  const { room, clock, page, live, browser } = await opened("");
  browser.database.quota = 10;
  room.intercept = ({ sequence }, socket) => {
    socket.tell({ type: "error", code: "read_only", message: "Read only.", sequence });
    return true;
  };
  page.type(0, "x");
  await clock.pass(50);
  assert.equal(page.told("rescue")[0].kept, false);
  assert.deepEqual((await live.rescues()).map(({ text }) => text), ["x"]);
  live.discardRescue((await live.rescues())[0].id);
  assert.deepEqual(await live.rescues(), []);
});

test("pages without storage work", async () => {
  const refuses = () => Promise.reject(new Error("SecurityError"));
  const { room, clock, page, live } = await opened("", {
    storage: null,
    database: { entries: refuses, write: refuses },
  });
  room.intercept = () => true;
  page.type(0, "x");
  await clock.pass(10);
  assert.equal(live.status.keeps, false);
  room.intercept = () => false;
  room.cut();
  await clock.pass(1000);
  assert.equal(room.text, "x");
});

for (const [kind, overrides] of [["locks", {}], ["channels", { locks: null }]]) {
  test(`a closed tab's work is delivered by the next one (${kind})`, async () => {
    const { room, clock, page, browser } = await opened("x", overrides);
    room.up = false;
    room.cut();
    page.type(1, "1");
    page.type(2, "2");
    page.crash();
    room.up = true;
    room.edit(new Delta().insert(">"));
    const next = await browser.page(overrides);
    await clock.pass(1000);
    assert.equal(room.text, ">x12");
    assert.equal(next.text, ">x12");
    assert.equal(browser.database.all("unsent").length, 0);
  });

  test(`a live tab's work is left to it (${kind})`, async () => {
    const { room, clock, page, browser } = await opened("x", overrides);
    room.intercept = () => true;
    page.type(1, "1");
    const next = await browser.page(overrides);
    await clock.pass(1500);
    assert.equal(browser.database.all("unsent").length, 1);
    assert.equal(page.live.status.connection, "connected");
    assert.ok(!room.received.some(({ type, client }) => type === "hello" && client));
    next.crash();
  });
}

test("of two tabs that open at once, one delivers a third one's work", async () => {
  const overrides = { locks: null };
  const { room, clock, page, browser } = await opened("", overrides);
  room.intercept = () => true;
  page.type(0, "once");
  page.crash();
  const pages = [new Page(browser, overrides), new Page(browser, overrides)];
  for (const { live } of pages) live.open();
  await clock.pass(2000);
  const resumed = room.received.filter(({ type, client }) => type === "hello" && client);
  assert.equal(resumed.length, 1);
  room.intercept = () => false;
  room.cut();
  await clock.pass(10_000);
  assert.equal(room.text, "once");
});

test("what is about to be delivered is kept as it is sent, part by part", async () => {
  const { room, clock, page, browser } = await opened("");
  room.intercept = () => true;
  page.type(0, "x".repeat(1500));
  page.crash();
  room.intercept = ({ sequence }) => sequence === 2;
  await browser.page();
  const [{ sequence, revision, inflight, buffer }] = browser.database.all("unsent");
  assert.deepEqual({ sequence, revision, buffer }, { sequence: 2, revision: 1, buffer: null });
  assert.equal(inflight[1].insert.length, 500);
  room.intercept = () => false;
  room.cut();
  await clock.pass(5000);
  assert.equal(room.text.length, 1500);
  assert.equal(browser.database.all("unsent").length, 0);
});

test("work that had been committed unheard is not delivered twice", async () => {
  const { room, clock, page, browser } = await opened("");
  room.intercept = (operation, socket) => Boolean(room.submit(socket.client, operation));
  page.type(0, "a");
  page.type(1, "b");
  await settled();
  page.crash();
  room.intercept = () => false;
  await browser.page();
  await clock.pass(500);
  assert.equal(room.text, "ab");
});

test("a closed tab's work that is refused becomes a rescue copy", async () => {
  const { room, clock, page, browser } = await opened("x");
  room.intercept = () => true;
  page.type(1, "mine");
  page.crash();
  room.epoch = "epoch-2";
  const next = await browser.page();
  await clock.pass(500);
  assert.equal(room.text, "x");
  assert.deepEqual((await next.live.rescues()).map(({ text }) => text), ["mine"]);
  assert.equal(next.told("rescue").length, 1);
  assert.equal(browser.database.all("unsent").length, 0);
});

/** A tab with unsent work that sleeps (its clock stands still) while another one delivers it. */
async function slept() {
  const overrides = { locks: null };
  const browser = new Browser(new Room(""));
  const own = new Clock();
  const { setTimeout, clearTimeout } = own;
  const page = new Page(browser, { ...overrides, setTimeout, clearTimeout, now: () => own.now });
  page.live.open();
  await own.pass(400);
  browser.room.up = false;
  browser.room.cut();
  page.type(0, "slept");
  browser.channels.sleeping.add([...browser.channels.open][0]);
  browser.room.up = true;
  const other = await browser.page(overrides);
  await browser.clock.pass(1000);
  assert.equal(browser.room.text, "slept");
  other.type(5, " well");
  await browser.clock.pass(100);
  return { browser, own, page, other };
}

test("a tab that slept while another delivered its work starts afresh", async () => {
  const { browser, own, page, other } = await slept();
  await own.pass(2000);
  assert.equal(page.text, "slept well");
  assert.deepEqual(await page.live.rescues(), []);
  page.type(10, "!");
  await settled();
  assert.equal(browser.room.text, "slept well!");
  assert.equal(other.text, "slept well!");
});

test("what is typed at the moment of waking is a rescue copy, the rest arrived", async () => {
  const { browser, own, page } = await slept();
  page.type(5, "awake");
  await settled();
  assert.deepEqual((await page.live.rescues()).map(({ text }) => text), ["awake"]);
  await own.pass(2000);
  assert.equal(page.text, "slept well");
  assert.equal(browser.room.text, "slept well");
});

test("a plugin that rewrites an edit is followed", async () => {
  const { room, clock, page, live } = await opened("");
  room.intercept = (operation, socket) => {
    const committed = room.commit(socket.client, operation.sequence, new Delta().insert("TEH"));
    room.broadcast({ type: "operations", operations: [committed] });
    room.intercept = () => false;
    return true;
  };
  page.type(0, "teh");
  page.type(3, " cat");
  await clock.pass(50);
  assert.equal(page.text, room.text);
  assert.match(room.text, /TEH/);
  assert.match(room.text, / cat/);
  assert.equal(page.contentsSet, 1);
  assert.equal(live.synchronized, true);
});

test("half a character in a paste is repaired, here and there", async () => {
  const { room, clock, page } = await opened("ab");
  page.type(1, "x\ud83dy\u0000");
  assert.equal(page.text, "ax\ufffdy\ufffdb");
  await clock.pass(10);
  assert.equal(room.text, "ax\ufffdy\ufffdb");
});

test("positions of the server find their place here", async () => {
  const { room, clock, page, live } = await opened("hello world");
  assert.deepEqual(live.selectionForServer({ anchor: 1, head: 2 }), { revision: 0, anchor: 1, head: 2 });
  room.edit(new Delta().insert(">>"));
  await clock.pass(10);
  assert.equal(live.toLocal(0, 6), 8);
  assert.equal(live.toLocal(1, 6), 6);
  assert.equal(live.toLocal(2, 6), null, "not here yet");
  room.broadcast({ type: "operations", operations: room.since(0) });
  await clock.pass(10);
  assert.equal(live.toLocal(0, 6), 8, "what was seen before changes nothing");
  room.intercept = () => true;
  page.type(0, "mine");
  assert.equal(live.toLocal(0, 6), 12);
  assert.equal(live.selectionForServer({ anchor: 1, head: 2 }), null);
});

test("messages of plugins go both ways, and the title is told", async () => {
  const { room, clock, page, live } = await opened("");
  assert.equal(live.sendMessage("chat", { text: "hi" }), true);
  assert.throws(() => live.sendMessage("chat", "x".repeat(live.limits.message_size)), RangeError);
  room.broadcast({ type: "message", plugin: "chat", data: { text: "ho" } });
  room.broadcast({ type: "document", title: "New" });
  await clock.pass(10);
  assert.deepEqual(room.received.at(-1), { type: "message", plugin: "chat", data: { text: "hi" } });
  assert.deepEqual(page.told("message"), [{ plugin: "chat", data: { text: "ho" } }]);
  assert.equal(live.document.title, "New");
  room.up = false;
  room.cut();
  assert.equal(live.sendMessage("chat", {}), false);
});

test("random pages on one room converge, with cut lines and crashed tabs", () =>
  withSeeds(25, async ({ random, below, pick, text, edit }) => {
    const room = new Room(text(5));
    room.limits = { operation_size: 2 + below(8), message_size: 10_000 };
    const browsers = [new Browser(room), new Browser(room)];
    const pages = [await browsers[0].page(), await browsers[1].page()];
    for (let step = 0; step < 80; step++) {
      const index = below(pages.length);
      const page = pages[index];
      const dice = random();
      if (dice < 0.6 && page.live.client) page.edit(edit(page.content));
      else if (dice < 0.85) await page.browser.clock.pass(pick([1, 100, 3000]));
      else if (dice < 0.92) room.cut();
      else if (dice < 0.97) room.up = !room.up;
      else {
        page.crash();
        room.up = true;
        pages[index] = await page.browser.page();
      }
    }
    room.up = true;
    for (let i = 0; i < 6; i++) for (const { clock } of browsers) await clock.pass(30_000);
    for (const [index, page] of pages.entries()) {
      assert.equal(page.text, room.text, `page ${index}`);
      assert.equal(page.live.synchronized, true);
      assert.deepEqual(await page.live.rescues(), []);
      page.crash();
    }
    for (const { database } of browsers) assert.deepEqual(database.all("unsent"), []);
  }));

test("every character that was ever typed arrives exactly once", () =>
  withSeeds(25, async ({ random, below, pick }) => {
    const room = new Room("");
    room.limits = { operation_size: 1 + below(4), message_size: 10_000 };
    const browsers = [new Browser(room), new Browser(room)];
    const kinds = [{}, { locks: null }]; // the first browser's pages are secure
    const open = (index) => browsers[index % 2].page(kinds[index % 2]);
    const pages = [await open(0), await open(1), await open(2), await open(3)];
    let typed = 0;
    for (let step = 0; step < 120; step++) {
      const index = below(pages.length);
      const page = pages[index];
      const dice = random();
      if (dice < 0.6 && page.live.client) {
        const word = Array.from({ length: 1 + below(4) }, () => String.fromCharCode(0x4e00 + typed++));
        page.type(below(page.text.length + 1), word.join(""));
      } else if (dice < 0.85) await page.browser.clock.pass(pick([0, 1, 100, 3000]));
      else if (dice < 0.92) room.cut();
      else if (dice < 0.95) room.up = !room.up;
      else if (dice < 0.97) room.deaf = !room.deaf;
      else {
        page.crash();
        Object.assign(room, { up: true, deaf: false });
        pages[index] = await open(index);
      }
    }
    Object.assign(room, { up: true, deaf: false });
    for (let i = 0; i < 8; i++) for (const { clock } of browsers) await clock.pass(30_000);
    const all = Array.from({ length: typed }, (_, n) => String.fromCharCode(0x4e00 + n));
    assert.deepEqual([...room.text].sort(), all);
    for (const page of pages) {
      assert.equal(page.text, room.text);
      page.crash();
    }
  }));

test("a document of a type that is like text is summed and read as text", () => {
  const editor = { text: () => "# One" };
  const document = known({ id: "d", title: "T", type: "markdown", like: "text" });
  assert.equal(summedOf(editor, document), "# One");
  assert.equal(textOf(editor, document), "# One");
  assert.equal(known({ id: "d", title: "T", type: "richtext" }).like, "richtext");
});
