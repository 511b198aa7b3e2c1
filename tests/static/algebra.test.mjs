import assert from "node:assert/strict";
import { test } from "node:test";
import { crc32 } from "node:zlib";
import { Checksum, checksum, checksumInSlices } from "../../collab/static/engine/checksum.js";
import { Client, OutOfOrder, Rewritten } from "../../collab/static/engine/client.js";
import {
  Delta,
  InvalidOperation,
  canonicalJSON,
  composeAll,
  correction,
  cross,
  insertedText,
  precedes,
  validate,
  wellFormed,
} from "../../collab/static/engine/ot.js";
import { Positions } from "../../collab/static/engine/positions.js";
import { split } from "../../collab/static/engine/splitting.js";
import { withSeeds } from "./random.mjs";

const insert = (at, text) => new Delta().retain(at).insert(text);

test("checksums are zlib's CRC-32 over UTF-16LE", async () => {
  assert.equal(checksum(""), 0);
  assert.equal(checksum("hello"), 0x551272df);
  assert.equal(checksum("a😀é\n"), 0x3c162bb6);
  const long = "0123456789😀漢".repeat(50_000) + "x";
  if (crc32) assert.equal(checksum(long), crc32(Buffer.from(long, "utf16le")));
  let pauses = 0;
  assert.equal(await checksumInSlices(long, async () => (pauses += 1)), checksum(long));
  assert.equal(pauses, 2);
  assert.equal(new Checksum().add("abc").add("de").value, checksum("abcde"));
});

test("precedes compares ids as ASCII", () => {
  assert.ok(precedes("a", "b") && precedes("B", "a") && precedes("a", "aa") && !precedes("a", "a"));
});

test("cross: both ways round give the same text", () =>
  withSeeds(300, ({ text, edit }) => {
    const base = new Delta().insert(text(8));
    const [a, b] = [edit(base), edit(base)];
    const ab = cross(a, b, "a", "b");
    assert.deepEqual(base.compose(a).compose(ab.theirs), base.compose(b).compose(ab.mine));
    const ba = cross(b, a, "b", "a");
    assert.deepEqual([ba.mine, ba.theirs], [ab.theirs, ab.mine], "the two ends agree");
  }));

test("validate normalises, and refuses what no document of the type admits", () => {
  const given = [{ delete: 1 }, { insert: "a" }, { insert: "b" }, { retain: 3 }];
  assert.deepEqual(validate(given, "text").ops, [{ insert: "ab" }, { delete: 1 }]);
  const bold = [{ insert: "a", attributes: { bold: true, color: null } }];
  assert.deepEqual(validate(bold).ops, [{ insert: "a", attributes: { bold: true } }]);
  for (const [ops, type] of [
    [bold, "text"],
    [[{ insert: { image: "x" } }], "text"],
    [[{ insert: "\ud83d" }], "text"],
    [[{ insert: "\0" }], "text"],
    [[{ retain: 2 ** 31 }], "text"],
    [[{ retain: true }], "text"],
    [[{ insert: "" }], "text"],
    [{ ops: [] }, "richtext"],
  ]) {
    assert.throws(() => validate(ops, type), InvalidOperation);
  }
  assert.throws(() => validate([{ retain: 1 }, { delete: 0 }]), /Part 1 has a delete/);
});

test("wellFormed keeps the length", () => {
  assert.equal(wellFormed("a\ud83d😀\ude00\0b"), "a\ufffd😀\ufffd\ufffdb");
});

test("composeAll is compose one by one", () =>
  withSeeds(100, ({ text, edit }) => {
    let content = new Delta().insert(text(6));
    const start = content;
    const deltas = [];
    for (let i = 0; i < 7; i++) {
      deltas.push(edit(content));
      content = content.compose(deltas.at(-1));
    }
    assert.deepEqual(start.compose(composeAll(deltas)), content);
    assert.deepEqual(composeAll([]).ops, []);
  }));

test("insertedText puts places on lines of their own", () => {
  const delta = new Delta().insert("one").retain(2).insert("two").insert({ image: "x" });
  assert.equal(insertedText(delta), "one\ntwo[image]");
});

test("canonicalJSON sorts keys", () => {
  assert.equal(canonicalJSON([{ b: 1, a: { d: null, c: "é" } }]), '[{"a":{"c":"é","d":null},"b":1}]');
});

test("correction leads from what was made to what was committed", () =>
  withSeeds(200, ({ text, edit }) => {
    const base = new Delta().insert(text(6));
    const [made, committed] = [edit(base), edit(base)];
    const delta = correction(made, committed);
    if (delta) assert.deepEqual(base.compose(made).compose(delta), base.compose(committed));
    assert.notEqual(correction(made, made), null);
  }));

test("correction knows formats that both set, and leaves those that are as they were made", () => {
  const bold = { bold: true };
  const base = new Delta().insert("one ", { italic: true }).insert("two");
  for (const [made, committed] of [
    [new Delta().retain(4, bold).insert("teh "), new Delta().retain(4, bold).insert("the ")],
    [new Delta().retain(4, bold), new Delta().retain(4, { bold: 1 })],
    [new Delta().retain(4, bold), new Delta().retain(2, bold).insert("!").retain(2, bold)],
    [new Delta().retain(4, bold), new Delta().retain(1, bold).delete(3)],
    [new Delta().delete(1).retain(3, bold), new Delta().delete(1).retain(3, bold).insert("x")],
    [new Delta([{ retain: 4, attributes: {} }, { insert: "x" }]), new Delta().retain(4).insert("x")],
  ]) {
    const delta = correction(made, committed);
    assert.deepEqual(base.compose(made).compose(delta), base.compose(committed));
  }
  const same = new Delta().retain(4, bold);
  assert.deepEqual(correction(same, new Delta().retain(4, bold).insert("!")).ops, [
    { retain: 4 }, { insert: "!" },
  ]);
  assert.deepEqual(correction(same, same).ops, []);
  for (const committed of [new Delta(), new Delta().retain(1, bold), new Delta().retain(4, { a: 1 })])
    assert.equal(correction(same, committed), null);
});

test("split: the parts are the whole, and each fits", () =>
  withSeeds(300, ({ below, text, edit }) => {
    const base = new Delta().insert(text(10));
    const delta = edit(base).compose(insert(0, text(below(300))));
    const limits = {
      operation_size: 2 + below(40), message_size: 256 + 60 + below(400),
      operation_parts: 2 + below(6),
    };
    const parts = [];
    for (let rest = delta; rest; ) {
      const cut = split(rest, limits);
      parts.push(cut.first);
      rest = cut.rest;
      assert.ok(parts.length < 1000, "it comes to an end");
    }
    assert.deepEqual(parts.reduce((sum, part) => sum.compose(part)), delta);
    for (const part of parts) {
      const inserted = part.ops.reduce((sum, op) => sum + (op.insert?.length ?? 0), 0);
      assert.ok(inserted <= limits.operation_size);
      assert.ok(part.ops.length <= limits.operation_parts, `${part.ops.length} parts`);
      const bytes = Buffer.byteLength(JSON.stringify(part.ops));
      assert.ok(bytes + 80 <= limits.message_size, `${bytes} bytes`);
      for (const { insert: whole = "" } of part.ops) assert.equal(wellFormed(whole), whole);
    }
  }));

test("split gets on with bounds of 1, and with what can't be cut", () => {
  const { first, rest } = split(insert(3, "ab"), { operation_size: 1, message_size: 1 });
  assert.deepEqual(first, insert(3, "a"));
  assert.deepEqual(rest, insert(4, "b"));
  const image = new Delta().insert({ image: "x".repeat(1000) }).insert("text");
  const cut = split(image, { operation_size: 10, message_size: 400 });
  assert.equal(cut.first.ops.length, 1);
  assert.deepEqual(cut.rest, insert(1, "text"));
});

test("a large paste is split quickly", () => {
  const limits = { operation_size: 128 * 1024, message_size: 1024 * 1024 };
  let rest = insert(0, "漢字\n".repeat(1_000_000));
  let parts = 0;
  const start = performance.now();
  for (; rest; parts++) ({ rest } = split(rest, limits));
  assert.equal(parts, Math.ceil(3_000_000 / limits.operation_size));
  assert.ok(performance.now() - start < 5000);
});

test("client: states, pending, unsaved", () => {
  const client = new Client({ id: "a", revision: 3, sequence: 5 });
  assert.equal(client.state, "synchronized");
  assert.equal(client.edit(new Delta()), null);
  const pending = client.edit(insert(0, "x"));
  assert.deepEqual(pending, { revision: 3, sequence: 6, delta: insert(0, "x") });
  assert.equal(client.edit(insert(1, "y")), null);
  assert.equal(client.state, "buffering");
  assert.equal(client.unsaved, 2);
  const own = { revision: 4, client: "a", sequence: 6, delta: insert(0, "x") };
  assert.deepEqual(client.receive(own), {
    delta: null,
    send: { revision: 4, sequence: 7, delta: insert(1, "y") },
  });
  assert.deepEqual(client.receive(own), { delta: null, send: null }, "seen before");
  assert.throws(() => client.receive({ ...own, revision: 6 }), OutOfOrder);
  assert.throws(() => client.receive({ ...own, revision: 5, sequence: 9 }), Rewritten);
  assert.equal(client.unsaved, 1);
  assert.equal(client.revision, 4);
});

test("client: what is typed and taken back is nothing", () => {
  const client = new Client({ id: "a", revision: 0 });
  client.edit(insert(0, "x"));
  client.edit(insert(1, "y"));
  client.edit(new Delta().retain(1).delete(1));
  assert.equal(client.state, "awaiting");
  assert.equal(client.unsaved, 1);
});

test("client: an edit with empty attributes comes back as the same", () => {
  const client = new Client({ id: "a", revision: 0 });
  client.edit(new Delta([{ retain: 2, attributes: {} }, { insert: "x", attributes: {} }]));
  const delta = new Delta().retain(2).insert("x");
  assert.deepEqual(client.pending.delta.ops, delta.ops);
  const received = client.receive({ revision: 1, client: "a", sequence: 1, delta });
  assert.deepEqual(received, { delta: null, send: null });
});

test("client: a formatted edit that a plugin rewrote is followed, and what was typed since stays", () => {
  const client = new Client({ id: "a", revision: 0 });
  client.edit(new Delta().retain(4, { bold: true }).insert("teh "));
  client.edit(new Delta().retain(4, { bold: null }));
  const delta = new Delta().retain(4, { bold: true }).insert("the ");
  const received = client.receive({ revision: 1, client: "a", sequence: 1, delta });
  assert.deepEqual(received.delta.ops, [{ retain: 4 }, { insert: "the " }, { delete: 4 }]);
  assert.deepEqual(received.send.delta.ops, [{ retain: 4, attributes: { bold: null } }]);
});

test("client: an edit that came back too different changes nothing, and says so", () => {
  const client = new Client({ id: "a", revision: 0 });
  client.edit(new Delta().delete(3));
  const rewritten = { revision: 1, client: "a", sequence: 1, delta: new Delta().delete(1) };
  assert.throws(() => client.receive(rewritten), Rewritten);
  assert.equal(client.revision, 0);
  assert.equal(client.state, "awaiting");
});

test("positions follow later operations, and only the owner's inserts push", () => {
  const positions = new Positions();
  positions.reset(10);
  positions.push({ client: "a", delta: insert(5, "xx") });
  assert.equal(positions.latest(10, 5, "a"), 7);
  assert.equal(positions.latest(10, 5, "b"), 5);
  assert.equal(positions.latest(10, 6, "b"), 8);
  assert.equal(positions.latest(11, 6), 6);
  assert.equal(positions.latest(12, 6), null);
  assert.equal(positions.latest(9, 6), null);
  for (let i = 0; i < 2000; i++) positions.push({ client: "a", delta: insert(0, "x") });
  assert.equal(positions.revision, 2011);
  assert.equal(positions.latest(11, 0), null);
  assert.equal(positions.latest(2001, 1), 11);
});

test("names that every object has are refused as attributes and embeds, at any depth", () => {
  for (const name of ["__proto__", "constructor", "toString"]) {
    const object = JSON.parse(`{"${name}": true}`);
    for (const part of [
      { insert: "x", attributes: object },
      { retain: 1, attributes: { deep: [object] } },
      { insert: object },
      { insert: { box: object } },
    ]) {
      assert.throws(() => validate([part]), InvalidOperation, `${name} in ${JSON.stringify(part)}`);
    }
  }
  validate([{ insert: "x", attributes: { proto: { prototype: true } } }]);
});
