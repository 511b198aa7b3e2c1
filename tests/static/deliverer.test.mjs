/** What closed tabs left unsent, delivered by a page that has no document open. */

import assert from "node:assert/strict";
import { test } from "node:test";
import { Deliverer } from "../../collab/static/engine/deliverer.js";
import { Browser, Room, settled } from "./world.mjs";

/** A browser one of whose tabs was closed with something unsent. */
async function left(overrides = {}, text = " unsent") {
  const room = new Room("text");
  const browser = new Browser(room);
  const page = await browser.page(overrides);
  room.intercept = () => true;
  page.type(4, text);
  await settled();
  page.crash();
  room.intercept = () => false;
  const deliverer = (how = {}) =>
    new Deliverer({ environment: browser.environment(overrides), basePath: "", ...how });
  return { room, browser, clock: browser.clock, page, deliverer };
}

for (const [kind, overrides] of [["locks", {}], ["channels", { locks: null }]]) {
  test(`it arrives, and of several pages one sends it (${kind})`, async () => {
    const { room, browser, clock, deliverer } = await left(overrides);
    const changes = [];
    const pages = [1, 2, 3].map((page) => deliverer({ changed: () => changes.push(page) }));
    for (const page of pages) page.start();
    await clock.pass(5000);
    assert.equal(room.text, "text unsent");
    assert.deepEqual(browser.database.all("unsent"), []);
    assert.equal(room.received.filter(({ type, client }) => type === "hello" && client).length, 1);
    assert.equal(changes.length, 1);
    for (const page of pages) page.close();
  });

  test(`a live tab's work is left to it (${kind})`, async () => {
    const { room, browser, clock, deliverer } = await left(overrides);
    await browser.page(overrides).then(() => clock.pass(2000));
    assert.equal(room.text, "text unsent");
    const page = await browser.page(overrides);
    room.intercept = () => true;
    page.type(0, "mine ");
    await settled();
    const hellos = room.received.filter(({ type }) => type === "hello").length;
    const one = deliverer();
    one.start();
    await clock.pass(1000);
    assert.equal(room.received.filter(({ type }) => type === "hello").length, hellos);
    assert.equal(browser.database.all("unsent").length, 1);
    const deleted = one.ifLeft(page.live.client, () => assert.fail("it lives"));
    await clock.pass(1000);
    assert.equal(await deleted, false);
    one.close();
  });
}

test("the document that the page has open is left to its own engine", async () => {
  const { room, clock, deliverer } = await left();
  const page = deliverer({ except: "d" });
  page.start();
  await clock.pass(5000);
  assert.equal(room.text, "text");
  page.close();
});

test("work on a deleted document becomes a rescue copy", async () => {
  const { room, browser, clock, deliverer } = await left();
  room.refusal = "deleted";
  let changes = 0;
  const page = deliverer({ changed: () => changes++ });
  page.start();
  await clock.pass(5000);
  assert.deepEqual((await page.unsent.rescues()).map(({ text, title }) => [text, title]), [[" unsent", "Title"]]);
  assert.deepEqual(browser.database.all("unsent"), []);
  assert.equal(changes, 1);
  page.close();
});

test("a server that can't be reached is tried again later, and nothing is lost", async () => {
  const { room, browser, clock, deliverer } = await left();
  room.up = false;
  const page = deliverer();
  page.start();
  await clock.pass(40_000);
  assert.equal(browser.database.all("unsent").length, 1);
  room.up = true;
  await clock.pass(60_000);
  assert.equal(room.text, "text unsent");
  page.close();
});

test("what is left can be deleted, and is not sent then", async () => {
  const { room, clock, page, deliverer } = await left();
  room.up = false;
  const one = deliverer();
  const [{ identity, document }] = await one.unsent.records();
  assert.equal(identity.client, page.live.client);
  assert.equal(await one.ifLeft(identity.client, () => one.unsent.remove(document.id, identity.client)), true);
  room.up = true;
  one.start();
  await clock.pass(5000);
  assert.equal(room.text, "text");
  one.close();
});
