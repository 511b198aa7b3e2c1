/** authorship's browser half: what can be tested without a page. (test_authorship_page.py has the rest.) */

import assert from "node:assert/strict";
import test from "node:test";

import { percent } from "../../plugins/authorship/static/authorship.js";
import { Runs } from "../../plugins/authorship/static/runs.js";

test("runs follow edits", () => {
  const runs = new Runs([["ada", 5], ["bob", 0], ["ada", 1], ["bob", 4]]);
  assert.deepEqual(runs.runs, [["ada", 6], ["bob", 4]]);
  runs.apply([{ retain: 3 }, { insert: "👩" }], "eve");
  assert.deepEqual(runs.runs, [["ada", 3], ["eve", 2], ["ada", 3], ["bob", 4]]);
  runs.apply([{ retain: 3 }, { delete: 2 }], "bob");
  assert.deepEqual(runs.runs, [["ada", 6], ["bob", 4]], "neighbours of one author are one");
  runs.apply([{ retain: 6, attributes: { bold: true } }, { insert: { image: "x" } }, { delete: 1 }], "bob");
  assert.deepEqual(runs.runs, [["ada", 6], ["bob", 4]]);
  runs.apply([{ delete: 10 }], "bob");
  assert.deepEqual([runs.runs, runs.length], [[], 0]);
  runs.apply([{ insert: "x" }], "ada");
  assert.deepEqual([...runs], [{ author: "ada", from: 0, to: 1 }]);
});

test("what is not known is filled in from below", () => {
  const since = new Runs([[null, 4], ["me", 2], [null, 3]]);
  const base = new Runs([["ada", 5], ["bob", 4]]);
  assert.deepEqual(since.over(base).runs, [["ada", 4], ["me", 2], ["bob", 3]]);
  assert.deepEqual(since.over(new Runs([["ada", 1]])).runs, [["ada", 1], [null, 3], ["me", 2], [null, 3]]);
});

test("whoever wrote most comes first", () => {
  assert.deepEqual(new Runs([["a", 1], ["b", 5], ["a", 3]]).shares(), [["b", 5], ["a", 4]]);
  assert.deepEqual([percent(0), percent(0.001), percent(0.126), percent(1)], ["0 %", "under 1 %", "13 %", "100 %"]);
});

/** One author for each unit. */
function naive(units, ops, author) {
  const out = [];
  let at = 0;
  for (const op of ops) {
    if (op.insert !== undefined) out.push(...Array.from({ length: op.insert.length }, () => author));
    else if (op.delete) at += op.delete;
    else out.push(...units.slice(at, (at += op.retain)));
  }
  return [...out, ...units.slice(at)];
}

test("random edits give what a list of one author for each unit gives", () => {
  let seed = 7;
  const random = (below) => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
  const runs = new Runs();
  let units = [];
  for (let step = 0; step < 3000; step++) {
    const ops = [];
    let left = units.length;
    for (let n = random(4); n >= 0; n--) {
      const count = Math.min(left, random(12));
      const kind = random(3);
      if (kind === 0) ops.push({ insert: "x".repeat(1 + random(5)) });
      else if (count) ops.push(kind === 1 && units.length > 20 ? { delete: count } : { retain: count });
      if (kind && count) left -= count;
    }
    const author = "abc"[random(3)];
    runs.apply(ops, author);
    units = naive(units, ops, author);
    assert.deepEqual([...runs].flatMap((run) => Array(run.to - run.from).fill(run.author)), units);
  }
});
