import assert from "node:assert/strict";
import { existsSync, readFileSync } from "node:fs";
import { test } from "node:test";
import { fileURLToPath } from "node:url";
import { gunzipSync } from "node:zlib";
import { AttributeMap, Op } from "../../collab/static/vendor/quill-delta.js";
import { Delta, InvalidOperation, canonicalJSON, validate } from "../../collab/static/engine/ot.js";

const shared = process.env.COLLAB_SHARED ?? fileURLToPath(new URL("../../../shared", import.meta.url));
const folders = [fileURLToPath(new URL("../ot/vectors", import.meta.url)), `${shared}/corpus/vectors`];
const place = (name) =>
  folders.flatMap((path) => [`${path}/${name}`, `${path}/${name}.gz`]).find(existsSync);
const unless = (name) => ({ skip: place(name) ? false : `${name} is not here` });

function* lines(name) {
  const path = place(name);
  const data = readFileSync(path);
  const text = (path.endsWith(".gz") ? gunzipSync(data) : data).toString("utf8");
  for (const line of text.split("\n")) if (line) yield JSON.parse(line);
}

const same = (actual, expected, id) =>
  assert.equal(canonicalJSON(actual ?? null), canonicalJSON(expected ?? null), id);
const nothing = (attributes) => (attributes && Object.keys(attributes).length ? attributes : null);
const tidy = (ops) => ops.reduce((delta, op) => delta.push(op), new Delta()).chop().ops;
const D = (ops) => new Delta(ops);

const CHECKS = {
  compose: (v, result) => result(D(v.a).compose(D(v.b)).ops, v.out),
  apply(v, result) {
    const out = D(v.doc).compose(D(v.op));
    result(out.ops, v.out);
    same(out.length(), v.len, v.id);
  },
  transform(v, result) {
    if ("out" in v) result(D(v.a).transform(D(v.b), v.priority).ops, v.out);
    else {
      result(D(v.a).transform(D(v.b), true).ops, v.t1);
      result(D(v.a).transform(D(v.b), false).ops, v.t0);
    }
  },
  pos(v) {
    if ("out" in v) return same(D(v.op).transformPosition(v.idx, v.priority), v.out, v.id);
    same(v.idx.map((i) => D(v.op).transformPosition(i, true)), v.p1, v.id);
    same(v.idx.map((i) => D(v.op).transformPosition(i, false)), v.p0, v.id);
  },
  invert(v, result) {
    const out = D(v.op).invert(D(v.doc));
    if (v.cmp !== "semantic") result(out.ops, v.out);
    same(tidy(D(v.doc).compose(D(v.op)).compose(out).ops), tidy(v.doc), v.id);
  },
  diff: (v) => same(tidy(D(v.a).compose(D(v.a).diff(D(v.b))).ops), tidy(v.b), v.id),
  square(v, result) {
    const [doc, a, b] = [D(v.doc), D(v.a), D(v.b)];
    result(doc.compose(a).compose(a.transform(b, true)).ops, v.out);
    result(doc.compose(b).compose(b.transform(a, false)).ops, v.out);
  },
  chain(v, result) {
    const all = v.ops.map(D).reduce((sum, op) => sum.compose(op));
    result(all.ops, v.out);
    result(D(v.doc).compose(all).ops, v.doc_out);
  },
  session(v, result) {
    const history = [];
    let doc = D(v.doc);
    for (const { rev, op } of v.subs) {
      const delta = history.slice(rev).reduce((d, earlier) => earlier.transform(d, true), D(op));
      history.push(delta);
      doc = doc.compose(delta);
    }
    result(history.map(({ ops }) => ops), v.revs);
    result(doc.ops, v.out);
  },
  norm(v, result) {
    const kept = v.in.filter((op) => op.insert !== "" && op.retain !== 0 && op.delete !== 0);
    const calls = (delta, op) =>
      op.insert !== undefined
        ? delta.insert(op.insert, op.attributes)
        : op.retain !== undefined
          ? delta.retain(op.retain, op.attributes)
          : delta.delete(op.delete);
    result(v.in.reduce(calls, new Delta()).ops, v.out);
    if (kept.length === v.in.length && !JSON.stringify(v.in).includes("null")) {
      result(validate(v.in).ops, v.chopped);
    }
  },
  "attr.compose": (v) => same(nothing(AttributeMap.compose(v.a ?? undefined, v.b ?? undefined, v.keepNull)), nothing(v.out), v.id),
  "attr.transform": (v) => same(nothing(AttributeMap.transform(v.a ?? undefined, v.b ?? undefined, v.priority)), nothing(v.out), v.id),
  "attr.diff": (v) => same(nothing(AttributeMap.diff(v.a ?? undefined, v.b ?? undefined)), nothing(v.out), v.id),
  "attr.invert": (v) =>
    v.cmp === "semantic" || same(nothing(AttributeMap.invert(v.a ?? undefined, v.b ?? undefined)), nothing(v.out), v.id),
  "op.length": (v) => same(Op.length(v.in), v.out, v.id),
  build: (v, result) =>
    result(v.calls.reduce((delta, [call, ...args]) => delta[call](...args), D(v.start)).ops, v.out),
  concat: (v, result) => result(D(v.a).concat(D(v.b)).ops, v.out),
  chop: (v, result) => result(D(v.in).chop().ops, v.out),
  length: (v) => same(D(v.in).length(), v.out, v.id),
  changeLength: (v) => same(D(v.in).changeLength(), v.out, v.id),
  slice: (v, result) => result(D(v.in).slice(v.start ?? 0, v.end ?? Infinity).ops, v.out),
};

for (const name of ["random.jsonl.gz", "hand.jsonl.gz"]) {
  test(name, unless(name), () => {
    let checked = 0;
    for (const vector of lines(name)) {
      const check = CHECKS[vector.k];
      if (!check || vector.needs) continue;
      const normal = vector.cmp === "normalized" ? tidy : (ops) => ops;
      const compare = (actual, expected) => same(normal(actual), normal(expected), vector.id);
      if (vector.err) assert.throws(() => check(vector, compare), { message: vector.err });
      else check(vector, compare);
      checked += 1;
    }
    assert.ok(checked > 100, `only ${checked} vectors were understood`);
  });
}

test("invalid.jsonl: what is refused without knowing the document", unless("invalid.jsonl"), () => {
  for (const { op, why, expect, doc } of lines("invalid.jsonl")) {
    const reach = Array.isArray(op) && op.every((part) => part && !Array.isArray(part));
    if (expect !== "reject" || (reach && /past the end|longer|delete .* past/.test(why))) continue;
    if (reach && consumed(op) > D(doc).length()) continue;
    assert.throws(() => validate(op), InvalidOperation, why);
  }
});

function consumed(ops) {
  return ops.reduce((sum, { retain = 0, delete: deleted = 0 }) => sum + retain + deleted, 0);
}

test("invalid.jsonl: our policies", unless("invalid.jsonl"), () => {
  const policy = [...lines("invalid.jsonl")].filter(({ expect }) => expect === "policy");
  const accepted = policy.filter(({ op }) => {
    try {
      return validate(op);
    } catch (error) {
      assert.ok(error instanceof InvalidOperation, error.message);
      return false;
    }
  });
  // Those that only the document can refuse, and attributes that are dropped.
  for (const { why } of accepted) {
    assert.match(why, /past the end|surrogate|half|attribute|integral|retain .*end/, why);
  }
});
